/* api_fixture.h - a management API on the real modules with a temporary data folder, called through
 * libcurl.
 *
 * One thread: the loop turns while an answer is waited for. Nothing here sleeps; what does not come
 * fails after test_wait_limit_ms().
 */
#ifndef BERTH_TESTS_UNIT_API_API_FIXTURE_H
#define BERTH_TESTS_UNIT_API_API_FIXTURE_H

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "berth/offload.h"
#include "berth/tls.h"

#include "api/api_internal.h"
#include "auth/auth_setup.h"
#include "flow/reactor.h"
#include "rdp/probe_setup.h"
#include "virt/virt_setup.h"

#include "test.h"

struct world {
    struct berth_loop loop;
    struct context context;
    struct berth_random random;
    struct offload *hashing;
    uv_async_t store_wake;
    struct api *api;
    int listener; /* stands for the TLS listener */
    int port;
    char folder[64];
    char socket[96];
};

struct reply {
    long status;
    char *text;
    size_t size;
    char etag[64];
    char head[4096]; /* all header lines */
    json_t *json;    /* NULL when it is none */
};

static struct world world;

static void world_wake(void *context)
{
    (void)uv_async_send(&((struct world *)context)->store_wake);
}

static void world_woken(uv_async_t *async)
{
    store_turn(container_of(async, struct world, store_wake)->context.store);
}

static void world_failed(void *context, const struct berth_error *error)
{
    (void)context;
    fail_msg("the store failed: %s", error->text);
}

static void world_tell(void *link, uint64_t peer, const struct msg *msg)
{
    (void)link;
    (void)peer;
    (void)msg;
}

static void world_hang_up(void *link, uint64_t peer, int code, const char *why)
{
    (void)link;
    (void)peer;
    (void)code;
    (void)why;
}

static void world_digest(const char *text, char hex[72])
{
    tls_sha256_hex(text, strlen(text), hex);
}

static void world_open_modules(struct berth_error *error)
{
    struct context *context = &world.context;
    static const struct virt_listener listener = { .host = reactor_host_event,
                                                   .machine = reactor_machine_event,
                                                   .context = &world.context };

    context->timers = &world.loop.timers;
    context->random = &world.random;
    context->tell = world_tell;
    context->hang_up = world_hang_up;
    flow_engine_init(&context->engine, context->timers);
    context->core = core_new(context->timers, context->random);
    context->core->digest = world_digest;
    EXPECT_OK(store_open(&(struct store_setup){ .folder = world.folder,
                                                .timers = context->timers,
                                                .wake = world_wake,
                                                .failed = world_failed,
                                                .context = &world },
                         &context->store, error));
    EXPECT_OK(store_load(context->store, context->core, error));
    world.hashing = offload_new(&world.loop, 1, 64);
    EXPECT_OK(auth_new(&(struct auth_setup){ .folder = world.folder,
                                             .core = context->core,
                                             .hashing = world.hashing,
                                             .timers = context->timers,
                                             .random = context->random },
                       &context->auth, error));
    EXPECT_OK(ca_open(&(struct ca_setup){ .folder = world.folder,
                                          .site = "test",
                                          .certificate_h = 168,
                                          .signing = world.hashing,
                                          .timers = context->timers,
                                          .random = context->random },
                      &context->ca, error));
    context->virt = virt_new(&world.loop, "/bin/false", &listener);
    context->probe = probe_new(&world.loop);
    reactor_start(context);
}

static size_t world_metrics(void *context, struct api_metric *out, size_t max)
{
    (void)context;
    (void)max;
    out[0] = (struct api_metric){ .name = "berth_link_test_total",
                                  .help = "A metric of another module.",
                                  .counter = true,
                                  .value = 7 };
    return 1;
}

/* The command 77 has logs. */
static int world_log_upload(void *context, uint64_t command_id)
{
    char path[128];
    int descriptor;

    (void)context;
    if (command_id != 77)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/logs", world.folder);
    descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_INT(write(descriptor, "what happened\n", 14), 14);
    return descriptor;
}

