/* history_lines.c - filling lines of the history from rows, changes and presences. */
#include "core/history_lines.h"

#include <stdio.h>
#include <string.h>

#include "core/place.h"
#include "core/pool.h"
#include "core/presence.h"

/* ---- rows ---- */

static enum history_entity entity_word(enum entity_kind kind)
{
    for (int word = history_entity_OTHER + 1; word < history_entity_END; word++) {
        if (strcmp(history_entity_names[word], entity_row(kind)->name) == 0)
            return (enum history_entity)word;
    }
    return history_entity_OTHER;
}

/* Fields that have the same meaning in both structs, where the kind has them. */
static void copy_alike(enum entity_kind kind, const void *row, struct history_row *out)
{
    static const char *const alike[] = { "id",         "version",     "user_id", "pool_id",
                                         "desktop_id", "terminal_id", "slot",    "epoch",
                                         "session_id", "dirty",       "uuid" };

    for (size_t i = 0; i < BERTH_COUNT(alike); i++) {
        const struct field *from = record_field(entity_row(kind)->record, alike[i]);
        const struct field *to = record_field(history_record(HISTORY_row), alike[i]);

        if (from)
            memcpy((char *)out + to->offset, (const char *)row + from->offset, to->size);
    }
}

static void set_text(char *out, size_t size, const char *text)
{
    berth_copy_text(out, size, text);
}

