/* host_call.h - a call to a host about one machine, until its outcome is known.
 *
 * Module flow. When the outcome of a call is unknown, or its host was away or busy, the call is not
 * simply repeated: the host is asked about the machine, as soon as it can be asked and until it
 * answers. Then the caller decides from the answer what is still to be done.
 *
 * A struct host_call serves one operation after the other of one flow.
 */
#ifndef BERTH_FLOW_HOST_CALL_H
#define BERTH_FLOW_HOST_CALL_H

#include "berth/wait.h"

#include "flow/context.h"

struct host_call {
    struct context *context;
    struct desktop *desktop; /* pinned by the caller */
    /* The latest operation succeeded, but its call may not have been carried out: `result` says how
     * the machine is (known, running). */
    bool inspected;
    bool host_was_away; /* a question about the machine had to be repeated; reset by the caller */
    int failures; /* calls that a host failed; more than HOST_CALL_FAILURES_MAX are an error */
    struct virt_result result;

    struct op *caller;
    struct op op;
    struct waitq_entry wait;
    struct delay delay;
};

#define HOST_CALL_FAILURES_MAX 3
#define HOST_CALL_RETRY_MS 1000 /* before the host is asked again */

/* Before the first operation. */
void host_call_init(struct host_call *call, struct context *context, struct desktop *desktop);

/* Carry out `what`. Completes with 0, see `inspected`, or with the error of the host.
 *
 * args: copied.
 */
int host_call_begin(struct host_call *call, enum virt_call what, const struct virt_args *args,
                    struct op *op) berth_must_check;

/* Ask about the machine now, or when its host can be asked. Completes when it has answered, with
 * `inspected`.
 *
 * Errors: HOST_DOWN (the host was removed).
 */
int host_inspect_begin(struct host_call *call, struct op *op) berth_must_check;
int host_await_begin(struct host_call *call, struct op *op) berth_must_check;

/* If the desktop is starting, say in its reason that its host does not answer. */
void host_away_reason(struct desktop *desktop, const struct host *host);

/* Is the machine itself at fault when an operation fails with this code? Not when its host was away
 * or busy, when the broker's disk is in trouble, or when the cause is shared by many machines. */
bool failure_is_machines(int code);

/* Was the call to a host not begun, or is its outcome unknown? Then it is made again. */
bool failure_is_hosts(int code);

#endif
