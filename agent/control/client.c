/* client.c - parse a subcommand, send its request, print the answers. */
#include "control/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "berth/invite.h"
#include "berth/json.h"

struct request {
    enum control_request kind;
    const char *user;
    const char *pool;
    bool kiosk;
    bool wait;
    bool json;
    int64_t limit_s;          /* join: 0 = the agent's default */
    char secret[INVITE_TEXT]; /* password or invitation */
};

static int usage(const struct control_row *row)
{
    (void)fprintf(stderr, "usage: berth-agent %s %s%s--json\n       %s\n", row->word,
                  row->arguments, row->arguments[0] ? " " : "", row->sentence);
    return CLIENT_USAGE;
}

static bool parse_limit(struct request *request, const char *text)
{
    char *end;

    request->limit_s = strtoll(text, &end, 10);
    return request->limit_s > 0 && *end == '\0';
}

static bool parse(struct request *request, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool sign_on = request->kind == CONTROL_SIGN_ON;
        bool join = request->kind == CONTROL_JOIN;

        if (strcmp(argv[i], "--json") == 0)
            request->json = true;
        else if ((sign_on || join) && strcmp(argv[i], "--no-wait") == 0)
            request->wait = false;
        else if (join && strcmp(argv[i], "--limit") == 0 && i + 1 < argc &&
                 parse_limit(request, argv[i + 1]))
            i++;
        else if (sign_on && strcmp(argv[i], "--kiosk") == 0)
            request->kiosk = true;
        else if (sign_on && strcmp(argv[i], "--pool") == 0 && i + 1 < argc)
            request->pool = argv[++i];
        else if (sign_on && argv[i][0] != '-' && !request->user)
            request->user = argv[i];
        else
            return false;
    }
    return request->kind != CONTROL_SIGN_ON || request->kiosk || request->user;
}

/* Read one line from standard input, with a prompt and without echo when it is a terminal. */
static bool read_secret(const char *prompt, char *out, size_t size)
{
    bool terminal = isatty(STDIN_FILENO) == 1;
    struct termios before;
    struct termios silent;
    bool ok;

    if (terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)fprintf(stderr, "%s: ", prompt);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* leave no copy in a buffer */
    ok = fgets(out, (int)size, stdin) != NULL;
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    if (ok)
        out[strcspn(out, "\n")] = '\0';
    return ok;
}

static int connect_to_agent(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    copy_text(address.sun_path, path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)fprintf(stderr, "berth-agent: cannot connect to the agent at %s: %s\n", path,
                  strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Send the request and wipe its secret, because the outcome may take a day. */
static bool send_request(int fd, struct request *request)
{
    json_t *json = json_pack("{s:s, s:b}", "request", control_row(request->kind)->word, "wait",
                             (int)request->wait);
    bool join = request->kind == CONTROL_JOIN;
    char *text;
    size_t size;
    bool ok;

    if (request->user)
        (void)json_object_set_new(json, "user", json_string(request->user));
    if (request->pool)
        (void)json_object_set_new(json, "pool", json_string(request->pool));
    if (request->kiosk)
        (void)json_object_set_new(json, "kiosk", json_true());
    if (request->limit_s)
        (void)json_object_set_new(json, "limit_s", json_integer(request->limit_s));
    if (request->secret[0])
        (void)json_object_set_new(json, join ? "invitation" : "password",
                                  json_string(request->secret));
    text = json_text(json);
    json_decref(json);
    size = strlen(text);
    ok =
        send(fd, text, size, MSG_NOSIGNAL) == (ssize_t)size && send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
    berth_wipe_free(text, size);
    explicit_bzero(request->secret, sizeof(request->secret));
    return ok;
}

enum client_exit client_exit_of(const char *error, bool retry, bool refused)
{
    switch (berth_error_code(error)) {
    case BERTH_E_CREDENTIALS:
    case BERTH_E_DISABLED:
    case BERTH_E_DENIED:
    case BERTH_E_NO_ENTITLEMENT:
    case BERTH_E_REVOKED:
        return CLIENT_REFUSED;
    case BERTH_E_STATE:
        return CLIENT_STATE;
    case BERTH_E_INVALID:
        return refused ? CLIENT_REFUSED : CLIENT_USAGE;
    default:
        return retry ? CLIENT_TRY_AGAIN : CLIENT_FAILED;
    }
}

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));

    return text ? text : "";
}

