/* linux_device.c - identifiers from /sys and /proc, documents, the reboot command, logs. */
#include "host/linux_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "berth/child.h"
#include "berth/tls.h"

#include "host/log_file.h"

/* Limits of each collected file; the older part of a longer one is left out. */
#define AGENT_SHARE 393216 /* each of two */
#define VIEWER_SHARE 196608

struct device {
    struct berth_loop *loop;
    struct state_dir *state_dir;
    struct device_facts facts;
    char reboot_command[256];
    char log_file[256];
    char viewer_log[256];
    struct child reboot;
    bool rebooting;
    struct op *reboot_op;
};

/* ---- facts ---- */

/* The first line of a file without trailing blanks; "" when it cannot be read. */
static void first_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");

    out[0] = '\0';
    if (!file)
        return;
    if (!fgets(out, (int)size, file))
        out[0] = '\0';
    (void)fclose(file);
    for (size_t length = strcspn(out, "\n"); length > 0; length--) {
        out[length] = '\0';
        if (out[length - 1] != ' ')
            return;
    }
}

/* The address of the first hardware interface, else of the first that is not the loopback. */
static void find_mac(char *out, size_t size)
{
    struct dirent **names = NULL;
    int count = scandir("/sys/class/net", &names, NULL, alphasort);
    bool hardware = false;

    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        char path[320];
        struct stat facts;

        if (name[0] != '.' && strcmp(name, "lo") != 0 && !hardware) {
            (void)snprintf(path, sizeof(path), "/sys/class/net/%.255s/device", name);
            hardware = stat(path, &facts) == 0;
            (void)snprintf(path, sizeof(path), "/sys/class/net/%.255s/address", name);
            if (hardware || !out[0])
                first_line(path, out, size);
        }
        free(names[i]);
    }
    free(names);
}

static void find_facts(struct device_facts *facts)
{
    first_line("/proc/sys/kernel/random/boot_id", facts->boot_id, sizeof(facts->boot_id));
    first_line("/sys/class/dmi/id/product_serial", facts->serial, sizeof(facts->serial));
    if (!facts->serial[0]) /* from the device tree; DMI's serial number is readable by root only */
        first_line("/sys/firmware/devicetree/base/serial-number", facts->serial,
                   sizeof(facts->serial));
    first_line("/sys/class/dmi/id/product_name", facts->model, sizeof(facts->model));
    if (!facts->model[0])
        first_line("/sys/firmware/devicetree/base/model", facts->model, sizeof(facts->model));
    find_mac(facts->mac, sizeof(facts->mac));
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) < 0)
        return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct device_facts *device_facts(const struct device *device)
{
    return &device->facts;
}

int64_t device_slept_ms(berth_unused const struct device *device)
{
    return clock_ms(CLOCK_BOOTTIME) - clock_ms(CLOCK_MONOTONIC);
}

bool kernel_command_line_value(const char *command_line, const char *name, char *out, size_t size)
{
    size_t name_length = strlen(name);
    const char *at = command_line;

    while (*at) {
        const char *value;
        size_t length;

        at += strspn(at, " \t\n");
        length = strcspn(at, " \t\n=\"");
        if (length != name_length || strncmp(at, name, length) != 0 || at[length] != '=') {
            /* Skip the whole word; quotes protect blanks. */
            for (bool quoted = false; *at && (quoted || !strchr(" \t\n", *at)); at++)
                quoted = quoted != (*at == '"');
            continue;
        }
        value = at + length + 1;
        length = *value == '"' ? strcspn(++value, "\"") : strcspn(value, " \t\n");
        if (length >= size)
            return false;
        memcpy(out, value, length);
        out[length] = '\0';
        return true;
    }
    return false;
}

/* ---- documents ---- */

int device_save(struct device *device, const char *name, const char *text,
                struct berth_error *reterr)
{
    char file[80];

    (void)snprintf(file, sizeof(file), "%s.json", name);
    return state_file_write(device->state_dir, file, text, strlen(text), reterr);
}

char *device_load(struct device *device, const char *name)
{
    char file[80];
    size_t size;

    (void)snprintf(file, sizeof(file), "%s.json", name);
    return state_file_read(device->state_dir, file, &size, NULL);
}

/* ---- reboot ---- */

static void reboot_freed(struct child *child)
{
    container_of(child, struct device, reboot)->rebooting = false;
}

