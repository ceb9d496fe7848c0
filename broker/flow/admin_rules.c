/* admin_rules.c - which rule a kind of entity has, and what holds for the rows of all kinds. */
#include "flow/admin_rules.h"

#include <string.h>

#include "flow/admin_check.h"

static const struct admin_rule *const rules[ENTITY_KINDS] = {
    [ENTITY_site] = &admin_rule_site,
    [ENTITY_place] = &admin_rule_place,
    [ENTITY_host] = &admin_rule_host,
    [ENTITY_image_version] = &admin_rule_image_version,
    [ENTITY_pool] = &admin_rule_pool,
    [ENTITY_desktop] = &admin_rule_desktop,
    [ENTITY_terminal] = &admin_rule_terminal,
    [ENTITY_profile] = &admin_rule_profile,
    [ENTITY_user] = &admin_rule_user,
    [ENTITY_membership] = &admin_rule_membership,
    [ENTITY_entitlement] = &admin_rule_entitlement,
    [ENTITY_admin] = &admin_rule_admin,
};

const struct admin_rule *admin_rule(enum entity_kind kind)
{
    static const struct admin_rule none;

    return rules[kind] ? rules[kind] : &none;
}

/* A name that is taken is refused before the store has to: this error names it. */
static int check_name(struct core *core, enum entity_kind kind, const union row *row,
                      struct berth_error *reterr)
{
    const char *what = entity_row(kind)->name;
    const struct field *field = record_field(entity_row(kind)->record, "name");
    const char *name = field ? (const char *)row + field->offset : NULL;
    const char *also = admin_rule(kind)->name_also;
    struct entity *other;
    int r;

    if (!name)
        return 0;
    r = admin_check_name(what, name, also ? also : "", reterr);
    if (r < 0)
        return r;
    other = core_find_name(core, kind, name);
    if (other && ((const union row *)entity_row_of(other))->id != row->id)
        return berth_fail(reterr, BERTH_E_EXISTS, "there is a %s '%s' already", what, name);
    return 0;
}

/* A reference that stays as it was is not checked: the store keeps those valid. */
static int check_references(struct core *core, enum entity_kind kind, const void *row,
                            const void *now, struct berth_error *reterr)
{
    const struct record *record = entity_row(kind)->record;
    int r = 0;

    for (size_t i = 0; r == 0 && i < record->count; i++) {
        const struct field *field = &record->fields[i];
        uint64_t id;
        uint64_t before = 0;

        if (field->type != FIELD_ID || !entity_takes(kind, field))
            continue;
        memcpy(&id, (const char *)row + field->offset, sizeof(id));
        if (now)
            memcpy(&before, (const char *)now + field->offset, sizeof(before));
        if (id != before && id)
            r = admin_check_refers(core, entity_kind_of(field->refers), id, entity_row(kind)->name,
                                   reterr);
    }
    return r;
}

int admin_check_row(struct core *core, enum entity_kind kind, void *row, const void *now,
                    struct berth_error *reterr)
{
    const struct admin_rule *rule = admin_rule(kind);
    int r = rule->check ? rule->check(core, row, now, reterr) : 0;

    if (r >= 0)
        r = check_references(core, kind, row, now, reterr);
    return r < 0 ? r : check_name(core, kind, row, reterr);
}
