/* hooks.h - what kinds of entities do when one is added, changed or dropped: entity.h.
 *
 * Module core, inner header. Each is in the file of its noun; the table in core.c hands them to the
 * registry.
 */
#ifndef BERTH_CORE_HOOKS_H
#define BERTH_CORE_HOOKS_H

#include "core/entity.h"

void host_added(struct entity *entity, bool loaded);
void host_dropped(struct entity *entity);
void pool_added(struct entity *entity, bool loaded);
void pool_dropped(struct entity *entity);
void desktop_added(struct entity *entity, bool loaded);
void desktop_changed(struct entity *entity, const union row *was);
void desktop_dropped(struct entity *entity);
/* The settings of a pool changed: its desktops may be of another class now. */
void desktop_pool_changed(struct entity *entity, const union row *was);
void terminal_added(struct entity *entity, bool loaded);
void terminal_changed(struct entity *entity, const union row *was);
void terminal_dropped(struct entity *entity);
void command_changed(struct entity *entity, const union row *was);
void assignment_added(struct entity *entity, bool loaded);
void assignment_changed(struct entity *entity, const union row *was);
void assignment_dropped(struct entity *entity);
void session_added(struct entity *entity, bool loaded);
void session_changed(struct entity *entity, const union row *was);
void session_dropped(struct entity *entity);
void connection_changed(struct entity *entity, const union row *was);

#endif
