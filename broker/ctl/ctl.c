/* ctl.c - berthctl from command line to exit code. */
#include "ctl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- sign-in: store the token in a file ---- */

static int keep_token(const struct ctl *ctl, const json_t *answer)
{
    const char *token = json_string_value(json_object_get(answer, "token"));
    int descriptor;
    bool written;

    if (!token)
        return CTL_REFUSED;
    descriptor = open(ctl->token_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    written = descriptor >= 0 && fchmod(descriptor, 0600) == 0 &&
              write(descriptor, token, strlen(token)) == (ssize_t)strlen(token) &&
              write(descriptor, "\n", 1) == 1;
    if (descriptor >= 0)
        (void)close(descriptor);
    if (!written) {
        (void)fprintf(stderr, "berthctl: cannot write '%s'\n", ctl->token_file);
        return CTL_REFUSED;
    }
    (void)printf("signed in as %s (%s); the token is in %s\n",
                 json_string_value(json_object_get(answer, "name")),
                 json_string_value(json_object_get(answer, "role")), ctl->token_file);
    return CTL_OK;
}

/* ---- one command ---- */

static int print_answer(const struct ctl *ctl, const struct verb *verb,
                        const struct ctl_pages *pages, json_t *params, struct ctl_answer *answer)
{
    json_t *json;
    char *text;
    int code = CTL_OK;

    if (verb->shape == TEXT) {
        (void)fwrite(answer->text, 1, answer->size, stdout);
        if (answer->size && answer->text[answer->size - 1] != '\n')
            (void)fputc('\n', stdout);
        return CTL_OK;
    }
    json = answer->text ? json_parse(answer->text, answer->size, CTL_ANSWER_DEPTH, NULL) : NULL;
    if (!json) {
        (void)fprintf(stderr, "berthctl: cannot parse the answer of the broker\n");
        return CTL_REFUSED;
    }
    ctl_pages_rest(ctl, verb, pages, params, json, answer);
    if (verb->method == GET && answer->status >= 300 && verb->id != VERB_readyz)
        code = ctl_fail(answer); /* a later page failed */
    else if (verb->id == VERB_sign_in && ctl->token_file)
        code = keep_token(ctl, json);
    else if (ctl->json) {
        text = json_text(json);
        (void)puts(text);
        berth_wipe_free(text, strlen(text));
    } else {
        ctl_show(ctl, verb, json);
        ctl_pages_hint(pages, json);
    }
    json_decref(json);
    return code;
}

/* Print what would happen and ask for confirmation; false: the answer was no. */
static bool confirm_plan(const struct ctl *ctl, const struct verb *verb, const json_t *params)
{
    struct ctl_answer answer;
    json_t *plan;

    if (!(verb->flags & VERB_DESTROYS) || ctl->yes || !ctl->progress || !isatty(STDIN_FILENO))
        return true;
    if (verb->flags & VERB_DRY) {
        ctl_ask(ctl, verb, params, true, &answer);
        plan = ctl_is_good(&answer) ? json_parse(answer.text, answer.size, CTL_ANSWER_DEPTH, NULL)
                                    : NULL;
        ctl_show_plan(plan, stderr);
        json_decref(plan);
        ctl_answer_free(&answer);
    }
    return ctl_confirm("Continue?");
}

static int run_verb(const struct ctl *ctl, const struct verb *verb, json_t *params)
{
    struct ctl_pages pages = ctl_pages_begin(verb, params);
    struct ctl_answer answer;
    bool not_ready;
    int code;

    if (verb->shape == STREAM)
        return ctl_watch(ctl, verb, params);
    if (ctl->dry_run && !(verb->flags & VERB_DRY)) {
        (void)fprintf(stderr, "berthctl: this command has no --dry-run\n");
        return CTL_USAGE;
    }
    if (!ctl->dry_run && !confirm_plan(ctl, verb, params)) {
        (void)fprintf(stderr, "berthctl: nothing was done\n");
        return CTL_REFUSED;
    }
    ctl_ask(ctl, verb, params, ctl->dry_run, &answer);
    not_ready = verb->id == VERB_readyz && answer.status == 503;
    code = ctl_is_good(&answer) || not_ready ? print_answer(ctl, verb, &pages, params, &answer)
                                             : ctl_fail(&answer);
    if (not_ready)
        code = CTL_LATER;
    ctl_answer_free(&answer);
    return code;
}

static int usage(const struct berth_error *error, const struct verb *verb)
{
    (void)fprintf(stderr, "berthctl: ");
    ctl_print(stderr, berth_error_text(error), false);
    (void)fputc('\n', stderr);
    if (verb)
        ctl_help_verb(stderr, verb);
    return CTL_USAGE;
}

static int run_command(const struct ctl *ctl)
{
    struct berth_error error = { 0 };
    json_t *params;
    size_t words;
    const struct verb *verb = ctl_verb(ctl, &words);
    int code;

    if (!verb) {
        (void)berth_fail(&error, BERTH_E_INVALID, "unknown command '%s%s%s'; see berthctl help",
                         ctl->arg[0], ctl->args > 1 ? " " : "", ctl->args > 1 ? ctl->arg[1] : "");
        return usage(&error, NULL);
    }
    if (ctl->help) {
        ctl_help_verb(stdout, verb);
        return CTL_OK;
    }
    if (ctl_params(ctl, verb, words, &params, &error) < 0)
        return usage(&error, verb);
    code = run_verb(ctl, verb, params);
    json_decref(params);
    return code;
}

int ctl_main(int argc, char *const argv[])
{
    struct ctl ctl = { .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                       .progress = isatty(STDERR_FILENO) };
    struct berth_error error = { 0 };
    int code;

    if (argc >= 3 && strcmp(argv[1], "complete") == 0 && strcmp(argv[2], "--") == 0) {
        ctl_complete(&ctl, argc - 3, argv + 3);
        return CTL_OK;
    }
    if (ctl_options(&ctl, argc, argv, &error) < 0)
        return usage(&error, NULL);
    if (ctl.args == 0) {
        ctl_help(ctl.help ? stdout : stderr);
        return ctl.help ? CTL_OK : CTL_USAGE;
    }
    code = ctl_local(&ctl);
    if (code < 0)
        code = run_command(&ctl);
    ctl_clear(&ctl);
    return code;
}
