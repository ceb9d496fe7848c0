/* pages.c - fetch the pages of a list.
 *
 * Lists are fetched completely, except those that grow without limit (the audit trail, ended rows),
 * which are shown one page at a time, newest first.
 */
#include <string.h>

#include "ctl.h"

static bool has_past(const struct verb *verb)
{
    return verb->plain == PLAIN_LIST && entity_row(verb->entity)->can & HAS_PAST;
}

static bool is_given(const json_t *params, const char *name)
{
    return json_object_get(params, name) != NULL;
}

static bool param_is(const json_t *params, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(params, name));

    return value && strcmp(value, text) == 0;
}

/* A list of a kind with ended rows. */
static enum ctl_pages_mode pages_mode(const json_t *params)
{
    bool place = is_given(params, "after") || is_given(params, "before");

    if (is_given(params, "limit"))
        return PAGES_ONE;
    if (param_is(params, "past", "no"))
        return PAGES_ALL;
    return place || is_given(params, "past") ? PAGES_ONE : PAGES_OPEN_THEN_PAST;
}

struct ctl_pages ctl_pages_begin(const struct verb *verb, json_t *params)
{
    bool after = json_integer_value(json_object_get(params, "after")) ||
                 json_is_string(json_object_get(params, "after"));
    bool newest_first = (verb->id == VERB_audit_list || has_past(verb)) && !after;
    struct ctl_pages pages = { .mode = PAGES_NONE, .cursor = newest_first ? "before" : "after" };

    if (verb->method != GET || (verb->shape != ROWS && verb->shape != LIST))
        return pages;
    if (has_past(verb))
        pages.mode = pages_mode(params);
    else
        pages.mode = newest_first || is_given(params, "limit") ? PAGES_ONE : PAGES_ALL;
    if (pages.mode == PAGES_OPEN_THEN_PAST)
        (void)json_object_set_new(params, "past", json_string("no"));
    return pages;
}

/* Fetch the page for `params`, append its rows to the list and replace the list's `next`. */
static bool fetch(const struct ctl *ctl, const struct verb *verb, const json_t *params,
                  json_t *list, struct ctl_answer *answer)
{
    json_t *page;

    ctl_answer_free(answer);
    ctl_ask(ctl, verb, params, false, answer);
    page =
        ctl_is_good(answer) ? json_parse(answer->text, answer->size, CTL_ANSWER_DEPTH, NULL) : NULL;
    if (!page)
        return false;
    (void)json_array_extend(json_object_get(list, "items"), json_object_get(page, "items"));
    (void)json_object_set(list, "next", json_object_get(page, "next"));
    json_decref(page);
    return true;
}

/* Fetch the next page; false when there is none, or on failure. */
static bool fetch_next(const struct ctl *ctl, const struct verb *verb, const char *cursor,
                       json_t *params, json_t *list, struct ctl_answer *answer)
{
    const json_t *next = json_object_get(list, "next");

    if (!json_is_integer(next))
        return false;
    (void)json_object_set_new(params, cursor, json_integer(json_integer_value(next)));
    return fetch(ctl, verb, params, list, answer);
}

/* Fetch one page of ended rows; a page without rows only means that the search must continue. */
static void fetch_past(const struct ctl *ctl, const struct verb *verb, json_t *params, json_t *list,
                       struct ctl_answer *answer)
{
    size_t open = json_array_size(json_object_get(list, "items"));
    bool more;

    (void)json_object_del(params, "before");
    (void)json_object_set_new(params, "past", json_string("yes"));
    more = fetch(ctl, verb, params, list, answer);
    while (more && json_array_size(json_object_get(list, "items")) == open)
        more = fetch_next(ctl, verb, "before", params, list, answer);
}

void ctl_pages_rest(const struct ctl *ctl, const struct verb *verb, const struct ctl_pages *pages,
                    json_t *params, json_t *list, struct ctl_answer *answer)
{
    if (pages->mode != PAGES_ALL && pages->mode != PAGES_OPEN_THEN_PAST)
        return;
    while (fetch_next(ctl, verb, pages->cursor, params, list, answer))
        ;
    if (pages->mode == PAGES_OPEN_THEN_PAST && ctl_is_good(answer))
        fetch_past(ctl, verb, params, list, answer);
}

void ctl_pages_hint(const struct ctl_pages *pages, const json_t *list)
{
    const json_t *next = json_object_get(list, "next");
    bool older = strcmp(pages->cursor, "before") == 0;

    if (pages->mode == PAGES_NONE || !json_is_integer(next))
        return;
    (void)fprintf(stderr, "berthctl: there are %s: %s%s=%lld\n", older ? "older ones" : "more",
                  pages->mode == PAGES_OPEN_THEN_PAST ? "past=yes " : "", pages->cursor,
                  (long long)json_integer_value(next));
}
