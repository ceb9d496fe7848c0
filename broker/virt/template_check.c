/* template_check.c - check a template in a separate berth-virt process, without a hypervisor.
 *
 * The loop neither reads files that may hang nor parses XML; the child writes the reason to a
 * memfd, and its exit code says whether the template was refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "berth/child.h"

#include "virt/host.h"
#include "virt/wire.h"

#define CHECK_LIMIT_MS 10000 /* the file may be on a share that hangs, or be a pipe */

struct template_check {
    struct list node; /* virt.checks */
    struct child child;
    struct berth_timer limit;
    struct op *op; /* NULL: cancelled */
    int memory;    /* memfd for its output */
    bool late;
};

static void freed(struct child *child)
{
    struct template_check *check = container_of(child, struct template_check, child);

    list_remove(&check->node);
    (void)close(check->memory);
    free(check);
}

static int judge(const struct template_check *check, int exit_code, struct berth_error *error)
{
    char text[BERTH_ERROR_TEXT] = "";

    if (exit_code == 0)
        return 0;
    if (check->late)
        return berth_fail(error, BERTH_E_TIMEOUT, "the template could not be read in %d s",
                          CHECK_LIMIT_MS / 1000);
    if (exit_code != WIRE_EXIT_REFUSED || pread(check->memory, text, sizeof(text) - 1, 0) <= 0)
        return berth_fail(error, BERTH_E_INTERNAL,
                          "the template could not be checked: berth-virt "
                          "ended unexpectedly");
    return berth_fail(error, BERTH_E_INVALID, "%s", text);
}

static void ended(struct child *child, int exit_code, berth_unused int signal)
{
    struct template_check *check = container_of(child, struct template_check, child);
    struct op *op = berth_take(check->op);
    struct berth_error error = { 0 };
    int r = judge(check, exit_code, &error);

    timer_stop(&child->loop->timers, &check->limit);
    child_free(child, freed);
    if (op)
        op_complete(op, r, &error);
}

static void limit_passed(struct berth_timer *timer)
{
    struct template_check *check = container_of(timer, struct template_check, limit);

    check->late = true;
    child_end(&check->child, 0);
}

static void cancel(struct op *op)
{
    struct template_check *check = op->handle;

    check->op = NULL;
    child_end(&check->child, 0);
}

int virt_check_template(struct virt *virt, const char *file, bool forwarded, struct op *op)
{
    const char *argv[] = { virt->program, WIRE_CHECK_TEMPLATE, file, forwarded ? "forwarded" : NULL,
                           NULL };
    struct template_check *check = berth_new(struct template_check);
    int descriptors[] = { -1, -1, STDERR_FILENO };
    const struct child_setup setup = { .argv = argv,
                                       .descriptors = descriptors,
                                       .descriptor_count = BERTH_COUNT(descriptors),
                                       .die_with_parent = true };
    int r;

    check->memory = memfd_create("berth-template-check", MFD_CLOEXEC);
    if (check->memory < 0) {
        free(check);
        return berth_fail(&op->error, BERTH_E_IO, "the template cannot be checked: %s",
                          strerror(errno));
    }
    descriptors[1] = check->memory;
    check->child.ended = ended;
    r = child_start(virt->loop, &check->child, &setup, &op->error);
    if (r < 0) {
        (void)close(check->memory);
        free(check);
        return r;
    }
    check->op = op;
    list_append(&virt->checks, &check->node);
    timer_start(&virt->loop->timers, &check->limit, CHECK_LIMIT_MS, limit_passed);
    return op_begun(op, cancel, check);
}

void template_checks_forget(struct virt *virt)
{
    list_each (&virt->checks, node) {
        struct template_check *check = list_entry(node, struct template_check, node);

        if (check->op)
            check->op->in_flight = false; /* so that op_cancel has no effect any more */
        check->op = NULL;
        child_end(&check->child, 0);
    }
}
