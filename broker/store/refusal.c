/* refusal.c - the sentences for constraints. */
#include "refusal.h"

#include <stdio.h>
#include <string.h>

struct reason {
    const char *what; /* columns of a unique index as SQLite names them, or the name of a CHECK */
    int code;
    const char *sentence;
};

/* clang-format off */
static const struct reason reasons[] = {
    { "assignments.desktop_id, assignments.slot",       BERTH_E_CONFLICT, "the desktop is assigned to another user" },
    { "assignments.user_id, assignments.pool_id",       BERTH_E_CONFLICT, "the user already has a desktop of this pool" },
    { "sessions.assignment_id",                         BERTH_E_CONFLICT, "the assignment already has a session" },
    { "connections.session_id",                         BERTH_E_CONFLICT, "the session is already shown on a terminal" },
    { "connections.terminal_id",                        BERTH_E_CONFLICT, "the terminal already shows a session" },
    { "slots.desktop_id, slots.number",                 BERTH_E_EXISTS,   "the desktop already has this slot" },
    { "image_versions.image_id, image_versions.number", BERTH_E_EXISTS,   "the image already has a version with this number" },
    { "desktops.uuid",                                  BERTH_E_EXISTS,   "another desktop has this UUID" },
    { "desktops.host_id, desktops.volume",              BERTH_E_EXISTS,   "another desktop of the host has this volume" },
    { "desktops.address, desktops.port",                BERTH_E_EXISTS,   "another desktop of a manual pool is at this address and port" },
    { "identities.key_hash",                            BERTH_E_EXISTS,   "the key already belongs to a terminal" },
    { "terminals.waiting_key",                          BERTH_E_EXISTS,   "another terminal waits with this key" },
    { "invitations.token_hash",                         BERTH_E_EXISTS,   "an invitation with this token exists already" },
    { "tokens.token_hash",                              BERTH_E_EXISTS,   "the token exists already" },
    { "badges.uid_hash",                                BERTH_E_EXISTS,   "the badge already belongs to a user" },
    { "memberships.group_id, memberships.user_id",      BERTH_E_EXISTS,   "the user is already in this group" },
    { "assignment_is_whole",  BERTH_E_CONFLICT, "an open assignment must have a user, a pool and a desktop" },
    { "session_is_whole",     BERTH_E_CONFLICT, "a session that has not ended must have an assignment, a user, a pool and a desktop" },
    { "entitlement_names_one", BERTH_E_INVALID, "an entitlement must name exactly one subject, of its kind" },
    { "profile_names_one",     BERTH_E_INVALID, "a profile must name exactly one subject, of its level" },
    { "invitation_names_one",  BERTH_E_INVALID, "an invitation must be for a new terminal or for an existing one" },
    { "connection_is_whole",  BERTH_E_CONFLICT, "a connection that has not ended must have a session and a terminal" },
};
/* clang-format on */

void refusal_label(enum entity_kind kind, const void *row, char out[160])
{
    const struct record *record = entity_row(kind)->record;
    const struct field *name = record_field(record, "name");
    uint64_t id;

    if (name && *((const char *)row + name->offset)) {
        (void)snprintf(out, 160, "%s '%s'", record->name, (const char *)row + name->offset);
        return;
    }
    memcpy(&id, row, sizeof(id)); /* every row begins with it */
    (void)snprintf(out, 160, "%s %llu", record->name, (unsigned long long)id);
}

static const struct reason *reason_of(const char *what)
{
    for (size_t i = 0; i < BERTH_COUNT(reasons); i++)
        if (strcmp(reasons[i].what, what) == 0)
            return &reasons[i];
    return NULL;
}

static int refuse_unique(const char *columns, const struct change *change, const char *label,
                         struct berth_error *reterr)
{
    const struct entity_row *entity = entity_row(change->kind);
    const struct reason *reason = reason_of(columns);
    char name[80];

