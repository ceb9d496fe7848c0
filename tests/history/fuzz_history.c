/* fuzz_history.c - any text as lines of a history; valid lines go to the judge.
 *
 * Input: lines of text. An accepted line must be the same after writing and reading it again; the
 * judge may report any violation, but must not crash.
 */
#include <string.h>

#include "history/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void come_back(const struct history_line *line)
{
    struct berth_error error = { 0 };
    char *text = history_encode(line);
    struct history_line *again = berth_new(struct history_line);
    char *second;

    if (history_decode(text, strlen(text), again, &error) < 0)
        abort(); /* our own output must be readable */
    second = history_encode(again);
    if (strcmp(text, second) != 0)
        abort();
    free(second);
    free(again);
    free(text);
}

static void found(void *context, int invariant, uint64_t line, const char *sentence)
{
    (void)context;
    if (invariant < 1 || invariant > JUDGE_INVARIANTS || !line || !*sentence)
        abort(); /* every fault has its name, its line and its sentence */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct judge *judge = judge_new(found, NULL);
    struct history_line *line = berth_new(struct history_line);
    uint64_t number = 0;

    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        struct berth_error error = { 0 };

        number++;
        if (history_decode((const char *)data, length, line, &error) == 0) {
            come_back(line);
            judge_take(judge, line, number);
        } else if (!error.text[0]) {
            abort(); /* every refusal has its sentence */
        }
        length += end ? 1 : 0;
        data += length;
        size -= length;
    }
    judge_end(judge);
    judge_free(judge);
    free(line);
    return 0;
}
