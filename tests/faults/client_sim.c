/* client_sim.c - berth-client-sim: many lean terminals in one process, commanded by lines on
 * standard input.
 *
 * usage: berth-client-sim [--want MS] [--seed N] [--history FILE]
 *
 *   join NAME INVITATION [HOST PORT]     a new terminal joins; its link then goes to HOST PORT (a
 *                                        proxy), or where the invitation says
 *   route NAME HOST PORT                 the next connection goes there
 *   sign-on NAME USER PASSWORD [POOL]
 *   kiosk NAME                           sign on as the terminal's kiosk user
 *   disconnect NAME | sign-off NAME      leave the session that is shown
 *   bye NAME                             say goodbye, close the connection, stay away
 *   cut NAME                             close the connection without goodbye, stay away
 *   connect NAME                         connect again, at once
 *   status NAME
 *   quit
 *
 * NAME may be * for every terminal, except with join. Answers and reports: client_sim.h. The end of
 * input means `quit`; the program then waits a second for goodbyes to be sent.
 */
#include "client_sim.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "berth/history_file.h"

#include "random_seeded.h"

#define WORDS_MAX 6
#define LINE_BYTES 4096
#define HANDSHAKE_MS 10000
#define UNANSWERED_MS 7000 /* as berth-agent */

static struct {
    struct client_sim sim;
    uv_pipe_t input;
    char line[LINE_BYTES];
    size_t length;
} us;

void client_sim_report(const struct terminal *terminal, const char *what, json_t *more)
{
    json_t *line = json_pack("{s:I, s:s, s:s}", "at_us", (json_int_t)lean_now_us(), "terminal",
                             terminal->lean.name, "what", what);
    char *text;

    if (more) {
        (void)json_object_update_missing(line, more);
        json_decref(more);
    }
    text = json_dumps(line, JSON_COMPACT);
    (void)puts(text);
    (void)fflush(stdout);
    free(text);
    json_decref(line);
}

/* ---- commands ---- */

static void do_route(struct terminal *terminal, char **words)
{
    (void)snprintf(terminal->lean.address, sizeof(terminal->lean.address), "%s", words[2]);
    terminal->lean.port = (int)strtol(words[3], NULL, 10);
}

static void do_sign_on(struct terminal *terminal, char **words)
{
    terminal_sign_on(terminal, words[2], words[3], words[4] ? words[4] : "");
}

static void do_kiosk(struct terminal *terminal, char **words)
{
    (void)words;
    terminal_kiosk(terminal);
}

static void do_disconnect(struct terminal *terminal, char **words)
{
    (void)words;
    terminal_leave(terminal, MSG_disconnect);
}

static void do_sign_off(struct terminal *terminal, char **words)
{
    (void)words;
    terminal_leave(terminal, MSG_sign_off);
}

static void do_bye(struct terminal *terminal, char **words)
{
    (void)words;
    terminal_bye(terminal);
}

static void do_cut(struct terminal *terminal, char **words)
{
    (void)words;
    terminal_cut(terminal);
}

static void do_connect(struct terminal *terminal, char **words)
{
    (void)words;
    if (terminal->key) /* else it joins first */
        lean_connect(&terminal->lean);
}

static void do_status(struct terminal *terminal, char **words)
{
    const struct lean_terminal *lean = &terminal->lean;

    (void)words;
    client_sim_report(terminal, "status",
                      json_pack("{s:b, s:I, s:I, s:I}", "online", lean->link == LEAN_PRESENT,
                                "session_id", (json_int_t)(lean->shows ? lean->session_id : 0),
                                "epoch", (json_int_t)lean->epoch, "incarnation",
                                (json_int_t)lean->incarnation));
}

static const struct verb {
    const char *name;
    int words; /* at least, its own and NAME included */
    void (*run)(struct terminal *terminal, char **words);
} verbs[] = {
    { "route", 4, do_route },       { "sign-on", 4, do_sign_on },
    { "kiosk", 2, do_kiosk },       { "disconnect", 2, do_disconnect },
    { "sign-off", 2, do_sign_off }, { "bye", 2, do_bye },
    { "cut", 2, do_cut },           { "connect", 2, do_connect },
    { "status", 2, do_status },
};

static void join(char **words, int count)
{
    struct berth_error error = { 0 };
    struct terminal *terminal;
    struct invite invite;

    if (invite_parse(words[2], &invite, &error) < 0) {
        (void)fprintf(stderr, "berth-client-sim: %s: %s\n", words[1], error.text);
        return;
    }
    terminal = terminal_join(&us.sim, words[1], &invite);
    if (count >= 5)
        do_route(terminal, words + 1);
    explicit_bzero(&invite, sizeof(invite));
}

