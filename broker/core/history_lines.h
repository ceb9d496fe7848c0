/* history_lines.h - what the broker knows, as lines of berth/history.def.
 *
 * Module core. The first half is pure and may be called by any thread: the store says with it what
 * became durable, the core what was applied. The second half writes into the core's history, and
 * costs one look at a pointer while nobody records.
 */
#ifndef BERTH_CORE_HISTORY_LINES_H
#define BERTH_CORE_HISTORY_LINES_H

#include "berth/log.h"

#include "core/core.h"

struct presence;

/* What of a row the checker looks into; of people no more than their number. A row in memory may
 * end where its kind ends. That a desktop recycles is also known of its pool: core_note_changes
 * adds that.
 */
struct history_row history_of_row(enum entity_kind kind, const void *row);

/* The same for one change of a decision, with its verb, and why a session ends. rev: of the
 * decision, which is that of its last change. */
struct history_row history_of_change(const struct audit_note *note, struct change *const *changes,
                                     size_t count, size_t at, uint64_t rev);

/* The audit record of a decision. */
struct history_audit history_of_audit(const struct audit_note *note, struct change *const *changes,
                                      size_t count, uint64_t rev, int64_t sequence);

/* The clock of the core's lines. */
static inline int64_t core_us(const struct core *core)
{
    return core->timers->mono_ms * 1000;
}

/* Rows that were found on disk, and those of a decision that was just applied. */
void core_note_loaded(struct core *core, enum entity_kind kind, const void *row);
void core_note_changes(struct core *core, const struct changes *changes);

/* id: the presence id that was received; NULL: the one that holds. seq: 0 where nothing was
 * received. */
void core_note_presence(const struct presence *presence, enum history_presence_event event,
                        const char *id, int64_t seq);

/* Something that people must hear of was logged. */
void core_note_alert(const struct core *core, enum log_event event);

#endif
