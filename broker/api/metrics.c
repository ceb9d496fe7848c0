/* metrics.c - metrics in Prometheus' text format (exposition format 0.0.4). */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/log.h"

#include "core/index.h"
#include "core/presence.h"

#include "api_internal.h"

/* A growing text, one line per sample. */
struct page {
    char *text;
    size_t length, capacity;
};

static void append(struct page *page, const char *format, ...) berth_printf(2, 3);

static void append(struct page *page, const char *format, ...)
{
    char line[512];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(line))
        return;
    if (page->length + (size_t)length + 1 > page->capacity) {
        page->capacity = (page->length + (size_t)length + 1) * 2;
        page->text = (char *)berth_realloc(page->text, page->capacity);
    }
    memcpy(page->text + page->length, line, (size_t)length + 1);
    page->length += (size_t)length;
}

static void head(struct page *page, const char *name, const char *type, const char *help)
{
    append(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct page *page, const char *name, const char *type, const char *help,
                int64_t value)
{
    head(page, name, type, help);
    append(page, "%s %lld\n", name, (long long)value);
}

/* Label values are names from users: escape backslash, quote and line feed. */
static const char *label(const char *text, char out[300])
{
    size_t length = 0;

    for (; *text && length < 296; text++) {
        if (*text == '\\' || *text == '"')
            out[length++] = '\\';
        out[length++] = *text == '\n' ? ' ' : *text;
    }
    out[length] = '\0';
    return out;
}

/* The samples of a histogram; labels: "kind=\"power\"," with its comma, or "". */
static void times(struct page *page, const char *name, const char *labels,
                  const struct histogram *histogram)
{
    int64_t below = 0;

    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        below += histogram->within[i];
        append(page, "%s_bucket{%sle=\"%g\"} %lld\n", name, labels,
               (double)histogram_bounds_us[i] / 1e6, (long long)below);
    }
    append(page, "%s_bucket{%sle=\"+Inf\"} %lld\n", name, labels, (long long)histogram->count);
    append(page, "%s_sum{%s} %.6f\n%s_count{%s} %lld\n", name, labels,
           (double)histogram->sum_us / 1e6, name, labels, (long long)histogram->count);
}

/* The header of the maximum so far: a gauge in addition to the histogram. */
static void max_head(struct page *page, const char *name)
{
    char own[128];

    (void)snprintf(own, sizeof(own), "%s_max", name);
    head(page, own, "gauge", "The maximum so far.");
}

static void maximum(struct page *page, const char *name, const char *labels,
                    const struct histogram *histogram)
{
    append(page, "%s_max{%s} %.6f\n", name, labels, (double)histogram->max_us / 1e6);
}

/* A histogram without labels, and its maximum. */
static void all_times(struct page *page, const char *name, const char *help,
                      const struct histogram *histogram)
{
    head(page, name, "histogram", help);
    times(page, name, "", histogram);
    max_head(page, name);
    maximum(page, name, "", histogram);
}

/* ---- entities ---- */

static void append_terminals(struct page *page, struct core *core)
{
    int64_t presence[presence_STATES_END] = { 0 };
    int64_t state[terminal_STATES_END] = { 0 };
    int64_t linked = 0;

    list_each (core_all(core, ENTITY_terminal), node) {
        const struct terminal *terminal = entity_at(node, terminal);

        state[terminal->row.state < terminal_STATES_END ? terminal->row.state : 0]++;
        presence[terminal->presence ? terminal->presence->state : presence_ABSENT]++;
        linked += terminal->peer != 0;
    }
    head(page, "berth_terminals", "gauge", "Terminals by state.");
    for (int i = 1; i < terminal_STATES_END; i++)
        append(page, "berth_terminals{state=\"%s\"} %lld\n", terminal_state_names[i],
               (long long)state[i]);
    head(page, "berth_presence", "gauge", "Terminals by presence.");
    for (int i = 1; i < presence_STATES_END; i++)
        append(page, "berth_presence{state=\"%s\"} %lld\n", presence_state_names[i],
               (long long)presence[i]);
    one(page, "berth_terminals_linked", "gauge", "Terminals whose link is open.", linked);
    if (core->presence) {
        one(page, "berth_presence_stale_total", "counter",
            "Renewals with an old sequence number, ignored.", (int64_t)core->presence->stale);
        one(page, "berth_presence_unknown_total", "counter",
            "Renewals of a presence that had ended.", (int64_t)core->presence->unknown);
        one(page, "berth_presence_holds_total", "counter",
            "Times that too many terminals of a site disappeared at once.",
            (int64_t)core->presence->holds);
    }
}

