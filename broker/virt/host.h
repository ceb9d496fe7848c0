/* host.h - a host in berthd: its berth-virt process, and its queued and running calls.
 *
 * Module virt; private to it. Thread: loop.
 *
 *   BACKOFF       no process; the next one is started when the back-off ends
 *   CONNECTING    the process runs and connects to the hypervisor
 *   UP            it is connected; calls are served
 *   DISCONNECTED  the process runs, but lost the hypervisor; it reconnects and reports "open"
 *
 * No more calls are sent per lane than berth-virt carries out in parallel; the others wait here, so
 * that the deadline of a call begins when the call begins, and a call that was not sent can be
 * cancelled.
 */
#ifndef BERTH_VIRT_HOST_H
#define BERTH_VIRT_HOST_H

#include "berth/loop.h"
#include "berth/random.h"
#include "berth/wait.h"

#include "virt/process.h"
#include "virt/virt.h"

#define HOST_LANES 3

/* Largest number of waiting calls per host. */
#define HOST_WAITING_MAX 20000

struct virt {
    struct berth_loop *loop;
    char *program;
    char *history; /* file that every process records into, or NULL */
    struct virt_listener listener;
    struct berth_random random;
    struct list hosts;     /* struct virt_host */
    struct list processes; /* struct process, also abandoned ones */
    struct list checks;    /* struct template_check */
};

enum host_phase { HOST_BACKOFF, HOST_CONNECTING, HOST_UP, HOST_DISCONNECTED };

struct virt_host {
    struct list node;
    struct virt *virt;
    uint64_t id;
    char name[64];
    char uri[256];
    bool stopped; /* removed; freed at the end of the turn */
    struct berth_deferred reap;

    enum host_phase phase;
    struct process *process; /* NULL in BACKOFF */
    bool reported_open;      /* the last event about the hypervisor was "open" */
    unsigned starts;
    int64_t restart_delay_ms; /* the next back-off */
    int64_t up_since_ms;
    struct berth_timer restart;

    struct berth_timer heartbeat; /* until the next ping, or the limit of a running one */
    uint64_t ping;                /* id of the running ping, 0 = none */

    struct op open; /* the call of that name, and its result */
    struct virt_result facts;
    struct event_wait hanging; /* ended by calls.c: too many deadlines were missed */
    struct op hang;

    uint64_t last_id;
    unsigned missed; /* consecutive missed deadlines */
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
    struct op *op; /* NULL: cancelled */
    struct virt_result *ret;
    struct virt_args args;
    struct berth_timer limit;
};

/* ---- host.c ---- */

/* NULL when there is none. */
struct virt_host *virt_host_find(const struct virt *virt, uint64_t id);

/* Add a host; its process is started at the end of the turn. */
struct virt_host *host_new(struct virt *virt, uint64_t id, const char *name, const char *uri);

/* Kill its process, drop its calls (complete: with CLOSING), and free it at the end of the turn. */
void host_stop(struct virt_host *host, bool complete);

/* ---- template_check.c ---- */

/* Kill running checks without completing their operations. */
void template_checks_forget(struct virt *virt);

/* ---- calls.c ---- */

/* Queue a call, and send calls while lanes are free. ret: filled before op completes. After three
 * missed deadlines in a row host->hanging is ended.
 */
void calls_add(struct virt_host *host, struct call *call, struct virt_result *ret, struct op *op);

/* Move the waiting calls about this machine to the front. */
void calls_prioritise(struct virt_host *host, const char *uuid);

/* Handle an answer of the process to call `id`; answers to pings are handled in host.c. */
void calls_answer(struct virt_host *host, uint64_t id, const json_t *json);

/* Is the caller still waiting for the answer to this call? */
bool calls_is_awaited(struct virt_host *host, uint64_t id);

/* Fail the waiting calls, or the sent ones. Completions may add calls. */
void calls_fail_waiting(struct virt_host *host, int code, const char *why);
void calls_fail_sent(struct virt_host *host, int code, const char *why);

/* Drop all calls without completing them. */
void calls_forget(struct virt_host *host);

/* Send a request {"call":NAME,"id":N,"args":{...}}; args may be NULL. */
void calls_send(struct virt_host *host, const char *name, uint64_t id,
                const struct virt_args *args);

#endif
