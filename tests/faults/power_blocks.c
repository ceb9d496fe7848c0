/* power_blocks.c - berth-power-blocks: power cuts below the file system (F4).
 *
 *     berth-power-blocks FOLDER LOG IMAGE MOUNT [--points N] [--first S]
 *
 * FOLDER is on a file system whose block device logs all writes and flushes, in order, to LOG (in
 * the format of dm-log-writes, as qemu-storage-daemon's blklogwrites writes it). The store's
 * own object code, on SQLite's own VFS and the kernel's file system, decides like a small site
 * (power_workload.h); at each acknowledgement the number of log entries is noted. Then, for drawn
 * prefixes of the log: IMAGE becomes what the device holds after them, of what was written after
 * the last flush a drawn part; it is mounted (the file system recovers), the store opened, and all
 * that was acknowledged by then must be there. power_block.sh sets the device up.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "berth/log.h"

#include "power_check.h"
#include "random_seeded.h"

#define SECTOR 512
#define FLUSH 1U
#define FUA 2U
#define DISCARD 4U

#define CONTROL_POINTS 8

/* As they stand in the log, little endian. */
struct log_super {
    uint64_t magic, version, entries;
    uint32_t sector_size;
};

struct log_entry {
    uint64_t sector, sectors, flags, length;
};

struct device {
    int log_fd;
    unsigned char *bytes; /* contents at the last flush before `at` */
    size_t size;
    size_t at;    /* entries applied */
    off_t offset; /* of the next one in the log */
    struct pending {
        off_t data;
        size_t start, length;
        bool sure; /* FUA: on the medium when it was acknowledged */
    } * pending;
    size_t pending_count, pending_capacity;
    size_t lies_from; /* the control: flushes from this entry on have no effect */
};

struct run {
    const char *folder, *log, *image, *mount;
    size_t points;
    uint64_t first;
    struct power_workload workload;
    struct power_record record;
    struct power_disk nothing; /* unused: the VFS is SQLite's own */
    struct berth_random random;
    struct device device;
    size_t began_at, acked;
    struct cuts {
        size_t points, lost, corrupt, phantom, unmountable;
    } counts;
    bool is_control;
};

static bool read_all(int fd, void *out, size_t length, off_t offset)
{
    return pread(fd, out, length, offset) == (ssize_t)length;
}

/* The super block is written with each flush, so at an acknowledgement its count includes the flush
 * that made the decision durable. */
static size_t log_position(struct power_workload *workload)
{
    struct log_super super;

    if (!read_all(workload->log_fd, &super, sizeof(super), 0)) {
        perror("reading the log");
        exit(2);
    }
    return le64toh(super.entries);
}

/* ---- the device after a prefix of the log ---- */

static void take_pending(struct device *device)
{
    for (size_t i = 0; i < device->pending_count; i++) {
        const struct pending *write = &device->pending[i];

        if (!read_all(device->log_fd, device->bytes + write->start, write->length, write->data))
            perror("reading the log");
    }
    device->pending_count = 0;
}

static void add_pending(struct device *device, const struct log_entry *entry)
{
    struct pending *write;

    if (device->pending_count == device->pending_capacity) {
        device->pending_capacity = device->pending_capacity * 2 + 64;
        device->pending =
            berth_realloc(device->pending, device->pending_capacity * sizeof(*device->pending));
    }
    write = &device->pending[device->pending_count++];
    *write = (struct pending){ .data = device->offset + SECTOR,
                               .start = le64toh(entry->sector) * SECTOR,
                               .length = le64toh(entry->sectors) * SECTOR,
                               .sure = le64toh(entry->flags) & FUA };
    if (write->start + write->length > device->size) {
        (void)fprintf(stderr, "the log writes beyond the device\n");
        exit(2);
    }
}

