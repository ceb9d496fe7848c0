/* disk_rules.c - unique keys, permitted transitions, enums and references of the fake disk. */
#include "fakes/disk_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- unique ---- */

static berth_printf(2, 3) void key(struct disk_row *row, const char *format, ...)
{
    char text[320];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (row->keys_count == DISK_KEYS)
        abort();
    row->keys[row->keys_count++] = berth_strdup(text);
}

#define ID(value) ((unsigned long long)(value))

static void keys_of_work(struct disk_row *row)
{
    const union row *at = row->row;

    if (row->kind == ENTITY_assignment && at->assignment.state == assignment_OPEN) {
        key(row, "assignments.slot %llu/%lld", ID(at->assignment.desktop_id),
            (long long)at->assignment.slot);
        key(row, "assignments.user %llu/%llu", ID(at->assignment.user_id),
            ID(at->assignment.pool_id));
    }
    if (row->kind == ENTITY_session && at->session.state != session_ENDED)
        key(row, "sessions.assignment %llu", ID(at->session.assignment_id));
    if (row->kind == ENTITY_connection && at->connection.state != connection_ENDED) {
        key(row, "connections.session %llu", ID(at->connection.session_id));
        key(row, "connections.terminal %llu", ID(at->connection.terminal_id));
    }
    if (row->kind == ENTITY_slot)
        key(row, "slots.number %llu/%lld", ID(at->slot.desktop_id), (long long)at->slot.number);
}

static void keys_of_things(struct disk_row *row)
{
    const union row *at = row->row;

    if (row->kind == ENTITY_image_version)
        key(row, "image_versions.number %llu/%lld", ID(at->image_version.image_id),
            (long long)at->image_version.number);
    if (row->kind == ENTITY_desktop && at->desktop.uuid[0])
        key(row, "desktops.uuid %s", at->desktop.uuid);
    if (row->kind == ENTITY_desktop && at->desktop.volume[0])
        key(row, "desktops.volume %llu/%s", ID(at->desktop.host_id), at->desktop.volume);
    if (row->kind == ENTITY_desktop && !at->desktop.host_id && at->desktop.address[0])
        key(row, "desktops.address %s/%lld", at->desktop.address, (long long)at->desktop.port);
    if (row->kind == ENTITY_identity)
        key(row, "identities.key %s", at->identity.key_hash);
    if (row->kind == ENTITY_terminal && at->terminal.waiting_key[0])
        key(row, "terminals.waiting_key %s", at->terminal.waiting_key);
    if (row->kind == ENTITY_invitation)
        key(row, "invitations.token %s", at->invitation.token_hash);
    if (row->kind == ENTITY_badge)
        key(row, "badges.uid %s", at->badge.uid_hash);
    if (row->kind == ENTITY_membership)
        key(row, "memberships %llu/%llu", ID(at->membership.group_id), ID(at->membership.user_id));
    if (row->kind == ENTITY_token)
        key(row, "tokens.token %s", at->token.token_hash);
}

void rules_keys(struct disk_row *row)
{
    const struct field *name = record_field(entity_row(row->kind)->record, "name");

    if (name)
        key(row, "%s.name %s", entity_row(row->kind)->table, (const char *)row->row + name->offset);
    keys_of_work(row);
    keys_of_things(row);
}

static int check_unique(const struct disk *disk, const struct disk_row *row,
                        struct berth_error *reterr)
{
    for (size_t i = 0; i < row->keys_count; i++)
        if (map_get_text(&disk->keys, row->keys[i]))
            return berth_fail(reterr,
                              strstr(row->keys[i], ".name ") ? BERTH_E_EXISTS : BERTH_E_CONFLICT,
                              "UNIQUE: %s", row->keys[i]);
    return 0;
}

/* ---- ended rows stay ended, epochs only rise ---- */

static const struct row_slot *slot_at(const struct disk *disk, uint64_t desktop_id, int64_t number)
{
    char text[80];
    const struct disk_row *row;

    (void)snprintf(text, sizeof(text), "slots.number %llu/%lld", ID(desktop_id), (long long)number);
    row = map_get_text(&disk->keys, text);
    return row ? row->row : NULL;
}

static int check_session(const struct disk *disk, const struct row_session *was,
                         const struct row_session *is, struct berth_error *reterr)
{
    const struct row_slot *slot = slot_at(disk, is->desktop_id, is->slot);

    if (was && was->state == session_ENDED && is->state != session_ENDED)
        return berth_fail(reterr, BERTH_E_CONFLICT, "a session that has ended never lives again");
    if (was && is->epoch < was->epoch)
        return berth_fail(reterr, BERTH_E_CONFLICT, "the epoch of a session only rises");
    if (is->state != session_ENDED && (!was || was->epoch != is->epoch) &&
        (!slot || is->epoch > slot->epoch))
        return berth_fail(reterr, BERTH_E_CONFLICT,
                          "the epoch of a session is never above its slot's");
    if (is->state != session_ENDED &&
        (!is->assignment_id || !is->user_id || !is->pool_id || !is->desktop_id))
        return berth_fail(
            reterr, BERTH_E_CONFLICT,
            "a session that has not ended must have an assignment, a user, a pool and a desktop");
    return 0;
}

static int check_ends(const struct disk_row *was, const struct disk_row *row,
                      struct berth_error *reterr)
{
    const union row *old = was->row;
    const union row *is = row->row;

