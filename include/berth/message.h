/* message.h - the messages of messages.def as C structs, and their JSON form.
 *
 * Module shared. A struct msg is plain data, handed by value between threads; it may hold secrets:
 * msg_wipe after use.
 */
#ifndef BERTH_MESSAGE_H
#define BERTH_MESSAGE_H

#include "berth/enums.h"
#include "berth/record.h"
#include "berth/state.h"

/* clang-format off */
#define PART(name, sentence) struct msg_##name {
#define PART_END(name) };
#define MESSAGE(name, direction, in, sentence) struct msg_##name { char unused_;
#define MESSAGE_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#define LIST(record, member, sub, cap, see, sentence) size_t member##_count; struct msg_##sub member[cap];
#include "berth/messages.def"

enum msg_type {
    MSG_NONE,
#define MESSAGE(name, direction, in, sentence) MSG_##name,
#include "berth/messages.def"
    MSG_TYPES
};

/* Plain data; only the member of the union that `type` names is meaningful. */
struct msg {
    enum msg_type type;
    uint64_t ref;
    union {
#define MESSAGE(name, direction, in, sentence) struct msg_##name name;
#include "berth/messages.def"
    };
};
/* clang-format on */

enum msg_direction { UP = 1, DOWN = 2, BOTH = 3 };
enum msg_in { IN_JOINING = 1, IN_OPEN = 2, IN_PRESENT = 4 };

struct msg_row {
    const char *name;
    enum msg_direction direction;
    unsigned in; /* mask of enum msg_in */
    const struct record *record;
};

/* Row of a type; MSG_NONE < type < MSG_TYPES. */
const struct msg_row *msg_row(enum msg_type type);

/* Parse one frame's payload. Fails with PROTOCOL (no JSON object, nesting over 8, unknown type,
 * wrong direction) or INVALID (a field). `direction`: the direction that is legal here.
 */
int msg_decode(const char *json, size_t size, enum msg_direction direction, struct msg *ret,
               struct berth_error *reterr) berth_must_check;

/* JSON text for the peer, secrets in clear: the caller wipes it, then calls free(). *ret_size:
 * without NUL. */
char *msg_encode(const struct msg *msg, size_t *ret_size);

/* Initialise an empty message of this type. Writes msg_size bytes only: a struct msg is as large as
 * its largest message (16 KiB), and most messages are small renewals. Declare the variable with
 * berth_unset for the same reason.
 */
void msg_init(struct msg *msg, enum msg_type type);

/* Make `msg` the refusal of a message. about: its type, or "connection"; error: with the sentence for
 * the person; retry_ms: sent where errors.def says that the same request may succeed later. */
void msg_refuse(struct msg *msg, const char *about, uint64_t ref, const struct berth_error *error,
                int64_t retry_ms);

/* Zero the content of the message; the type stays. */
void msg_wipe(struct msg *msg);

/* Bytes of a struct msg that a message of this type uses; mailboxes copy no more. */
size_t msg_size(enum msg_type type);

#endif