static void print_status(const json_t *line)
{
    bool shows = json_integer_value(json_object_get(line, "session")) > 0;

    (void)printf("%s: %s%s\n",
                 text_of(line, "terminal")[0] ? text_of(line, "terminal") : "this terminal",
                 text_of(line, "state"),
                 json_is_true(json_object_get(line, "online")) ? "" : ", the broker is away");
    if (text_of(line, "text")[0])
        (void)printf("  %s\n", text_of(line, "text"));
    if (shows)
        (void)printf("  %s, pool %s, desktop %s, session %lld, epoch %lld, picture after %lld ms\n",
                     text_of(line, "user"), text_of(line, "pool"), text_of(line, "desktop"),
                     (long long)json_integer_value(json_object_get(line, "session")),
                     (long long)json_integer_value(json_object_get(line, "epoch")),
                     (long long)json_integer_value(json_object_get(line, "picture_ms")));
}

/* True when this was the final answer. */
static bool handle_answer(const struct request *request, const json_t *line, const char *text,
                          enum client_exit *ret)
{
    const json_t *ok = json_object_get(line, "ok");

    if (!ok) {
        if (request->json)
            (void)fprintf(stderr, "%s", text);
        else
            (void)fprintf(stderr, "%s  %s\n", text_of(line, "state"), text_of(line, "text"));
        return false;
    }
    if (request->json)
        (void)printf("%s", text);
    if (json_is_true(ok)) {
        *ret = CLIENT_DONE;
        if (!request->json && request->kind == CONTROL_JOIN && request->wait)
            (void)printf("joined as %s\n", text_of(line, "terminal"));
        else if (!request->json)
            print_status(line);
        return true;
    }
    *ret = client_exit_of(text_of(line, "error"), json_is_true(json_object_get(line, "retry")),
                          json_is_true(json_object_get(line, "refused")));
    if (!request->json)
        (void)fprintf(stderr, "berth-agent: %s\n", text_of(line, "text"));
    return true;
}

static enum client_exit read_answers(int fd, const struct request *request)
{
    FILE *file = fdopen(fd, "r");
    enum client_exit result = CLIENT_NO_AGENT;
    bool over = false;
    char text[8192];

    if (!file) {
        (void)close(fd);
        return CLIENT_NO_AGENT;
    }
    while (!over && fgets(text, sizeof(text), file)) {
        json_t *line = json_parse(text, strlen(text), 3, NULL);

        over = line && handle_answer(request, line, text, &result);
        json_decref(line);
    }
    (void)fclose(file);
    if (!over)
        (void)fprintf(stderr, "berth-agent: the agent closed the connection\n");
    return result;
}

enum client_exit client_main(const char *socket, int argc, char **argv)
{
    struct request request = { .kind = control_request(argv[0]), .wait = true };
    enum client_exit result;
    int fd;

    if (!parse(&request, argc, argv))
        return (enum client_exit)usage(control_row(request.kind));
    if (request.kind == CONTROL_SIGN_ON && !request.kiosk &&
        !read_secret("Password", request.secret, SECRET_MAX)) {
        (void)fprintf(stderr, "berth-agent: no password was given\n");
        return CLIENT_USAGE;
    }
    if (request.kind == CONTROL_JOIN &&
        !read_secret("Invitation", request.secret, sizeof(request.secret))) {
        (void)fprintf(stderr, "berth-agent: no invitation was given\n");
        return CLIENT_USAGE;
    }
    fd = connect_to_agent(socket);
    result = CLIENT_NO_AGENT;
    if (fd >= 0 && send_request(fd, &request)) {
        result = read_answers(fd, &request);
    } else if (fd >= 0) {
        (void)fprintf(stderr, "berth-agent: the agent closed the connection\n");
        (void)close(fd);
    }
    explicit_bzero(&request, sizeof(request));
    return result;
}
