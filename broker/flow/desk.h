/* desk.h - where the door to terminals hands its peers and their messages to the flows.
 *
 * Room flow. Thread: loop. The door has ended TLS, knows the hash of the peer's key, has decoded
 * the frame and refused what messages.def does not permit in the peer's present state. Which
 * terminal speaks is decided here, by the key alone: whatever ids a message carries, it can only
 * ever act for the terminal of its certificate.
 *
 * Answers go out through rooms->tell, hang-ups through rooms->hang_up; both may happen inside these
 * calls. A peer becomes IN_PRESENT when MSG_granted is told to it and IN_OPEN again with
 * MSG_presence_unknown.
 *
 * To add a message: a row in messages.def, a handler here, a row in the door's dispatch table.
 */
#ifndef BERTH_FLOW_DESK_H
#define BERTH_FLOW_DESK_H

#include "flow/rooms.h"

/* A peer with a valid certificate of our CA is there (berth/1). address: numeric, for entitlements
 * by network. Errors: CERTIFICATE (unknown key), REVOKED, CLOSING: the door tells the sentence and
 * closes; terminal_closed is then not called. A second connection of the same terminal takes the
 * place of the first, which is hung up with OVERTAKEN.
 */
int terminal_opened(struct rooms *rooms, uint64_t peer, const char *address, const char *key_hash,
                    struct berth_error *reterr) berth_must_check;

/* Its connection ended, for whatever reason; also after rooms->hang_up. */
void terminal_closed(struct rooms *rooms, uint64_t peer, const char *why);

/* The same for peers of the join door (berth-join/1), which are nobody yet. */
int joiner_opened(struct rooms *rooms, uint64_t peer, const char *address,
                  struct berth_error *reterr) berth_must_check;
void joiner_closed(struct rooms *rooms, uint64_t peer);

/* One handler per message that terminals send. The message is the caller's (who wipes it); what is
 * needed is copied. */
typedef void desk_handler_fn(struct rooms *rooms, uint64_t peer, const struct msg *msg);

desk_handler_fn desk_join; /* IN_JOINING */
desk_handler_fn desk_announce;
desk_handler_fn desk_renew;
desk_handler_fn desk_bye;
desk_handler_fn desk_sign_on;
desk_handler_fn desk_sign_on_cancel;
desk_handler_fn desk_viewer;
desk_handler_fn desk_sign_off;
desk_handler_fn desk_disconnect;
desk_handler_fn desk_profile_applied;
desk_handler_fn desk_command_state;
desk_handler_fn desk_renew_certificate;

/* May this peer send the blob of that command now? The door stores blobs; that the command is done
 * comes by MSG_command_state. *ret_name (64 bytes): name of the terminal. Errors: NOT_FOUND
 * (another terminal's, or none), STATE (a command of another kind, or at its end).
 */
int desk_may_send_blob(struct rooms *rooms, uint64_t peer, uint64_t command_id, char *ret_name,
                       struct berth_error *reterr) berth_must_check;

/* Name of the peer's terminal, for logs and listings; "" when the peer is nobody. */
const char *desk_terminal_name(struct rooms *rooms, uint64_t peer);

/* Starts what stands in the flow room (queues, refilling, reconciling, housekeeping) once the store
 * is loaded; starts the hosts. Fills rooms->house. flows_stop calls every flow off, waits for
 * nothing, and frees it: at the orderly stop after flows_quiesce has answered, or at once when a
 * crash is simulated.
 */
void flows_start(struct rooms *rooms);
void flows_stop(struct rooms *rooms);

/* The orderly stop: no new sign-ons, running flows may end for up to limit_ms; completes when none
 * is left or it is over. */
int flows_quiesce(struct rooms *rooms, int64_t limit_ms, struct op *op) berth_must_check;

/* For the virt room's listener: main passes these on, context is struct rooms. */
void flows_host(void *rooms, uint64_t host_id, bool up, const struct virt_result *facts,
                const char *reason);
void flows_machine(void *rooms, uint64_t host_id, const struct virt_event *event);

#endif