static void append_sessions(struct page *page, struct core *core)
{
    int64_t sessions[session_STATES_END] = { 0 };
    int64_t connections[connection_STATES_END] = { 0 };

    list_each (core_all(core, ENTITY_session), node)
        sessions[entity_at(node, session)->row.state]++;
    list_each (core_all(core, ENTITY_connection), node)
        connections[entity_at(node, connection)->row.state]++;
    head(page, "berth_sessions", "gauge", "Sessions that have not ended, by state.");
    for (int i = 1; i < session_ENDED; i++)
        append(page, "berth_sessions{state=\"%s\"} %lld\n", session_state_names[i],
               (long long)sessions[i]);
    head(page, "berth_connections", "gauge", "Connections that have not ended, by state.");
    for (int i = 1; i < connection_ENDED; i++)
        append(page, "berth_connections{state=\"%s\"} %lld\n", connection_state_names[i],
               (long long)connections[i]);
}

static void append_desktops(struct page *page, struct core *core, const struct pool *pool)
{
    int64_t count[desktop_STATES_END] = { 0 };
    char text[300];

    list_each (index_list(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        count[index_at(DESKTOPS_OF_POOL, node, desktop)->state]++;
    }
    for (int i = 1; i < desktop_STATES_END; i++)
        append(page, "berth_desktops{pool=\"%s\",state=\"%s\"} %lld\n", label(pool->row.name, text),
               desktop_state_names[i], (long long)count[i]);
}

/* A metric of every pool; offset: of its member in the view of runtime facts. */
static void append_pool_metric(struct page *page, struct core *core,
                               const struct view_pool_runtime *runtime, const char *name,
                               const char *help, size_t offset)
{
    size_t i = 0;

    head(page, name, "gauge", help);
    list_each (core_all(core, ENTITY_pool), node) {
        const struct pool *pool = entity_at(node, pool);
        char text[300];
        int64_t value;

        memcpy(&value, (const char *)&runtime[i++] + offset, sizeof(value));
        append(page, "%s{pool=\"%s\"} %lld\n", name, label(pool->row.name, text), (long long)value);
    }
}

static void append_pools(struct page *page, struct core *core)
{
    struct view_pool_runtime *runtime =
        berth_new_array(struct view_pool_runtime, core->of[ENTITY_pool].count + 1);
    size_t i = 0;

    head(page, "berth_desktops", "gauge", "Desktops by pool and state.");
    list_each (core_all(core, ENTITY_pool), node) {
        struct pool *pool = entity_at(node, pool);

        (void)row_runtime(core, &pool->base, &runtime[i++]);
        append_desktops(page, core, pool);
    }
    append_pool_metric(page, core, runtime, "berth_pool_spare",
                       "Desktops up, probed and unassigned.",
                       offsetof(struct view_pool_runtime, spare));
    append_pool_metric(page, core, runtime, "berth_pool_queue", "Sign-ons that wait for a desktop.",
                       offsetof(struct view_pool_runtime, queue));
    append_pool_metric(page, core, runtime, "berth_pool_backoff_seconds",
                       "Rest of the back-off, during which no desktops are created; 0: none.",
                       offsetof(struct view_pool_runtime, backoff_s));
    free(runtime);
}

static void append_hosts(struct page *page, struct core *core)
{
    head(page, "berth_host_up", "gauge", "1: the host answers.");
    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);
        char text[300];

        append(page, "berth_host_up{host=\"%s\"} %d\n", label(host->row.name, text),
               host->state == host_UP || host->state == host_DEGRADED);
    }
}

/* ---- flows, store, loop, API ---- */

