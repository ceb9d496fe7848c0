/* main.c - berth-agent: the program on a terminal, and its subcommands.
 *
 *     berth-agent [--config FILE] [--set SECTION.KEY=VALUE]... [run]  serve until SIGTERM
 *     berth-agent [--config FILE] [--socket PATH] REQUEST ...         ask the running agent:
 *                                                                     control/requests.def
 *     berth-agent config                                              print an annotated file
 *     berth-agent confine ...                                         internal: viewer/confine.h
 */
#include <stdio.h>
#include <string.h>

#include "berth/json.h"
#include "berth/log.h"
#include "berth/secret.h"

#include "control/client.h"
#include "host/log_file.h"
#include "viewer/confine.h"

#include "agent.h"

#define CONFIG_FILE "/etc/berth/agent.conf"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 78 };

struct command_line {
    const char *config;
    bool config_given;
    const char *socket;
    int first; /* index of the subcommand */
};

static int help(void)
{
    (void)printf("usage: berth-agent [--config FILE] [--set SECTION.KEY=VALUE]... [run]\n"
                 "       berth-agent [--config FILE] [--socket PATH] REQUEST\n"
                 "       berth-agent config | --version | --help\n\n"
                 "Requests to the agent that runs on this terminal:\n");
    for (int i = CONTROL_NONE + 1; i < CONTROL_REQUESTS; i++) {
        const struct control_row *row = control_row((enum control_request)i);

        (void)printf("  %s %s\n      %s\n", row->word, row->arguments, row->sentence);
    }
    (void)printf(
        "\nExit codes of requests: 0 done, 1 failed, 2 usage, 3 no agent, 4 not in this state,\n"
        "5 refused, 6 temporary failure, try again later.\n");
    return 0;
}

static int read_options(struct command_line *line, int argc, char **argv,
                        struct agent_options *options, struct berth_error *reterr)
{
    int r = conf_read(agent_options_table, agent_options_count, line->config, !line->config_given,
                      options, reterr);

    for (int i = 1; r == 0 && i < line->first && i + 1 < argc; i++) {
        char name[CONF_TEXT_MAX];
        char *equals;

        if (strcmp(argv[i], "--set") != 0)
            continue;
        copy_text(name, argv[i + 1]);
        equals = strchr(name, '=');
        if (!equals)
            return berth_fail(reterr, BERTH_E_CONFIG, "--set %s: expected SECTION.KEY=VALUE", name);
        *equals = '\0';
        r = conf_set(agent_options_table, agent_options_count, name, equals + 1, options, reterr);
    }
    return r == 0 ? agent_options_complete(options, reterr) : r;
}

/* Parse the options before the subcommand; false: an unknown option or a missing value. */
static bool parse(struct command_line *line, int argc, char **argv)
{
    int i = 1;

    *line = (struct command_line){ .config = CONFIG_FILE };
    for (; i < argc && argv[i][0] == '-'; i += 2) {
        if (i + 1 >= argc)
            return false;
        if (strcmp(argv[i], "--config") == 0) {
            line->config = argv[i + 1];
            line->config_given = true;
        } else if (strcmp(argv[i], "--socket") == 0) {
            line->socket = argv[i + 1];
        } else if (strcmp(argv[i], "--set") != 0) {
            return false;
        }
    }
    line->first = i;
    return true;
}

static enum log_level level_of(const char *word)
{
    static const char *const words[] = { "error", "warn", "info", "debug" };

    for (int i = 0; i < (int)BERTH_COUNT(words); i++)
        if (strcmp(words[i], word) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

static int open_log(const struct agent_options *options, struct berth_error *reterr)
{
    log_setup("berth-agent", strcmp(options->log_format, "json") == 0,
              level_of(options->log_level));
    return options->log_file[0] ? log_file_open(options->log_file, reterr) : 0;
}

static int serve(const struct agent_options *options)
{
    struct berth_error error = { 0 };

    if (open_log(options, &error) == 0) {
        log_event(EV_AGENT_STARTING, "version", BERTH_VERSION, "display", options->display, "state",
                  options->state);
        if (!confine_display_is_local(options->display))
            log_event(EV_AGENT_DISPLAY, "display", options->display);
        if (agent_run(options, &error) == 0)
            return 0;
    }
    log_failure(EV_CONFIG_REFUSED, &error, "berth-agent");
    return EXIT_CONFIG;
}

int main(int argc, char **argv)
{
    static struct agent_options options;
    struct berth_error error = { 0 };
    struct command_line line;
    const char *word;

    if (argc > 1 && strcmp(argv[1], "confine") == 0)
        return confine_main(argc - 1, argv + 1);
    secret_harden_process();
    json_wipe_freed();
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return help();
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return printf("berth-agent %s\n", BERTH_VERSION) < 0;
    if (!parse(&line, argc, argv)) {
        (void)fprintf(stderr,
                      "berth-agent: unknown option or missing value; see berth-agent --help\n");
        return EXIT_USAGE;
    }
    word = line.first < argc ? argv[line.first] : "run";
    if (strcmp(word, "config") == 0) {
        conf_print(agent_options_table, agent_options_count, "berth-agent");
        return 0;
    }
    if (read_options(&line, argc, argv, &options, &error) < 0) {
        (void)fprintf(stderr, "berth-agent: %s\n", error.text);
        return EXIT_CONFIG;
    }
    if (strcmp(word, "run") == 0)
        return serve(&options);
    if (control_request(word) != CONTROL_NONE)
        return (int)client_main(line.socket ? line.socket : options.socket, argc - line.first,
                                argv + line.first);
    (void)fprintf(stderr, "berth-agent: unknown request '%s'; see berth-agent --help\n", word);
    return EXIT_USAGE;
}
