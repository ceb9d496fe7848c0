/* out.h - frames to berthd, from any thread of berth-virt.
 *
 * Room virt (berth-virt). Writing blocks while berthd does not read, which is the back-pressure
 * wanted; when berthd's end is gone the process ends. Events that come while a list is being
 * answered are held back and follow it, so that an old listing never overtakes a newer event.
 */
#ifndef BERTH_VIRT_OUT_H
#define BERTH_VIRT_OUT_H

#include "berth/error.h"

#include "virt/virt.h"

struct out;

/* descriptor: of the socket pair; -1: frames are dropped (unit tests that only want results). */
struct out *out_new(int descriptor);
void out_free(struct out *out);

/* The answer to call `id`: the result, or the failure when code is negative. */
void out_answer(struct out *out, uint64_t id, int code, const struct virt_result *result,
                const struct berth_error *error);

/* One machine of a list: goes out at once. */
void out_listed(struct out *out, const struct virt_event *event);

/* Something that happened by itself: waits while a list is under way. */
void out_event(struct out *out, const struct virt_event *event);

/* Drop events of one machine at a time, and stop doing so: for a detour that is nobody's business.
 */
void out_mute(struct out *out, const char *uuid);
void out_unmute(struct out *out);

/* A list begins, a list ends (however it ended). They may nest. */
void out_hold(struct out *out);
void out_release(struct out *out);

#endif