static void append_flows(struct page *page, struct flow_engine *engine)
{
    const char *name[FLOW_KINDS_MAX];
    int64_t count[FLOW_KINDS_MAX];
    size_t kinds = 0;

    list_each (&engine->flows, node) {
        const struct flow *flow = list_entry(node, struct flow, node);
        size_t i = 0;

        while (i < kinds && strcmp(name[i], flow->kind->name) != 0)
            i++;
        if (i == kinds && kinds < FLOW_KINDS_MAX) {
            name[kinds] = flow->kind->name;
            count[kinds++] = 0;
        }
        if (i < kinds)
            count[i]++;
    }
    head(page, "berth_flows", "gauge", "Flows under way by kind.");
    for (size_t i = 0; i < kinds; i++)
        append(page, "berth_flows{kind=\"%s\"} %lld\n", name[i], (long long)count[i]);
    one(page, "berth_flows_started_total", "counter", "Flows started.", (int64_t)engine->started);
    one(page, "berth_flows_succeeded_total", "counter", "Flows that succeeded.",
        (int64_t)engine->succeeded);
    one(page, "berth_flows_failed_total", "counter", "Flows that failed or were cancelled.",
        (int64_t)engine->failed);
}

static void append_flow_times(struct page *page, const struct flow_counters *counters)
{
    static const char *const heads[] = {
        "berth_flow_seconds", "Duration of flows that succeeded.", "berth_flow_own_seconds",
        "Duration of flows that succeeded, without waiting for hosts and guests."
    };
    char labels[128];

    /* A separate loop, because all lines of one metric must be adjacent. */
    for (size_t pass = 0; pass < 4; pass++) {
        const char *name = heads[pass & 2];
        bool own = (pass & 2) != 0;

        if (pass % 2 == 0)
            head(page, name, "histogram", heads[(pass & 2) + 1]);
        else
            max_head(page, name);
        for (size_t i = 0; i < FLOW_KINDS_MAX && counters->of[i].kind; i++) {
            const struct flow_durations *histogram = &counters->of[i];

            (void)snprintf(labels, sizeof(labels), "kind=\"%s\",", histogram->kind->name);
            (pass % 2 == 0 ? times : maximum)(page, name, labels,
                                              own ? &histogram->own : &histogram->total);
        }
    }
    head(page, "berth_flow_step_seconds", "histogram", "Duration of completed steps of flows.");
    for (size_t i = 0; i < FLOW_KINDS_MAX && counters->of[i].kind; i++) {
        const struct flow_kind *kind = counters->of[i].kind;

        for (int step = 0; step < kind->count; step++) {
            (void)snprintf(labels, sizeof(labels), "kind=\"%s\",step=\"%s\",", kind->name,
                           kind->steps[step].name);
            if (counters->of[i].step[step].count > 0)
                times(page, "berth_flow_step_seconds", labels, &counters->of[i].step[step]);
        }
    }
}

static void append_store(struct page *page, const struct core *core, const struct store *store)
{
    struct store_stats stats;

    store_stats(store, &stats);
    one(page, "berth_store_rows_loaded", "gauge", "Rows loaded at the start.",
        (int64_t)core->loaded);
    one(page, "berth_store_commits_total", "counter", "Transactions committed.", stats.commits);
    one(page, "berth_store_operations_total", "counter", "Decisions in them.", stats.operations);
    one(page, "berth_store_batch_max", "gauge", "Most decisions in one transaction.",
        stats.batch_max);
    one(page, "berth_store_queue", "gauge", "Decisions that wait for the disk.", stats.queue);
    one(page, "berth_store_wal_bytes", "gauge", "Size of the write-ahead log.", stats.wal_bytes);
    head(page, "berth_store_last_commit_seconds", "gauge", "Duration of the latest commit.");
    append(page, "berth_store_last_commit_seconds %.6f\n", (double)stats.last_commit_us / 1e6);
    all_times(page, "berth_store_commit_seconds", "Duration of transactions.", &stats.commit);
    one(page, "berth_store_degraded", "gauge", "1: the disk is full and changes are refused.",
        stats.degraded);
}

static void append_loop(struct page *page, const struct berth_loop *loop)
{
    one(page, "berth_loop_slow_turns_total", "counter",
        "Turns of the core loop over the limit of 5 ms.", loop->slow_turns);
    one(page, "berth_loop_stalls_total", "counter", "Stalls of the core loop.", loop->stalls);
    all_times(page, "berth_loop_turn_seconds",
              "Duration of the callbacks of each turn of the core loop.", &loop->turns);
    head(page, "berth_loop_max_turn_seconds", "gauge", "Longest turn of the core loop so far.");
    append(page, "berth_loop_max_turn_seconds %.6f\n", (double)loop->max_turn_us / 1e6);
}

