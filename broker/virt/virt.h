/* virt.h - the interface to hypervisors: one berth-virt process per host.
 *
 * Module virt. Thread: loop. A hung hypervisor never blocks the loop: calls are frames over a
 * socket pair, each with a deadline (calls.def) that berthd keeps. When it passes, the call
 * completes with UNKNOWN_OUTCOME, and the flow must keep its reservation until an `inspect` call
 * succeeded. After three missed deadlines in a row, or a missed heartbeat, the process is killed
 * and restarted with back-off (0.5 to 30 s, with jitter); calls in flight then complete with
 * UNKNOWN_OUTCOME, new ones with HOST_DOWN until it is up.
 */
#ifndef BERTH_VIRT_VIRT_H
#define BERTH_VIRT_VIRT_H

#include "berth/op.h"

#include "core/rows.h"

/* clang-format off */
#define ENTITY(name, table, write, sentence) struct name {
#define ENTITY_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#include "virt/calls.def"
enum virt_lane { LANE_READ, LANE_AGENT, LANE_ACTION };
enum virt_call {
#define CALL(name, lane, limit_ms, sentence) VIRT_##name,
#include "virt/calls.def"
    VIRT_CALLS
};
/* clang-format on */

extern const struct record virt_args_record, virt_result_record, virt_event_record;

struct virt_call_row {
    const char *name;
    enum virt_lane lane;
    int64_t limit_ms;
};
const struct virt_call_row *virt_call_row(enum virt_call call);

/* What a host can do; a missing capability is not an error. */
enum virt_capability {
    VIRT_CAN_AGENT = 1,    /* guest agent calls */
    VIRT_CAN_STORAGE = 2,  /* clone disks through the storage API */
    VIRT_CAN_EVENTS = 4,   /* life-cycle events */
    VIRT_CAN_PASSWORD = 8, /* set a guest password */
    VIRT_CAN_LEASE = 16,   /* DHCP lease addresses */
};

struct virt;

/* Notifications of the module; all on the loop. */
struct virt_listener {
    /* The host is connected (up) or not; facts: capabilities and memory when up. */
    void (*host)(void *context, uint64_t host_id, bool up, const struct virt_result *facts,
                 const char *reason);
    /* A life-cycle event, or one machine of a list. */
    void (*machine)(void *context, uint64_t host_id, const struct virt_event *event);
    void *context;
};

/* Start and stop hosts. Starting a running one with another URI restarts it. */
void virt_host_start(struct virt *virt, uint64_t host_id, const char *name, const char *uri);
void virt_host_stop(struct virt *virt, uint64_t host_id);

/* Begin a call. args are copied (the copy of the secret is wiped after sending); *ret is filled
 * before completion and must live until then. Cancelling drops the result only: a call that was
 * sent is carried out, and its outcome is unknown.
 */
int virt_begin(struct virt *virt, uint64_t host_id, enum virt_call call,
               const struct virt_args *args, struct virt_result *ret,
               struct op *op) berth_must_check;

/* Check that desktops can be made from this template file; no host is needed. forwarded: they are
 * reached by a forwarded port. Errors: INVALID naming what is wrong in the file, or that it cannot
 * be read; TIMEOUT.
 */
int virt_check_template(struct virt *virt, const char *file, bool forwarded,
                        struct op *op) berth_must_check;

/* Prioritise the waiting calls about this machine, in their order, because a user waits for it:
 * after a restart a thousand machines are inspected at once.
 */
void virt_prioritise(struct virt *virt, uint64_t host_id, const char *uuid);

#endif
