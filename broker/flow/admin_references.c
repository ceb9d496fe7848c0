/* admin_references.c - turning names into ids, refusing to delete what rules name, and following
 * renames. */
#include "flow/admin_references.h"

#include <stdio.h>
#include <string.h>

#include "core/effective.h"
#include "core/match.h"
#include "core/reference.h"
#include "flow/admin_check.h"
#include "flow/admin_rules.h"

/* ---- names become ids ---- */

/* By name, or by number: a name is never a number (admin_check_name). */
static int find_named(struct core *core, enum entity_kind kind, const char *word, uint64_t *ret,
                      struct berth_error *reterr)
{
    struct entity *entity = core_find_name(core, kind, word);

    if (!entity && strlen(word) <= 18 && word[strspn(word, "0123456789")] == '\0')
        entity = core_find(core, kind, strtoull(word, NULL, 10));
    if (!entity)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no %s '%s'", entity_row(kind)->name,
                          word);
    *ret = ((const union row *)entity_row_of(entity))->id;
    return 0;
}

/* The subject of a rule: as given in the request, and as it is now. */
struct naming {
    const char *rule; /* "entitlement 12", "profile 'ward'" */
    const char *kind; /* word for the subject's kind */
    struct subject subject, now;
    bool is_new;
    char *text; /* the row's subject */
};

/* The id of the subject: from the text where there is one, else as given. */
static int resolve(struct core *core, const struct naming *naming, uint64_t *ret,
                   struct berth_error *reterr)
{
    const struct subject *subject = &naming->subject;
    bool given = subject->id && (naming->is_new || subject->id != naming->now.id);
    bool same_text = !naming->is_new && strcmp(naming->text, naming->now.text) == 0;
    uint64_t id = subject->id;
    int r;

    if (!naming->is_new && subject_is_gone(&naming->now) && same_text && !given &&
        subject->kind == naming->now.kind)
        return berth_fail(
            reterr, BERTH_E_STATE,
            "%s names the %s '%s', which does not exist any more: name another, or delete the "
            "rule",
            naming->rule, naming->kind, naming->text);
    if (naming->text[0] && !(same_text && given)) {
        r = find_named(core, subject->kind, naming->text, &id, reterr);
        if (r < 0)
            return r;
        if (given && id != subject->id)
            return berth_fail(reterr, BERTH_E_INVALID, "%s: '%s' is not %s %llu", naming->rule,
                              naming->text, naming->kind, (unsigned long long)subject->id);
    }
    if (!id)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: the %s is missing", naming->rule,
                          naming->kind);
    if (!core_find(core, subject->kind, id))
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: there is no %s %llu", naming->rule,
                          naming->kind, (unsigned long long)id);
    naming->text[0] = '\0';
    *ret = id;
    return 0;
}

/* A tag is one word, spelled as terminals have it. */
static int check_tag(const char *rule, char *tag, struct berth_error *reterr)
{
    admin_normalize_tags(tag);
    if (!tag[0] || strchr(tag, ' '))
        return berth_fail(reterr, BERTH_E_INVALID, "%s: '%s' is not a single tag", rule, tag);
    return 0;
}

static int resolve_entitlement(struct core *core, struct row_entitlement *row,
                               const struct row_entitlement *now, struct berth_error *reterr)
{
    struct naming naming = { .rule = "entitlement",
                             .kind = subject_kind_names[row->subject_kind],
                             .subject = entitlement_subject(row),
                             .is_new = !now,
                             .text = row->subject };
    uint64_t *member = entitlement_subject_id(row);
    uint64_t id = 0;
    int r = 0;

    if (member) {
        naming.subject.id = *member;
        if (now)
            naming.now = entitlement_subject(now);
        r = resolve(core, &naming, &id, reterr);
    }
    row->user_id = row->group_id = row->terminal_id = row->place_id = 0;
    if (member)
        *member = id;
    return r;
}

static int check_entitlement(struct core *core, void *row_, const void *now,
                             struct berth_error *reterr)
{
    struct row_entitlement *row = row_;

