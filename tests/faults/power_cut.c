/* power_cut.c - berth-power-vfs: power cuts at any operation of the store's files (F5).
 *
 *     berth-power-vfs [BUILD_DIR] [--points N] [--first S] [--control lies|normal] [--json]
 *
 * The store's own object code runs on a disk in memory (power_disk.h) and makes the decisions of a
 * small site. Then the power is cut, again and again, at random places of what was written; the
 * store is opened on what is left. No acknowledged decision may be missing, nothing may be there
 * that was not decided, and no file may be damaged. One of the disks that are left is the base of
 * the next generation, so that recovery is cut as well; after a number of generations a new
 * workload begins.
 *
 * The seed decides everything except how the writer thread forms batches: the same seed tries the
 * same kind of points, not the same bytes. A finding is reported with seed, generation and point,
 * and its disk is left in a folder.
 *
 * Without --control two controls run after the points: a disk that does not sync, and one that
 * syncs the log as synchronous=NORMAL would. Each must lose acknowledged decisions, else the test
 * proves nothing, which is a failure as well. Exit code: 0 nothing lost, 1 something lost or a
 * control not caught, 2 wrong usage.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/log.h"

#include "power_check.h"
#include "power_vfs.h"
#include "random_seeded.h"

#define GENERATIONS 10 /* of one workload: a small history is checked fast */
#define POINTS_EACH 60 /* cuts of one generation's journal */
#define CONTROL_POINTS 3000

struct cut_counts {
    size_t points, opened, workloads, generations, acked, entries;
    size_t lost, lost_points, corrupt, phantom;
    double seconds;
};

struct cut {
    struct power_workload workload;
    struct power_record record;
    struct power_disk base, current, left, chosen;
    struct power_journal journal;
    struct berth_random random;
    enum power_honesty honesty;
    uint64_t seed;
    size_t generation;
    bool told; /* one finding was reported in full */
    struct cut_counts counts;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- findings ---- */

static void keep_files(const struct power_disk *disk, const char *folder)
{
    for (int i = 0; i < disk->name_count; i++) {
        const struct power_inode *inode = &disk->inodes[disk->names[i].inode];
        char path[400];
        FILE *file;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, disk->names[i].name);
        file = fopen(path, "wb");
        if (!file || fwrite(inode->bytes, 1, inode->size, file) != inode->size)
            perror(path);
        if (file && fclose(file) != 0)
            perror(path);
    }
}

static void tell(struct cut *cut, size_t point, const struct power_finding *finding,
                 const struct power_disk *as_left)
{
    char folder[] = "/tmp/berth-power-found-XXXXXX";

    if (cut->told || cut->honesty != POWER_HONEST)
        return;
    cut->told = true;
    (void)fprintf(stderr, "seed %llu, generation %zu, after %zu of %zu entries: %s\n",
                  (unsigned long long)cut->seed, cut->generation, point, cut->journal.count,
                  finding->text);
    if (mkdtemp(folder)) {
        keep_files(as_left, folder);
        (void)fprintf(stderr, "the disk as it was left is in %s\n", folder);
    }
}

static bool count(struct cut *cut, const struct power_finding *finding)
{
    cut->counts.points++;
    cut->counts.lost += (size_t)finding->lost;
    cut->counts.lost_points += finding->lost > 0;
    cut->counts.corrupt += finding->corrupt;
    cut->counts.phantom += finding->phantom;
    return !finding->lost && !finding->corrupt && !finding->phantom;
}

/* ---- one generation ---- */

/* The store opens on the disk of the last generation and decides; the journal records every write.
 */
static int current(struct cut *cut)
{
    struct power_workload *workload = &cut->workload;
    int r;

    power_disk_copy(&cut->current, &cut->base);
    cut->current.journal = &cut->journal;
    cut->journal.count = 0;
    cut->journal.used = 0;
    power_vfs_use(&cut->current, cut->honesty);
    workload->disk = &cut->current;
    workload->record = &cut->record;
    cut->record.opened_at = POWER_NEVER;
    r = power_workload_open(workload);
    if (r == 0)
        r = power_workload_work(workload, 2 + (int)random_below(&cut->random, 10));
    if (r < 0) {
        (void)fprintf(stderr, "the workload fails: %s\n", workload->error.text);
        exit(1); /* before any cut: the test or the store is broken */
    }
    power_workload_close(workload);
    cut->current.journal = NULL;
    cut->counts.entries += cut->journal.count;
    return r;
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;

    return (x > y) - (x < y);
}

