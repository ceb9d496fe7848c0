/* http.c - requests to the broker: libcurl over the Unix socket, or https with a token from a file.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define SOCKET_DEFAULT "/run/berth/berthd.sock"
#define CONNECT_S 5L
#define QUIET_MS 2000 /* requests that take longer show a progress line */
#define URL_MAX 4096

/* One exchange: curl's handle, the request and the answer. */
struct ctl_exchange {
    const struct ctl *ctl;
    CURL *curl;
    struct curl_slist *headers;
    char url[URL_MAX];
    char *body;
    char failure[CURL_ERROR_SIZE];
    struct ctl_answer *answer;
    const char *what; /* for the progress line */
    struct timespec began;
    bool shown;
    CURLM *multi; /* of a stream */
    size_t taken; /* bytes of the line that was given last */
    bool over;    /* the stream has ended */
};

/* ---- the request ---- */

static void append(struct ctl_exchange *exchange, const char *text)
{
    size_t length = strlen(exchange->url);

    berth_copy_text(exchange->url + length, sizeof(exchange->url) - length, text);
}

static void append_escaped(struct ctl_exchange *exchange, const char *text)
{
    char *escaped = curl_easy_escape(exchange->curl, text, (int)strlen(text));

    append(exchange, escaped ? escaped : "");
    curl_free(escaped);
}

static void append_value(struct ctl_exchange *exchange, const json_t *value)
{
    char number[24];

    if (json_is_string(value)) {
        append_escaped(exchange, json_string_value(value));
        return;
    }
    if (json_is_boolean(value))
        (void)snprintf(number, sizeof(number), "%d", json_is_true(value));
    else
        (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
    append(exchange, number);
}

static void make_path(struct ctl_exchange *exchange, const struct verb *verb, const json_t *params)
{
    const char *at = verb->path;

    while (*at) {
        size_t length = strcspn(at, "{");
        char name[48];
        char fixed[256];

        (void)snprintf(fixed, sizeof(fixed), "%.*s", (int)length, at);
        append(exchange, fixed);
        at += length;
        if (*at == '{' && verb_brace(at, 0, name)) {
            append_value(exchange, json_object_get(params, name));
            at = strchr(at, '}') + 1;
        }
    }
}

/* Parameters that are not in the path: the query of GET and DELETE, the body of the other methods.
 */
static json_t *rest_of(const struct verb *verb, const json_t *params)
{
    /* jansson requires a non-const pointer */
    json_t *rest = json_copy((json_t *)(uintptr_t)params);
    char name[48];

    for (size_t i = 0; verb_brace(verb->path, i, name); i++)
        (void)json_object_del(rest, name);
    return rest;
}

static void make_query(struct ctl_exchange *exchange, json_t *rest, bool dry_run)
{
    const char *separator = "?";
    const char *name;
    json_t *value;

    json_object_foreach(rest, name, value)
    {
        append(exchange, separator);
        append_escaped(exchange, name);
        append(exchange, "=");
        append_value(exchange, value);
        separator = "&";
    }
    if (dry_run) {
        append(exchange, separator);
        append(exchange, "dry_run=1");
    }
}

static void add_header(struct ctl_exchange *exchange, const char *name, const char *value)
{
    char line[SECRET_MAX + 64];
    struct curl_slist *more;

    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    more = curl_slist_append(exchange->headers, line);
    explicit_bzero(line, sizeof(line));
    if (more)
        exchange->headers = more;
}

/* So that a change that is repeated after a lost answer is made once. */
static void add_key(struct ctl_exchange *exchange)
{
    unsigned char bytes[16];
    char key[33];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return;
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(key + 2 * i, 3, "%02x", bytes[i]);
    add_header(exchange, "Idempotency-Key", key);
}

/* The token is in a file, so that it is neither in the list of processes nor in the shell's
 * history. */
static bool add_token(struct ctl_exchange *exchange, const struct verb *verb)
{
    const char *path = exchange->ctl->token_file;
    char text[SECRET_MAX] = "";
    char value[SECRET_MAX + 8];
    int descriptor;
    ssize_t size;

    if (!path || (verb->roles & ROLE_BIT(0)))
        return true;
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    size = descriptor < 0 ? -1 : read(descriptor, text, sizeof(text) - 1);
    if (descriptor >= 0)
        (void)close(descriptor);
    if (size <= 0) {
        (void)snprintf(exchange->answer->error, sizeof(exchange->answer->error),
                       "cannot read a token from '%s'", path);
        return false;
    }
    text[strcspn(text, " \r\n")] = '\0';
    (void)snprintf(value, sizeof(value), "Bearer %s", text);
    add_header(exchange, "Authorization", value);
    explicit_bzero(text, sizeof(text));
    explicit_bzero(value, sizeof(value));
    return true;
}

static void make_body(struct ctl_exchange *exchange, const struct verb *verb, const json_t *rest)
{
    exchange->body = json_text(rest);
    add_header(exchange, "Content-Type", "application/json");
    (void)curl_easy_setopt(exchange->curl, CURLOPT_CUSTOMREQUEST, verb_method_names[verb->method]);
    (void)curl_easy_setopt(exchange->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(exchange->body));
    (void)curl_easy_setopt(exchange->curl, CURLOPT_POSTFIELDS, exchange->body);
}

static void make_request(struct ctl_exchange *exchange, const struct verb *verb,
                         const json_t *params, bool dry_run)
{
    const struct ctl *ctl = exchange->ctl;
    json_t *rest = rest_of(verb, params);

    copy_text(exchange->url, ctl->url ? ctl->url : "http://berth");
    make_path(exchange, verb, params);
    if (verb->method == GET || verb->method == DELETE) {
        make_query(exchange, rest, dry_run);
        (void)curl_easy_setopt(exchange->curl, CURLOPT_CUSTOMREQUEST,
                               verb_method_names[verb->method]);
    } else {
        if (dry_run)
            append(exchange, "?dry_run=1");
        make_body(exchange, verb, rest);
    }
    if (verb->method != GET && !dry_run)
        add_key(exchange);
    json_decref(rest);
}

/* ---- the answer ---- */

static size_t on_body(char *bytes, size_t one, size_t count, void *context)
{
    struct ctl_exchange *exchange = (struct ctl_exchange *)context;
    struct ctl_answer *answer = exchange->answer;
    size_t size = one * count;

    if (answer->size + size > CTL_ANSWER_MAX)
        return 0;
    answer->text = (char *)berth_realloc(answer->text, answer->size + size + 1);
    memcpy(answer->text + answer->size, bytes, size);
    answer->size += size;
    answer->text[answer->size] = '\0';
    return size;
}

static int64_t elapsed_ms(const struct ctl_exchange *exchange)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - exchange->began.tv_sec) * 1000 +
           (now.tv_nsec - exchange->began.tv_nsec) / 1000000;
}