    if (!row->effect)
        row->effect = effect_ALLOW;
    if (!row->subject_kind)
        return berth_fail(
            reterr, BERTH_E_INVALID,
            "entitlement: subject_kind is missing; give everyone, user, group, terminal, "
            "tag, place or network");
    if (!pool_find(core, row->pool_id))
        return berth_fail(reterr, BERTH_E_NOT_FOUND,
                          "entitlement: there is no pool with the id %llu",
                          (unsigned long long)row->pool_id);
    if (row->subject_kind == subject_kind_EVERYONE)
        row->subject[0] = '\0';
    if (row->subject_kind == subject_kind_NETWORK && !match_is_network(row->subject))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "entitlement: '%s' is not a network such as 10.1.0.0/16", row->subject);
    if (row->subject_kind == subject_kind_TAG) {
        int r = check_tag("entitlement", row->subject, reterr);

        if (r < 0)
            return r;
    }
    return resolve_entitlement(core, row, now, reterr);
}

const struct admin_rule admin_rule_entitlement = { .check = check_entitlement };

/* The pool that a profile makes its terminals ask for. */
static int check_wanted_pool(struct core *core, const struct row_profile *row,
                             struct berth_error *reterr)
{
    const char *at = row->settings;
    char name[SETTING_VALUE];

    while (effective_next_value(&at, "pool", name))
        if (name[0] && !pool_by_name(core, name))
            return berth_fail(reterr, BERTH_E_NOT_FOUND, "profile '%s': there is no pool '%s'",
                              row->name, name);
    return 0;
}

static int resolve_profile(struct core *core, struct row_profile *row,
                           const struct row_profile *now, struct berth_error *reterr)
{
    char rule[80];
    struct naming naming = { .rule = rule,
                             .kind = profile_level_names[row->level],
                             .subject = profile_subject(row),
                             .is_new = !now,
                             .text = row->subject };
    uint64_t *member = profile_subject_id(row);
    uint64_t id = 0;
    int r = 0;

    (void)snprintf(rule, sizeof(rule), "profile '%s'", row->name);
    if (row->level == profile_level_TAG)
        r = check_tag(rule, row->subject, reterr);
    if (member) {
        naming.subject.id = *member;
        if (now)
            naming.now = profile_subject(now);
        r = resolve(core, &naming, &id, reterr);
    }
    row->site_id = row->place_id = row->terminal_id = 0;
    if (member)
        *member = id;
    return r;
}

static int check_profile(struct core *core, void *row_, const void *now_,
                         struct berth_error *reterr)
{
    struct row_profile *row = row_;
    const struct row_profile *now = now_;
    int r;

    if (!row->level)
        row->level = profile_level_EVERYWHERE;
    if (row->level == profile_level_EVERYWHERE)
        row->subject[0] = '\0';
    r = resolve_profile(core, row, now, reterr);
    if (r == 0)
        r = effective_check(row->settings, reterr);
    if (r == 0 && (!now || strcmp(now->settings, row->settings) != 0))
        r = check_wanted_pool(core, row, reterr);
    return r;
}

const struct admin_rule admin_rule_profile = { .check = check_profile };

/* ---- lists ---- */

static int compare_ids(const void *a_, const void *b_)
{
    const uint64_t *a = a_;
    const uint64_t *b = b_;

    return (*a > *b) - (*a < *b);
}

int admin_normalize_hosts(struct core *core, struct row_pool *row, const struct row_pool *now,
                          struct berth_error *reterr)
{
    uint64_t ids[sizeof(row->hosts) / 2];
    char words[sizeof(row->hosts)];
    char *rest = words;
    char *word;
    size_t count = 0;
    size_t length = 0;

    if (now && strcmp(now->hosts, row->hosts) == 0)
        return 0;
    memcpy(words, row->hosts, sizeof(words));
    while ((word = strsep(&rest, " "))) {
        int r = *word ? find_named(core, ENTITY_host, word, &ids[count], reterr) : 1;

        if (r < 0)
            return r;
        count += r == 0;
    }
    qsort(ids, count, sizeof(ids[0]), compare_ids);
    row->hosts[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i && ids[i] == ids[i - 1])
            continue;
        length += (size_t)snprintf(row->hosts + length, sizeof(row->hosts) - length, "%s%llu",
                                   length ? " " : "", (unsigned long long)ids[i]);
        if (length >= sizeof(row->hosts))
            return berth_fail(reterr, BERTH_E_TOO_LARGE, "pool '%s': too many hosts", row->name);
    }
    return 0;
}

