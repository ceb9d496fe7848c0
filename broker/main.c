/* main.c - berthd: parses arguments, reads the configuration, runs the broker. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/memory.h"
#include "berth/secret.h"

#include "broker.h"

#define DEFAULT_CONFIG "/etc/berth/berthd.conf"

struct arguments {
    const char *config;
    bool config_given;
    bool print;
    const char *set[64];
    size_t set_count;
};

const char *argp_program_version = "berthd " BERTH_VERSION;

static const struct argp_option argument_table[] = {
    { "config", 'c', "FILE", 0, "configuration (default " DEFAULT_CONFIG ", and *.conf in FILE.d)",
      0 },
    { "set", 's', "SECTION.KEY=VALUE", 0, "set one option; overrides the file", 0 },
    { "print-config", 'p', NULL, 0, "print an annotated configuration file and exit", 0 },
    { 0 },
};

static error_t take_argument(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'c':
        arguments->config = value;
        arguments->config_given = true;
        return 0;
    case 's':
        if (arguments->set_count == BERTH_COUNT(arguments->set))
            argp_error(state, "--set can be given %zu times at most", BERTH_COUNT(arguments->set));
        arguments->set[arguments->set_count++] = value;
        return 0;
    case 'p':
        arguments->print = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Read the file, then apply --set; also used for a reload. */
static int read_options(const void *source, struct options *ret, struct berth_error *reterr)
{
    const struct arguments *arguments = source;
    int r;

    r = conf_read(options_table, options_count, arguments->config, !arguments->config_given, ret,
                  reterr);
    for (size_t i = 0; r >= 0 && i < arguments->set_count; i++) {
        const char *equals = strchr(arguments->set[i], '=');
        char name[CONF_TEXT_MAX];

        if (!equals || (size_t)(equals - arguments->set[i]) >= sizeof(name)) {
            return berth_fail(reterr, BERTH_E_CONFIG, "--set %s: expected SECTION.KEY=VALUE",
                              arguments->set[i]);
        }
        (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - arguments->set[i]),
                       arguments->set[i]);
        r = conf_set(options_table, options_count, name, equals + 1, ret, reterr);
    }
    return r < 0 ? r : options_check(ret, reterr);
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        argument_table, take_argument, NULL, "berthd - the broker of Berth", NULL, NULL, NULL
    };
    struct arguments arguments = { .config = DEFAULT_CONFIG };
    struct options options;
    struct berth_error error = { 0 };
    int r;

    memory_guard_libraries();
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    if (arguments.print) {
        conf_print(options_table, options_count, "berthd");
        return 0;
    }
    r = read_options(&arguments, &options, &error);
    if (r >= 0)
        r = broker_run(&options, &(struct broker_reload){ read_options, &arguments }, &error);
    if (r < 0) {
        log_failure(EV_BROKER_REFUSED, &error, "berthd");
        return broker_exit_code(r);
    }
    return 0;
}
