/* virt.c - the interface to hypervisors: the set of hosts. */
#include "virt/virt.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virt/host.h"
#include "virt/virt_setup.h"

/* virt_free waits at most this long for killed processes. */
#define FREE_TURNS 200
#define FREE_TURN_MS 10

/* berth-virt is installed beside berthd. */
static char *default_program(void)
{
    static const char name[] = "berth-virt";
    char path[PATH_MAX + sizeof(name)];
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    path[size > 0 ? size : 0] = '\0';
    slash = strrchr(path, '/');
    memcpy(slash ? slash + 1 : path, name, sizeof(name));
    return berth_strdup(path);
}

struct virt *virt_new(struct berth_loop *loop, const char *program,
                      const struct virt_listener *listener)
{
    struct virt *virt = berth_new(struct virt);

    virt->loop = loop;
    virt->program = program ? berth_strdup(program) : default_program();
    virt->listener = *listener;
    random_system(&virt->random);
    list_init(&virt->hosts);
    list_init(&virt->processes);
    list_init(&virt->checks);
    return virt;
}

void virt_record(struct virt *virt, const char *path)
{
    free(virt->history);
    virt->history = berth_strdup(path);
}

void virt_free(struct virt *virt)
{
    while (!list_empty(&virt->hosts))
        host_stop(list_entry(virt->hosts.next, struct virt_host, node), false);
    template_checks_forget(virt);
    for (int turn = 0;
         turn < FREE_TURNS && !(list_empty(&virt->processes) && list_empty(&virt->checks)); turn++)
        loop_turn(virt->loop, FREE_TURN_MS);
    deferred_run(&virt->loop->timers);
    free(virt->program);
    free(virt->history);
    free(virt);
}

void virt_host_start(struct virt *virt, uint64_t host_id, const char *name, const char *uri)
{
    struct virt_host *host = virt_host_find(virt, host_id);

    if (host && strcmp(host->uri, uri) == 0) {
        copy_text(host->name, name);
        return;
    }
    if (host)
        host_stop(host, true);
    (void)host_new(virt, host_id, name, uri);
}

void virt_host_stop(struct virt *virt, uint64_t host_id)
{
    struct virt_host *host = virt_host_find(virt, host_id);

    if (host)
        host_stop(host, true);
}

static int refuse(const struct virt_host *host, uint64_t host_id, struct berth_error *error)
{
    if (!host) {
        return berth_fail(error, BERTH_E_HOST_DOWN, "host %llu is not in use",
                          (unsigned long long)host_id);
    }
    if (host->phase != HOST_UP)
        return berth_fail(error, BERTH_E_HOST_DOWN, "host %s is down", host->name);
    if (host->waiting_count >= HOST_WAITING_MAX) {
        return berth_fail(error, BERTH_E_BUSY, "host %s is overloaded: %d calls are waiting",
                          host->name, HOST_WAITING_MAX);
    }
    return 0;
}

int virt_begin(struct virt *virt, uint64_t host_id, enum virt_call call,
               const struct virt_args *args, struct virt_result *ret, struct op *op)
{
    struct virt_host *host = virt_host_find(virt, host_id);
    struct call *created;
    int r;

    op->error = (struct berth_error){ 0 };
    r = refuse(host, host_id, &op->error);
    if (r < 0)
        return r;

    created = berth_new(struct call);
    created->call = call;
    created->args = *args;
    calls_add(host, created, ret, op);
    return 0;
}

void virt_prioritise(struct virt *virt, uint64_t host_id, const char *uuid)
{
    struct virt_host *host = virt_host_find(virt, host_id);

    if (host)
        calls_prioritise(host, uuid);
}

bool virt_host_info(struct virt *virt, uint64_t host_id, struct virt_host_info *ret)
{
    const struct virt_host *host = virt_host_find(virt, host_id);

    if (!host)
        return false;
    *ret = (struct virt_host_info){ .starts = host->starts,
                                    .pid = host->process ? process_pid(host->process) : 0,
                                    .up = host->phase == HOST_UP,
                                    .waiting = host->waiting_count };
    for (int lane = 0; lane < HOST_LANES; lane++)
        ret->in_flight += host->in_flight[lane];
    return true;
}