void admin_normalize_tags(char *tags)
{
    size_t size = strlen(tags) + 1;
    char *copy = berth_strdup(tags);
    char *rest = copy;
    size_t length = 0;
    char *word;

    tags[0] = '\0';
    while ((word = strsep(&rest, " "))) {
        if (*word && !match_word(tags, word)) /* the result is never longer than the input */
            length +=
                (size_t)snprintf(tags + length, size - length, "%s%s", length ? " " : "", word);
    }
    free(copy);
}

/* ---- which rules name an entity ---- */

static bool is_named(const struct subject *subject, enum entity_kind kind, uint64_t id)
{
    return subject->kind == kind && subject->id == id;
}

static int check_unreferenced_by_rules(struct core *core, struct entity *entity, uint64_t id,
                                       struct berth_error *reterr)
{
    list_each (core_all(core, ENTITY_entitlement), node) {
        const struct row_entitlement *row = entity_row_of(entity_of(node));
        const struct subject subject = entitlement_subject(row);
        const struct pool *pool = pool_find(core, row->pool_id);

        if (is_named(&subject, entity->kind, id))
            return admin_in_use(
                entity, reterr, "entitlement %llu (%s, pool '%s') names it; delete that first",
                (unsigned long long)row->id, effect_names[row->effect], pool ? pool->row.name : "");
    }
    list_each (core_all(core, ENTITY_profile), node) {
        const struct row_profile *row = entity_row_of(entity_of(node));
        const struct subject subject = profile_subject(row);

        if (is_named(&subject, entity->kind, id))
            return admin_in_use(entity, reterr, "profile '%s' is for it; delete that first",
                                row->name);
    }
    return 0;
}

static int check_host_unreferenced(struct core *core, struct entity *host, uint64_t id,
                                   struct berth_error *reterr)
{
    list_each (core_all(core, ENTITY_pool), node) {
        const struct row_pool *row = entity_row_of(entity_of(node));

        if (reference_has(row->hosts, id))
            return admin_in_use(host, reterr, "pool '%s' is limited to it; change its hosts first",
                                row->name);
    }
    return 0;
}

static int check_pool_unwanted(struct core *core, struct entity *pool, struct berth_error *reterr)
{
    list_each (core_all(core, ENTITY_profile), node) {
        const struct row_profile *profile = entity_row_of(entity_of(node));

        if (effective_has_value(profile->settings, "pool", entity_name(pool)))
            return admin_in_use(pool, reterr,
                                "the terminals of profile '%s' ask for it; change that first",
                                profile->name);
    }
    return 0;
}

int admin_check_unreferenced(struct core *core, struct entity *entity, struct berth_error *reterr)
{
    const union row *row = entity_row_of(entity);

    if (entity->kind == ENTITY_user || entity->kind == ENTITY_terminal)
        return 0; /* those go with it: admin_drop_rules_of */
    if (entity->kind == ENTITY_host)
        return check_host_unreferenced(core, entity, row->id, reterr);
    if (entity->kind == ENTITY_pool)
        return check_pool_unwanted(core, entity, reterr);
    return check_unreferenced_by_rules(core, entity, row->id, reterr);
}

void admin_drop_rules_of(struct core *core, enum entity_kind kind, uint64_t id,
                         struct changes *changes)
{
    list_each (core_all(core, ENTITY_entitlement), node) {
        const struct row_entitlement *row = entity_row_of(entity_of(node));
        const struct subject subject = entitlement_subject(row);

        if (is_named(&subject, kind, id))
            changes_drop(changes, ENTITY_entitlement, row);
    }
    list_each (core_all(core, ENTITY_profile), node) {
        const struct row_profile *row = entity_row_of(entity_of(node));
        const struct subject subject = profile_subject(row);

        if (is_named(&subject, kind, id))
            changes_drop(changes, ENTITY_profile, row);
    }
    list_each (core_all(core, ENTITY_invitation), node) {
        const struct row_invitation *row = entity_row_of(entity_of(node));

        if (kind == ENTITY_terminal && row->replaces_id == id)
            changes_drop(changes, ENTITY_invitation, row);
    }
}

