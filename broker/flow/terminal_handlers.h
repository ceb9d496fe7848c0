/* terminal_handlers.h - entry points of the link: connections of terminals, and their messages.
 *
 * Module flow. Thread: loop. Called by module link, which has ended TLS, knows the hash of the
 * peer's key, has decoded the frame, and has refused what messages.def does not permit in the
 * peer's present state. Which terminal speaks is decided here, by the key alone: whatever ids a
 * message carries, it can only act for the terminal of its certificate.
 *
 * Answers are sent by context->tell, connections closed by context->hang_up; both may happen inside
 * these calls. A peer becomes IN_PRESENT when MSG_granted is sent to it, and IN_OPEN again with
 * MSG_presence_unknown.
 *
 * To add a message: a row in messages.def, and a handler and its row in terminal_handlers.c.
 */
#ifndef BERTH_FLOW_TERMINAL_HANDLERS_H
#define BERTH_FLOW_TERMINAL_HANDLERS_H

#include "flow/context.h"

/* ---- for the link ---- */

/* A peer with a valid certificate of the broker's CA has connected (berth/1). address: numeric, for
 * entitlements by network. A second connection of the same terminal replaces the first, which is
 * closed with SUPERSEDED.
 *
 * Errors: CERTIFICATE (unknown or retired key), REVOKED, WAITING, CLOSING: the link sends the
 * sentence and closes; terminal_closed is not called then.
 */
int terminal_opened(struct context *context, uint64_t peer, const char *address,
                    const char *key_hash, struct berth_error *reterr) berth_must_check;

/* The connection ended, for whatever reason; also called after context->hang_up. */
void terminal_closed(struct context *context, uint64_t peer, const char *why);

/* The same for peers of the join listener (berth-join/1), which have no identity yet. */
int joiner_opened(struct context *context, uint64_t peer, const char *address,
                  struct berth_error *reterr) berth_must_check;
void joiner_closed(struct context *context, uint64_t peer);

/* A message of a peer. It stays the caller's, who wipes it; handlers copy what they need. When the
 * peer is no terminal any more, nothing happens. False: no handler takes messages of this type.
 */
bool handle_message(struct context *context, uint64_t peer, const struct msg *msg);

/* ---- handlers in files of their own, for terminal_handlers.c ---- */

typedef void terminal_handler_fn(struct context *context, struct terminal *terminal,
                                 const struct msg *msg);
terminal_handler_fn handle_profile_applied; /* profile.c */
terminal_handler_fn handle_command_state;   /* command.c */

/* join.c: their answers go to the peer. join_start: at the join listener. */
void join_start(struct context *context, uint64_t peer, const struct msg *msg);
void certificate_renewal_start(struct context *context, uint64_t peer, const struct msg *msg);

/* ---- for the link, too ---- */

/* May this peer upload the file of that command now? The link stores the file; that the command is
 * done comes by MSG_command_state. ret_name: 64 bytes for the name of the terminal.
 *
 * Errors: NOT_FOUND (no such command of this terminal), STATE (another kind of command, or it has
 * ended).
 */
int terminal_may_upload(struct context *context, uint64_t peer, uint64_t command_id, char *ret_name,
                        struct berth_error *reterr) berth_must_check;

#endif
