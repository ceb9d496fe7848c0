/* resolver.c - SRV lookups: c-ares on the loop, and the order of the records. */
#include "link/resolver.h"

/* Debian 13's c-ares marks the calls used here as deprecated; their successors do not exist in
 * Debian 12's. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

#define SOCKETS_MAX 8
/* Per server and lookup; the flow limits the whole lookup to 10 s. */
#define TIMEOUT_MS 2000
#define TRIES 2

struct watched {
    uv_poll_t poll;
    struct locator *locator;
    ares_socket_t socket;
};

struct locator {
    struct berth_loop *loop;
    struct berth_random *random;
    ares_channel channel;
    char domain[128];
    struct watched *watched[SOCKETS_MAX];
    struct berth_timer timer;
    struct op *op;
    struct broker_addresses *ret;
    struct berth_error error; /* of a lookup that c-ares answered from inside locator_find_begin */
    bool beginning;
    bool answered;
    int result;
};

static void plan_timeout(struct locator *locator);

static void process(struct locator *locator, ares_socket_t read, ares_socket_t write)
{
    ares_process_fd(locator->channel, read, write);
    plan_timeout(locator);
}

static void timed_out(struct berth_timer *timer)
{
    process(container_of(timer, struct locator, timer), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void plan_timeout(struct locator *locator)
{
    struct timeval max = { .tv_sec = 1 };
    struct timeval left;
    struct timeval *wait;

    if (!locator->op) {
        timer_stop(&locator->loop->timers, &locator->timer);
        return;
    }
    wait = ares_timeout(locator->channel, &max, &left);
    timer_start(&locator->loop->timers, &locator->timer,
                wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1, timed_out);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = container_of(poll, struct watched, poll);
    ares_socket_t socket = watched->socket;

    process(watched->locator, status < 0 || (events & UV_READABLE) ? socket : ARES_SOCKET_BAD,
            status < 0 || (events & UV_WRITABLE) ? socket : ARES_SOCKET_BAD);
}

static void poll_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)(void *)handle, struct watched, poll));
}

static struct watched **slot_of(struct locator *locator, ares_socket_t socket)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (locator->watched[i] && locator->watched[i]->socket == socket)
            return &locator->watched[i];
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (!locator->watched[i])
            return &locator->watched[i];
    return NULL;
}

/* Called by c-ares when it opens or closes a socket, or waits for other events of it. */
static void socket_changed(void *data, ares_socket_t socket, int read, int write)
{
    struct locator *locator = data;
    struct watched **slot = slot_of(locator, socket);
    int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);

    if (!slot)
        return; /* all slots are in use: this socket's query times out */
    if (!*slot) {
        if (!events)
            return;
        *slot = berth_new(struct watched);
        (*slot)->locator = locator;
        (*slot)->socket = socket;
        if (uv_poll_init(&locator->loop->uv, &(*slot)->poll, socket) < 0) {
            free(berth_take(*slot));
            return;
        }
    }
    if (events) {
        (void)uv_poll_start(&(*slot)->poll, events, readable);
        return;
    }
    uv_close((uv_handle_t *)&berth_take(*slot)->poll, poll_closed);
}

static void finish(struct locator *locator, int result, const struct berth_error *error)
{
    struct op *op;

    if (locator
            ->beginning) { /* never complete from inside begin: deferred to the end of the turn */
        locator->answered = true;
        locator->result = result;
        locator->error = *error;
        return;
    }
    op = berth_take(locator->op);
    if (op)
        op_complete(op, result, error);
}

void locator_sort_records(struct srv_record *records, size_t count, struct berth_random *random,
                          struct broker_addresses *ret)
{
    ret->count = 0;
    while (count > 0 && ret->count < BROKER_ADDRESSES) {
        int priority = records[0].priority;
        uint64_t weights = 0;
        uint64_t pick;
        size_t chosen = 0;

        for (size_t i = 1; i < count; i++)
            priority = records[i].priority < priority ? records[i].priority : priority;
        for (size_t i = 0; i < count; i++)
            if (records[i].priority == priority)
                weights += (uint64_t)records[i].weight + 1; /* weight 0 has a small chance too */
        pick = random_below(random, weights);
        for (size_t i = 0; i < count; i++) {
            uint64_t share = (uint64_t)records[i].weight + 1;

            if (records[i].priority != priority)
                continue;
            chosen = i;
            if (pick < share)
                break;
            pick -= share;
        }
        ret->at[ret->count++] = records[chosen].address;
        records[chosen] = records[--count];
    }
}