static void settle(struct cut *cut, uint64_t rev, size_t point)
{
    power_record_settle(&cut->record, rev, point);
    power_disk_copy(&cut->base, &cut->chosen);
}

/* Check every disk by SQLite; one in four also through the store, one in sixteen down to the sealed
 * fields; and always the one that the next generation uses. */
static enum power_depth depth_of(struct cut *cut, size_t number, size_t next)
{
    if (number != next && number % 4 != 0)
        return POWER_FILES;
    cut->counts.opened++;
    return number % 16 == 0 ? POWER_TRAIL : POWER_STORE;
}

/* Cut the journal at random places; one of the disks that are left becomes the next base. */
static void cut_points(struct cut *cut, size_t points)
{
    struct power_replay *replay = power_replay_new(&cut->base, &cut->journal);
    size_t *at = berth_new_array(size_t, points);
    size_t next = random_below(&cut->random, points);
    struct power_finding finding;
    uint64_t next_rev = 0;

    for (size_t i = 0; i < points; i++)
        at[i] = random_below(&cut->random, cut->journal.count + 1);
    qsort(at, points, sizeof(*at), by_size);
    for (size_t i = 0; i < points; i++) {
        power_replay_cut(replay, at[i], &cut->random, &cut->left);
        power_disk_copy(&cut->current, &cut->left);
        if (i == next)
            power_disk_copy(&cut->chosen, &cut->left);
        power_vfs_use(&cut->current, POWER_HONEST); /* the check itself syncs */
        cut->workload.disk = &cut->current;
        power_check(&cut->workload, &cut->record, at[i], depth_of(cut, i, next), &finding);
        if (i == next)
            next_rev = finding.rev;
        if (!count(cut, &finding))
            tell(cut, at[i], &finding, &cut->left);
    }
    settle(cut, next_rev, at[next]);
    power_replay_free(replay);
    free(at);
}

static void count_acked(struct cut *cut, size_t before)
{
    for (size_t i = before; i < cut->record.count; i++)
        cut->counts.acked += cut->record.decisions[i].acked_at != POWER_NEVER;
}

static bool is_found(const struct cut *cut)
{
    return cut->counts.lost || cut->counts.corrupt || cut->counts.phantom;
}

/* A workload, beginning with an empty disk. It ends when something was lost: later findings would
 * have the same cause. */
static void run_workload(struct cut *cut, uint64_t seed, size_t points)
{
    cut->seed = seed;
    cut->counts.workloads++;
    random_seeded(&cut->random, seed);
    power_workload_init(&cut->workload, seed, NULL);
    power_disk_clear(&cut->base);
    for (cut->generation = 0; cut->generation < GENERATIONS; cut->generation++) {
        size_t before = cut->record.count;
        size_t some = points - cut->counts.points;

        if (some == 0 || is_found(cut))
            break;
        (void)current(cut);
        count_acked(cut, before);
        cut->counts.generations++;
        cut_points(cut, some < POINTS_EACH ? some : POINTS_EACH);
    }
    power_record_clear(&cut->record);
    power_workload_end(&cut->workload);
}

static void run(struct cut *cut, enum power_honesty honesty, uint64_t first, size_t points)
{
    double began = now_s();

    cut->honesty = honesty;
    cut->counts = (struct cut_counts){ 0 };
    for (uint64_t seed = first; cut->counts.points < points && !is_found(cut); seed++)
        run_workload(cut, seed, points);
    cut->counts.seconds = now_s() - began;
}

/* ---- the command ---- */

struct wanted {
    size_t points;
    uint64_t first;
    bool json;
    bool control_only;
    enum power_honesty control;
};

