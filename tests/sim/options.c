/* options.c - reads the command line of berth-sim. */
#include "sim/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    OPT_SEEDS = 1,
    OPT_FIRST,
    OPT_HOURS,
    OPT_FAULTS,
    OPT_TERMINALS,
    OPT_JSON,
    OPT_VERBOSE,
    OPT_REPLAY,
    OPT_GRANT,
    OPT_MINUTES,
    OPT_SHRINK,
    OPT_DIGEST,
    OPT_HELP,
};

static const struct option known[] = {
    { "seeds", required_argument, NULL, OPT_SEEDS },
    { "first", required_argument, NULL, OPT_FIRST },
    { "hours", required_argument, NULL, OPT_HOURS },
    { "faults", required_argument, NULL, OPT_FAULTS },
    { "terminals", required_argument, NULL, OPT_TERMINALS },
    { "json", no_argument, NULL, OPT_JSON },
    { "verbose", no_argument, NULL, OPT_VERBOSE },
    { "replay", required_argument, NULL, OPT_REPLAY },
    { "grant", required_argument, NULL, OPT_GRANT },
    { "minutes", required_argument, NULL, OPT_MINUTES },
    { "shrink", required_argument, NULL, OPT_SHRINK },
    { "digest", no_argument, NULL, OPT_DIGEST },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static const char usage[] =
    "berth-sim --seeds N [--first S] [--hours H] [--faults LIST] [--terminals N] [--json]\n"
    "\n"
    "Runs broker and agents, the object code that the programs link, on simulated sites under\n"
    "virtual time, one for each seed, and judges their histories. A violation prints its seed, "
    "the\n"
    "shortest schedule found that still shows it, and the story.\n"
    "\n"
    "  --seeds N         so many sites, one after the other\n"
    "  --first S         the first seed; default 1\n"
    "  --hours H         simulated hours of each; default 24\n"
    "  --terminals N     thin clients of each; default 24\n"
    "  --faults LIST     only these kinds, separated by commas; 'all' (default), 'none'\n"
    "  --grant S         presence is granted for so many seconds; default: drawn from the seed\n"
    "  --minutes M       begin no further seed after so long\n"
    "  --shrink S        look for a shorter schedule for so many seconds; default 60\n"
    "  --replay SEED[:MASK]  this seed alone, with its story; of its actions only those in MASK\n"
    "  --digest          print the digest of each seed's history\n"
    "  --verbose         tell the story of every seed\n"
    "  --json            the figures as one JSON object on the last line\n"
    "\n"
    "Exit code: 0 no violation, 1 a violation, 2 usage.\n"
    "Kinds of faults:";

static void print_usage(void)
{
    (void)fputs(usage, stdout);
    for (int act = ACT_NONE + 1; act < ACTS; act++)
        if (act_row((enum act)act)->fault)
            (void)printf(" %s", act_row((enum act)act)->name);
    (void)printf("\n");
}

static bool number(const char *text, int64_t least, int64_t most, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (!errno && end != text && !*end && *ret >= least && *ret <= most)
        return true;
    (void)fprintf(stderr, "berth-sim: '%s' is not a number from %lld to %lld\n", text,
                  (long long)least, (long long)most);
    return false;
}

static bool read_faults(const char *list, struct sim_params *params)
{
    char word[32];
    bool all = strcmp(list, "all") == 0;

    for (int act = ACT_NONE + 1; act < ACTS; act++)
        params->allowed[act] = all;
    if (all || strcmp(list, "none") == 0)
        return true;
    while (*list) {
        size_t length = strcspn(list, ",");
        enum act act;

        (void)snprintf(word, sizeof(word), "%.*s", (int)length, list);
        act = act_fault(word);
        if (act == ACT_NONE) {
            (void)fprintf(stderr, "berth-sim: there is no fault '%s'\n", word);
            return false;
        }
        params->allowed[act] = true;
        list += length + (list[length] == ',');
    }
    return true;
}

static bool read_replay(char *text, struct sim_options *ret)
{
    char *colon = strchr(text, ':');
    int64_t seed;

    if (colon) {
        *colon = '\0';
        ret->only = colon + 1;
    }
    ret->replay = true;
    ret->seeds = 1;
    if (!number(text, 0, INT64_MAX, &seed))
        return false;
    ret->first = (uint64_t)seed;
    return true;
}

static bool read_number(int option, const char *text, struct sim_options *ret)
{
    int64_t value;

    switch (option) {
    case OPT_SEEDS:
        if (!number(text, 1, INT64_MAX, &value))
            return false;
        ret->seeds = (uint64_t)value;
        return true;
    case OPT_FIRST:
        if (!number(text, 0, INT64_MAX, &value))
            return false;
        ret->first = (uint64_t)value;
        return true;
    case OPT_HOURS:
        return number(text, 1, 24 * 366, &ret->params.hours);
    case OPT_TERMINALS:
        if (!number(text, 1, 400, &value))
            return false;
        ret->params.terminals = (uint32_t)value;
        return true;
    case OPT_GRANT:
        if (!number(text, 5, 300, &value))
            return false;
        ret->params.grant_ms = value * 1000;
        return true;
    case OPT_MINUTES:
        return number(text, 1, 100000, &ret->minutes);
    default:
        return number(text, 0, 86400, &ret->shrink_s);
    }
}

/* 0: go on. */
static int take(int option, struct sim_options *ret)
{
    switch (option) {
    case OPT_HELP:
        print_usage();
        return 1;
    case OPT_JSON:
        ret->json = true;
        return 0;
    case OPT_VERBOSE:
        ret->verbose = true;
        return 0;
    case OPT_DIGEST:
        ret->digest = true;
        return 0;
    case OPT_FAULTS:
        return read_faults(optarg, &ret->params) ? 0 : 2;
    case OPT_REPLAY:
        return read_replay(optarg, ret) ? 0 : 2;
    case '?':
        return 2;
    default:
        return read_number(option, optarg, ret) ? 0 : 2;
    }
}

int options_read(int argc, char **argv, struct sim_options *ret)
{
    int option;

    *ret = (struct sim_options){ .first = 1, .shrink_s = 60 };
    ret->params.hours = 24;
    ret->params.terminals = 24;
    (void)read_faults("all", &ret->params);
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        int r = take(option, ret);

        if (r)
            return r;
    }
    if (optind < argc || (!ret->seeds && !ret->replay)) {
        (void)fprintf(stderr, "berth-sim: --seeds N is needed; berth-sim --help\n");
        return 2;
    }
    return 0;
}