static void world_listen(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    world.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_OK(bind(world.listener, (struct sockaddr *)&address, size));
    EXPECT_OK(listen(world.listener, 16));
    EXPECT_OK(getsockname(world.listener, (struct sockaddr *)&address, &size));
    world.port = ntohs(address.sin_port);
}

/* On the data folder that is there: a first start, or one after world_stop. */
static void world_serve(void)
{
    struct berth_error error = { 0 };

    (void)snprintf(world.socket, sizeof(world.socket), "%s/api.sock", world.folder);
    EXPECT_OK(loop_init(&world.loop, &error));
    world.loop.slow_limit_ms = 0; /* this thread is the client too */
    EXPECT_OK(uv_async_init(&world.loop.uv, &world.store_wake, world_woken));
    random_system(&world.random);
    world_open_modules(&error);
    world_listen();
    if (api_new(&world.loop, &world.context,
                &(struct api_setup){ .socket = world.socket,
                                     .listener = -1,
                                     .authority = ca_certificate(world.context.ca),
                                     .host = "broker.example",
                                     .link_port = 7443,
                                     .join_port = 7444,
                                     .metrics = world_metrics,
                                     .log_upload = world_log_upload,
                                     .context = &world },
                &world.api, &error) < 0)
        fail_msg("%s", error.text);
}

static void world_start(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as berthd does */
    (void)snprintf(world.folder, sizeof(world.folder), "/tmp/berth-api-XXXXXX");
    EXPECT(mkdtemp(world.folder));
    world_serve();
}

/* All but the data folder goes. */
static void world_stop(void)
{
    struct context *context = &world.context;
    struct world stopped = { 0 };

    api_free(world.api);
    for (int i = 0; i < 20; i++)
        loop_turn(&world.loop, 1);
    reactor_stop(context);
    virt_free(context->virt);
    probe_free(context->probe);
    auth_free(context->auth);
    ca_free(context->ca);
    offload_free(world.hashing);
    store_close(context->store);
    core_free(context->core);
    uv_close((uv_handle_t *)&world.store_wake, NULL);
    (void)close(world.listener);
    loop_close(&world.loop);
    memcpy(stopped.folder, world.folder, sizeof(stopped.folder));
    world = stopped;
}

static void world_end(void)
{
    char command[128];

    world_stop();
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", world.folder);
    EXPECT_OK(system(command));
    world = (struct world){ 0 };
}

/* ---- asking ---- */

static size_t reply_body(char *bytes, size_t one, size_t count, void *context)
{
    struct reply *reply = (struct reply *)context;

    reply->text = (char *)berth_realloc(reply->text, reply->size + one * count + 1);
    memcpy(reply->text + reply->size, bytes, one * count);
    reply->size += one * count;
    reply->text[reply->size] = '\0';
    return one * count;
}

static size_t reply_head(char *bytes, size_t one, size_t count, void *context)
{
    struct reply *reply = (struct reply *)context;
    size_t used = strlen(reply->head);

    (void)snprintf(reply->head + used, sizeof(reply->head) - used, "%.*s", (int)(one * count),
                   bytes);
    if (one * count > 6 && strncasecmp(bytes, "ETag: ", 6) == 0)
        (void)snprintf(reply->etag, sizeof(reply->etag), "%.*s", (int)(one * count) - 8, bytes + 6);
    return one * count;
}

struct asking {
    const char *token;
    const char *header; /* one more line, NULL: none */
    bool remote;        /* as if through TLS, from 127.0.0.1; else the Unix socket */
};

static struct reply reply;

static void reply_clear(void)
{
    free(reply.text);
    json_decref(reply.json);
    reply = (struct reply){ 0 };
}

