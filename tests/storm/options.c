/* options.c - the command line of berth-storm. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"

#define TERMINALS_MAX 60000
#define SECONDS_MAX 3600

static const struct storm_verb verbs[] = {
#define VERB(symbol, word, needs, sentence) { word, needs, sentence, act_##symbol },
#include "verbs.def"
};

static void print_help(void)
{
    (void)puts(
        "usage: berth-storm VERB [--terminals N] [--seconds S] [--json] [--history FILE] ...\n"
        "\n"
        "Plays thousands of terminals against a real berthd, which it starts, fills and ends\n"
        "itself, with libvirt's test driver in a private daemon behind it. As root. What is\n"
        "recorded is judged by berth-check: a violation is exit code 1, and served is 0.\n");
    for (size_t i = 0; i < BERTH_COUNT(verbs); i++)
        (void)printf("  %-10s %s\n", verbs[i].word, verbs[i].sentence);
    (void)puts(
        "\n"
        "  --terminals N    how many (500)\n"
        "  --seconds S      over how long they arrive; 40 % of them in one sixth of it (30)\n"
        "  --people N       how many have a password or a badge (as many as fit the verb)\n"
        "  --json           one JSON object as the last line of standard output\n"
        "  --history FILE   keep the history of terminals and broker there\n"
        "  --no-history     record nothing, judge nothing: for profiles\n"
        "  --berthd SOCKET  a broker that runs already, by its people's socket; it must have\n"
        "                   entitled everyone to a pool with enough spares\n"
        "  --bin FOLDER     where berthd, berth-virt and berth-check are (beside this program)\n"
        "  --cache FOLDER   prepared states, kept between runs (/var/cache/berth/storm)\n"
        "  --fresh          prepare anew\n"
        "  --work FOLDER    where the run's own folder is made (/var/tmp)\n"
        "  --keep           leave that folder");
}

static int find_verb(const char *word, const struct storm_verb **ret, struct berth_error *reterr)
{
    for (size_t i = 0; i < BERTH_COUNT(verbs); i++) {
        if (strcmp(verbs[i].word, word) == 0) {
            *ret = &verbs[i];
            return 0;
        }
    }
    return berth_fail(reterr, BERTH_E_INVALID, "there is no verb '%s'; see berth-storm --help",
                      word);
}

static int read_number(const char *name, const char *text, int64_t most, int64_t *ret,
                       struct berth_error *reterr)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (*end || end == text || value < 1 || value > most)
        return berth_fail(reterr, BERTH_E_INVALID, "--%s takes a number from 1 to %lld, not '%s'",
                          name, (long long)most, text);
    *ret = value;
    return 0;
}

static int read_text(const char *name, const char *text, char ret[STORM_PATH],
                     struct berth_error *reterr)
{
    if (strlen(text) >= STORM_PATH)
        return berth_fail(reterr, BERTH_E_INVALID, "--%s is too long", name);
    (void)snprintf(ret, STORM_PATH, "%s", text);
    return 0;
}

static const struct option words[] = {
    { "terminals", required_argument, NULL, 't' },
    { "seconds", required_argument, NULL, 's' },
    { "people", required_argument, NULL, 'p' },
    { "json", no_argument, NULL, 'j' },
    { "history", required_argument, NULL, 'H' },
    { "no-history", no_argument, NULL, 'N' },
    { "berthd", required_argument, NULL, 'b' },
    { "bin", required_argument, NULL, 'B' },
    { "cache", required_argument, NULL, 'c' },
    { "fresh", no_argument, NULL, 'f' },
    { "work", required_argument, NULL, 'w' },
    { "keep", no_argument, NULL, 'k' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Options without a value; false: not one of them. */
static bool take_switch(int letter, struct storm_options *ret)
{
    switch (letter) {
    case 'j':
        ret->json = true;
        return true;
    case 'N':
        ret->unrecorded = true;
        return true;
    case 'f':
        ret->fresh = true;
        return true;
    case 'k':
        ret->keep = true;
        return true;
    default:
        return false;
    }
}

static int take_value(int letter, struct storm_options *ret, struct berth_error *reterr)
{
    switch (letter) {
    case 't':
        return read_number("terminals", optarg, TERMINALS_MAX, &ret->terminals, reterr);
    case 's':
        return read_number("seconds", optarg, SECONDS_MAX, &ret->seconds, reterr);
    case 'p':
        return read_number("people", optarg, TERMINALS_MAX, &ret->people, reterr);
    case 'H':
        return read_text("history", optarg, ret->history, reterr);
    case 'b':
        return read_text("berthd", optarg, ret->berthd, reterr);
    case 'B':
        return read_text("bin", optarg, ret->bin, reterr);
    case 'c':
        return read_text("cache", optarg, ret->cache, reterr);
    case 'w':
        return read_text("work", optarg, ret->work, reterr);
    default:
        return berth_fail(reterr, BERTH_E_INVALID, "see berth-storm --help");
    }
}

/* The folder of this program: the others were built beside it. */
static int own_folder(char ret[STORM_PATH], struct berth_error *reterr)
{
    ssize_t size = readlink("/proc/self/exe", ret, STORM_PATH - 1);
    char *slash;

    if (size <= 0 || size >= STORM_PATH - 1)
        return berth_fail(reterr, BERTH_E_INTERNAL, "the own path cannot be read");
    ret[size] = '\0';
    slash = strrchr(ret, '/');
    if (slash)
        *slash = '\0';
    return 0;
}

int options_read(int argc, char **argv, struct storm_options *ret, struct berth_error *reterr)
{
    int letter;
    int r;

    *ret = (struct storm_options){
        .terminals = 500, .seconds = 30, .cache = "/var/cache/berth/storm", .work = "/var/tmp"
    };
    r = own_folder(ret->bin, reterr);
    if (r < 0)
        return r;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "h", words, NULL)) != -1) {
        if (letter == 'h') {
            print_help();
            return 1;
        }
        if (take_switch(letter, ret))
            continue;
        r = take_value(letter, ret, reterr);
        if (r < 0)
            return r;
    }
    if (optind + 1 != argc)
        return berth_fail(reterr, BERTH_E_INVALID, "one verb is needed; see berth-storm --help");
    return find_verb(argv[optind], &ret->verb, reterr);
}