/* libcurl calls it several times a second. Prints only on a terminal, and only when the request
 * takes long. */
static int progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                    curl_off_t up)
{
    static const char *const spinner[] = { "|", "/", "-", "\\" };
    struct ctl_exchange *exchange = (struct ctl_exchange *)context;
    int64_t ms = elapsed_ms(exchange);

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    if (exchange->ctl->progress && exchange->what && ms >= QUIET_MS) {
        (void)fprintf(stderr, "\r%s %s ... %lld s ", spinner[ms / 500 % 4], exchange->what,
                      (long long)(ms / 1000));
        (void)fflush(stderr);
        exchange->shown = true;
    }
    return 0;
}

/* ---- the exchange ---- */

static const char *socket_path(const struct ctl *ctl)
{
    const char *path = ctl->socket ? ctl->socket : getenv("BERTH_SOCKET");

    return path && *path ? path : SOCKET_DEFAULT;
}

static void set_route(struct ctl_exchange *exchange)
{
    const struct ctl *ctl = exchange->ctl;
    CURL *curl = exchange->curl;

    if (!ctl->url)
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path(ctl));
    else
        (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    if (ctl->authority)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ctl->authority);
    (void)curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->failure);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static void set_failure(struct ctl_exchange *exchange, CURLcode code)
{
    struct ctl_answer *answer = exchange->answer;
    const char *why = exchange->failure[0] ? exchange->failure : curl_easy_strerror(code);

    answer->status = 0;
    if (exchange->ctl->url)
        (void)snprintf(answer->error, sizeof(answer->error), "no broker at %s: %s",
                       exchange->ctl->url, why);
    else
        (void)snprintf(answer->error, sizeof(answer->error), "no broker at the socket %s: %s",
                       socket_path(exchange->ctl), why);
}

/* The transfer has ended with this code. */
static void set_status(struct ctl_exchange *exchange, CURLcode code)
{
    if (exchange->shown)
        (void)fprintf(stderr, "\r\033[K");
    if (code == CURLE_OK)
        (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &exchange->answer->status);
    else
        set_failure(exchange, code);
}

/* False when it cannot be sent; the answer says why. */
static bool begin(struct ctl_exchange *exchange, const struct verb *verb, const json_t *params,
                  bool dry_run)
{
    *exchange->answer = (struct ctl_answer){ 0 };
    exchange->curl = curl_easy_init();
    if (!exchange->curl) {
        (void)snprintf(exchange->answer->error, sizeof(exchange->answer->error),
                       "cannot initialise libcurl");
        return false;
    }
    if (exchange->ctl->url && strncmp(exchange->ctl->url, "https://", 8) != 0) {
        (void)snprintf(exchange->answer->error, sizeof(exchange->answer->error),
                       "--url must begin with https://");
        return false;
    }
    if (!add_token(exchange, verb))
        return false;
    make_request(exchange, verb, params, dry_run);
    set_route(exchange);
    (void)clock_gettime(CLOCK_MONOTONIC, &exchange->began);
    return true;
}

