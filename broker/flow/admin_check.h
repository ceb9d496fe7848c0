/* admin_check.h - checks that the rules of several entities use.
 *
 * Module flow, inner header of admin*.c.
 */
#ifndef BERTH_FLOW_ADMIN_CHECK_H
#define BERTH_FLOW_ADMIN_CHECK_H

#include "flow/context.h"

/* Check a name. Names are typed and listed with spaces between, and a number stands for an id; a
 * name must not be confused with those.
 *
 * what: word for the entity. also: further characters that this kind permits.
 * Errors: INVALID.
 */
int admin_check_name(const char *what, const char *name, const char *also,
                     struct berth_error *reterr) berth_must_check;

/* Errors: NOT_FOUND when there is no entity of `kind` with this id; `whose`: word for what refers
 * to it. */
int admin_check_refers(struct core *core, enum entity_kind kind, uint64_t id, const char *whose,
                       struct berth_error *reterr) berth_must_check;

/* Refuse to delete a row that others use, with STATE: "host 'h1' cannot be deleted: desktops live on
 * it". Rows that have ended do not prevent a deletion: memory has few of them, and the store clears
 * their references to a deleted row. */
int admin_check_unused(struct core *core, struct entity *entity,
                       struct berth_error *reterr) berth_must_check;

/* Refuse to delete a row that has a name, with STATE; format: what uses it. */
int admin_in_use(const struct entity *entity, struct berth_error *reterr, const char *format, ...)
    berth_printf(3, 4);

#endif
