/* admin_check.c - checks that the rules of several entities use. */
#include "flow/admin_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int admin_check_name(const char *what, const char *name, const char *also,
                     struct berth_error *reterr)
{
    bool digits_only = true;

    if (!name[0])
        return berth_fail(reterr, BERTH_E_INVALID, "%s: a name is needed", what);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z') || *c >= 0x80 || strchr("._-@+", *c);

        if (!plain && !strchr(also, *c))
            return berth_fail(reterr, BERTH_E_INVALID, "%s '%s': '%c' cannot be part of a name",
                              what, name, *c);
        digits_only = digits_only && *c >= '0' && *c <= '9';
    }
    if (digits_only || name[0] == '-')
        return berth_fail(reterr, BERTH_E_INVALID,
                          "%s '%s': a name is neither a number nor begins with '-'", what, name);
    return 0;
}

int admin_check_refers(struct core *core, enum entity_kind kind, uint64_t id, const char *whose,
                       struct berth_error *reterr)
{
    if (core_find(core, kind, id))
        return 0;
    return berth_fail(reterr, BERTH_E_NOT_FOUND, "%s: there is no %s with the id %llu", whose,
                      entity_row(kind)->name, (unsigned long long)id);
}

int admin_in_use(const struct entity *entity, struct berth_error *reterr, const char *format, ...)
{
    char by[160];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(by, sizeof(by), format, list);
    va_end(list);
    return berth_fail(reterr, BERTH_E_STATE, "%s '%s' cannot be deleted: %s",
                      entity_row(entity->kind)->name, entity_name(entity), by);
}

/* Rows that cannot be deleted while another refers to them. What else refers to a row goes with it
 * (admin_rule.with_gone), or is a rule of administrators (flow/admin_references.h). */
static const struct {
    enum entity_kind kind, by;
    size_t offset; /* of the id in the row of `by` */
    const char *sentence;
} uses[] = {
/* clang-format off */
#define USED_BY(kind, by, member, sentence) { ENTITY_##kind, ENTITY_##by, offsetof(struct row_##by, member), sentence },
USED_BY(site,          place,         site_id,              "places belong to it")
USED_BY(place,         terminal,      place_id,             "terminals stand there")
USED_BY(place,         invitation,    place_id,             "an invitation names it")
USED_BY(host,          desktop,       host_id,              "desktops live on it")
USED_BY(image,         pool,          image_id,             "a pool is made from it")
USED_BY(image,         image_version, image_id,             "it has versions")
USED_BY(image_version, desktop,       image_version_id,     "desktops are made from it")
USED_BY(image_version, pool,          recompose_version_id, "a pool is being recomposed to it")
USED_BY(image_version, image,         current_id,           "it is the published one")
USED_BY(pool,          desktop,       pool_id,              "it has desktops (set max=0 and wait, or delete them)")
USED_BY(pool,          session,       pool_id,              "it has sessions")
USED_BY(desktop,       assignment,    desktop_id,           "it belongs to a user")
USED_BY(terminal,      connection,    terminal_id,          "a session was shown there last; sign it off first")
USED_BY(terminal,      session,       terminal_id,          "a session was shown there last; sign it off first")
USED_BY(user,          assignment,    user_id,              "a desktop belongs to them; disable them, or sign them off first")
USED_BY(user,          session,       user_id,              "a desktop belongs to them; disable them, or sign them off first")
USED_BY(user,          terminal,      kiosk_user_id,        "a terminal signs on as them")
USED_BY(group,         membership,    group_id,             "it has members")
#undef USED_BY
    /* clang-format on */
};

int admin_check_unused(struct core *core, struct entity *entity, struct berth_error *reterr)
{
    const union row *row = entity_row_of(entity);

    for (size_t i = 0; i < BERTH_COUNT(uses); i++) {
        if (uses[i].kind != entity->kind ||
            core_count_references(core, uses[i].by, uses[i].offset, row->id, NULL) == 0)
            continue;
        if (entity->kind == ENTITY_image_version)
            return berth_fail(reterr, BERTH_E_STATE, "version %lld cannot be deleted: %s",
                              (long long)row->image_version.number, uses[i].sentence);
        return admin_in_use(entity, reterr, "%s", uses[i].sentence);
    }
    return 0;
}