static void advance(struct device *device, size_t point)
{
    struct log_entry entry;

    for (; device->at < point; device->at++) {
        if (!read_all(device->log_fd, &entry, sizeof(entry), device->offset))
            return; /* the end of the log */
        if ((le64toh(entry.flags) & FLUSH) && device->at < device->lies_from)
            take_pending(device);
        if (le64toh(entry.sectors) && !(le64toh(entry.flags) & DISCARD))
            add_pending(device, &entry);
        device->offset += SECTOR;
        if (!(le64toh(entry.flags) & DISCARD))
            device->offset += (off_t)(le64toh(entry.sectors) * SECTOR);
    }
}

/* What a disk may hold now: all, none, or a random part of the writes since the last flush. */
static bool put_image(struct run *run)
{
    static const unsigned chances[] = { 0, 20, 50, 80, 100 };
    unsigned chance = chances[random_below(&run->random, BERTH_COUNT(chances))];
    struct device *device = &run->device;
    unsigned char *bytes = berth_alloc(device->size);
    int fd = open(run->image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0;

    memcpy(bytes, device->bytes, device->size);
    for (size_t i = 0; i < device->pending_count; i++) {
        const struct pending *write = &device->pending[i];

        if (write->sure || random_below(&run->random, 100) < chance)
            good =
                read_all(device->log_fd, bytes + write->start, write->length, write->data) && good;
    }
    good = good && write(fd, bytes, device->size) == (ssize_t)device->size;
    if (fd >= 0 && close(fd) < 0)
        good = false;
    free(bytes);
    return good;
}

/* ---- mounting ---- */

static bool command(const char *const words[])
{
    extern char **environ;
    pid_t pid;
    int status;

    /* posix_spawnp promises not to change the words. */
    if (posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)(uintptr_t)words, environ) != 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool mount_image(const struct run *run)
{
    const char *const words[] = { "mount", "-o", "loop", run->image, run->mount, NULL };

    return command(words);
}

static void unmount_image(const struct run *run)
{
    /* The loop device is freed with its last user, as mount set it up. */
    if (umount2(run->mount, 0) < 0) {
        perror(run->mount);
        exit(2);
    }
}

/* ---- one point ---- */

/* No folder yet: the file system was cut before it was made durable. Then nothing may have been
 * acknowledged. */
static void check_mounted(struct run *run, size_t point, struct power_finding *finding)
{
    struct stat facts;

    if (stat(run->workload.folder, &facts) < 0 && mkdir(run->workload.folder, 0700) < 0)
        perror(run->workload.folder);
    power_check(&run->workload, &run->record, point, POWER_TRAIL, finding);
}

static void try_point(struct run *run, size_t point)
{
    struct power_finding finding = { 0 };

    advance(&run->device, point);
    if (!put_image(run)) {
        perror(run->image);
        exit(2);
    }
    run->counts.points++;
    if (mount_image(run)) {
        check_mounted(run, point, &finding);
        unmount_image(run);
    } else {
        run->counts.unmountable++;
        (void)snprintf(finding.text, sizeof(finding.text), "it cannot be mounted");
    }
    run->counts.lost += (size_t)finding.lost;
    run->counts.corrupt += finding.corrupt;
    run->counts.phantom += finding.phantom;
    if (finding.text[0] && !run->is_control)
        (void)fprintf(stderr, "seed %llu, after %zu entries: %s\n", (unsigned long long)run->first,
                      point, finding.text);
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;

    return (x > y) - (x < y);
}

static void try_points(struct run *run, size_t points, size_t end)
{
    size_t *at = berth_new_array(size_t, points);

    for (size_t i = 0; i < points; i++)
        at[i] = run->began_at + random_below(&run->random, end - run->began_at + 1);
    qsort(at, points, sizeof(*at), by_size);
    for (size_t i = 0; i < points; i++)
        try_point(run, at[i]);
    free(at);
}

static bool is_found(const struct cuts *counts)
{
    return counts->lost || counts->corrupt || counts->phantom || counts->unmountable;
}

/* The same log on a disk that flushed nothing since the workload began: a check that finds nothing
 * here is worthless. */
static struct cuts try_control(struct run *run, size_t end)
{
    struct cuts honest = run->counts;
    struct cuts control;

    run->counts = (struct cuts){ 0 };
    run->is_control = true;
    memset(run->device.bytes, 0, run->device.size);
    run->device.at = 0;
    run->device.offset = SECTOR;
    run->device.pending_count = 0;
    run->device.lies_from = run->began_at;
    try_points(run, CONTROL_POINTS, end);
    control = run->counts;
    run->counts = honest;
    return control;
}

/* ---- the command ---- */

/* The workload runs on the device until the log is long enough to be worth cutting. */
static bool work(struct run *run)
{
    struct power_workload *workload = &run->workload;
    int r;

    power_workload_init(workload, run->first, run->folder);
    workload->position = log_position;
    workload->log_fd = run->device.log_fd;
    workload->disk = &run->nothing;
    workload->record = &run->record;
    run->began_at = log_position(workload);
    r = power_workload_open(workload);
    if (r == 0)
        r = power_workload_work(workload, 30);
    if (r < 0)
        (void)fprintf(stderr, "the workload fails: %s\n", workload->error.text);
    power_workload_close(workload);
    for (size_t i = 0; i < run->record.count; i++)
        run->acked += run->record.decisions[i].acked_at != POWER_NEVER;
    return r == 0;
}

static bool parse(int argc, char **argv, struct run *run)
{
    const char *longer = getenv("BERTH_LONG");

    run->points = longer && *longer == '1' ? 3000 : 60;
    run->first = 1;
    if (argc < 5)
        return false;
    run->folder = argv[1];
    run->log = argv[2];
    run->image = argv[3];
    run->mount = argv[4];
    for (int i = 5; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--points") == 0)
            run->points = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0)
            run->first = strtoull(argv[i + 1], NULL, 10);
        else
            return false;
    }
    return run->points > 0 && argc % 2 == 1;
}