/* What the TLS listener does: hand over plain bytes and the address they come from. */
static void hand_over(void)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    int descriptor =
        accept4(world.listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (descriptor >= 0)
        api_adopt(world.api, descriptor, (struct sockaddr *)&from, size);
}

/* Where a test has set the monotonic clock ahead, it goes on from there. */
static void world_turn(void)
{
    struct berth_timers *timers = &world.loop.timers;

    loop_turn(&world.loop, 1);
    if (timers->mono_ms > clock_mono_ms())
        timers_advance(timers, timers->mono_ms + 1, timers->wall_ms);
}

/* Turn loop and client until the transfer is over. */
static void pump(CURLM *multi)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();
    int running = 1;

    while (running) {
        (void)curl_multi_perform(multi, &running);
        hand_over();
        world_turn();
        if (clock_mono_ms() > until_ms)
            fail_msg("no answer in time");
    }
}

static struct curl_slist *headers_of(const struct asking *asking, const char *body)
{
    struct curl_slist *headers = NULL;
    char line[300];

    if (body)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (asking->token) {
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", asking->token);
        headers = curl_slist_append(headers, line);
    }
    if (asking->header)
        headers = curl_slist_append(headers, asking->header);
    return headers;
}

static long ask_as(struct asking asking, const char *method, const char *path, const char *body)
{
    CURL *curl = curl_easy_init();
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = headers_of(&asking, body);
    char url[4200];

    reply_clear();
    (void)snprintf(url, sizeof(url), "http://berth%s", path);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reply_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, reply_head);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply);
    if (body)
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (asking.remote) {
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", world.port, path);
        (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, world.socket);
    }
    (void)curl_multi_add_handle(multi, curl);
    pump(multi);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    (void)curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
    (void)curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    reply.json = reply.text ? json_loads(reply.text, 0, NULL) : NULL;
    return reply.status;
}

static berth_unused long ask(const char *method, const char *path, const char *body)
{
    return ask_as((struct asking){ 0 }, method, path, body);
}

/* A connection as the TLS listener hands it over, from 10.x.x.x; answers the client's end. */
static berth_unused int adopted_from(uint32_t number)
{
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(0x0a000000 + number) };
    int pair[2];

    EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    api_adopt(world.api, pair[0], (struct sockaddr *)&from, sizeof(from));
    return pair[1];
}

static berth_unused int adopted_connection(void)
{
    return adopted_from(1);
}

/* As a client of the TLS listener. */
static berth_unused long ask_remote(const char *token, const char *method, const char *path,
                                    const char *body)
{
    return ask_as((struct asking){ .token = token, .remote = true }, method, path, body);
}

/* ---- passwords ---- */

/* The thread that computes hashes is busy until it is let go. */
struct hold {
    struct offload_job job;
    struct op op;
    sem_t taken;
    sem_t let_go;
    bool over;
};

static berth_unused int hold_on(struct offload_job *job, berth_unused struct berth_error *error)
{
    struct hold *hold = container_of(job, struct hold, job);

    (void)sem_post(&hold->taken);
    while (sem_wait(&hold->let_go) != 0)
        ;
    return 0;
}

static berth_unused void held(struct offload_job *job)
{
    container_of(job, struct hold, job)->over = true;
}

static berth_unused void nothing(berth_unused struct op *op, berth_unused int result)
{
}

static berth_unused void hold_hashing(struct hold *hold)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();

    *hold = (struct hold){ .job = { .work = hold_on, .release = held } };
    EXPECT_OK(sem_init(&hold->taken, 0, 0));
    EXPECT_OK(sem_init(&hold->let_go, 0, 0));
    op_init(&hold->op, &world.loop.timers, nothing);
    EXPECT_OK(offload_begin(world.hashing, &hold->job, &hold->op));
    while (sem_trywait(&hold->taken) != 0 && clock_mono_ms() < until_ms)
        loop_turn(&world.loop, 1); /* it may work on an earlier request */
    EXPECT(clock_mono_ms() < until_ms);
}

