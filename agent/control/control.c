/* control.c - clients of the control socket: requests, progress, answers; waiting for a join. */
#include "control/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "berth/json.h"
#include "berth/log.h"

#include "flow/sign_on_request.h"
#include "flow/viewer_session.h"

#define CLIENTS_MAX 16
/* Largest request in bytes. */
#define REQUEST_MAX 2048
#define REQUEST_DEPTH 2
/* Limit from the connection to its request. */
#define REQUEST_TIMEOUT_MS 10000
/* Request join: default and largest value of limit_s, and when the first progress is sent. */
#define JOIN_LIMIT_S 60
#define JOIN_LIMIT_MAX_S 86400
#define JOIN_PROGRESS_AFTER_MS 2000

static const struct control_row rows[CONTROL_REQUESTS] = {
    [CONTROL_NONE] = { "", "", "" },
#define REQUEST(symbol, word, arguments, sentence) \
    [CONTROL_##symbol] = { (word), (arguments), (sentence) },
#include "control/requests.def"
};

struct control_client {
    struct list node;
    uv_pipe_t pipe;
    struct control *control;
    struct agent_observer observer;
    struct berth_timer timer;
    bool awaits_outcome;               /* the answer follows when a sign-on or join has ended */
    bool awaits_join;                  /* that outcome is a join's */
    bool no_progress;                  /* during the first JOIN_PROGRESS_AFTER_MS of a join */
    int64_t limit_s;                   /* limit for the outcome of a join */
    struct berth_error join_error;     /* of the last failed attempt to join; code 0: none now */
    enum agent_state join_error_state; /* the state after join_error; NO_STATE: not known yet */
    bool refused;                      /* is_refusal of the last failed attempt */
    bool answered;
    bool closing;
    char last_progress[256]; /* the last line of progress, not repeated */
    size_t have;
    char request[REQUEST_MAX];
};

struct control {
    struct berth_loop *loop;
    struct agent_flow *agent;
    uv_pipe_t listener;
    bool listening;
    struct list clients;
    int count;
    int (*join)(void *context, const char *invitation, struct berth_error *reterr);
    void *context;
    char path[108];
};

const struct control_row *control_row(enum control_request request)
{
    return &rows[request];
}

enum control_request control_request(const char *word)
{
    for (int i = CONTROL_NONE + 1; i < CONTROL_REQUESTS; i++)
        if (strcmp(rows[i].word, word) == 0)
            return (enum control_request)i;
    return CONTROL_NONE;
}

/* ---- clients ---- */

static void client_closed(uv_handle_t *handle)
{
    struct control_client *client =
        container_of((uv_pipe_t *)(void *)handle, struct control_client, pipe);

    client->control->count--;
    explicit_bzero(client, sizeof(*client));
    free(client);
}

static void close_client(struct control_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    timer_stop(&client->control->loop->timers, &client->timer);
    agent_flow_remove_observer(&client->observer);
    list_remove(&client->node);
    uv_close((uv_handle_t *)&client->pipe, client_closed);
}

/* Send a line. Answers fit into the socket's buffer; a client that does not read is closed. */
static void send_line(struct control_client *client, json_t *line)
{
    char *text = json_text(line);
    size_t size = strlen(text);
    uv_buf_t buffers[2] = { uv_buf_init(text, (unsigned)size), uv_buf_init((char[]){ '\n' }, 1) };
    int sent = uv_try_write((uv_stream_t *)&client->pipe, buffers, 2);

    json_decref(line);
    free(text);
    if (sent != (int)size + 1)
        close_client(client);
}

static json_t *status_of(const struct agent_flow *agent)
{
    const struct terminal_status *terminal = &agent->terminal;

    return json_pack(
        "{s:b, s:s, s:s, s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "ok", 1,
        "terminal", terminal->name, "state", agent_state_names[terminal->state], "online",
        terminal->online, "user", terminal->user, "pool", terminal->pool, "desktop",
        terminal->desktop, "session", (json_int_t)terminal->shown.session_id, "epoch",
        (json_int_t)terminal->shown.epoch, "connection", (json_int_t)terminal->shown.connection_id,
        "sign_on_ms", (json_int_t)agent->sign_on.took_ms, "picture_ms",
        (json_int_t)terminal->picture_ms, "profile_version", (json_int_t)agent->profile_version,
        "broker_incarnation", (json_int_t)agent->presence.incarnation, "text", terminal->text);
}

/* Send the final answer and close. */
static void answer(struct control_client *client, const struct berth_error *error)
{
    if (client->answered || client->closing)
        return;
    client->answered = true;
    client->awaits_outcome = false;
    if (!error || !error->code)
        send_line(client, status_of(client->control->agent));
    else
        send_line(client,
                  json_pack("{s:b, s:s, s:s, s:b, s:b}", "ok", 0, "error",
                            berth_error_row(error->code)->symbol, "text", berth_error_text(error),
                            "retry", berth_error_row(error->code)->retry, "refused",
                            client->refused));
    close_client(client);
}

static void send_progress(struct control_client *client)
{
    const struct agent_flow *agent = client->control->agent;
    const struct terminal_status *terminal = &agent->terminal;
    const char *text = client->join_error.code ? client->join_error.text : terminal->text;
    char progress[256];

    (void)snprintf(progress, sizeof(progress), "%s %s %lld", agent_state_names[terminal->state],
                   text, (long long)terminal->queue_place);
    if (strcmp(progress, client->last_progress) == 0)
        return;
    copy_text(client->last_progress, progress);
    send_line(client, json_pack("{s:s, s:s, s:s, s:I, s:I}", "event", "progress", "state",
                                agent_state_names[terminal->state], "text", text, "queue_place",
                                (json_int_t)terminal->queue_place, "estimate_ms",
                                (json_int_t)terminal->estimate_ms));
}

/* Errors that an administrator must resolve before this terminal can join. The agent keeps trying,
 * but the client is answered at once. */
static bool is_refusal(int code)
{
    static const int refusals[] = { BERTH_E_DENIED,      BERTH_E_REVOKED, BERTH_E_EXISTS,
                                    BERTH_E_CERTIFICATE, BERTH_E_CONFIG,  BERTH_E_INVALID };

    for (size_t i = 0; i < BERTH_COUNT(refusals); i++)
        if (refusals[i] == code)
            return true;
    return false;
}

static void join_failed(struct control_client *client, const struct berth_error *why)
{
    struct berth_error reply = *why;

    client->join_error = *why;
    client->join_error_state = agent_NO_STATE;
    if (why->code == BERTH_E_CERTIFICATE)
        (void)berth_fail(&reply, why->code,
                         "%s; the invitation is from another site, or a clock is wrong", why->text);
    client->refused = is_refusal(why->code);
    if (client->refused || why->code == BERTH_E_CANCELLED)
        answer(client, &reply);
}

/* The terminal was linked with its previous identity, so the invitation will not be sent. */
static void linked_by_old_identity(struct control_client *client)
{
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_CANCELLED,
                     "the invitation was not used: %.160s; the terminal is linked as %s",
                     client->join_error.code ? client->join_error.text : "no answer came",
                     client->control->agent->terminal.name);
    answer(client, &error);
}