static void reboot_ended(struct child *child, int exit_code, int signal)
{
    struct device *device = container_of(child, struct device, reboot);
    struct op *op = berth_take(device->reboot_op);
    struct berth_error error = { 0 };

    if (exit_code != 0)
        (void)berth_fail(&error, BERTH_E_IO, "'%s' ended with %s %d", device->reboot_command,
                         signal ? "signal" : "exit code", signal ? signal : exit_code);
    child_free(child, reboot_freed);
    if (op)
        op_complete(op, error.code, &error);
}

static void reboot_cancelled(struct op *op)
{
    struct device *device = op->handle;

    device->reboot_op = NULL; /* the command runs on: a reboot cannot be undone */
}

int device_reboot_begin(struct device *device, struct op *op)
{
    const char *const argv[] = { device->reboot_command, NULL };
    const struct child_setup setup = { .argv = argv, .new_group = true };
    int r;

    if (!device->reboot_command[0])
        return berth_fail(&op->error, BERTH_E_UNSUPPORTED,
                          "no reboot command is configured: set terminal.reboot_command");
    if (device->rebooting)
        return berth_fail(&op->error, BERTH_E_BUSY, "'%s' is already running",
                          device->reboot_command);
    memset(&device->reboot, 0, sizeof(device->reboot));
    device->reboot.ended = reboot_ended;
    r = child_start(device->loop, &device->reboot, &setup, &op->error);
    if (r < 0)
        return r;
    device->rebooting = true;
    device->reboot_op = op;
    return op_begun(op, reboot_cancelled, device);
}

/* ---- logs ---- */

/* Append the last `limit` bytes of a file below a headline. */
static void append_file(struct device_logs *logs, const char *title, const char *path, size_t limit)
{
    int file = path[0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat facts;
    size_t wanted;
    ssize_t got;

    logs->size += (size_t)snprintf(logs->data + logs->size, 320, "==== %s ====\n", title);
    if (file < 0 || fstat(file, &facts) < 0) {
        logs->size += (size_t)snprintf(logs->data + logs->size, 320, "(%s)\n",
                                       path[0] ? strerror(errno) : "not configured");
        if (file >= 0)
            (void)close(file);
        return;
    }
    wanted = (size_t)facts.st_size < limit ? (size_t)facts.st_size : limit;
    got = pread(file, logs->data + logs->size, wanted, facts.st_size - (off_t)wanted);
    logs->size += got > 0 ? (size_t)got : 0;
    logs->data[logs->size++] = '\n';
    (void)close(file);
}

static void append_facts(const struct device *device, struct device_logs *logs)
{
    const struct device_facts *facts = &device->facts;

    logs->size += (size_t)snprintf(logs->data + logs->size, 1024,
                                   "==== terminal ====\nagent %s\nboot %s\nserial %s\nmac "
                                   "%s\nmodel %s\nup %lld s\nslept %lld s\n",
                                   BERTH_VERSION, facts->boot_id, facts->serial, facts->mac,
                                   facts->model, (long long)(clock_ms(CLOCK_BOOTTIME) / 1000),
                                   (long long)(device_slept_ms(device) / 1000));
}

int device_logs_begin(struct device *device, struct device_logs *ret, struct op *op)
{
    char earlier[300];

    *ret = (struct device_logs){ .data = berth_alloc(DEVICE_LOGS_MAX) };
    append_facts(device, ret);
    append_file(ret, "viewer", device->viewer_log, VIEWER_SHARE);
    log_file_rotated_path(device->log_file, earlier, sizeof(earlier));
    append_file(ret, "agent, earlier", device->log_file[0] ? earlier : "", AGENT_SHARE);
    append_file(ret, "agent", device->log_file, AGENT_SHARE);
    tls_sha256_hex(ret->data, ret->size, ret->sha256);
    op_complete_deferred(op, 0, NULL);
    return 0;
}

/* ---- the port ---- */

struct device *device_new(struct berth_loop *loop, const struct linux_device_setup *setup)
{
    struct device *device = berth_new(struct device);

    device->loop = loop;
    device->state_dir = setup->state_dir;
    copy_text(device->reboot_command, setup->reboot_command);
    copy_text(device->log_file, setup->log_file);
    copy_text(device->viewer_log, setup->viewer_log);
    find_facts(&device->facts);
    return device;
}

bool device_is_idle(const struct device *device)
{
    return !device->rebooting;
}

void device_free(struct device *device)
{
    free(device);
}