static size_t records_of(const struct ares_srv_reply *reply, struct srv_record *records, size_t max)
{
    size_t count = 0;

    for (; reply && count < max; reply = reply->next) {
        struct srv_record *record = &records[count];

        /* RFC 2782: the target "." means that the service is not available. */
        if (!reply->host[0] || strcmp(reply->host, ".") == 0 || reply->port == 0 ||
            strlen(reply->host) >= sizeof(record->address.host))
            continue;
        copy_text(record->address.host, reply->host);
        record->address.port = reply->port;
        record->priority = reply->priority;
        record->weight = reply->weight;
        count++;
    }
    return count;
}

static void answered(void *data, int status, berth_unused int timeouts, unsigned char *answer,
                     int size)
{
    struct locator *locator = data;
    struct ares_srv_reply *reply = NULL;
    struct srv_record records[BROKER_ADDRESSES * 2];
    struct berth_error error = { 0 };
    size_t count;

    if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
        return;
    if (status == ARES_SUCCESS)
        status = ares_parse_srv_reply(answer, size, &reply);
    count = records_of(reply, records, BERTH_COUNT(records));
    if (reply)
        ares_free_data(reply);
    if (count > 0)
        locator_sort_records(records, count, locator->random, locator->ret);
    else
        (void)berth_fail(&error, status == ARES_ETIMEOUT ? BERTH_E_TIMEOUT : BERTH_E_NOT_FOUND,
                         "DNS: %s",
                         status == ARES_SUCCESS ? "no usable SRV record" : ares_strerror(status));
    finish(locator, error.code, &error);
}

static void lookup_cancelled(struct op *op)
{
    struct locator *locator = op->handle;

    locator->op = NULL;
    ares_cancel(locator->channel);
    plan_timeout(locator);
}

int locator_find_begin(struct locator *locator, const char *service, struct broker_addresses *ret,
                       struct op *op)
{
    char name[256];

    *ret = (struct broker_addresses){ 0 };
    locator->ret = ret;
    locator->answered = false;
    locator->beginning = true;
    (void)snprintf(name, sizeof(name), "%s%s%s", service, locator->domain[0] ? "." : "",
                   locator->domain);
    if (locator->domain[0])
        ares_query(locator->channel, name, ns_c_in, ns_t_srv, answered, locator);
    else
        ares_search(locator->channel, name, ns_c_in, ns_t_srv, answered, locator);
    locator->beginning = false;
    if (locator->answered) {
        op_complete_deferred(op, locator->result, &locator->error);
        return 0;
    }
    locator->op = op;
    plan_timeout(locator);
    return op_begun(op, lookup_cancelled, locator);
}

struct locator *locator_new(struct berth_loop *loop, struct berth_random *random,
                            const char *domain, const char *servers, struct berth_error *reterr)
{
    struct locator *locator = berth_new(struct locator);
    struct ares_options options = { .timeout = TIMEOUT_MS,
                                    .tries = TRIES,
                                    .sock_state_cb = socket_changed,
                                    .sock_state_cb_data = locator };
    int r;

    locator->loop = loop;
    locator->random = random;
    copy_text(locator->domain, domain);
    r = ares_library_init(ARES_LIB_INIT_ALL);
    if (r == ARES_SUCCESS)
        r = ares_init_options(&locator->channel, &options,
                              ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (r == ARES_SUCCESS && servers[0])
        r = ares_set_servers_ports_csv(locator->channel, servers);
    if (r == ARES_SUCCESS)
        return locator;
    (void)berth_fail(reterr, BERTH_E_CONFIG, "DNS cannot be initialized (broker.dns_servers): %s",
                     ares_strerror(r));
    locator_free(locator);
    return NULL;
}

void locator_free(struct locator *locator)
{
    timer_stop(&locator->loop->timers, &locator->timer);
    locator->op = NULL;
    if (locator->channel)
        ares_destroy(locator->channel);
    ares_library_cleanup();
    free(locator);
}