/* The error of a join belongs to the state that follows it, and is dropped with the next state. */
static void expire_join_error(struct control_client *client)
{
    enum agent_state state = client->control->agent->terminal.state;

    if (client->join_error_state == agent_NO_STATE)
        client->join_error_state = state;
    else if (client->join_error_state != state)
        client->join_error.code = 0;
}

static void handle_join_event(struct control_client *client, enum agent_event event,
                              const struct berth_error *why)
{
    if (event == AGENT_EVENT_JOINED) {
        answer(client, NULL);
    } else if (event == AGENT_EVENT_JOIN_FAILED) {
        join_failed(client, why);
    } else if (event == AGENT_EVENT_LINKED) {
        linked_by_old_identity(client);
    } else if (event == AGENT_EVENT_CHANGED) {
        expire_join_error(client);
        if (!client->no_progress)
            send_progress(client);
    }
}

static void handle_agent_event(struct agent_observer *observer, enum agent_event event,
                               const struct berth_error *why)
{
    struct control_client *client = container_of(observer, struct control_client, observer);

    if (!client->awaits_outcome)
        return;
    if (client->awaits_join) {
        handle_join_event(client, event, why);
        return;
    }
    switch (event) {
    case AGENT_EVENT_CHANGED:
        send_progress(client);
        return;
    case AGENT_EVENT_SHOWN:
        answer(client, NULL);
        return;
    case AGENT_EVENT_SIGN_ON_FAILED:
    case AGENT_EVENT_ENDED:
        answer(client, why);
        return;
    case AGENT_EVENT_JOINED:
    case AGENT_EVENT_JOIN_FAILED:
    case AGENT_EVENT_LINKED:
        return;
    }
}

/* ---- requests ---- */

static const char *member(const json_t *request, const char *name)
{
    const char *text = json_string_value(json_object_get(request, name));

    return text ? text : "";
}

