/* fuzz_json.c - JSON from outside into every kind of row and of parameters, and back.
 *
 * Input: two bytes choose the record, the rest is the text. What was accepted must come back the
 * same when it is written and read again.
 */
#include <string.h>

#include "berth/json.h"

#include "api/table/verb.h"

#define DEPTH 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct record *choose(unsigned number)
{
    size_t verbs;
    const struct verb *verb = verb_table(&verbs);
    unsigned kinds = ENTITY_KINDS - 1;

    number %= kinds + VERB_SPECIALS;
    if (number < kinds)
        return entity_row((enum entity_kind)(number + 1))->record;
    return verb[number - kinds].params;
}

static void come_back(const struct record *record, const void *row)
{
    struct berth_error error = { 0 };
    json_t *written = record_encode(record, row, SEE_MASK_WIRE);
    char *text = json_text(written);
    json_t *read = json_parse(text, strlen(text), DEPTH, &error);
    void *again = berth_alloc(record->size);
    json_t *second;

    if (!read || record_decode(record, read, again, &error) < 0)
        abort(); /* what we write we must be able to read */
    second = record_encode(record, again, SEE_MASK_WIRE);
    if (!json_equal(written, second))
        abort();
    json_decref(second);
    json_decref(read);
    json_decref(written);
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct berth_error error = { 0 };
    const struct record *record;
    json_t *json;
    void *row;

    if (size < 2)
        return 0;
    record = choose(data[0] | (unsigned)data[1] << 8);
    json = json_parse((const char *)data + 2, size - 2, DEPTH, &error);
    if (!json) {
        if (!error.text[0])
            abort(); /* every refusal has its sentence */
        return 0;
    }
    row = berth_alloc(record->size);
    if (json_is_object(json) && record_merge(record, json, row, &error) == 0)
        come_back(record, row);
    json_decref(json);
    free(row);
    return 0;
}