/* ---- renames ---- */

/* The name that a place will have after `changes`. */
static const char *name_after(struct changes *changes, const struct row_place *place)
{
    const struct row_place *row = changes_find(changes, ENTITY_place, place->id);

    return row ? row->name : place->name;
}

/* Places below it stay below it: their paths change with it. */
static int rename_below(struct core *core, const struct row_place *row, const struct row_place *now,
                        struct changes *changes, struct berth_error *reterr)
{
    list_each (core_all(core, ENTITY_place), node) {
        struct row_place below = *(const struct row_place *)entity_row_of(entity_of(node));
        char path[sizeof(below.name)];
        int length;

        if (below.id == now->id || !match_below(below.name, now->name))
            continue;
        length = snprintf(path, sizeof(path), "%s%s", row->name, below.name + strlen(now->name));
        if (length >= (int)sizeof(path))
            return berth_fail(reterr, BERTH_E_TOO_LARGE,
                              "place '%s': the path of '%s' below it would become too long",
                              now->name, below.name);
        copy_text(below.name, path);
        (void)changes_set(changes, ENTITY_place, &below);
    }
    return 0;
}

/* The first place that would come under the place with this id, or leave it, by `changes`; NULL:
 * none. */
static const struct row_place *first_moved(struct core *core, uint64_t named_id,
                                           struct changes *changes)
{
    const struct place *named = place_find(core, named_id);

    list_each (core_all(core, ENTITY_place), node) {
        const struct row_place *place = entity_row_of(entity_of(node));

        if (named && match_below(place->name, named->row.name) !=
                         match_below(name_after(changes, place), name_after(changes, &named->row)))
            return place;
    }
    return NULL;
}

/* A rule for a place also applies below it, by path. A rename that takes a place out of a rule, or
 * puts it under one, would change rights that nobody decided to change. */
static int keep_rules(struct core *core, struct changes *changes, struct berth_error *reterr)
{
    const struct row_place *moved;

    list_each (core_all(core, ENTITY_entitlement), node) {
        const struct row_entitlement *row = entity_row_of(entity_of(node));

        moved = first_moved(core, row->place_id, changes);
        if (moved)
            return berth_fail(reterr, BERTH_E_STATE,
                              "with this name entitlement %llu (%s, place '%s') would change for "
                              "place '%s'; make a new place and move the terminals instead",
                              (unsigned long long)row->id, effect_names[row->effect],
                              place_find(core, row->place_id)->row.name, moved->name);
    }
    list_each (core_all(core, ENTITY_profile), node) {
        const struct row_profile *row = entity_row_of(entity_of(node));

        moved = first_moved(core, row->place_id, changes);
        if (moved)
            return berth_fail(reterr, BERTH_E_STATE,
                              "with this name profile '%s' (place '%s') would change for place "
                              "'%s'; make a new place and move the terminals instead",
                              row->name, place_find(core, row->place_id)->row.name, moved->name);
    }
    return 0;
}

int admin_place_renamed(struct core *core, const void *row_, const void *now_,
                        struct changes *changes, struct berth_error *reterr)
{
    const struct row_place *row = row_;
    const struct row_place *now = now_;
    int r;

    if (strcmp(row->name, now->name) == 0)
        return 0;
    r = rename_below(core, row, now, changes, reterr);
    return r < 0 ? r : keep_rules(core, changes, reterr);
}

int admin_pool_renamed(struct core *core, const void *row_, const void *now_,
                       struct changes *changes, struct berth_error *reterr)
{
    const struct row_pool *row = row_;
    const struct row_pool *now = now_;

    if (strcmp(row->name, now->name) == 0)
        return 0;
    list_each (core_all(core, ENTITY_profile), node) {
        struct row_profile profile = *(const struct row_profile *)entity_row_of(entity_of(node));

        if (!effective_has_value(profile.settings, "pool", now->name))
            continue;
        if (!effective_replace(profile.settings, sizeof(profile.settings), "pool", now->name,
                               row->name))
            return berth_fail(reterr, BERTH_E_TOO_LARGE,
                              "pool '%s': profile '%s' asks for it and cannot take the new name",
                              now->name, profile.name);
        (void)changes_set(changes, ENTITY_profile, &profile);
    }
    return 0;
}
