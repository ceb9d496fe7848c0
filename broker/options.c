/* options.c - the table of options.def, and the checks over several options. */
#include "options.h"

#include "berth/sandbox_hint.h"

#define RELOAD true
#define RESTART false

/* clang-format off */
const struct conf_option options_table[] = {
#define OPTION(section_, key_, type_, member, default_, min_, max_, unit_, reload, sentence_) \
    { .section = #section_, .key = #key_, .type = CONF_##type_, .offset = offsetof(struct options, member), \
      .default_value = (default_), .min = (min_), .max = (max_), .unit = (unit_), .reloadable = (reload), .sentence = (sentence_) },
#include "options.def"
};
/* clang-format on */

const size_t options_count = BERTH_COUNT(options_table);

/* Files in a folder that the unit hides are lost when the service stops. */
static int check_paths(const struct options *options, struct berth_error *reterr)
{
    char hidden[SANDBOX_HINT_SIZE];

    for (size_t i = 0; i < options_count; i++) {
        const struct conf_option *option = &options_table[i];
        const char *path = (const char *)options + option->offset;

        if (option->type == CONF_PATH && path[0] &&
            *sandbox_hint(NULL, path, "/var/lib/berth", hidden))
            return berth_fail(reterr, BERTH_E_CONFIG, "%s.%s is '%s'%s", option->section,
                              option->key, path, hidden);
    }
    return 0;
}

int options_check(const struct options *options, struct berth_error *reterr)
{
    int64_t renew_s = options->renew_s;
    int r = check_paths(options, reterr);

    if (r < 0)
        return r;

    /* A terminal renews after a third of its lease at the latest. */
    if (renew_s > options->grant_s / 3)
        renew_s = options->grant_s / 3;
    if (options->suspect_s <= renew_s)
        return berth_fail(
            reterr, BERTH_E_CONFIG,
            "presence.suspect_s is %lld, but terminals renew their presence after %lld s "
            "(presence.renew_s, and at most a third of presence.grant_s): it must be more",
            (long long)options->suspect_s, (long long)renew_s);
    return 0;
}
