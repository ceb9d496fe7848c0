/* ctl.h - berthctl: the management API on the command line.
 *
 * Module ctl: the only user of <curl/...>. Commands, arguments, help and completion are made from
 * the broker's table of verbs (api/table/verb.h), which is compiled in; only commands that need no
 * broker (help, completion, restore) are defined here.
 *
 * To add a command: a row in broker/api/verbs.def. To add one that needs no broker: a row in
 * local.c.
 */
#ifndef BERTH_CTL_CTL_H
#define BERTH_CTL_CTL_H

#include <stdio.h>

#include "berth/json.h"

#include "api/table/verb.h"

#define CTL_ARGS_MAX 64
#define CTL_ANSWER_MAX ((size_t)64 * 1024 * 1024)
#define CTL_ANSWER_DEPTH 12

/* Exit codes; scripts rely on them. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1,     /* refused or failed; the message says why */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_UNREACHABLE = 3, /* no broker answers */
    CTL_NOT_FOUND = 4,   /* not found */
    CTL_NOT_PERMITTED = 5,
    /* changed meanwhile, exists already, or not possible in the present state */
    CTL_CONFLICT = 6,
    CTL_LATER = 7, /* the same command may succeed later */
};

struct ctl {
    /* How to reach the broker. */
    const char *socket;
    const char *url;
    const char *token_file;
    const char *authority; /* PEM file of the CA for https */
    /* Output. */
    bool json, yes, dry_run;
    bool colour;   /* standard output is a terminal */
    bool progress; /* standard error is a terminal */
    /* The command: words and arguments, without options. */
    const char *arg[CTL_ARGS_MAX];
    size_t args;
    char *expanded[CTL_ARGS_MAX]; /* arguments made from options */
    size_t expanded_count;
    const char *to;    /* restore --to */
    const char *count; /* watch --count */
    bool help;
};

/* ---- args.c ---- */

/* Parse the options of the command line. Options that name a parameter of a verb (--terminal T)
 * become the argument `terminal=T`. Errors: INVALID.
 */
int ctl_options(struct ctl *ctl, int argc, char *const argv[],
                struct berth_error *reterr) berth_must_check;

/* Free what ctl_options allocated. */
void ctl_clear(struct ctl *ctl);

/* The verb with the longest sequence of words that the arguments begin with; *ret_words: number of
 * these words. NULL: none. */
const struct verb *ctl_verb(const struct ctl *ctl, size_t *ret_words);

/* The parameters of the verb from the arguments after its words, as JSON (a new reference). Asks
 * for passwords. Errors: INVALID.
 */
int ctl_params(const struct ctl *ctl, const struct verb *verb, size_t words, json_t **ret,
               struct berth_error *reterr) berth_must_check;

/* The record that describes a verb's parameters. */
const struct record *ctl_record(const struct verb *verb);

/* ---- http.c ---- */

struct ctl_answer {
    long status; /* 0: no answer; `error` says why */
    char *text;
    size_t size;
    char error[256];
};
void ctl_answer_free(struct ctl_answer *answer);

/* Send a request and wait for the answer. `params` by name: those in the path go there, the rest
 * into the query or the body. */
void ctl_ask(const struct ctl *ctl, const struct verb *verb, const json_t *params, bool dry_run,
             struct ctl_answer *ret);

/* Read a stream. ctl_next_line waits for a complete line and returns it without its end, valid until
 * the next call; NULL: the stream is over. After ctl_follow_end *ret has the status, and the text of
 * an answer that is no stream. */
struct ctl_exchange *ctl_follow(const struct ctl *ctl, const struct verb *verb,
                                const json_t *params, struct ctl_answer *ret);
const char *ctl_next_line(struct ctl_exchange *exchange);
void ctl_follow_end(struct ctl_exchange *exchange);

/* Did the request succeed? */
bool ctl_is_good(const struct ctl_answer *answer);
/* Print why a request failed; returns the exit code. */
int ctl_fail(const struct ctl_answer *answer);

/* ---- pages.c ---- */

enum ctl_pages_mode {
    PAGES_NONE, /* not a list */
    PAGES_ONE,
    PAGES_ALL,
    PAGES_OPEN_THEN_PAST, /* all open rows, then one page of ended ones */
};

/* How to fetch the pages of a list. */
struct ctl_pages {
    enum ctl_pages_mode mode;
    const char *cursor; /* "after" or "before": the parameter for `next` of a page */
};

/* Before the first page is requested: decide the mode, and add parameters that it needs. */
struct ctl_pages ctl_pages_begin(const struct verb *verb, json_t *params);
/* Fetch the further pages of a list and append them. `answer` is the latest answer: when it is a
 * failure, the list is incomplete. */
void ctl_pages_rest(const struct ctl *ctl, const struct verb *verb, const struct ctl_pages *pages,
                    json_t *params, json_t *list, struct ctl_answer *answer);
/* Print on standard error how to get the next page. */
void ctl_pages_hint(const struct ctl_pages *pages, const json_t *list);

/* ---- show.c ---- */

/* Print a successful answer as text; a plan is the answer of a dry run. */
void ctl_show(const struct ctl *ctl, const struct verb *verb, const json_t *answer);
void ctl_show_plan(const json_t *plan, FILE *out);

/* ---- table.c ---- */

/* Number of columns of the text on a terminal. */
size_t ctl_width(const char *text);

/* Print a table of cells (rows * columns texts) with aligned columns. colour: escape sequence for a
 * cell; NULL: no colours. */
void ctl_table(FILE *out, size_t columns, size_t rows, const char *const *cells,
               const char *(*colour)(size_t column, const char *text));

/* Print a text without control characters. lines: except line feeds. */
void ctl_print(FILE *out, const char *text, bool lines);

/* ---- secret.c ---- */

/* Read from the terminal without echo (twice when `again`), or the first line of standard input
 * when that is not a terminal. */
int ctl_read_secret(const char *what, bool again, struct secret *ret,
                    struct berth_error *reterr) berth_must_check;

/* Ask for confirmation on the terminal; true when there is no terminal. */
bool ctl_confirm(const char *question);

/* ---- help.c, complete.c, local.c, watch.c ---- */

void ctl_help(FILE *out);
/* Help about a topic such as `pool`; false when there is none. */
bool ctl_help_about(FILE *out, const char *word);
void ctl_help_verb(FILE *out, const struct verb *verb);

/* Print completions of the last of `argv`, one per line; asks the broker for names. */
void ctl_complete(const struct ctl *ctl, int argc, char *const argv[]);
extern const char ctl_completion_bash[];

/* Print events until it is interrupted; reconnects and resumes by itself. Returns an exit code. */
int ctl_watch(const struct ctl *ctl, const struct verb *verb, const json_t *params);

/* Run a command that needs no broker; returns an exit code, or -1 when it is not one of them. */
int ctl_local(const struct ctl *ctl);
/* Name and sentence of the i-th of them; NULL after the last. */
const char *ctl_local_row(size_t index, const char **ret_sentence);

/* berthctl: returns the exit code. */
int ctl_main(int argc, char *const argv[]);

#endif
