/* test_cases.c - small histories with the verdict that the judge must give; then details of the
 * judge itself.
 *
 * A case is a file of lines; its first line describes it, the second one is one of
 *
 *     # expect I5:7 I27:7                exactly these invariants are broken, at these lines
 *     # expect nothing; checked I5 I6    none is broken, and these were checked
 */
#include <dirent.h>
#include <stdlib.h>

#include "history/judge.h"
#include "history/merge.h"

#include "test.h"

#define SAID_MAX 256

struct said {
    char text[SAID_MAX]; /* " I5:7 I27:7" */
    char sentences[2048];
};

static void note(void *context, int invariant, uint64_t line, const char *sentence)
{
    struct said *said = context;
    size_t length = strlen(said->text);
    size_t sentences = strlen(said->sentences);

    (void)snprintf(said->text + length, sizeof(said->text) - length, " I%d:%llu", invariant,
                   (unsigned long long)line);
    (void)snprintf(said->sentences + sentences, sizeof(said->sentences) - sentences, "\n    %s",
                   sentence);
}

static struct judge_verdict judge_file(const char *path, struct said *said)
{
    struct berth_error error = { 0 };
    struct judge *judge = judge_new(note, said);
    struct judge_verdict verdict;
    struct merge *merge;
    struct merged at;
    int r;

    if (merge_open(&path, 1, &merge, &error) < 0)
        fail_msg("%s", error.text);
    while ((r = merge_next(merge, &at, &error)) == 1)
        judge_take(judge, at.line, at.number);
    if (r < 0)
        fail_msg("%s", error.text);
    judge_end(judge);
    verdict = *judge_verdict(judge);
    judge_free(judge);
    merge_close(merge);
    return verdict;
}

static void read_expectation(const char *path, char *expectation, size_t size)
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(expectation, (int)size, file) || !fgets(expectation, (int)size, file))
        fail_msg("%s: cannot be read", path);
    (void)fclose(file);
    expectation[strcspn(expectation, "\n")] = '\0';
    if (strncmp(expectation, "# expect ", 9) != 0)
        fail_msg("%s: the second line must begin with '# expect '", path);
    memmove(expectation, expectation + 9, strlen(expectation + 9) + 1);
}

/* In any order: the same words. */
static bool same_words(const char *a, const char *b)
{
    char words[SAID_MAX];
    char *rest = words;
    char *word;
    size_t left = strlen(b);

    (void)snprintf(words, sizeof(words), "%s", a);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        char padded[SAID_MAX + 2];
        char wanted[40];

        (void)snprintf(padded, sizeof(padded), " %s ", b);
        (void)snprintf(wanted, sizeof(wanted), " %s ", word);
        if (!strstr(padded, wanted) || left < strlen(word))
            return false;
        left -= strlen(word);
    }
    return left == strspn(b, " ") || strlen(a) - strspn(a, " ") == strlen(b) - strspn(b, " ");
}

static bool seen_good[JUDGE_INVARIANTS + 1], seen_bad[JUDGE_INVARIANTS + 1];

static int check_silence(const char *path, const char *checked, const struct said *said,
                         const struct judge_verdict *verdict)
{
    char words[SAID_MAX];
    char *rest = words;
    char *word;

    if (verdict->violations) {
        print_error("%s: nothing is wrong, but the judge says%s%s\n", path, said->text,
                    said->sentences);
        return 1;
    }
    (void)snprintf(words, sizeof(words), "%s", checked);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        int invariant = (int)strtol(word + 1, NULL, 10);

        if (!verdict->checked[invariant]) {
            print_error("%s: %s was not looked into\n", path, word);
            return 1;
        }
        seen_good[invariant] = true;
    }
    return 0;
}

static int check_case(const char *path)
{
    static const char nothing[] = "nothing; checked ";
    char expectation[SAID_MAX];
    struct said said = { .text = "" };
    struct judge_verdict verdict = judge_file(path, &said);

    read_expectation(path, expectation, sizeof(expectation));
    if (strncmp(expectation, nothing, sizeof(nothing) - 1) == 0)
        return check_silence(path, expectation + sizeof(nothing) - 1, &said, &verdict);
    for (int i = 1; i <= JUDGE_INVARIANTS; i++)
        seen_bad[i] = seen_bad[i] || verdict.broken[i];
    if (same_words(expectation, said.text) && same_words(said.text, expectation))
        return 0;
    print_error("%s: expected %s, but the judge says%s%s\n", path, expectation, said.text,
                said.sentences);
    return 1;
}

TEST(cases, are_judged_as_they_say)
{
    struct dirent **entries;
    int count = scandir(CASES, &entries, NULL, alphasort);
    int wrong = 0;
    int cases = 0;

    for (int i = 0; i < count; i++) {
        char path[512];

        if (strstr(entries[i]->d_name, ".jsonl")) {
            (void)snprintf(path, sizeof(path), "%s/%s", CASES, entries[i]->d_name);
            wrong += check_case(path);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    EXPECT(cases > 100);
    EXPECT_INT(wrong, 0);
}

TEST(cases, of_each_invariant_a_good_one_and_a_bad_one)
{
    for (int i = 1; i <= JUDGE_INVARIANTS; i++) {
        if (!seen_good[i] || !seen_bad[i])
            fail_msg("I%d has no %s case", i, seen_good[i] ? "bad" : "good");
        EXPECT(strlen(judge_invariant(i)) > 0);
        EXPECT(strlen(judge_invariant_lines(i)) > 0);
        EXPECT(strlen(judge_invariant_sentence(i)) > 0);
    }
}

TEST_MAIN()