/* The image has the size of the device: its file says how large that is. */
static bool open_device(struct run *run)
{
    struct stat facts;

    run->device.log_fd = open(run->log, O_RDONLY | O_CLOEXEC);
    if (run->device.log_fd < 0 || stat(run->image, &facts) < 0)
        return false;
    run->device.size = (size_t)facts.st_size;
    run->device.bytes = berth_alloc(run->device.size);
    run->device.offset = SECTOR;
    run->device.lies_from = SIZE_MAX;
    return true;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool run_all(struct run *run)
{
    const struct cuts *counts = &run->counts;
    struct cuts control = { 0 };
    double began = now_s();
    bool good = work(run);
    size_t end = log_position(&run->workload);

    (void)snprintf(run->workload.folder, sizeof(run->workload.folder), "%s/data", run->mount);
    if (good) {
        try_points(run, run->points, end);
        control = try_control(run, end);
    }
    if (good && !is_found(&control))
        (void)fprintf(stderr, "a disk that flushes nothing was not noticed\n");
    printf("{\"fault\":\"F4 power cut at block level\",\"points\":%zu,\"acked\":%zu,"
           "\"entries\":%zu,\"lost\":%zu,\"corrupt\":%zu,\"phantoms\":%zu,\"unmountable\":%zu,"
           "\"control_points\":%zu,\"control_lost\":%zu,\"first\":%llu,\"seconds\":%.1f}\n",
           counts->points, run->acked, end - run->began_at, counts->lost, counts->corrupt,
           counts->phantom, counts->unmountable, control.points, control.lost,
           (unsigned long long)run->first, now_s() - began);
    return good && !is_found(counts) && is_found(&control);
}

int main(int argc, char **argv)
{
    struct run *run = berth_new(struct run);
    bool good;

    if (!parse(argc, argv, run) || !open_device(run)) {
        (void)fprintf(stderr, "usage: berth-power-blocks FOLDER LOG IMAGE MOUNT [--points N] "
                              "[--first S]; IMAGE has the device's size\n");
        free(run);
        return 2;
    }
    log_setup("berth-power-blocks", false, LOG_ERROR);
    power_disk_init(&run->nothing);
    random_seeded(&run->random, run->first);
    good = run_all(run);
    power_workload_end(&run->workload);
    power_record_clear(&run->record);
    free(run->device.bytes);
    free(run->device.pending);
    free(run);
    return good ? 0 : 1;
}