/* ---- looking at answers ---- */

/* Value at "items.0.name"; NULL when absent. */
static berth_unused const json_t *at(const char *path)
{
    const json_t *json = reply.json;
    char copy[128];
    char *rest = copy;
    char *word;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    while (json && (word = strsep(&rest, ".")))
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(word, NULL, 10))
                                   : json_object_get(json, word);
    return json;
}

static berth_unused const char *text_at(const char *path)
{
    const char *text = json_string_value(at(path));

    return text ? text : "(none)";
}

static berth_unused int64_t number_at(const char *path)
{
    return json_integer_value(at(path));
}

/* The status, and on a surprise the whole answer. */
#define EXPECT_STATUS(call, wanted)                                                              \
    do {                                                                                         \
        long status_ = (call);                                                                   \
        if (status_ != (wanted))                                                                 \
            fail_msg("status %ld, not %d: %s", status_, (wanted), reply.text ? reply.text : ""); \
    } while (0)

/* ---- raw connections, for those who do not keep to HTTP ---- */

static berth_unused int raw_connect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", world.socket);
    EXPECT_OK(connect(descriptor, (struct sockaddr *)&address, sizeof(address)));
    return descriptor;
}

/* Send, and read what comes until the other end closes or nothing has come for quiet_ms. Answers
 * the length; *ret_closed. */
static berth_unused size_t raw_exchange(int descriptor, const char *bytes, size_t size,
                                        int quiet_ms, char *out, size_t out_size, bool *ret_closed)
{
    int64_t began_ms = clock_mono_ms();
    int64_t last_ms = began_ms;
    size_t length = 0;

    *ret_closed = size != 0 && write(descriptor, bytes, size) < 0 && errno == EPIPE;
    while (!*ret_closed && clock_mono_ms() - last_ms < quiet_ms && length + 1 < out_size) {
        ssize_t got;

        loop_turn(&world.loop, 1);
        got = read(descriptor, out + length, out_size - length - 1);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            *ret_closed = true;
            break;
        }
        if (got > 0) {
            length += (size_t)got;
            last_ms = clock_mono_ms();
        }
        if (last_ms - began_ms > test_wait_limit_ms())
            fail_msg("the other end did not come to rest for %d ms", quiet_ms);
    }
    out[length] = '\0';
    return length;
}

/* Send, and read until `text` has come, or anything at all when it is NULL: false when the other
 * end closes without it. What comes neither way fails. */
static berth_unused bool raw_says(int descriptor, const char *bytes, const char *text, char *out,
                                  size_t out_size)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();
    size_t length = 0;

    if (*bytes && write(descriptor, bytes, strlen(bytes)) < 0 && errno == EPIPE)
        return false;
    out[0] = '\0';
    while (text ? !strstr(out, text) : length == 0) {
        ssize_t got;

        world_turn();
        got = read(descriptor, out + length, out_size - length - 1);
        if (got == 0 || (got < 0 && errno != EAGAIN) || length + 1 >= out_size)
            return false;
        length += got > 0 ? (size_t)got : 0;
        out[length] = '\0';
        if (clock_mono_ms() > until_ms)
            fail_msg("neither '%s' nor an end came: %s", text ? text : "a byte", out);
    }
    return true;
}

/* A new administrator of that role with a token, which holds for 30 days. */
static berth_unused void make_admin(const char *name, const char *role, char token[256])
{
    char text[128];

    (void)snprintf(text, sizeof(text), "{\"name\":\"%s\",\"role\":\"%s\"}", name, role);
    EXPECT_STATUS(ask("POST", "/v1/admins", text), 201);
    (void)snprintf(text, sizeof(text), "/v1/admins/%s/tokens", name);
    EXPECT_STATUS(ask("POST", text, "{\"label\":\"x\",\"days\":30}"), 201);
    (void)snprintf(token, 256, "%s", text_at("token"));
}

#endif
