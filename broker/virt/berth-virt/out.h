/* out.h - send frames to berthd, from any thread of berth-virt.
 *
 * Module virt (berth-virt). Writing blocks while berthd does not read (back-pressure); when berthd
 * closes its end the process exits. Events that occur while a list is sent are held back until
 * after it, so that a listing never overrides a newer event.
 */
#ifndef BERTH_VIRT_OUT_H
#define BERTH_VIRT_OUT_H

#include "berth/error.h"

#include "virt/virt.h"

struct out;

/* State of a call in `out`. It is embedded in the request, initially zero except for its id, and
 * guarded by the lock of `out`, because the lane that carries out the call and the thread that
 * abandons it both use it.
 */
struct out_call {
    uint64_t id; /* berthd's number of the call */
    bool holds;  /* events are held back until its list ends */
    bool mutes;  /* events of its machine are dropped */
    /* its caller has given up: it sends nothing and holds nothing any more */
    bool abandoned;
};

/* descriptor: of the socket pair; -1: frames are dropped (for unit tests). */
struct out *out_new(int descriptor);
void out_free(struct out *out);

/* The answer to call `id`: the result, or the failure when code is negative. */
void out_answer(struct out *out, uint64_t id, int code, const struct virt_result *result,
                const struct berth_error *error);

/* Send one machine of the list that `call` returns, with the id of the call. False: the call was
 * abandoned, nothing was sent.
 */
bool out_listed(struct out *out, const struct out_call *call, const struct virt_event *event);

/* Send an event; held back while a list is being sent. */
void out_event(struct out *out, const struct virt_event *event);

/* Drop the events of one machine, and stop dropping them: for a temporary redefinition that berthd
 * must not see. One machine at a time: out_mute waits until no other is muted.
 */
void out_mute(struct out *out, struct out_call *call, const char *uuid);
void out_unmute(struct out *out, struct out_call *call);

/* Begin and end a list (also when it failed). Lists may overlap; each is released once. */
void out_hold_events(struct out *out, struct out_call *call);
void out_release_events(struct out *out, struct out_call *call);

/* Abandon a call: release what it holds and drop what it still sends. It may return at any time
 * later, or never.
 */
void out_abandon(struct out *out, struct out_call *call);

#endif
