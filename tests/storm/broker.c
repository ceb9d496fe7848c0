/* broker.c - reads /metrics and /proc, and compares two readings. */
#include "broker.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rest.h"

/* ---- /metrics ---- */

/* "name{labels} value" a line; comments begin with '#'. */
static json_t *read_metrics(char *text)
{
    json_t *metrics = json_object();
    char *rest = text;
    char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *space = strrchr(line, ' ');

        if (line[0] == '#' || !space)
            continue;
        *space = '\0';
        (void)json_object_set_new(metrics, line, json_real(strtod(space + 1, NULL)));
    }
    return metrics;
}

double broker_metric(const struct broker_figures *figures, const char *name)
{
    return json_number_value(json_object_get(figures->metrics, name));
}

/* ---- /proc ---- */

/* User and system time of a process in seconds, and its parent. */
static double process_cpu(pid_t pid, pid_t *ret_parent)
{
    unsigned long user = 0;
    unsigned long system = 0;
    char path[64];
    char line[1024] = "";
    const char *at;
    int parent = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    (void)fclose(file);
    at = strrchr(line, ')');
    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers; anything else leaves zeros. */
    if (at && sscanf(at + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &parent, &user,
                     &system) != 3)
        return 0;
    if (ret_parent)
        *ret_parent = parent;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int64_t process_rss(pid_t pid)
{
    char path[64];
    char line[128] = "";
    const char *space;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    (void)fclose(file);
    space = strchr(line, ' ');
    return space ? strtoll(space, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

/* berthd's children are its berth-virts. */
static void add_children(pid_t pid, struct broker_figures *ret)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;

    while (folder && (entry = readdir(folder)) != NULL) {
        pid_t child = (pid_t)strtol(entry->d_name, NULL, 10);
        pid_t parent = 0;
        double cpu_s = child > 0 ? process_cpu(child, &parent) : 0;

        if (child <= 0 || parent != pid)
            continue;
        ret->virt_cpu_s += cpu_s;
        ret->virt_rss_bytes += process_rss(child);
    }
    if (folder)
        (void)closedir(folder);
}

int broker_read(const char *socket, pid_t pid, struct broker_figures *ret,
                struct berth_error *reterr)
{
    char *text = NULL;
    int r;

    *ret = (struct broker_figures){ .own_cpu_s = process_cpu(getpid(), NULL) };
    if (pid > 0) {
        ret->cpu_s = process_cpu(pid, NULL);
        ret->rss_bytes = process_rss(pid);
        add_children(pid, ret);
    }
    r = rest_text(socket, "/metrics", &text, reterr);
    if (r == 0)
        ret->metrics = read_metrics(text);
    free(text);
    return r;
}

void broker_figures_free(struct broker_figures *figures)
{
    json_decref(figures->metrics);
    *figures = (struct broker_figures){ 0 };
}

/* ---- between two readings ---- */

static double between(const struct broker_figures *before, const struct broker_figures *after,
                      const char *name)
{
    return broker_metric(after, name) - (before->metrics ? broker_metric(before, name) : 0);
}

/* What a process used since then; a new process began at zero. */
static double used(double before, double after)
{
    return after >= before ? after - before : after;
}

/* ---- histograms: "name_bucket{labels,le="0.05"} count" ---- */

struct histogram {
    double bound_s[64];
    double count[64];
    size_t bounds;
};

static int by_bound(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

/* Cumulative counts between the two readings. */
static void read_histogram(const struct broker_figures *before, const struct broker_figures *after,
                           const char *prefix, struct histogram *ret)
{
    size_t length = strlen(prefix);
    char name[256];
    const char *key;
    json_t *value;

    *ret = (struct histogram){ 0 };
    json_object_foreach(after->metrics, key, value)
    {
        if (strncmp(key, prefix, length) == 0 && strncmp(key + length, "le=\"", 4) == 0 &&
            ret->bounds < BERTH_COUNT(ret->bound_s))
            ret->bound_s[ret->bounds++] = strtod(key + length + 4, NULL); /* "+Inf" is infinity */
    }
    qsort(ret->bound_s, ret->bounds, sizeof(ret->bound_s[0]), by_bound);
    for (size_t i = 0; i < ret->bounds; i++) {
        (void)snprintf(name, sizeof(name), "%sle=\"%g\"}", prefix, ret->bound_s[i]);
        if (i + 1 == ret->bounds)
            (void)snprintf(name, sizeof(name), "%sle=\"+Inf\"}", prefix);
        ret->count[i] = between(before, after, name);
    }
}

/* The bound below which that share is, in ms, rounded up. -1: above all bounds. */
static double histogram_at(const struct histogram *histogram, double share)
{
    double wanted = share * histogram->count[histogram->bounds - 1];

    for (size_t i = 0; i + 1 < histogram->bounds; i++)
        if (histogram->count[i] >= wanted)
            return histogram->bound_s[i] * 1e3;
    return -1;
}

/* name: without the labels; labels: with its last comma, or "". */
static void put_histogram(const struct broker_figures *before, const struct broker_figures *after,
                          const char *name, const char *labels, json_t *to, const char *key)
{
    struct histogram histogram;
    char prefix[192];

    (void)snprintf(prefix, sizeof(prefix), "%s_bucket{%s", name, labels);
    read_histogram(before, after, prefix, &histogram);
    if (histogram.bounds == 0 || histogram.count[histogram.bounds - 1] <= 0)
        return;
    (void)snprintf(prefix, sizeof(prefix), "%s_max{%s}", name, labels);
    (void)json_object_set_new(to, key,
                              json_pack("{s:f, s:f, s:f, s:f}", "count",
                                        histogram.count[histogram.bounds - 1], "p50_ms_at_most",
                                        histogram_at(&histogram, 0.5), "p99_ms_at_most",
                                        histogram_at(&histogram, 0.99), "max_ms_so_far",
                                        broker_metric(after, prefix) * 1e3));
}

/* Every step of every kind of flow since then. */
static json_t *steps(const struct broker_figures *before, const struct broker_figures *after)
{
    static const char family[] = "berth_flow_step_seconds_count{";
    json_t *report = json_object();
    const char *key;
    json_t *value;

    json_object_foreach(after->metrics, key, value)
    {
        char labels[160];
        char kind[48] = "";
        char step[48] = "";
        char name[100];

        if (strncmp(key, family, strlen(family)) != 0 ||
            sscanf(key + strlen(family), "kind=\"%47[^\"]\",step=\"%47[^\"]\"", kind, step) != 2)
            continue;
        (void)snprintf(labels, sizeof(labels), "kind=\"%s\",step=\"%s\",", kind, step);
        (void)snprintf(name, sizeof(name), "%s/%s", kind, step);
        put_histogram(before, after, "berth_flow_step_seconds", labels, report, name);
    }
    return report;
}

static void put_times(const struct broker_figures *before, const struct broker_figures *after,
                      json_t *report)
{
    put_histogram(before, after, "berth_flow_own_seconds", "kind=\"sign-on\",", report,
                  "sign_on_own");
    put_histogram(before, after, "berth_flow_seconds", "kind=\"sign-on\",", report,
                  "sign_on_whole");
    put_histogram(before, after, "berth_link_mailbox_seconds", "", report, "mailbox");
    put_histogram(before, after, "berth_store_commit_seconds", "", report, "commit");
    put_histogram(before, after, "berth_loop_turn_seconds", "", report, "turns");
    (void)json_object_set_new(report, "steps", steps(before, after));
}

json_t *broker_report(const struct broker_figures *before, const struct broker_figures *after)
{
    double commits = between(before, after, "berth_store_commits_total");
    double operations = between(before, after, "berth_store_operations_total");
    json_t *report = json_object();

    if (!after->metrics)
        return report;
    (void)json_object_set_new(report, "cpu_s", json_real(used(before->cpu_s, after->cpu_s)));
    (void)json_object_set_new(report, "virt_cpu_s",
                              json_real(used(before->virt_cpu_s, after->virt_cpu_s)));
    (void)json_object_set_new(report, "storm_cpu_s",
                              json_real(used(before->own_cpu_s, after->own_cpu_s)));
    (void)json_object_set_new(report, "rss_bytes", json_integer(after->rss_bytes));
    (void)json_object_set_new(report, "virt_rss_bytes", json_integer(after->virt_rss_bytes));
    (void)json_object_set_new(report, "commits", json_real(commits));
    (void)json_object_set_new(report, "decisions", json_real(operations));
    (void)json_object_set_new(report, "batch_mean",
                              json_real(commits > 0 ? operations / commits : 0));
    (void)json_object_set_new(report, "batch_max",
                              json_real(broker_metric(after, "berth_store_batch_max")));
    (void)json_object_set_new(report, "max_turn_ms",
                              json_real(broker_metric(after, "berth_loop_max_turn_seconds") * 1e3));
    (void)json_object_set_new(report, "slow_turns",
                              json_real(between(before, after, "berth_loop_slow_turns_total")));
    (void)json_object_set_new(report, "stalls",
                              json_real(between(before, after, "berth_loop_stalls_total")));
    put_times(before, after, report);
    return report;
}

void broker_forget(struct broker_figures *figures)
{
    double own_cpu_s = figures->own_cpu_s;

    broker_figures_free(figures);
    figures->own_cpu_s = own_cpu_s;
}
