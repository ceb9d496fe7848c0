/* machine_requests.c - the list of requests of each machine. */
#include "flow/machine_requests.h"

#include "core/desktop_class.h"

static void cancelled(struct op *op)
{
    struct goal_request *request = op->handle;

    list_remove(&request->node);
    free(request);
    /* Its desktop is reclassified when the work for it has ended. */
}

void machine_request_add(struct desktop *desktop, enum machine_goal goal, struct op *op)
{
    struct goal_request *request = berth_new(struct goal_request);

    request->goal = goal;
    request->op = op;
    list_append(&desktop->requests, &request->node);
    desktop_reclassify(desktop);
    if (op)
        (void)op_begun(op, cancelled, request);
}

void machine_request_done(struct goal_request *request, int result, const struct berth_error *error)
{
    struct op *op = request->op;

    free(request);
    if (op)
        op_complete_deferred(op, result, error); /* deferred: the op can still be cancelled */
}

bool machine_is_requested(const struct desktop *desktop, enum machine_goal goal)
{
    list_each (&desktop->requests, node)
        if (list_entry(node, struct goal_request, node)->goal == goal)
            return true;
    return false;
}

enum machine_goal machine_most_urgent(const struct desktop *desktop)
{
    enum machine_goal goal = MACHINE_UP;

    list_each (&desktop->requests, node) {
        const struct goal_request *request = list_entry(node, struct goal_request, node);

        if (request->goal < goal)
            goal = request->goal;
    }
    return goal;
}

bool machine_is_awaited(const struct desktop *desktop)
{
    list_each (&desktop->requests, node)
        if (list_entry(node, struct goal_request, node)->op)
            return true;
    return desktop_is_free(desktop);
}