static void run_verb(const struct verb *verb, char **words)
{
    const char *name = words[1] ? words[1] : "";
    bool every = strcmp(name, "*") == 0;
    struct terminal *terminal = every ? NULL : terminal_named(&us.sim, name);

    if (!every && !terminal)
        (void)fprintf(stderr, "berth-client-sim: no terminal '%s'\n", name);
    else if (!every)
        verb->run(terminal, words);
    else
        list_each (&us.sim.terminals, node)
            verb->run(list_entry(node, struct terminal, node), words);
}

static void obey(char *line)
{
    char *words[WORDS_MAX] = { 0 };
    char *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(line, " \t\r", &rest); word && count < WORDS_MAX - 1;
         word = strtok_r(NULL, " \t\r", &rest))
        words[count++] = word;
    if (count == 0)
        return;
    if (strcmp(words[0], "quit") == 0) {
        loop_stop(&us.sim.loop);
        return;
    }
    if (strcmp(words[0], "join") == 0 && count >= 3) {
        join(words, count);
        return;
    }
    for (size_t i = 0; i < BERTH_COUNT(verbs); i++) {
        if (strcmp(words[0], verbs[i].name) == 0 && count >= verbs[i].words) {
            run_verb(&verbs[i], words);
            return;
        }
    }
    (void)fprintf(stderr, "berth-client-sim: what is '%s'?\n", words[0]);
}

/* ---- standard input ---- */

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    (void)handle;
    (void)wanted;
    if (us.length == sizeof(us.line) - 1)
        us.length = 0; /* longer than any command: drop it; the rest is refused */
    *ret = uv_buf_init(us.line + us.length, (unsigned)(sizeof(us.line) - 1 - us.length));
}

static void heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    char *begin = us.line;
    char *end;

    (void)stream;
    (void)buffer;
    if (size < 0) {
        loop_stop(&us.sim.loop);
        return;
    }
    us.length += (size_t)size;
    us.line[us.length] = '\0';
    while ((end = strchr(begin, '\n')) != NULL) {
        *end = '\0';
        obey(begin);
        begin = end + 1;
    }
    us.length -= (size_t)(begin - us.line);
    memmove(us.line, begin, us.length);
}

static void finish(void)
{
    int64_t until_us = lean_now_us() + 1000000;

    uv_close((uv_handle_t *)&us.input, NULL);
    list_each (&us.sim.terminals, node)
        terminal_off(list_entry(node, struct terminal, node));
    explicit_bzero(us.line, sizeof(us.line));
    /* Sockets close within a few turns; do not wait for a peer that never answers. */
    while (uv_loop_alive(&us.sim.loop.uv) && lean_now_us() < until_us)
        loop_turn(&us.sim.loop, 20);
    history_file_close(us.sim.lean.history);
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: berth-client-sim [--want MS] [--seed N] [--history FILE] <COMMANDS\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct berth_error error = { 0 };

    const char *history = NULL;

    (void)signal(SIGPIPE, SIG_IGN);
    list_init(&us.sim.terminals);
    random_system(&us.sim.random);
    us.sim.lean = (struct lean_group){ .loop = &us.sim.loop,
                                       .random = &us.sim.random,
                                       .events = &terminal_lean_events,
                                       .handshake_ms = HANDSHAKE_MS,
                                       .unanswered_ms = UNANSWERED_MS };
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            return usage();
        if (strcmp(argv[i], "--want") == 0)
            us.sim.lean.want_ms = strtoll(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            random_seeded(&us.sim.random, strtoull(argv[i + 1], NULL, 10));
        else if (strcmp(argv[i], "--history") == 0)
            history = argv[i + 1];
        else
            return usage();
    }
    if (history &&
        history_file_open(history, "berth-client-sim", false, &us.sim.lean.history, &error) < 0) {
        (void)fprintf(stderr, "berth-client-sim: %s\n", error.text);
        return 1;
    }
    if (loop_init(&us.sim.loop, &error) < 0) {
        (void)fprintf(stderr, "berth-client-sim: %s\n", error.text);
        return 1;
    }
    us.sim.loop.slow_limit_ms = 0;
    loop_watch_stalls(&us.sim.loop);
    if (uv_pipe_init(&us.sim.loop.uv, &us.input, 0) < 0 || uv_pipe_open(&us.input, 0) < 0 ||
        uv_read_start((uv_stream_t *)&us.input, give_room, heard) < 0)
        return usage(); /* standard input is no pipe */
    loop_run(&us.sim.loop);
    finish();
    return 0;
}
