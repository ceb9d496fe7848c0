/* admin_check.c - checks that the rules of several entities use. */
#include "flow/admin_check.h"

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

struct entity *admin_first_that_refers(struct core *core, enum entity_kind kind, size_t offset,
                                       uint64_t id)
{
    list_each (core_all(core, kind), node) {
        struct entity *entity = entity_of(node);
        uint64_t value;

        memcpy(&value, (const char *)entity_row_of(entity) + offset, sizeof(value));
        if (value == id && !core_has_ended(kind, entity_row_of(entity)))
            return entity;
    }
    return NULL;
}

int admin_in_use(const char *what, const char *name, const char *by, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_STATE, "%s '%s' cannot be deleted: %s", what, name, by);
}