static void append_events(struct page *page)
{
    head(page, "berth_log_events_total", "counter", "Log events by name.");
    for (int i = 0; i < EV_COUNT; i++)
        append(page, "berth_log_events_total{event=\"%s\",level=\"%s\"} %llu\n",
               log_event_row((enum log_event)i)->name,
               (const char *const[]){ "error", "warn", "info",
                                      "debug" }[log_event_row((enum log_event)i)->level],
               (unsigned long long)log_count((enum log_event)i));
}

static void append_http_server(struct page *page, const struct api *api)
{
    int64_t connections = 0;

    list_each (&api->clients, node)
        connections++;
    one(page, "berth_api_connections", "gauge", "Connections of the management API.", connections);
    one(page, "berth_api_requests_total", "counter", "Requests of the management API.",
        (int64_t)api->asked);
    head(page, "berth_api_answers_total", "counter", "Answers by class of status.");
    for (int i = 2; i < 6; i++)
        append(page, "berth_api_answers_total{class=\"%dxx\"} %llu\n", i,
               (unsigned long long)api->answered[i]);
    one(page, "berth_api_refused_total", "counter", "Requests that were refused.",
        (int64_t)api->refused);
    one(page, "berth_api_no_descriptors_total", "counter",
        "Times that new connections had to wait for a file descriptor.",
        (int64_t)api->no_descriptors);
    one(page, "berth_api_followers", "gauge", "Streams of events.", (int64_t)api->streams_count);
    one(page, "berth_api_events_total", "counter", "Events sent.", (int64_t)api->events_sent);
    one(page, "berth_api_slow_followers_total", "counter",
        "Streams of events closed because the client did not read.", (int64_t)api->dropped_slow);
    one(page, "berth_api_signed_in", "gauge", "Sign-ins of administrators.",
        (int64_t)api->sign_ins_count);
}

#define METRICS_MAX 64

static void append_metrics(struct page *page, const struct api *api)
{
    struct api_metric metric[METRICS_MAX];
    size_t count = api->metrics ? api->metrics(api->owner, metric, METRICS_MAX) : 0;

    for (size_t i = 0; i < count && i < METRICS_MAX; i++) {
        char already[128];

        /* A metric must not appear twice: skip names that were written already. */
        (void)snprintf(already, sizeof(already), "# HELP %s ", metric[i].name);
        if (strstr(page->text, already))
            continue;
        if (metric[i].times) {
            all_times(page, metric[i].name, metric[i].help, metric[i].times);
            continue;
        }
        one(page, metric[i].name, metric[i].counter ? "counter" : "gauge", metric[i].help,
            metric[i].value);
    }
}

/* ---- the process ---- */

static int64_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = -3; /* "/proc/self/fd" itself, "." and ".." */

    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    (void)closedir(folder);
    return count;
}

/* The second number of /proc/self/statm: resident pages. */
static int64_t resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    const char *second;

    if (!file)
        return 0;
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    (void)fclose(file);
    second = strchr(line, ' ');
    return second ? strtoll(second, NULL, 10) : 0;
}

static void append_process(struct page *page)
{
    uv_rusage_t usage;

    one(page, "process_resident_memory_bytes", "gauge", "Resident memory.",
        resident_pages() * sysconf(_SC_PAGESIZE));
    one(page, "process_open_fds", "gauge", "Open descriptors.", open_descriptors());
    if (uv_getrusage(&usage) == 0) {
        head(page, "process_cpu_seconds_total", "counter", "User and system CPU time.");
        append(page, "process_cpu_seconds_total %.2f\n",
               (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    }
}

char *metrics_text(struct api *api)
{
    struct core *core = api->context->core;
    struct page page = { .text = berth_strdup(""), .capacity = 1 };

    head(&page, "berth_info", "gauge", "Version of the broker.");
    append(&page, "berth_info{version=\"%s\"} 1\n", BERTH_VERSION);
    one(&page, "berth_incarnation", "gauge", "Starts of this broker.", core->incarnation);
    one(&page, "berth_rev", "gauge", "Latest change.", (int64_t)core->rev);
    append_terminals(&page, core);
    append_sessions(&page, core);
    append_pools(&page, core);
    append_hosts(&page, core);
    append_flows(&page, &api->context->engine);
    if (api->context->engine.counters)
        append_flow_times(&page, api->context->engine.counters);
    append_store(&page, core, api->context->store);
    append_loop(&page, api->loop);
    append_http_server(&page, api);
    append_metrics(&page, api);
    append_events(&page);
    append_process(&page);
    return page.text;
}
