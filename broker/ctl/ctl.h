/* ctl.h - berthctl: the management API on the command line.
 *
 * Module ctl: the only one with <curl/...>. Commands, their arguments, help and completion are the
 * broker's own table of verbs, compiled in; only what never reaches a broker (help, completion,
 * restore) is written here.
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

/* Exit codes; scripts rely on them. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1,     /* refused or failed; the sentence says why */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_UNREACHABLE = 3, /* no broker answers */
    CTL_NOT_FOUND = 4,   /* there is no such thing */
    CTL_NOT_PERMITTED = 5,
    /* somebody else changed it meanwhile, it exists already, or not in this state */
    CTL_CONFLICT = 6,
    CTL_LATER = 7, /* the same command may succeed later */
};

struct ctl {
    /* How to reach the broker. */
    const char *socket;
    const char *url;
    const char *token_file;
    const char *authority; /* PEM file of the CA for https */
    /* How to speak. */
    bool json, yes, dry_run;
    bool colour;   /* standard output is a terminal */
    bool progress; /* standard error is a terminal */
    /* What to do: words and arguments, options taken out. */
    const char *arg[CTL_ARGS_MAX];
    size_t args;
    char *expanded[CTL_ARGS_MAX]; /* arguments that were made of options */
    size_t expanded_count;
    const char *to;    /* restore --to */
    const char *count; /* watch --count */
    bool help;
};

/* ---- args.c ---- */

/* Take options out of the command line. Options that name a parameter of a verb (--terminal T)
 * become `terminal=T`. Errors: INVALID with a sentence.
 */
int ctl_options(struct ctl *ctl, int argc, char *const argv[],
                struct berth_error *reterr) berth_must_check;

/* Free what ctl_options made. */
void ctl_clear(struct ctl *ctl);

/* The verb whose words the arguments begin with, the longest; *ret_words: how many of them are
 * words. NULL: none. */
const struct verb *ctl_verb(const struct ctl *ctl, size_t *ret_words);

/* The verb's parameters from the arguments behind its words, as JSON (a new reference). Passwords
 * are asked for here. Errors: INVALID with a sentence.
 */
int ctl_params(const struct ctl *ctl, const struct verb *verb, size_t words, json_t **ret,
               struct berth_error *reterr) berth_must_check;

/* The record that describes a verb's parameters. */
const struct record *ctl_record(const struct verb *verb);

/* ---- http.c ---- */

struct ctl_answer {
    long status; /* 0: nobody answered; `error` says why */
    char *text;
    size_t size;
    char error[256];
};
void ctl_answer_free(struct ctl_answer *answer);

/* Ask and wait. `params` by name: the path takes what it names, the rest goes into the query or the
 * body. */
void ctl_ask(const struct ctl *ctl, const struct verb *verb, const json_t *params, bool dry_run,
             struct ctl_answer *ret);

/* Follow a stream: `each` gets every whole line without its end and says whether to go on. */
void ctl_follow(const struct ctl *ctl, const struct verb *verb, const json_t *params,
                bool (*each)(void *context, const char *line), void *context,
                struct ctl_answer *ret);

/* ---- pages.c ---- */

enum ctl_pages_mode {
    PAGES_NONE, /* it is no list */
    PAGES_ONE,
    PAGES_ALL,
    PAGES_OPEN_THEN_PAST, /* all that is not over, then one page of what is */
};

/* How the pages of a list are fetched. */
struct ctl_pages {
    enum ctl_pages_mode mode;
    const char *cursor; /* "after" or "before": where `next` of a page goes */
};

/* Before the first page is asked for: what the parameters ask, and what must be added to them. */
struct ctl_pages ctl_pages_begin(const struct verb *verb, json_t *params);
/* Fetch what belongs to the list behind its first page, into it. `answer` holds the latest answer:
 * when that is no good one, the list is not whole. */
void ctl_pages_rest(const struct ctl *ctl, const struct verb *verb, const struct ctl_pages *pages,
                    json_t *params, json_t *list, struct ctl_answer *answer);
/* Say on standard error, where no reader of the list meets it, how the next page is seen. */
void ctl_pages_hint(const struct ctl_pages *pages, const json_t *list);

/* ---- show.c ---- */

/* Print a good answer for people; a plan is what a dry run answers. */
void ctl_show(const struct ctl *ctl, const struct verb *verb, const json_t *answer);
void ctl_show_plan(const json_t *plan, FILE *out);

/* ---- table.c ---- */

/* Columns that the text takes on a terminal. */
size_t ctl_width(const char *text);

/* A table of cells (rows * columns texts), columns aligned. colour: how to paint a cell, NULL: not
 * at all. */
void ctl_table(FILE *out, size_t columns, size_t rows, const char *const *cells,
               const char *(*colour)(size_t column, const char *text));

/* Text without anything that a terminal would obey. lines: line feeds stay. */
void ctl_print(FILE *out, const char *text, bool lines);

/* ---- secret.c ---- */

/* From the terminal without echo (twice when `again`), or the first line of standard input when
 * that is none. */
int ctl_read_secret(const char *what, bool again, struct secret *ret,
                    struct berth_error *reterr) berth_must_check;

/* "Go on?" on the terminal; true when there is nobody to ask. */
bool ctl_confirm(const char *question);

/* ---- help.c, complete.c, local.c, watch.c ---- */

void ctl_help(FILE *out);
/* Of a word such as `pool`; false when there is none. */
bool ctl_help_about(FILE *out, const char *word);
void ctl_help_verb(FILE *out, const struct verb *verb);

/* Offer words for the last of `argv`, one a line; asks the broker for names. */
void ctl_complete(const struct ctl *ctl, int argc, char *const argv[]);
extern const char ctl_completion_bash[];

/* Follow events until told otherwise; resumes by itself. Answers an exit code. */
int ctl_watch(const struct ctl *ctl, const struct verb *verb, const json_t *params);

/* Commands that need no broker: -1 when it is none of them, else an exit code. */
int ctl_local(const struct ctl *ctl);
/* Name and sentence of the i-th of them; NULL after the last. */
const char *ctl_local_row(size_t index, const char **ret_sentence);

#define CTL_ANSWER_DEPTH 12
/* Did the broker do it? */
bool ctl_is_good(const struct ctl_answer *answer);
/* Says why, and which exit code that is. */
int ctl_fail(const struct ctl_answer *answer);

/* Everything. */
int ctl_main(int argc, char *const argv[]);

#endif