static bool parse(int argc, char **argv, struct wanted *ret)
{
    *ret = (struct wanted){ .points = 1000, .first = 1 };
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--points") == 0 && more) {
            ret->points = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0 && more) {
            ret->first = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--control") == 0 && more) {
            ret->control_only = true;
            ret->control = strcmp(argv[++i], "normal") == 0 ? POWER_NORMAL : POWER_LIES;
        } else if (strcmp(argv[i], "--json") == 0) {
            ret->json = true;
        } else if (argv[i][0] == '-') {
            return false;
        } /* else the build folder, which a built program does not need */
    }
    return ret->points > 0;
}

static void print(const char *name, const struct cut_counts *counts)
{
    printf(
        "%-18s %7zu points (%zu opened by the store), %zu workloads, %zu generations, %zu entries, "
        "%zu acknowledged: %zu "
        "lost at %zu points, %zu corrupt, %zu phantoms; %.1f s, %.0f points/s\n",
        name, counts->points, counts->opened, counts->workloads, counts->generations,
        counts->entries, counts->acked, counts->lost, counts->lost_points, counts->corrupt,
        counts->phantom, counts->seconds, (double)counts->points / counts->seconds);
    (void)fflush(stdout);
}

/* True when the control lost what it must lose. */
static bool run_control(struct cut *cut, enum power_honesty honesty, const struct wanted *wanted,
                        size_t *ret_points)
{
    run(cut, honesty, wanted->first, CONTROL_POINTS);
    print(honesty == POWER_LIES ? "control: no sync" : "control: NORMAL", &cut->counts);
    *ret_points = cut->counts.points;
    return is_found(cut) && (honesty == POWER_LIES || cut->counts.lost > 0);
}

static bool run_all(struct cut *cut, const struct wanted *wanted)
{
    struct cut_counts counts;
    size_t lies_points = 0;
    size_t normal_points = 0;
    bool lies;
    bool normal;
    bool good;

    run(cut, POWER_HONEST, wanted->first, wanted->points);
    counts = cut->counts;
    print("power cuts", &counts);
    good = !is_found(cut);
    lies = run_control(cut, POWER_LIES, wanted, &lies_points);
    normal = run_control(cut, POWER_NORMAL, wanted, &normal_points);
    if (!lies || !normal)
        printf("a control was not caught: the harness is blind\n");
    if (wanted->json)
        printf("{\"fault\":\"F5 power cut in "
               "process\",\"points\":%zu,\"opened\":%zu,\"acked\":%zu,\"lost\":%zu,"
               "\"corrupt\":%zu,\"phantoms\":%zu,\"workloads\":%zu,\"generations\":%zu,"
               "\"seconds\":%.1f,\"points_per_second\":%.0f,\"first\":%llu,"
               "\"controls\":{\"no_sync_caught_after\":%zu,\"normal_caught_after\":%zu,"
               "\"caught\":%d,\"of\":2}}\n",
               counts.points, counts.opened, counts.acked, counts.lost, counts.corrupt,
               counts.phantom, counts.workloads, counts.generations, counts.seconds,
               (double)counts.points / counts.seconds, (unsigned long long)wanted->first,
               lies_points, normal_points, lies + normal);
    return good && lies && normal;
}

int main(int argc, char **argv)
{
    struct cut *cut = berth_new(struct cut);
    struct wanted wanted;
    size_t points;
    bool good;

    if (!parse(argc, argv, &wanted)) {
        (void)fprintf(stderr, "usage: berth-power-vfs [BUILD_DIR] [--points N] [--first S] "
                              "[--control lies|normal] [--json]\n");
        free(cut);
        return 2;
    }
    log_setup("berth-power-vfs", false, LOG_ERROR);
    power_vfs_register();
    power_disk_init(&cut->base);
    power_disk_init(&cut->current);
    power_disk_init(&cut->left);
    power_disk_init(&cut->chosen);
    good = wanted.control_only ? run_control(cut, wanted.control, &wanted, &points)
                               : run_all(cut, &wanted);
    power_disk_clear(&cut->base);
    power_disk_clear(&cut->current);
    power_disk_clear(&cut->left);
    power_disk_clear(&cut->chosen);
    power_journal_clear(&cut->journal);
    free(cut);
    return good ? 0 : 1;
}
