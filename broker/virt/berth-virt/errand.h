/* errand.h - one call on its way through berth-virt: what is asked, of which connection, and what
 * came of it.
 *
 * Module virt (berth-virt). Thread: the lane that carries it out; owned by one thread at a time.
 */
#ifndef BERTH_VIRT_ERRAND_H
#define BERTH_VIRT_ERRAND_H

#include <libvirt/libvirt.h>

#include "berth/list.h"

#include "virt/virt.h"

#include "out.h"

struct errand {
    struct list node;
    uint64_t id; /* berthd's number */
    enum virt_call call;
    int64_t given_ms;         /* when it came, on the monotonic clock */
    virConnectPtr connection; /* the lane's */
    struct out *out;          /* for calls that say more than their answer */
    struct out_call said;     /* what it has under way there */
    bool events;              /* open: life-cycle events were registered */
    char machine[64];         /* name of the machine at hand, for sentences; see errand_name */
    struct virt_args args;
    struct virt_result result;
    struct berth_error error;
};

/* Carries out a call; 0, or a code with errand->error filled. Safe to repeat. */
typedef int errand_fn(struct errand *errand);

errand_fn survey_host, survey_list, survey_inspect, survey_address, survey_orphans;
errand_fn machine_create, machine_start, machine_stop, machine_refresh, machine_delete;
errand_fn image_check;
errand_fn guest_ping, guest_password, guest_fingerprint, guest_state, guest_sign_off;

/* The function that carries out a call; every call of calls.def has one. */
errand_fn *errand_function(enum virt_call call);

/* The main of a process that only looks at a template: its exit code. */
int machine_check_template(const char *file, bool forwarded);

/* Wipe and free. */
void errand_free(struct errand *errand);
void errand_freep(struct errand **errand); /* for berth_cleanup */

/* ---- helpers shared by the calls ---- */

/* The domain of args.uuid; NOT_FOUND when the host does not know it. Free with virDomainFree. */
int errand_domain(struct errand *errand, virDomainPtr *ret) berth_must_check;
void errand_domain_freep(virDomainPtr *domain); /* for berth_cleanup */

/* Note the machine's name for sentences. It must be done before a call that may fail: asking a
 * domain for its name makes libvirt forget the failure.
 */
void errand_name(struct errand *errand, virDomainPtr domain);

/* Does it run (also: paused, on its way down)? 1, 0 or a code. */
int errand_is_active(struct errand *errand, virDomainPtr domain) berth_must_check;

/* Does libvirt hold an error against the agent of this running machine? See machine.c for the cure.
 */
bool guest_agent_is_barred(virDomainPtr domain);

#endif
