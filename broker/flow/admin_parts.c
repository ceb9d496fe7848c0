/* admin_parts.c - a request that changes more rows than one decision holds: decided part by part.
 *
 * The request's id counts as done with the part that finishes it. So a request that is sent again
 * after its end changes nothing, and one that a restart or a refusal left half done goes on with
 * the rest.
 */
#include <assert.h>

#include "flow/admin_start.h"
#include "flow/decide.h"

#define CONFLICTS_MAX 8 /* in a row: somebody else changed one of the rows meanwhile */

struct parts {
    struct stray stray;
    struct rooms *rooms;
    struct admin_actor actor;
    admin_part_fn *build;
    uint64_t id;
    bool finished; /* by the part that is on its way to disk */
    bool repeated; /* the whole request was done before */
    int conflicts;
    struct op *caller;
    struct op commit;
};

static void drop(struct stray *stray)
{
    struct parts *parts = container_of(stray, struct parts, stray);
    struct op *caller = parts->caller;

    free(parts);
    op_complete(caller, BERTH_E_CLOSING, NULL);
}

static int decide_next(struct parts *parts, struct berth_error *reterr)
{
    struct changes *changes = parts->build(parts->rooms, &parts->actor, parts->id, reterr);
    int r;

    if (!changes)
        return reterr->code;
    /* Every part but the last takes something off what is left to do, or there would be no end. */
    assert(changes->count > 0 || !changes->unfinished);
    parts->finished = !changes->unfinished;
    r = decide_begin(parts->rooms, changes,
                     &(struct decide_then){ .ret_repeated = &parts->repeated }, &parts->commit);
    if (r < 0)
        *reterr = parts->commit.error;
    return r;
}

static void decided(struct op *op, int result)
{
    struct parts *parts = container_of(op, struct parts, commit);
    struct berth_error error = op->error;
    struct op *caller = parts->caller;
    int r = result;

    if (r >= 0 && !parts->finished && !parts->repeated) {
        parts->conflicts = 0;
        r = decide_next(parts, &error);
        if (r >= 0)
            return;
    } else if (r == BERTH_E_CONFLICT && ++parts->conflicts < CONFLICTS_MAX) {
        r = decide_next(parts, &error); /* from what is true now */
        if (r >= 0)
            return;
    }
    list_remove(&parts->stray.node);
    free(parts);
    op_complete(caller, r, &error);
}

int admin_in_parts(struct rooms *rooms, const struct admin_actor *actor, uint64_t id,
                   admin_part_fn *build, struct op *op)
{
    struct parts *parts = berth_new(struct parts);
    int r;

    *parts =
        (struct parts){ .rooms = rooms, .actor = *actor, .id = id, .build = build, .caller = op };
    op_init(&parts->commit, rooms->timers, decided);
    r = decide_next(parts, &op->error);
    if (r < 0) {
        free(parts);
        return r;
    }
    admin_waits(rooms, &parts->stray, drop);
    return op_begun(op, NULL, parts);
}
