/* virt_request.h - one call in berth-virt: its arguments, its connection and its result.
 *
 * Module virt (berth-virt). Thread: the lane that carries it out; owned by one thread at a time.
 */
#ifndef BERTH_VIRT_VIRT_REQUEST_H
#define BERTH_VIRT_VIRT_REQUEST_H

#include <libvirt/libvirt.h>

#include "berth/list.h"

#include "virt/virt.h"

#include "out.h"

struct virt_request {
    struct list node;
    uint64_t id; /* berthd's number */
    enum virt_call call;
    int64_t received_ms;      /* when it came, on the monotonic clock */
    virConnectPtr connection; /* the lane's */
    struct out *out;          /* for calls that send events besides their answer */
    struct out_call out_call; /* its state in `out` */
    bool events;              /* open: life-cycle events were registered */
    char machine[64];         /* name of the machine, for errors; see virt_request_note_name */
    struct virt_args args;
    struct virt_result result;
    struct berth_error error;
};

/* Carries out a call; 0, or a code with request->error filled. Safe to repeat. */
typedef int virt_request_fn(struct virt_request *request);

virt_request_fn query_host, query_list, query_inspect, query_address, query_orphans;
virt_request_fn machine_create, machine_start, machine_stop, machine_refresh, machine_delete;
virt_request_fn image_check;
virt_request_fn guest_ping, guest_password, guest_fingerprint, guest_state, guest_sign_off;

/* The function that carries out a call; every call of calls.def has one. */
virt_request_fn *virt_request_function(enum virt_call call);

/* Main function of a process that only checks a template; returns the exit code. */
int machine_check_template(const char *file, bool forwarded);

/* Wipe and free. */
void virt_request_free(struct virt_request *request);
void virt_request_freep(struct virt_request **request); /* for berth_cleanup */

/* ---- helpers shared by the calls ---- */

/* The domain of args.uuid; NOT_FOUND when the host does not know it. Free with virDomainFree. */
int virt_request_domain(struct virt_request *request, virDomainPtr *ret) berth_must_check;
void virt_request_domain_freep(virDomainPtr *domain); /* for berth_cleanup */

/* Store the machine's name for errors. Call it before a call that may fail, because
 * virDomainGetName() resets libvirt's last error.
 */
void virt_request_note_name(struct virt_request *request, virDomainPtr domain);

/* Is the domain active (also paused or shutting down)? 1, 0 or a code. */
int virt_request_is_active(struct virt_request *request, virDomainPtr domain) berth_must_check;

/* Does libvirt refuse to use the agent of this running machine after an earlier error? machine.c
 * works around it.
 */
bool guest_agent_is_blocked(virDomainPtr domain);

#endif
