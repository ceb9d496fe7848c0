/* hypervisor.c - the permanent connection to one hypervisor. */
#include "hypervisor.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "events.h"
#include "libvirt_error.h"
#include "out.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 30000

/* An attempt to connect cannot be interrupted; when it takes longer the process must be restarted.
 */
#define ATTEMPT_MAX_MS 15000

/* Connections that may be abandoned without closing them. */
#define LEAKED_MAX 16

/* Closing a connection while one of its events is being delivered can deadlock libvirt: it is
 * closed after this much time without events. */
#define QUIET_MS 1000

struct hypervisor {
    struct out *out;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char uri[256];
    virConnectPtr connection; /* the event connection; only the connection thread closes it */
    struct events events;
    bool open, has_events;
    bool lost;       /* the close callback fired */
    int lost_reason; /* VIR_CONNECT_CLOSE_REASON_... */
    bool urgent;     /* a caller waits: end the back-off */
    /* incremented when it is opened: lane connections of older generations are dead */
    unsigned generation;
    unsigned leaked;   /* abandoned connections */
    unsigned failures; /* failed attempts, in all */
    int64_t attempt_began_ms;
    struct berth_error error;             /* of the last attempt */
    char last_reported[BERTH_ERROR_TEXT]; /* error of the last attempt; "" after a success */
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for a change until the deadline, with the lock held; false when it has passed. */
static bool wait_until(struct hypervisor *hypervisor, int64_t then_ms)
{
    struct timespec then = { .tv_sec = then_ms / 1000, .tv_nsec = then_ms % 1000 * 1000000 };

    return pthread_cond_timedwait(&hypervisor->changed, &hypervisor->lock, &then) == 0;
}

static void *run_events(berth_unused void *unused)
{
    /* It must never end, or no events are received; the pause keeps a failing turn from spinning.
     */
    const struct timespec pause = { .tv_nsec = 100000000 };

    for (;;) {
        if (virEventRunDefaultImpl() < 0)
            (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

/* virEventRunDefaultImpl() fails without any handle or timer, so register a timer that never fires.
 */
static void never(berth_unused int timer, berth_unused void *unused)
{
}

static void on_close(berth_unused virConnectPtr connection, int reason, void *context)
{
    struct hypervisor *hypervisor = context;

    (void)pthread_mutex_lock(&hypervisor->lock);
    hypervisor->lost = true;
    hypervisor->lost_reason = reason;
    (void)pthread_cond_broadcast(&hypervisor->changed);
    (void)pthread_mutex_unlock(&hypervisor->lock);
}

/* ---- the connection thread ---- */

static const char *close_reason(int reason)
{
    switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_EOF:
        return "the connection ended";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
        return "the hypervisor does not answer";
    case VIR_CONNECT_CLOSE_REASON_CLIENT:
        return "closed by us";
    default:
        return "the connection failed";
    }
}

/* Random jitter between half of the time and all of it, so that many processes do not connect at
 * once. */
static int64_t jittered(int64_t ms)
{
    uint32_t random = 0;

    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return ms / 2 + (int64_t)(random % (uint64_t)(ms / 2 + 1));
}

static void back_off(struct hypervisor *hypervisor, int64_t ms)
{
    int64_t until = now_ms() + jittered(ms);

    (void)pthread_mutex_lock(&hypervisor->lock);
    while (!hypervisor->urgent && wait_until(hypervisor, until))
        ;
    hypervisor->urgent = false;
    (void)pthread_mutex_unlock(&hypervisor->lock);
}

static void report(struct hypervisor *hypervisor, enum virt_event_kind what, const char *reason)
{
    struct virt_event event = { .what = what };

    copy_text(event.reason, reason);
    out_event(hypervisor->out, &event);
}

/* The first failure is the answer to berthd's "open"; later ones are reported only when the reason
 * changes. */
static void note_failure(struct hypervisor *hypervisor, const struct berth_error *error)
{
    bool is_new;

    (void)pthread_mutex_lock(&hypervisor->lock);
    is_new = strcmp(hypervisor->last_reported, error->text) != 0;
    copy_text(hypervisor->last_reported, error->text);
    hypervisor->attempt_began_ms = 0;
    hypervisor->error = *error;
    hypervisor->failures++;
    (void)pthread_cond_broadcast(&hypervisor->changed);
    (void)pthread_mutex_unlock(&hypervisor->lock);
    if (is_new)
        report(hypervisor, virt_event_kind_CLOSED, error->text);
}

static bool try_open(struct hypervisor *hypervisor)
{
    struct berth_error error = { 0 };
    virConnectPtr connection;
    bool has_events;

    (void)pthread_mutex_lock(&hypervisor->lock);
    hypervisor->attempt_began_ms = now_ms();
    hypervisor->lost = false;
    (void)pthread_mutex_unlock(&hypervisor->lock);

    connection = virConnectOpen(hypervisor->uri);
    if (!connection) {
        (void)libvirt_fail(&error, "cannot connect to '%s'", hypervisor->uri);
        error.code =
            BERTH_E_HOST_DOWN; /* HOST_DOWN whatever the reason: the next attempt may succeed */
        note_failure(hypervisor, &error);
        return false;
    }
    /* Local drivers support neither; their connections cannot be lost. */
    (void)virConnectSetKeepAlive(connection, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
    (void)virConnectRegisterCloseCallback(connection, on_close, hypervisor, NULL);
    has_events = events_register(&hypervisor->events, connection, hypervisor->out);

    (void)pthread_mutex_lock(&hypervisor->lock);
    hypervisor->connection = connection;
    hypervisor->attempt_began_ms = 0;
    hypervisor->has_events = has_events;
    hypervisor->open = true;
    hypervisor->last_reported[0] = '\0';
    hypervisor->generation++;
    (void)pthread_cond_broadcast(&hypervisor->changed);
    (void)pthread_mutex_unlock(&hypervisor->lock);
    return true;
}

/* Wait until the connection is lost; returns the reason. */
static int wait_until_lost(struct hypervisor *hypervisor)
{
    int reason;

    (void)pthread_mutex_lock(&hypervisor->lock);
    while (!hypervisor->lost)
        (void)pthread_cond_wait(&hypervisor->changed, &hypervisor->lock);
    hypervisor->open = false;
    reason = hypervisor->lost_reason;
    (void)pthread_mutex_unlock(&hypervisor->lock);
    return reason;
}

/* Close a connection that ended cleanly after a while without events; closing one whose peer hangs
 * may hang as well, so it is abandoned (some kilobytes).
 */
static void abandon_connection(struct hypervisor *hypervisor, int reason)
{
    const struct timespec quiet = { .tv_sec = QUIET_MS / 1000 };
    virConnectPtr connection;

    (void)pthread_mutex_lock(&hypervisor->lock);
    connection = berth_take(hypervisor->connection);
    hypervisor->leaked += reason != VIR_CONNECT_CLOSE_REASON_EOF;
    (void)pthread_mutex_unlock(&hypervisor->lock);
    if (reason != VIR_CONNECT_CLOSE_REASON_EOF)
        return;
    events_deregister(&hypervisor->events, connection);
    (void)virConnectUnregisterCloseCallback(connection, on_close);
    (void)nanosleep(&quiet, NULL);
    (void)virConnectClose(connection);
}

static void *run_connection(void *context)
{
    struct hypervisor *hypervisor = context;
    int64_t wait_ms = BACKOFF_FIRST_MS;

    for (;;) {
        if (try_open(hypervisor)) {
            int reason;

            report(hypervisor, virt_event_kind_OPEN, "");
            wait_ms = BACKOFF_FIRST_MS;
            reason = wait_until_lost(hypervisor);
            report(hypervisor, virt_event_kind_CLOSED, close_reason(reason));
            abandon_connection(hypervisor, reason);
            continue; /* a restarted daemon is reachable at once */
        }
        back_off(hypervisor, wait_ms);
        wait_ms = wait_ms * 2 < BACKOFF_MAX_MS ? wait_ms * 2 : BACKOFF_MAX_MS;
    }
    return NULL;
}

/* ---- called from other threads ---- */

static void start_thread(void *(*run)(void *), void *context)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, context) != 0) {
        (void)fputs("berth-virt: cannot start a thread\n", stderr);
        abort();
    }
    (void)pthread_detach(thread);
}

struct hypervisor *hypervisor_new(struct out *out)
{
    struct hypervisor *hypervisor = berth_new(struct hypervisor);
    pthread_condattr_t monotonic;