#define SET_STATE(out, kind, value) \
    set_text((out)->state, sizeof((out)->state), kind##_state_names[value])

/* Must a used desktop of this pool be refreshed before reuse? Shared pools promise nothing like it.
 */
static bool recycles(const struct row_pool *pool)
{
    return pool->release == pool_release_REFRESH &&
           (pool->kind == pool_kind_FLOATING || pool->kind == pool_kind_DEDICATED);
}

static void set_state(enum entity_kind kind, const union row *row, struct history_row *out)
{
    switch (entity_word(kind)) {
    case history_entity_TERMINAL:
        SET_STATE(out, terminal, row->terminal.state);
        out->over = row->terminal.state == terminal_REVOKED;
        set_text(out->name, sizeof(out->name), row->terminal.name);
        return;
    case history_entity_IDENTITY:
        SET_STATE(out, identity, row->identity.state);
        out->over = row->identity.state == identity_REVOKED;
        set_text(out->name, sizeof(out->name), row->identity.key_hash);
        return;
    case history_entity_ASSIGNMENT:
        SET_STATE(out, assignment, row->assignment.state);
        out->over = row->assignment.state == assignment_CLOSED;
        return;
    case history_entity_SESSION:
        SET_STATE(out, session, row->session.state);
        out->over = row->session.state == session_ENDED;
        out->session_id = row->session.assignment_id;
        return;
    case history_entity_CONNECTION:
        SET_STATE(out, connection, row->connection.state);
        out->over = row->connection.state == connection_ENDED;
        return;
    case history_entity_COMMAND:
        SET_STATE(out, command, row->command.state);
        out->over = row->command.state >= command_DONE;
        return;
    case history_entity_DESKTOP: /* its state is observed, except for quarantine */
        set_text(out->name, sizeof(out->name), row->desktop.name);
        set_text(out->state, sizeof(out->state), row->desktop.quarantined ? "quarantined" : "");
        out->recycles = row->desktop.refresh_due;
        return;
    case history_entity_SLOT:
        out->slot = row->slot.number;
        return;
    case history_entity_USER:
        out->over = row->user.disabled;
        return;
    case history_entity_BADGE:
        out->over = row->badge.disabled;
        return;
    case history_entity_POOL:
        out->recycles = recycles(&row->pool);
        return;
    case history_entity_OTHER:
    case history_entity_NONE:
    case history_entity_END:
        return;
    }
}

/* The fields of a row that the history checker reads; users appear by id only. row: a struct of its
 * kind, which may be shorter than union row. Whether a desktop must be refreshed before reuse
 * (`recycles`) also depends on its pool: write_row adds that.
 */
static struct history_row history_of_row(enum entity_kind kind, const void *row)
{
    struct history_row out = { .entity = entity_word(kind) };

    copy_alike(kind, row, &out);
    set_state(kind, row, &out);
    return out;
}

/* ---- decisions ---- */

static enum history_verb verb_word(enum change_verb verb)
{
    static const enum history_verb words[] = { [CHANGE_ADD] = history_verb_ADD,
                                               [CHANGE_SET] = history_verb_SET,
                                               [CHANGE_DROP] = history_verb_DROP };

    return words[verb];
}

/* Why a session ends is taken from the audit record: the action and the role. */
static void set_cause(const struct audit_note *note, struct history_row *out)
{
    static const struct {
        const char *action;
        enum history_cause cause;
    } causes[] = { { "session.limit", history_cause_LIMIT },
                   { "session.lost", history_cause_MACHINE },
                   { "session.guest_ended", history_cause_GUEST },
                   { "session.undo", history_cause_FAILED } };

    if (strcmp(note->action, "session.sign_off") == 0)
        out->cause = strcmp(note->role, "user") == 0 ? history_cause_USER : history_cause_ADMIN;
    for (size_t i = 0; i < BERTH_COUNT(causes); i++) {
        if (strcmp(note->action, causes[i].action) == 0)
            out->cause = causes[i].cause;
    }
    out->waited_ms = note->waited_ms;
    out->limit_ms = note->limit_ms;
}

struct history_row history_of_change(const struct audit_note *note, struct change *const *changes,
                                     size_t count, size_t at, uint64_t rev)
{
    const struct change *change = changes[at];
    struct history_row out = history_of_row(change->kind, &change->row);

    out.verb = verb_word(change->verb);
    out.rev = (int64_t)(rev - (count - 1 - at));
    out.over |= change->verb == CHANGE_DROP;
    if (change->kind == ENTITY_session && change->row.session.state == session_ENDING)
        set_cause(note, &out);
    return out;
}

struct history_audit history_of_audit(const struct audit_note *note, struct change *const *changes,
                                      size_t count, uint64_t rev, int64_t sequence)
{
    struct history_audit out = { .seq = sequence,
                                 .rev = count ? (int64_t)rev : 0,
                                 .changes = (int64_t)count,
                                 .user_id = note->subject_user_id,
                                 .terminal_id = note->terminal_id };

    set_text(out.action, sizeof(out.action), note->action);
    set_text(out.role, sizeof(out.role), note->role);
    set_text(out.outcome, sizeof(out.outcome), note->outcome);
    for (size_t i = 0; i < count; i++)
        out.desktop |= changes[i]->kind == ENTITY_session || changes[i]->kind == ENTITY_desktop;
    return out;
}

/* ---- into the core's history ---- */

static void write_row(struct core *core, struct history_row *row)
{
    const struct pool *pool;

    row->incarnation = core->incarnation;
    if (row->entity == history_entity_DESKTOP) {
        pool = pool_find(core, row->pool_id);
        row->recycles |= pool && recycles(&pool->row);
    }
    core->history->take(
        core->history,
        &(struct history_line){ .kind = HISTORY_row, .at_us = core_us(core), .row = *row });
}

void core_note_loaded(struct core *core, enum entity_kind kind, const void *row)
{
    struct history_row out;

    if (!core->history)
        return;
    out = history_of_row(kind, row);
    out.verb = history_verb_LOADED;
    write_row(core, &out);
}

void core_note_changes(struct core *core, const struct changes *changes)
{
    for (size_t i = 0; core->history && i < changes->count; i++) {
        struct history_row out =
            history_of_change(&changes->audit, changes->at, changes->count, i, changes->rev);

        write_row(core, &out);
    }
}

/* ---- presence ---- */

/* The first 63 bits of a SHA-256 in hexadecimal. */
static int64_t hash_bits(const char *hex)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < 16 && hex[i]; i++) {
        unsigned char digit = (unsigned char)hex[i];

        bits = bits << 4 | (digit <= '9' ? digit & 15u : (digit & 7u) + 9);
    }
    return (int64_t)(bits >> 1);
}

void core_note_presence(const struct presence *presence, enum history_presence_event event,
                        const char *id, int64_t seq)
{
    const struct terminal *terminal = presence->terminal;
    struct core *core = terminal->base.core;
    char hash[72];

    if (!core->history)
        return;
    if (id)
        core->digest(id, hash);
    history_write(core->history, core_us(core), HISTORY_presence, presence, .event = event,
                  .terminal_id = terminal->row.id,
                  .presence = hash_bits(id ? hash : presence->hash), .seq = seq,
                  .granted_ms = id ? 0 : presence->granted_ms,
                  .stalled_ms = core->timers->stalled_ms,
                  .site_id = (int64_t)place_site_id(core, terminal->row.place_id));
}

void core_note_alert(const struct core *core, enum log_event event)
{
    struct history_line line = { .kind = HISTORY_broker,
                                 .at_us = core_us(core),
                                 .broker = { .event = history_broker_event_ALERT,
                                             .incarnation = core->incarnation } };

    if (!core->history)
        return;
    set_text(line.broker.why, sizeof(line.broker.why), log_event_row(event)->name);
    core->history->take(core->history, &line);
}