static int sign_on(struct control_client *client, const json_t *request, struct berth_error *reterr)
{
    const char *password = member(request, "password");
    struct msg_evidence evidence = { .kind = evidence_kind_PASSWORD };
    int r = 0;

    if (json_is_true(json_object_get(request, "kiosk")))
        evidence.kind = evidence_kind_KIOSK;
    (void)snprintf(evidence.name, sizeof(evidence.name), "%.79s", member(request, "user"));
    if (!secret_set(&evidence.value, password, strlen(password)))
        r = berth_fail(reterr, BERTH_E_TOO_LARGE, "the password is too long");
    if (r == 0)
        r = sign_on_request_begin(client->control->agent, &evidence, member(request, "pool"),
                                  reterr);
    explicit_bzero(&evidence, sizeof(evidence));
    if (r == 0)
        client->awaits_outcome = !json_is_false(json_object_get(request, "wait"));
    return r;
}

static void join_overdue(struct berth_timer *timer)
{
    struct control_client *client = container_of(timer, struct control_client, timer);
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_TIMEOUT,
                     "not joined within %lld s, the agent keeps trying; last error: %s",
                     (long long)client->limit_s,
                     client->join_error.code ? client->join_error.text : "no answer yet");
    answer(client, &error);
}

static void begin_join_progress(struct berth_timer *timer)
{
    struct control_client *client = container_of(timer, struct control_client, timer);

    client->no_progress = false;
    timer_start(&client->control->loop->timers, timer,
                client->limit_s * 1000 - JOIN_PROGRESS_AFTER_MS, join_overdue);
    send_progress(client);
}

static int start_join(struct control_client *client, const json_t *request,
                      struct berth_error *reterr)
{
    struct control *control = client->control;
    const json_t *limit = json_object_get(request, "limit_s");
    int64_t limit_s = limit ? json_integer_value(limit) : JOIN_LIMIT_S;
    int r;

    if (limit_s < 1 || limit_s > JOIN_LIMIT_MAX_S)
        return berth_fail(reterr, BERTH_E_INVALID, "the limit must be 1 to %d s", JOIN_LIMIT_MAX_S);
    r = control->join(control->context, member(request, "invitation"), reterr);
    if (r < 0 || json_is_false(json_object_get(request, "wait")))
        return r;
    client->awaits_outcome = true;
    client->awaits_join = true;
    client->limit_s = limit_s;
    client->no_progress = limit_s * 1000 > JOIN_PROGRESS_AFTER_MS;
    timer_start(&control->loop->timers, &client->timer,
                client->no_progress ? JOIN_PROGRESS_AFTER_MS : limit_s * 1000,
                client->no_progress ? begin_join_progress : join_overdue);
    return 0;
}

static int handle_request(struct control_client *client, const json_t *request,
                          struct berth_error *reterr)
{
    struct control *control = client->control;
    const char *word = member(request, "request");

    switch (control_request(word)) {
    case CONTROL_SIGN_ON:
        return sign_on(client, request, reterr);
    case CONTROL_SIGN_OFF:
        return viewer_session_leave(control->agent, LEAVE_SIGN_OFF, reterr);
    case CONTROL_DISCONNECT:
        return viewer_session_leave(control->agent, LEAVE_DISCONNECT, reterr);
    case CONTROL_LOCK:
        viewer_session_lock(control->agent, "request at the control socket");
        return 0;
    case CONTROL_STATUS:
        return 0;
    case CONTROL_JOIN:
        return start_join(client, request, reterr);
    case CONTROL_NONE:
    case CONTROL_REQUESTS:
        break;
    }
    return berth_fail(reterr, BERTH_E_INVALID, "unknown request '%s'", word);
}

static void read_request(struct control_client *client, size_t size)
{
    berth_cleanup(json_unrefp) json_t *request = NULL;
    struct berth_error error = { 0 };

    timer_stop(&client->control->loop->timers, &client->timer);
    request = json_parse(client->request, size, REQUEST_DEPTH, &error);
    explicit_bzero(client->request, sizeof(client->request));
    if (request)
        (void)handle_request(client, request, &error);
    if (error.code || !client->awaits_outcome)
        answer(client, &error);
    else if (!client->no_progress)
        send_progress(client);
}

/* ---- the socket ---- */

static void alloc_buffer(uv_handle_t *handle, berth_unused size_t suggested, uv_buf_t *ret)
{
    struct control_client *client =
        container_of((uv_pipe_t *)(void *)handle, struct control_client, pipe);

    *ret = uv_buf_init(client->request + client->have,
                       (unsigned)(sizeof(client->request) - client->have));
}

static void read_client(uv_stream_t *stream, ssize_t got, berth_unused const uv_buf_t *buffer)
{
    struct control_client *client =
        container_of((uv_pipe_t *)(void *)stream, struct control_client, pipe);
    char *end;

    if (got == 0)
        return;
    if (got < 0) { /* the client closed, or the request is too long (ENOBUFS) */
        close_client(client);
        return;
    }
    client->have += (size_t)got;
    end = memchr(client->request, '\n', client->have);
    if (!end)
        return;
    if (client->answered || client->awaits_outcome) { /* one request per connection */
        close_client(client);
        return;
    }
    client->have = 0;
    read_request(client, (size_t)(end - client->request));
}

