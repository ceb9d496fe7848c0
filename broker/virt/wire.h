/* wire.h - what berthd and berth-virt agree on beyond calls.def.
 *
 * Module virt; both ends. The socket pair is berth-virt's descriptor 3; frames are those of
 * berth/frame.h. Besides the calls of calls.def there is "ping", answered by the thread that reads
 * the socket and never queued: it says that the process is alive, whatever its hypervisor does.
 */
#ifndef BERTH_VIRT_WIRE_H
#define BERTH_VIRT_WIRE_H

#include "virt/virt.h"

#define WIRE_DESCRIPTOR 3
#define WIRE_PING "ping"
#define WIRE_OF "of" /* beside "event": the call that this machine of a list answers */
#define WIRE_JSON_DEPTH 4

/* berth-virt with these arguments, without a socket, looks at a template and ends: "berth-virt
 * --check-template FILE [forwarded]". 0: desktops can be made from it; WIRE_EXIT_REFUSED: standard
 * output says why not.
 */
#define WIRE_CHECK_TEMPLATE "--check-template"
#define WIRE_EXIT_REFUSED 1

/* How many calls of a kind berth-virt carries out at once: one connection and one call in flight
 * each. berthd sends no more than that, so that a call's deadline begins when its work begins.
 */
#define WIRE_READ_LANES 1
#define WIRE_AGENT_LANES 6
#define WIRE_ACTION_LANES 3

/* The lane of a call: as the table says, but an address that the guest agent must tell is an agent
 * call. */
enum virt_lane virt_lane_of(enum virt_call call, const struct virt_args *args);

/* The call of that name, or VIRT_CALLS. */
enum virt_call virt_call_named(const char *name);

/* A frame (header included) for a JSON object, berth_wipe_free(frame, *ret_size). The text is built
 * in place, so that no copy of a secret stays behind; the strings of `json` named "secret" are the
 * caller's to wipe. NULL when it is larger than FRAME_MAX.
 */
unsigned char *wire_frame(const json_t *json, size_t *ret_size);

/* Overwrite the text of the member "secret" of `args`, before the object is freed. */
void wire_wipe_secret(json_t *args);

#endif