    if (reason)
        return berth_fail(reterr, reason->code, "%s", reason->sentence);
    (void)snprintf(name, sizeof(name), "%s.name", entity->table);
    if (strcmp(columns, name) == 0)
        return berth_fail(reterr, BERTH_E_EXISTS, "a %s exists already", label);
    return berth_fail(reterr, BERTH_E_CONFLICT, "%s: %s is in use already", label, columns);
}

int refusal_of(sqlite3 *db, int rc, const struct change *change, struct berth_error *reterr)
{
    const char *message = sqlite3_errmsg(db);
    const char *what = strstr(message, ": ");
    char label[160];

    refusal_label(change->kind, &change->row, label);
    what = what ? what + 2 : message;
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
        return refuse_unique(what, change, label, reterr);
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return berth_fail(reterr, BERTH_E_CONFLICT, "the id of %s is in use already", label);
    case SQLITE_CONSTRAINT_NOTNULL:
        return berth_fail(reterr, BERTH_E_INVALID, "%s: '%s' is required", label, what);
    case SQLITE_CONSTRAINT_TRIGGER:
        return berth_fail(reterr, BERTH_E_CONFLICT, "%s: %s", label, message);
    case SQLITE_CONSTRAINT_CHECK:
        if (reason_of(what))
            return berth_fail(reterr, reason_of(what)->code, "%s: %s", label,
                              reason_of(what)->sentence);
        return berth_fail(reterr, BERTH_E_INVALID, "%s: a value is not allowed (%s)", label, what);
    default:
        return berth_fail(reterr, BERTH_E_CONFLICT, "%s: %s", label, message);
    }
}

/* ---- references ---- */

static bool has_row(sqlite3 *db, const char *table, const char *column, uint64_t value)
{
    char text[256];
    int64_t count = 0;

    (void)snprintf(text, sizeof(text), "SELECT EXISTS (SELECT 1 FROM \"%s\" WHERE \"%s\" = %llu)",
                   table, column, (unsigned long long)value);
    /* The decision is refused in any case: when this query fails, the general sentence is used. */
    return sql_number(db, text, 0, &count, NULL) == 0 && count > 0;
}

/* A row that refers to a missing row. */
static bool refuse_dangling(sqlite3 *db, const struct change *change, struct berth_error *reterr)
{
    const struct record *record = entity_row(change->kind)->record;
    char label[160];

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        uint64_t id;

        if (field->type != FIELD_ID || !*field->refers || strcmp(field->refers, "0") == 0)
            continue;
        memcpy(&id, (const char *)&change->row + field->offset, sizeof(id));
        if (!id || has_row(db, entity_row(entity_kind_of(field->refers))->table, "id", id))
            continue;
        refusal_label(change->kind, &change->row, label);
        (void)berth_fail(reterr, BERTH_E_CONFLICT, "%s: %s %llu does not exist", label,
                         field->refers, (unsigned long long)id);
        return true;
    }
    return false;
}

/* A deleted row that others still refer to. */
static bool refuse_needed(sqlite3 *db, const struct change *change, struct berth_error *reterr)
{
    const char *own = entity_row(change->kind)->name;
    char label[160];

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct entity_row *entity = entity_row((enum entity_kind)kind);

        for (size_t i = 0; i < entity->record->count; i++) {
            const struct field *field = &entity->record->fields[i];

            if (field->type != FIELD_ID || strcmp(field->refers, own) != 0 ||
                !has_row(db, entity->table, field->name, change->row.id))
                continue;
            refusal_label(change->kind, &change->row, label);
            (void)berth_fail(reterr, BERTH_E_CONFLICT, "%s is still used by %s", label,
                             entity->table);
            return true;
        }
    }
    return false;
}

int refusal_of_references(sqlite3 *db, const struct change *const *at, size_t count,
                          struct berth_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        bool found = at[i]->verb == CHANGE_DROP ? refuse_needed(db, at[i], reterr)
                                                : refuse_dangling(db, at[i], reterr);

        if (found)
            return BERTH_E_CONFLICT;
    }
    return berth_fail(reterr, BERTH_E_CONFLICT, "a row would have a dangling reference");
}
