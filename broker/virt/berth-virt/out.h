/* out.h - frames to berthd, from any thread of berth-virt.
 *
 * Module virt (berth-virt). Writing blocks while berthd does not read, which is the back-pressure
 * wanted; when berthd's end is gone the process ends. Events that come while a list is being
 * answered are held back and follow it, so that an old listing never overtakes a newer event.
 */
#ifndef BERTH_VIRT_OUT_H
#define BERTH_VIRT_OUT_H

#include "berth/error.h"

#include "virt/virt.h"

struct out;

/* What one call has under way here. It lies in its request, zero with the call's number to begin
 * with, and belongs to `out`: the lane that carries the call out and the thread that abandons it
 * both come here, and whoever is second finds nothing left to do.
 */
struct out_call {
    uint64_t id; /* berthd's number of the call */
    bool holds;  /* events wait for the end of its list */
    bool mutes;  /* events of its machine are dropped */
    /* nobody waits for it any more: it says nothing and holds nothing from now on */
    bool abandoned;
};

/* descriptor: of the socket pair; -1: frames are dropped (unit tests that only want results). */
struct out *out_new(int descriptor);
void out_free(struct out *out);

/* The answer to call `id`: the result, or the failure when code is negative. */
void out_answer(struct out *out, uint64_t id, int code, const struct virt_result *result,
                const struct berth_error *error);

/* One machine of the list that `call` answers with: goes out at once, with the call's number.
 * false: the call was abandoned, nothing went out and nothing will.
 */
bool out_listed(struct out *out, const struct out_call *call, const struct virt_event *event);

/* Something that happened by itself: waits while a list is under way. */
void out_event(struct out *out, const struct virt_event *event);

/* Drop events of one machine at a time, and stop doing so: for a detour that is nobody's business.
 * Muting waits for its turn.
 */
void out_mute(struct out *out, struct out_call *call, const char *uuid);
void out_unmute(struct out *out, struct out_call *call);

/* A list begins, a list ends (however it ended). Lists may overlap; each is released once. */
void out_hold_events(struct out *out, struct out_call *call);
void out_release_events(struct out *out, struct out_call *call);

/* Nobody waits for this call any more: what it holds is released, what it still says is dropped. It
 * may come back at any time later, or never.
 */
void out_abandon(struct out *out, struct out_call *call);

#endif
