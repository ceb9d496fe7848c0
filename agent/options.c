/* options.c - the table of options, and defaults that depend on the environment. */
#include "options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct conf_option agent_options_table[] = {
#define OPTION(section_, key_, type_, member_, default_, min_, max_, unit_, reload_, sentence_) \
    { .section = #section_,                                                                     \
      .key = #key_,                                                                             \
      .type = CONF_##type_,                                                                     \
      .offset = offsetof(struct agent_options, member_),                                        \
      .default_value = (default_),                                                              \
      .min = (min_),                                                                            \
      .max = (max_),                                                                            \
      .unit = (unit_),                                                                          \
      .reloadable = RELOAD_##reload_,                                                           \
      .sentence = (sentence_) },
#define RELOAD_RELOAD true
#define RELOAD_RESTART false
#include "options.def"
};

const size_t agent_options_count = BERTH_COUNT(agent_options_table);

static void set(char text[CONF_TEXT_MAX], const char *value)
{
    berth_copy_text(text, CONF_TEXT_MAX, value ? value : "");
}

const char *agent_executable_path(void)
{
    static char path[CONF_TEXT_MAX];
    ssize_t length = path[0] ? 0 : readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length > 0)
        path[length] = '\0';
    return path;
}

/* Replace "none" by "", and "" by `otherwise`. */
static void resolve(char text[CONF_TEXT_MAX], const char *otherwise)
{
    if (strcmp(text, "none") == 0)
        text[0] = '\0';
    else if (!text[0])
        set(text, otherwise);
}

static void beside_executable(char out[CONF_TEXT_MAX], const char *program)
{
    const char *executable = agent_executable_path();
    const char *slash = strrchr(executable, '/');

    (void)snprintf(out, CONF_TEXT_MAX, "%.*s/%s", slash ? (int)(slash - executable) : 0, executable,
                   program);
}

int agent_options_complete(struct agent_options *options, struct berth_error *reterr)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool boot = strcmp(options->identity, "boot") == 0;
    char greeter[CONF_TEXT_MAX];

    if (!boot && !options->state[0])
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "terminal.state: a folder is required for identity 'file'");
    beside_executable(greeter, "berth-greeter");
    resolve(options->greeter, greeter);
    resolve(options->display, getenv("DISPLAY"));
    resolve(options->authority, getenv("XAUTHORITY"));
    if (options->socket[0])
        return 0;
    if (!boot)
        (void)snprintf(options->socket, sizeof(options->socket), "%.240s/control.sock",
                       options->state);
    else
        (void)snprintf(options->socket, sizeof(options->socket), "%.230s/berth-agent.sock",
                       runtime ? runtime : "/run");
    return 0;
}