    hypervisor->out = out;
    (void)pthread_mutex_init(&hypervisor->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&hypervisor->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);

    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
        (void)fputs("berth-virt: cannot initialise libvirt\n", stderr);
        abort();
    }
    (void)virEventAddTimeout(-1, never, NULL, NULL);
    start_thread(run_events, NULL);
    return hypervisor;
}

int hypervisor_open(struct hypervisor *hypervisor, const char *uri, int64_t limit_ms,
                    bool *ret_events, struct berth_error *reterr)
{
    int64_t until = now_ms() + limit_ms;
    unsigned failures;
    int r = 0;

    (void)pthread_mutex_lock(&hypervisor->lock);
    if (!hypervisor->uri[0]) {
        copy_text(hypervisor->uri, uri);
        start_thread(run_connection, hypervisor);
    }
    failures = hypervisor->failures;
    hypervisor->urgent = true;
    (void)pthread_cond_broadcast(&hypervisor->changed);
    while (!hypervisor->open && hypervisor->failures == failures && wait_until(hypervisor, until))
        ;
    if (!hypervisor->open && hypervisor->failures == failures) {
        r = berth_fail(reterr, BERTH_E_HOST_DOWN, "'%s' did not answer in %lld ms", uri,
                       (long long)limit_ms);
    } else if (!hypervisor->open) {
        *reterr = hypervisor->error;
        r = hypervisor->error.code;
    }
    hypervisor->urgent = false;
    *ret_events = hypervisor->has_events;
    (void)pthread_mutex_unlock(&hypervisor->lock);
    return r;
}

