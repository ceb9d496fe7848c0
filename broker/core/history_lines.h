/* history_lines.h - rows, decisions and presence as lines of berth/history.def.
 *
 * Module core. The history_of_* functions are pure and may be called on any thread: the store
 * records with them what became durable, the core what was applied. The core_note_* functions write
 * to core->history; while no history is recorded they cost one test of a pointer.
 */
#ifndef BERTH_CORE_HISTORY_LINES_H
#define BERTH_CORE_HISTORY_LINES_H

#include "berth/log.h"

#include "core/core.h"

struct presence;

/* One change of a decision: the fields of its row that the history checker reads, its verb, and why
 * a session ends. rev: of the decision, that is of its last change. */
struct history_row history_of_change(const struct audit_note *note, struct change *const *changes,
                                     size_t count, size_t at, uint64_t rev);

/* The audit record of a decision. */
struct history_audit history_of_audit(const struct audit_note *note, struct change *const *changes,
                                      size_t count, uint64_t rev, int64_t sequence);

/* The clock of the core's lines, in microseconds. */
static inline int64_t core_us(const struct core *core)
{
    return core->timers->mono_ms * 1000;
}

/* A row that was read from the store, and the rows of a decision that was just applied. */
void core_note_loaded(struct core *core, enum entity_kind kind, const void *row);
void core_note_changes(struct core *core, const struct changes *changes);

/* id: the presence id in the message; NULL: the present one. seq: 0 when there was no message. */
void core_note_presence(const struct presence *presence, enum history_presence_event event,
                        const char *id, int64_t seq);

/* An event that an administrator must see was logged. */
void core_note_alert(const struct core *core, enum log_event event);

#endif
