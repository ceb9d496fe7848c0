/* json.c - parse untrusted JSON: the depth is checked before the recursive parser runs. */
#include "berth/json.h"

#include <malloc.h>
#include <string.h>

/* Nesting of brackets outside strings, without allocating. */
static int deepest(const char *text, size_t size)
{
    bool in_string = false;
    int depth = 0;
    int most = 0;

    for (size_t i = 0; i < size; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > most)
                most = depth;
        } else if (text[i] == '}' || text[i] == ']') {
            depth--;
        }
    }
    return most;
}

json_t *json_parse(const char *text, size_t size, int depth, struct berth_error *reterr)
{
    json_error_t fault;
    json_t *json;

    if (deepest(text, size) > depth) {
        (void)berth_fail(reterr, BERTH_E_PROTOCOL, "JSON: nested deeper than %d levels", depth);
        return NULL;
    }
    json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    if (!json) {
        (void)berth_fail(reterr, BERTH_E_PROTOCOL, "JSON: error at byte %d: %s", fault.position,
                         fault.text);
    }
    return json;
}

char *json_text(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

    return text ? text : berth_strdup("null");
}

static void wiping_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

void json_wipe_freed(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
}

void json_unrefp(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}
