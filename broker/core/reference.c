/* reference.c - subjects of rules, and lists of ids with their names. */
#include "core/reference.h"

#include <stdio.h>
#include <string.h>

#include "core/match.h"

/* ---- subjects ---- */

static enum entity_kind kind_of_entitlement(const struct row_entitlement *row)
{
    switch (row->subject_kind) {
    case subject_kind_USER:
        return ENTITY_user;
    case subject_kind_GROUP:
        return ENTITY_group;
    case subject_kind_TERMINAL:
        return ENTITY_terminal;
    case subject_kind_PLACE:
        return ENTITY_place;
    case subject_kind_EVERYONE:
    case subject_kind_TAG:
    case subject_kind_NETWORK:
    case subject_kind_NONE:
    case subject_kind_END:
        break;
    }
    return ENTITY_NONE;
}

static enum entity_kind kind_of_profile(const struct row_profile *row)
{
    switch (row->level) {
    case profile_level_SITE:
        return ENTITY_site;
    case profile_level_PLACE:
        return ENTITY_place;
    case profile_level_TERMINAL:
        return ENTITY_terminal;
    case profile_level_EVERYWHERE:
    case profile_level_TAG:
    case profile_level_NONE:
    case profile_level_END:
        break;
    }
    return ENTITY_NONE;
}

uint64_t *entitlement_subject_id(struct row_entitlement *row)
{
    switch ((int)kind_of_entitlement(row)) {
    case ENTITY_user:
        return &row->user_id;
    case ENTITY_group:
        return &row->group_id;
    case ENTITY_terminal:
        return &row->terminal_id;
    case ENTITY_place:
        return &row->place_id;
    default:
        return NULL;
    }
}

uint64_t *profile_subject_id(struct row_profile *row)
{
    switch ((int)kind_of_profile(row)) {
    case ENTITY_site:
        return &row->site_id;
    case ENTITY_place:
        return &row->place_id;
    case ENTITY_terminal:
        return &row->terminal_id;
    default:
        return NULL;
    }
}

struct subject entitlement_subject(const struct row_entitlement *row)
{
    enum entity_kind kind = kind_of_entitlement(row);

    /* At most one of them is set: checked by admin_check_entitlement and by the schema. */
    return (struct subject){
        .kind = kind,
        .id = kind ? row->user_id | row->group_id | row->terminal_id | row->place_id : 0,
        .text = row->subject
    };
}

struct subject profile_subject(const struct row_profile *row)
{
    enum entity_kind kind = kind_of_profile(row);

    return (struct subject){ .kind = kind,
                             .id = kind ? row->site_id | row->place_id | row->terminal_id : 0,
                             .text = row->subject };
}

bool subject_is_gone(const struct subject *subject)
{
    return subject->kind != ENTITY_NONE && !subject->id;
}

static const char *name_of(struct core *core, enum entity_kind kind, uint64_t id)
{
    const struct entity *entity = core_find(core, kind, id);

    return entity ? entity_name(entity) : NULL;
}

const char *subject_name(struct core *core, const struct subject *subject)
{
    const char *name = subject->id ? name_of(core, subject->kind, subject->id) : NULL;

    return name ? name : subject->text;
}

/* ---- lists of ids ---- */

bool reference_has(const char *ids, uint64_t id)
{
    char word[24];

    (void)snprintf(word, sizeof(word), "%llu", (unsigned long long)id);
    return match_word(ids, word);
}

char *reference_names(struct core *core, enum entity_kind kind, const char *ids)
{
    size_t length = 0;
    size_t size = 1;
    char *names = berth_alloc(size);

    for (const char *at = ids; *at; at += strspn(at, " ")) {
        char *end;
        const char *name = name_of(core, kind, strtoull(at, &end, 10));

        if (end == at)
            break; /* not a list of ids */
        at = end;
        if (!name)
            name = "(gone)";
        size += strlen(name) + 1;
        names = berth_realloc(names, size);
        length += (size_t)snprintf(names + length, size - length, "%s%s", length ? " " : "", name);
    }
    return names;
}