static void request_timed_out(struct berth_timer *timer)
{
    close_client(container_of(timer, struct control_client, timer));
}

/* A number of /proc/PID/status; -1 when it cannot be read. */
static long status_number(pid_t pid, const char *name)
{
    char path[40];
    char line[128];
    long number = -1;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    file = fopen(path, "re");
    while (file && number < 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            number = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        (void)fclose(file);
    return number;
}

/* The viewer runs as the same user, and Landlock does not prevent it from connecting to Unix
 * sockets. It is recognized by what it cannot undo: no_new_privs, and one seccomp filter more than
 * the agent has.
 */
static bool is_confined(pid_t pid)
{
    long filters = status_number(pid, "Seccomp_filters");

    return status_number(pid, "NoNewPrivs") != 0 &&
           (filters < 0 || filters > status_number(getpid(), "Seccomp_filters"));
}

/* Check the credentials too, in case the mode of the socket was changed. */
static bool is_permitted(const uv_pipe_t *pipe)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    uv_os_fd_t descriptor;

    return uv_fileno((const uv_handle_t *)pipe, &descriptor) == 0 &&
           getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 &&
           (credentials.uid == geteuid() || credentials.uid == 0) && !is_confined(credentials.pid);
}

static void accept_client(uv_stream_t *stream, int status)
{
    struct control *control = container_of((uv_pipe_t *)(void *)stream, struct control, listener);
    struct control_client *client;

    if (status < 0)
        return;
    client = berth_new(struct control_client);
    client->control = control;
    client->observer.notify = handle_agent_event;
    (void)uv_pipe_init(&control->loop->uv, &client->pipe, 0);
    list_append(&control->clients, &client->node);
    agent_flow_add_observer(control->agent, &client->observer);
    control->count++;
    if (uv_accept(stream, (uv_stream_t *)&client->pipe) < 0 || control->count > CLIENTS_MAX ||
        !is_permitted(&client->pipe) ||
        uv_read_start((uv_stream_t *)&client->pipe, alloc_buffer, read_client) < 0) {
        close_client(client);
        return;
    }
    timer_start(&control->loop->timers, &client->timer, REQUEST_TIMEOUT_MS, request_timed_out);
}

/* Does another agent listen there? A socket left behind by a killed agent does not accept
 * connections and may be replaced. */
static bool is_listening(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers;

    copy_text(address.sun_path, path);
    answers = probe >= 0 && connect(probe, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (probe >= 0)
        (void)close(probe);
    return answers;
}

static int listen_at(struct control *control, struct berth_error *reterr)
{
    mode_t before;
    int r;

    if (is_listening(control->path))
        return berth_fail(reterr, BERTH_E_EXISTS,
                          "another agent is listening at %s; stop it first, or set control.socket",
                          control->path);
    (void)unlink(control->path);
    (void)uv_pipe_init(&control->loop->uv, &control->listener, 0);
    control->listening = true;
    before = umask(0177);
    r = uv_pipe_bind(&control->listener, control->path);
    (void)umask(before);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&control->listener, CLIENTS_MAX, accept_client);
    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "control socket %s: %s", control->path,
                          uv_strerror(r));
    return 0;
}

struct control *control_new(struct berth_loop *loop, struct agent_flow *agent, const char *path,
                            int (*join)(void *context, const char *invitation,
                                        struct berth_error *reterr),
                            void *context, struct berth_error *reterr)
{
    struct control *control = berth_new(struct control);

    control->loop = loop;
    control->agent = agent;
    control->join = join;
    control->context = context;
    list_init(&control->clients);
    if (strlen(path) >= sizeof(control->path)) {
        (void)berth_fail(reterr, BERTH_E_CONFIG, "control.socket: the path has more than %zu bytes",
                         sizeof(control->path) - 1);
        free(control);
        return NULL;
    }
    copy_text(control->path, path);
    if (listen_at(control, reterr) == 0)
        return control;
    if (control->listening)
        uv_close((uv_handle_t *)&control->listener, NULL);
    loop_turn(loop, 0); /* one turn closes the handle, whose memory must live until then */
    free(control);
    return NULL;
}

static void listener_closed(uv_handle_t *handle)
{
    container_of((uv_pipe_t *)(void *)handle, struct control, listener)->listening = false;
}

void control_end(struct control *control)
{
    list_each (&control->clients, node)
        close_client(list_entry(node, struct control_client, node));
    uv_close((uv_handle_t *)&control->listener, listener_closed);
    (void)unlink(control->path);
}

bool control_is_closed(const struct control *control)
{
    return !control->listening && control->count == 0;
}

void control_free(struct control *control)
{
    free(control);
}
