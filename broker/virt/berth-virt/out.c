/* out.c - send frames to berthd. */
#include "out.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/list.h"

#include "virt/wire.h"

struct out {
    int descriptor;
    pthread_mutex_t lock;
    unsigned held;                /* calls that hold back events */
    char muted[40];               /* UUID whose events are dropped */
    const struct out_call *muter; /* the call that mutes it, or NULL */
    pthread_cond_t unmuted;
    struct list waiting; /* struct held_event */
};

struct held_event {
    struct list node;
    struct virt_event event;
};

struct out *out_new(int descriptor)
{
    struct out *out = berth_new(struct out);

    out->descriptor = descriptor;
    (void)pthread_mutex_init(&out->lock, NULL);
    (void)pthread_cond_init(&out->unmuted, NULL);
    list_init(&out->waiting);
    return out;
}

void out_free(struct out *out)
{
    struct list *node;

    while ((node = list_shift(&out->waiting)))
        free(list_entry(node, struct held_event, node));
    (void)pthread_cond_destroy(&out->unmuted);
    (void)pthread_mutex_destroy(&out->lock);
    free(out);
}

/* Write with the lock held. When berthd has closed the socket, exit without cleaning up, in which
 * libvirt might hang. */
static void write_frame(const struct out *out, json_t *json)
{
    unsigned char *frame;
    size_t done = 0;
    size_t size = 0;

    frame = out->descriptor >= 0 ? wire_frame(json, &size) : NULL;
    json_decref(json);
    while (done < size) {
        ssize_t some = write(out->descriptor, frame + done, size - done);

        if (some > 0)
            done += (size_t)some;
        else if (some == 0 || errno != EINTR)
            _exit(0);
    }
    berth_wipe_free(frame, size);
}

void out_answer(struct out *out, uint64_t id, int code, const struct virt_result *result,
                const struct berth_error *error)
{
    json_t *json;

    if (code < 0) {
        const char *symbol = berth_error_row(code)->symbol;

        json = json_pack("{s:I, s:{s:s, s:s}}", "id", (json_int_t)id, "error", "code", symbol,
                         "text", berth_error_text(error));
        if (!json) /* the message is not UTF-8: send the code alone */
            json = json_pack("{s:I, s:{s:s}}", "id", (json_int_t)id, "error", "code", symbol);
    } else {
        json = json_pack("{s:I, s:o}", "id", (json_int_t)id, "ok",
                         record_encode(&virt_result_record, result, SEE_MASK_WIRE));
    }
    (void)pthread_mutex_lock(&out->lock);
    write_frame(out, json);
    (void)pthread_mutex_unlock(&out->lock);
}

static json_t *event_json(const struct virt_event *event)
{
    return json_pack("{s:o}", "event", record_encode(&virt_event_record, event, SEE_MASK_WIRE));
}

bool out_listed(struct out *out, const struct out_call *call, const struct virt_event *event)
{
    bool wanted;

    (void)pthread_mutex_lock(&out->lock);
    wanted = !call->abandoned;
    if (wanted) {
        json_t *json = event_json(event);

        (void)json_object_set_new(json, WIRE_OF, json_integer((json_int_t)call->id));
        write_frame(out, json);
    }
    (void)pthread_mutex_unlock(&out->lock);
    return wanted;
}

void out_event(struct out *out, const struct virt_event *event)
{
    (void)pthread_mutex_lock(&out->lock);
    if (out->muter && strcmp(out->muted, event->uuid) == 0) {
        (void)pthread_mutex_unlock(&out->lock);
        return;
    }
    if (out->held) {
        struct held_event *held = berth_new(struct held_event);

        held->event = *event;
        list_append(&out->waiting, &held->node);
    } else {
        write_frame(out, event_json(event));
    }
    (void)pthread_mutex_unlock(&out->lock);
}

/* ---- state of calls; functions without the prefix "out_" are called with the lock held ---- */

static void unmute(struct out *out, struct out_call *call)
{
    if (!call->mutes)
        return;
    assert(out->muter == call);
    call->mutes = false;
    out->muter = NULL;
    (void)pthread_cond_broadcast(&out->unmuted);
}

static void release(struct out *out, struct out_call *call)
{
    struct list *node;

    if (!call->holds)
        return;
    assert(out->held > 0);
    call->holds = false;
    out->held--;
    while (!out->held && (node = list_shift(&out->waiting))) {
        struct held_event *held = list_entry(node, struct held_event, node);

        write_frame(out, event_json(&held->event));
        free(held);
    }
}

void out_mute(struct out *out, struct out_call *call, const char *uuid)
{
    (void)pthread_mutex_lock(&out->lock);
    while (out->muter && !call->abandoned)
        (void)pthread_cond_wait(&out->unmuted, &out->lock);
    if (!call->abandoned) {
        call->mutes = true;
        out->muter = call;
        copy_text(out->muted, uuid);
    }
    (void)pthread_mutex_unlock(&out->lock);
}

void out_unmute(struct out *out, struct out_call *call)
{
    (void)pthread_mutex_lock(&out->lock);
    unmute(out, call);
    (void)pthread_mutex_unlock(&out->lock);
}

void out_hold_events(struct out *out, struct out_call *call)
{
    (void)pthread_mutex_lock(&out->lock);
    if (!call->abandoned && !call->holds) {
        call->holds = true;
        out->held++;
    }
    (void)pthread_mutex_unlock(&out->lock);
}

void out_release_events(struct out *out, struct out_call *call)
{
    (void)pthread_mutex_lock(&out->lock);
    release(out, call);
    (void)pthread_mutex_unlock(&out->lock);
}

void out_abandon(struct out *out, struct out_call *call)
{
    (void)pthread_mutex_lock(&out->lock);
    call->abandoned = true;
    unmute(out, call);
    release(out, call);
    (void)pthread_cond_broadcast(&out->unmuted); /* it may be waiting in out_mute */
    (void)pthread_mutex_unlock(&out->lock);
}