    if (row->kind == ENTITY_slot && is->slot.epoch < old->slot.epoch)
        return berth_fail(reterr, BERTH_E_CONFLICT, "the epoch of a slot only rises");
    if (row->kind == ENTITY_assignment && old->assignment.state == assignment_CLOSED &&
        is->assignment.state != assignment_CLOSED)
        return berth_fail(reterr, BERTH_E_CONFLICT, "a closed assignment is never opened again");
    if (row->kind == ENTITY_connection && old->connection.state == connection_ENDED &&
        is->connection.state != connection_ENDED)
        return berth_fail(reterr, BERTH_E_CONFLICT,
                          "a connection that has ended is never used again");
    if (row->kind == ENTITY_identity && old->identity.state == identity_REVOKED &&
        is->identity.state != identity_REVOKED)
        return berth_fail(reterr, BERTH_E_CONFLICT,
                          "a revoked identity never becomes current again");
    return 0;
}

/* An ENUM column holds one of its names. */
static int check_enums(enum entity_kind kind, const void *row, struct berth_error *reterr)
{
    const struct record *record = entity_row(kind)->record;

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        int value;

        if (field->type != FIELD_ENUM)
            continue;
        memcpy(&value, (const char *)row + field->offset, sizeof(value));
        if (value < 1)
            return berth_fail(reterr, BERTH_E_INVALID, "CHECK: %s.%s has no value",
                              entity_row(kind)->table, field->name);
    }
    return 0;
}

int rules_may_put(const struct disk *disk, const struct disk_row *was, const struct disk_row *row,
                  struct berth_error *reterr)
{
    int r;

    r = check_enums(row->kind, row->row, reterr);
    if (r < 0)
        return r;
    if (was) {
        r = check_ends(was, row, reterr);
        if (r < 0)
            return r;
    }
    if (row->kind == ENTITY_session) {
        r = check_session(disk, was ? was->row : NULL, row->row, reterr);
        if (r < 0)
            return r;
    }
    return check_unique(disk, row, reterr);
}

int rules_may_drop(const struct disk *disk, const struct disk_row *row, struct berth_error *reterr)
{
    const struct row_slot *slot = row->row;

    if (row->kind != ENTITY_slot)
        return 0;
    list_each (&disk->order[ENTITY_session], node) {
        const struct row_session *session = list_entry(node, struct disk_row, node)->row;

        if (session->desktop_id == slot->desktop_id && session->slot == slot->number &&
            session->state != session_ENDED)
            return berth_fail(reterr, BERTH_E_CONFLICT, "a session is still on this slot");
    }
    return 0;
}

/* ---- references ---- */

static enum entity_kind referred(const struct field *field)
{
    if (field->type != FIELD_ID || !*field->refers || strcmp(field->refers, "0") == 0)
        return ENTITY_NONE;
    return entity_kind_of(field->refers);
}

static uint64_t id_at(const void *row, const struct field *field)
{
    uint64_t id;

    memcpy(&id, (const char *)row + field->offset, sizeof(id));
    return id;
}

/* A past row that is written again keeps no reference to a dropped row: the store clears it. */
static bool is_history(enum entity_kind kind)
{
    return kind == ENTITY_assignment || kind == ENTITY_session || kind == ENTITY_connection ||
           kind == ENTITY_command;
}

int rules_references(const struct disk *disk, const struct change *change,
                     struct berth_error *reterr)
{
    const struct record *record = entity_row(change->kind)->record;

    if (change->verb == CHANGE_SET && is_history(change->kind))
        return 0;

    for (size_t i = 0; i < record->count; i++) {
        enum entity_kind target = referred(&record->fields[i]);
        uint64_t id;

        if (!target)
            continue;
        id = id_at(&change->row, &record->fields[i]);
        if (id && !disk_find(disk, target, id))
            return berth_fail(reterr, BERTH_E_CONFLICT, "FOREIGN KEY: %s.%s %llu",
                              entity_row(change->kind)->table, record->fields[i].name, ID(id));
    }
    return 0;
}

static bool lives(const struct disk_row *row)
{
    const union row *at = row->row;

    switch ((int)row->kind) {
    case ENTITY_assignment:
        return at->assignment.state == assignment_OPEN;
    case ENTITY_session:
        return at->session.state != session_ENDED;
    case ENTITY_connection:
        return at->connection.state != connection_ENDED;
    case ENTITY_command:
        return false;
    default:
        return true;
    }
}

static int forget_in(struct disk *disk, enum entity_kind kind, const struct field *field,
                     uint64_t id, struct berth_error *reterr)
{
    static const uint64_t none = 0;

    list_each (&disk->order[kind], node) {
        struct disk_row *row = list_entry(node, struct disk_row, node);

        if (id_at(row->row, field) != id)
            continue;
        if (lives(row))
            return berth_fail(reterr, BERTH_E_CONFLICT, "FOREIGN KEY: %s.%s still names %llu",
                              entity_row(kind)->table, field->name, ID(id));
        memcpy((char *)row->row + field->offset, &none, sizeof(none));
    }
    return 0;
}

int rules_forget(struct disk *disk, enum entity_kind kind, uint64_t id, struct berth_error *reterr)
{
    for (int other = ENTITY_NONE + 1; other < ENTITY_KINDS; other++) {
        const struct record *record = entity_row((enum entity_kind)other)->record;

        for (size_t i = 0; i < record->count; i++) {
            int r;

            if (referred(&record->fields[i]) != kind)
                continue;
            r = forget_in(disk, (enum entity_kind)other, &record->fields[i], id, reterr);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
