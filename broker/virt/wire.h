/* wire.h - the protocol between berthd and berth-virt, beyond calls.def.
 *
 * Module virt; both ends. The socket pair is berth-virt's descriptor 3; frames are those of
 * berth/frame.h. Besides the calls of calls.def there is "ping", answered at once by the thread
 * that reads the socket: it shows that the process is alive, even when its hypervisor hangs.
 */
#ifndef BERTH_VIRT_WIRE_H
#define BERTH_VIRT_WIRE_H

#include "virt/virt.h"

#define WIRE_DESCRIPTOR 3
#define WIRE_PING "ping"
#define WIRE_OF "of" /* next to "event": id of the call whose list this machine is part of */
#define WIRE_JSON_DEPTH 4

/* "berth-virt --check-template FILE [forwarded]", without a socket, checks a template and exits.
 * Exit code 0: desktops can be made from it; WIRE_EXIT_REFUSED: standard output says why not.
 */
#define WIRE_CHECK_TEMPLATE "--check-template"
#define WIRE_EXIT_REFUSED 1

/* How many calls of each lane berth-virt carries out in parallel: one connection and one call in
 * flight each. berthd sends no more, so that the deadline of a call begins when the call begins.
 */
#define WIRE_READ_LANES 1
#define WIRE_AGENT_LANES 6
#define WIRE_ACTION_LANES 3

/* The lane of a call: as in the table, except that `address` by the guest agent is an agent call.
 */
enum virt_lane virt_lane_of(enum virt_call call, const struct virt_args *args);

/* The call of that name, or VIRT_CALLS. */
enum virt_call virt_call_named(const char *name);

/* A frame (header included) with a JSON object, to be freed with berth_wipe_free(frame, *ret_size).
 * The text is built in place, so that no copy of a secret remains; the caller wipes the strings
 * named "secret" in `json`. NULL when it is larger than FRAME_MAX.
 */
unsigned char *wire_frame(const json_t *json, size_t *ret_size);

/* Overwrite the text of the member "secret" of `args`, before the object is freed. */
void wire_wipe_secret(json_t *args);

#endif
