/* virt.h - the port to hypervisors: one berth-virt process per host, seen from the broker.
 *
 * Module virt. Thread: loop. A hung hypervisor never reaches the loop: calls are frames over a
 * socket pair, each with a deadline (calls.def) that this side keeps. When it passes, the call
 * completes with UNKNOWN_OUTCOME and the flow must keep its reservation until virt_inspect
 * answered. Three missed deadlines in a row, or a missed heartbeat, and the process is killed and
 * started again with back-off (0.5 to 30 s, jitter); calls in flight then complete with
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
#undef ENTITY
#undef ENTITY_END
#undef FIELD
enum virt_lane { LANE_READ, LANE_AGENT, LANE_ACTION };
enum virt_call {
#define CALL(name, lane, limit_ms, sentence) VIRT_##name,
#include "virt/calls.def"
#undef CALL
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

/* What a host can do; a missing capability is a fact, not an error. */
enum virt_capability {
    VIRT_CAN_AGENT = 1,    /* guest agent calls */
    VIRT_CAN_STORAGE = 2,  /* clone disks through the storage API */
    VIRT_CAN_EVENTS = 4,   /* life-cycle events */
    VIRT_CAN_PASSWORD = 8, /* set a guest password */
    VIRT_CAN_LEASE = 16,   /* DHCP lease addresses */
};

struct virt;

/* What the module tells the broker by itself; all on the loop. */
struct virt_listener {
    /* The process is connected (up) or not; capabilities and memory when up. */
    void (*host)(void *context, uint64_t host_id, bool up, const struct virt_result *facts,
                 const char *reason);
    /* A life event, or one machine of a list. */
    void (*machine)(void *context, uint64_t host_id, const struct virt_event *event);
    void *context;
};

/* Hosts are started and stopped as rows say; uri by value. Starting one that is there with another
 * URI restarts it. */
void virt_host_start(struct virt *virt, uint64_t host_id, const char *name, const char *uri);
void virt_host_stop(struct virt *virt, uint64_t host_id);

/* Ask. args by value (its secret is wiped after sending); *ret is filled before completion and must
 * live until then. Cancelling forgets the caller, never the call: the module notes it as unknown
 * outcome.
 */
int virt_begin(struct virt *virt, uint64_t host_id, enum virt_call call,
               const struct virt_args *args, struct virt_result *ret,
               struct op *op) berth_must_check;

/* Can desktops be made from this template file? No host is needed for that. forwarded: they are
 * reached by a forwarded port. Errors: INVALID naming what in the file, or that it cannot be read;
 * TIMEOUT.
 */
int virt_check_template(struct virt *virt, const char *file, bool forwarded,
                        struct op *op) berth_must_check;

/* Somebody waits for this machine: what was asked about it and is not sent yet goes before what was
 * asked about others, in its own order. After a restart a thousand machines are asked after at
 * once.
 */
void virt_prioritise(struct virt *virt, uint64_t host_id, const char *uuid);

#endif