static void end(struct ctl_exchange *exchange)
{
    curl_slist_free_all(exchange->headers);
    curl_easy_cleanup(exchange->curl);
    if (exchange->body)
        berth_wipe_free(exchange->body, strlen(exchange->body));
}

void ctl_ask(const struct ctl *ctl, const struct verb *verb, const json_t *params, bool dry_run,
             struct ctl_answer *ret)
{
    struct ctl_exchange exchange = { .ctl = ctl, .answer = ret, .what = verb->symbol };

    if (begin(&exchange, verb, params, dry_run))
        set_status(&exchange, curl_easy_perform(exchange.curl));
    end(&exchange);
}

/* ---- a stream ---- */

struct ctl_exchange *ctl_follow(const struct ctl *ctl, const struct verb *verb,
                                const json_t *params, struct ctl_answer *ret)
{
    struct ctl_exchange *exchange = berth_new(struct ctl_exchange);

    *exchange = (struct ctl_exchange){ .ctl = ctl, .answer = ret };
    exchange->over = !begin(exchange, verb, params, false);
    exchange->multi = curl_multi_init();
    if (!exchange->over)
        (void)curl_multi_add_handle(exchange->multi, exchange->curl);
    return exchange;
}

/* Wait until more bytes have come, or the end. */
static void wait_for_more(struct ctl_exchange *exchange)
{
    size_t had = exchange->answer->size;
    int running = 0;
    int left;
    const CURLMsg *message;

    (void)curl_multi_perform(exchange->multi, &running);
    message = running ? NULL : curl_multi_info_read(exchange->multi, &left);
    if (message)
        set_status(exchange, message->data.result);
    exchange->over = !running;
    if (running && exchange->answer->size == had)
        (void)curl_multi_poll(exchange->multi, NULL, 0, 1000, NULL);
}

const char *ctl_next_line(struct ctl_exchange *exchange)
{
    struct ctl_answer *answer = exchange->answer;

    for (;;) {
        long status = 0;
        char *end_of_line;

        if (exchange->taken) {
            answer->size -= exchange->taken;
            memmove(answer->text, answer->text + exchange->taken, answer->size + 1);
            exchange->taken = 0;
        }
        (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
        end_of_line =
            status == 200 && answer->size ? memchr(answer->text, '\n', answer->size) : NULL;
        if (end_of_line) {
            *end_of_line = '\0';
            exchange->taken = (size_t)(end_of_line + 1 - answer->text);
            return answer->text;
        }
        if (exchange->over)
            return NULL;
        wait_for_more(exchange);
    }
}

void ctl_follow_end(struct ctl_exchange *exchange)
{
    if (!exchange->over)
        set_status(exchange, CURLE_OK);
    (void)curl_multi_remove_handle(exchange->multi, exchange->curl);
    end(exchange);
    (void)curl_multi_cleanup(exchange->multi);
    free(exchange);
}

/* ---- what an answer says ---- */

void ctl_answer_free(struct ctl_answer *answer)
{
    berth_wipe_free(answer->text, answer->size);
    answer->text = NULL;
}

static int code_of_status(long status, bool retry)
{
    if (status == 404)
        return CTL_NOT_FOUND;
    if (status == 401 || status == 403)
        return CTL_NOT_PERMITTED;
    if (status == 409)
        return CTL_CONFLICT;
    return retry ? CTL_LATER : CTL_REFUSED;
}

int ctl_fail(const struct ctl_answer *answer)
{
    json_t *json;
    const json_t *error;
    const char *text;
    bool retry;

    if (answer->status == 0) {
        (void)fprintf(stderr, "berthctl: ");
        ctl_print(stderr,
                  answer->error[0] ? answer->error : "the connection to the broker was lost",
                  false);
        (void)fputc('\n', stderr);
        return CTL_UNREACHABLE;
    }
    json = answer->text ? json_parse(answer->text, answer->size, CTL_ANSWER_DEPTH, NULL) : NULL;
    error = json_object_get(json, "error");
    text = json_string_value(json_object_get(error, "text"));
    retry = json_is_true(json_object_get(error, "retry"));
    (void)fprintf(stderr, "berthctl: ");
    if (text)
        ctl_print(stderr, text, false);
    else
        (void)fprintf(stderr, "the broker answered with status %ld", answer->status);
    (void)fprintf(stderr, "%s\n", retry ? " (try again later)" : "");
    json_decref(json);
    return code_of_status(answer->status, retry);
}

bool ctl_is_good(const struct ctl_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}
