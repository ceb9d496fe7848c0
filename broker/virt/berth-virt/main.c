/* main.c - berth-virt: serves the calls of berthd to one hypervisor; started and watched by berthd.
 *
 * Descriptor 3 is the socket to berthd (see virt/wire.h). This thread reads it, answers pings,
 * passes calls to the lanes and abandons those that take too long. The process has no state of its
 * own: it exits when the socket is closed, and may be killed at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "berth/frame.h"
#include "berth/json.h"

#include "virt/wire.h"

#include "hypervisor.h"
#include "lanes.h"
#include "libvirt_error.h"
#include "machine_history.h"
#include "out.h"
#include "virt_request.h"
#include "xml.h"

#define LOOK_MS 500

enum { EXIT_PROTOCOL = 65, EXIT_STUCK = 75 };

#ifdef __SANITIZE_THREAD__
/* libvirt and GLib are not built with the thread sanitizer, which cannot see their locks; our own
 * code is still checked.
 */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:libvirt.so\nrace:libglib-2.0.so\nrace:libgobject-2.0.so\nrace:libgio-2.0.so\n"
           "mutex:libvirt.so\nthread:libvirt.so\ncalled_from_lib:libvirt.so\n"
           "called_from_lib:libglib-2.0.so\ncalled_from_lib:libgobject-2.0.so\n";
}
#endif

struct process {
    struct out *out;
    struct hypervisor *hypervisor;
    struct lanes *lanes;
};

/* JSON texts of this process contain passwords of guests. */
static void wiping_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void prepare(void)
{
    secret_harden_process();
    json_set_alloc_funcs(malloc, wiping_free);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN); /* libvirt writes to its socket with plain write() */
    (void)fcntl(WIRE_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
    (void)fcntl(WIRE_DESCRIPTOR, F_SETFL, 0);
    libvirt_error_setup();
    xml_setup();
}

static int refuse(struct process *process, uint64_t id, int code, const char *text)
{
    struct berth_error error = { 0 };

    (void)berth_fail(&error, code, "%s", text);
    out_answer(process->out, id, code, NULL, &error);
    return 0;
}

static int take_call(struct process *process, uint64_t id, const char *name, json_t *args)
{
    struct virt_result nothing = { 0 };
    struct berth_error error = { 0 };
    struct virt_request *request;
    int r;

    if (strcmp(name, WIRE_PING) == 0) {
        out_answer(process->out, id, 0, &nothing, NULL);
        return 0;
    }
    if (virt_call_named(name) == VIRT_CALLS)
        return refuse(process, id, BERTH_E_UNSUPPORTED, "unknown call");

    request = berth_new(struct virt_request);
    request->id = id;
    request->call = virt_call_named(name);
    r = record_decode(&virt_args_record, args, &request->args, &error);
    if (r < 0) {
        virt_request_free(request);
        return refuse(process, id, r, berth_error_text(&error));
    }
    lanes_submit(process->lanes, request);
    return 0;
}

static int take_frame(void *context, const char *frame, size_t size)
{
    berth_cleanup(json_unrefp) json_t *json = NULL;
    struct berth_error error = { 0 };
    const char *name;
    json_int_t id;

    json = json_parse(frame, size, WIRE_JSON_DEPTH, &error);
    name = json_string_value(json_object_get(json, "call"));
    id = json_integer_value(json_object_get(json, "id"));
    if (!name || id <= 0)
        return BERTH_E_PROTOCOL;
    return take_call(context, (uint64_t)id, name, json_object_get(json, "args"));
}

/* Read available frames. False: berthd closed the socket, or broke the protocol. */
static bool read_some(struct process *process, struct frame_reader *reader, int *ret_exit)
{
    struct berth_error error = { 0 };
    char bytes[16384];
    ssize_t size = read(WIRE_DESCRIPTOR, bytes, sizeof(bytes));

    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    *ret_exit = 0;
    if (size <= 0)
        return false;
    *ret_exit = EXIT_PROTOCOL;
    size = frame_feed(reader, bytes, (size_t)size, take_frame, process, &error);
    explicit_bzero(bytes, sizeof(bytes));
    return size >= 0;
}

static int serve(struct process *process)
{
    struct pollfd socket = { .fd = WIRE_DESCRIPTOR, .events = POLLIN };
    struct frame_reader reader;
    int exit_code = 0;

    frame_reader_init(&reader, FRAME_MAX);
    for (;;) {
        int ready = poll(&socket, 1, LOOK_MS);

        if (ready > 0 && !read_some(process, &reader, &exit_code))
            return exit_code;
        if (!lanes_watch(process->lanes) || hypervisor_needs_restart(process->hypervisor)) {
            (void)fputs("berth-virt: too many calls or an attempt to connect hang; exiting\n",
                        stderr);
            return EXIT_STUCK;
        }
    }
}

/* Arguments: the name of the host, shown by ps, and the file of the history, if one is recorded. */
int main(int argc, char **argv)
{
    struct process process;

    if (argc >= 3 && argc <= 4 && strcmp(argv[1], WIRE_CHECK_TEMPLATE) == 0) {
        xml_setup();
        return machine_check_template(argv[2], argc == 4);
    }
    if (argc > 3 || fcntl(WIRE_DESCRIPTOR, F_GETFD) < 0) {
        (void)fputs("berth-virt must be started by berthd, with a socket as descriptor 3\n",
                    stderr);
        return 64;
    }
    prepare();
    if (argc == 3)
        machine_history_open(argv[2], argv[1]);
    process.out = out_new(WIRE_DESCRIPTOR);
    process.hypervisor = hypervisor_new(process.out);
    process.lanes = lanes_new(process.hypervisor, process.out);
    /* _exit() without cleaning up: libvirt may hang in any call. */
    _exit(serve(&process));
}
