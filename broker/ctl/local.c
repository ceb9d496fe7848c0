/* local.c - commands that need no broker: help, completion, restore. */
#include <stdio.h>
#include <string.h>

#include "store/store.h"

#include "ctl.h"

struct local {
    const char *words;
    const char *sentence;
    int (*run)(const struct ctl *ctl);
};

static int say_version(const struct ctl *ctl)
{
    (void)ctl;
    (void)printf("berthctl %s\n", BERTH_VERSION);
    return CTL_OK;
}

static int help(const struct ctl *ctl)
{
    if (ctl->args < 2) {
        ctl_help(stdout);
        return CTL_OK;
    }
    if (ctl_help_about(stdout, ctl->arg[1]))
        return CTL_OK;
    (void)fprintf(stderr, "berthctl: unknown command '%s'; see berthctl help\n", ctl->arg[1]);
    return CTL_USAGE;
}

static int completion(const struct ctl *ctl)
{
    if (ctl->args != 2 || strcmp(ctl->arg[1], "bash") != 0) {
        (void)fprintf(stderr, "usage: berthctl completion bash\n");
        return CTL_USAGE;
    }
    (void)fputs(ctl_completion_bash, stdout);
    return CTL_OK;
}

/* Offline: the broker of the folder must not run. */
static int restore(const struct ctl *ctl)
{
    struct berth_error error = { 0 };

    if (ctl->args != 2 || !ctl->to) {
        (void)fprintf(stderr, "usage: berthctl restore FILE --to FOLDER\n");
        return CTL_USAGE;
    }
    if (store_restore(ctl->arg[1], ctl->to, &error) < 0) {
        (void)fprintf(stderr, "berthctl: %s\n", berth_error_text(&error));
        return CTL_REFUSED;
    }
    (void)printf("'%s' is restored to '%s'; start berthd with this data folder\n", ctl->arg[1],
                 ctl->to);
    return CTL_OK;
}

static const struct local locals[] = {
    { "help [COMMAND]", "this help, or help about a command", help },
    { "version", "of berthctl", say_version },
    { "completion bash", "completion for bash: source <(berthctl completion bash)", completion },
    { "restore FILE --to FOLDER", "check a backup and create a new data folder from it", restore },
};

const char *ctl_local_row(size_t index, const char **ret_sentence)
{
    if (index >= BERTH_COUNT(locals))
        return NULL;
    *ret_sentence = locals[index].sentence;
    return locals[index].words;
}

int ctl_local(const struct ctl *ctl)
{
    for (size_t i = 0; i < BERTH_COUNT(locals); i++) {
        size_t length = strcspn(locals[i].words, " ");

        if (strlen(ctl->arg[0]) == length && strncmp(ctl->arg[0], locals[i].words, length) == 0)
            return locals[i].run(ctl);
    }
    return -1;
}