/* The machines of the test driver exist in the process, those of test:///FILE in the connection:
 * all lanes must share one. It has no socket, so that several calls in flight are no problem.
 */
static bool lives_in_connection(const char *uri)
{
    return strncmp(uri, "test:///", 8) == 0;
}

int hypervisor_lane_connection(struct hypervisor *hypervisor, virConnectPtr *connection,
                               unsigned *generation, struct berth_error *reterr)
{
    unsigned present;
    bool open;

    (void)pthread_mutex_lock(&hypervisor->lock);
    open = hypervisor->open;
    present = hypervisor->generation;
    if (open && !*connection && lives_in_connection(hypervisor->uri)) {
        (void)virConnectRef(hypervisor->connection);
        *connection = hypervisor->connection;
        *generation = present;
    }
    (void)pthread_mutex_unlock(&hypervisor->lock);

    if (!open)
        return berth_fail(reterr, BERTH_E_HOST_DOWN, "not connected to '%s'", hypervisor->uri);
    if (*connection && *generation == present && virConnectIsAlive(*connection) == 1)
        return 0;

    /* A dead connection of a lane has no callbacks and no events, and its socket is closed: closing
     * it is safe. */
    if (*connection)
        (void)virConnectClose(berth_take(*connection));
    *connection = virConnectOpen(hypervisor->uri);
    if (!*connection) {
        (void)libvirt_fail(reterr, "cannot connect to '%s'", hypervisor->uri);
        return reterr->code = BERTH_E_HOST_DOWN;
    }
    *generation = present;
    (void)virConnectSetKeepAlive(*connection, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT);
    return 0;
}

bool hypervisor_needs_restart(struct hypervisor *hypervisor)
{
    bool worn;

    (void)pthread_mutex_lock(&hypervisor->lock);
    worn =
        hypervisor->leaked > LEAKED_MAX ||
        (hypervisor->attempt_began_ms && now_ms() - hypervisor->attempt_began_ms > ATTEMPT_MAX_MS);
    (void)pthread_mutex_unlock(&hypervisor->lock);
    return worn;
}
