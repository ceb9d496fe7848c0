/* host.h - one host as the broker's side of this module sees it: its process, and the calls on
 * their way.
 *
 * Module virt; private to it. Thread: loop.
 *
 *   BACKOFF      no process; the next one is started when the back-off is over
 *   CONNECTING   the process runs and was told to open the hypervisor
 *   UP           it is connected; calls are served
 *   DISCONNECTED the process runs, the hypervisor is away; it comes back by itself and says "open"
 *
 * Per lane no more calls are sent than berth-virt carries out at once; the others wait here, so
 * that a deadline begins when its call begins, and a call that was never sent can be called off for
 * good.
 */
#ifndef BERTH_VIRT_HOST_H
#define BERTH_VIRT_HOST_H

#include "berth/loop.h"
#include "berth/random.h"

#include "virt/process.h"
#include "virt/virt.h"

#define HOST_LANES 3

/* Calls that may wait for one host. */
#define HOST_WAITING_MAX 20000

struct virt {
    struct berth_loop *loop;
    char *program;
    char *history; /* file that every process records into, or NULL */
    struct virt_listener listener;
    struct berth_random random;
    struct list hosts;     /* struct virt_host */
    struct list processes; /* struct process, also those that were let go */
    struct list checks;    /* struct template_check */
};

enum host_phase { HOST_BACKOFF, HOST_CONNECTING, HOST_UP, HOST_DISCONNECTED };

struct virt_host {
    struct list node;
    struct virt *virt;
    uint64_t id;
    char name[64];
    char uri[256];
    bool stopped; /* taken out of the module; freed at the end of the turn */
    struct berth_deferred reap;

    enum host_phase phase;
    struct process *process; /* NULL while it is backing off */
    bool reported_open;      /* its last word about the hypervisor was "open" */
    unsigned starts;
    int64_t restart_delay_ms; /* the next back-off */
    int64_t up_since_ms;
    struct berth_timer restart;

    struct berth_timer heartbeat; /* time for a ping, or the limit of one that is under way */
    uint64_t ping;                /* id of the ping that is under way, 0 = none */

    uint64_t last_id;
    unsigned missed; /* deadlines in a row */
    struct list waiting[HOST_LANES];
    struct list sent; /* struct call */
    unsigned in_flight[HOST_LANES];
    size_t waiting_count;
};

struct call {
    struct list node;
    struct virt_host *host;
    uint64_t id;
    enum virt_call call;
    enum virt_lane lane;
    bool sent;
    bool ours;     /* the module's own "open" */
    struct op *op; /* NULL: nobody waits for it any more */
    struct virt_result *ret;
    struct virt_args args;
    struct berth_timer limit;
};

/* ---- host.c ---- */

/* NULL when there is none. */
struct virt_host *virt_host_find(const struct virt *virt, uint64_t id);

/* Add a host; its process is started at the end of the turn. */
struct virt_host *host_new(struct virt *virt, uint64_t id, const char *name, const char *uri);

/* Kill its process, forget its calls without a word or complete them with CLOSING, and free it at
 * the end of the turn. */
void host_stop(struct virt_host *host, bool complete);

/* End the process and start another after a while. */
void host_restart(struct virt_host *host, const char *why);

/* The answer to the module's own "open". */
void host_opened(struct virt_host *host, int code, const struct virt_result *facts,
                 const struct berth_error *error);

/* ---- template_check.c ---- */

/* End those under way; nobody is told. */
void template_checks_forget(struct virt *virt);

/* ---- calls.c ---- */

/* Queue a call and send what may be sent. */
void calls_add(struct virt_host *host, struct call *call);

/* What waits and is about this machine goes first. */
void calls_prioritise(struct virt_host *host, const char *uuid);

/* What one frame of the process says, if it is an answer; the ids of pings are the host's own
 * matter. */
void calls_answer(struct virt_host *host, uint64_t id, const json_t *json);

/* Does somebody wait for the answer to this call? */
bool calls_is_awaited(struct virt_host *host, uint64_t id);

/* Complete what waits, or what was sent. The list may be changed by those who are told. */
void calls_fail_waiting(struct virt_host *host, int code, const char *why);
void calls_fail_sent(struct virt_host *host, int code, const char *why);

/* Forget all without a word. */
void calls_forget(struct virt_host *host);

/* A frame with a request: {"call":NAME,"id":N,"args":{...}}; args may be NULL. */
void calls_send(struct virt_host *host, const char *name, uint64_t id,
                const struct virt_args *args);

#endif
