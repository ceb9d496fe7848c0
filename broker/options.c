/* options.c - the table of options.def. */
#include "options.h"

#define LIVE true
#define RESTART false

/* clang-format off */
const struct conf_option options_table[] = {
#define OPTION(section_, key_, type_, member, given_, min_, max_, unit_, reload, sentence_) \
    { .section = #section_, .key = #key_, .type = CONF_##type_, .offset = offsetof(struct options, member), \
      .given = (given_), .min = (min_), .max = (max_), .unit = (unit_), .live = (reload), .sentence = (sentence_) },
#include "options.def"
#undef OPTION
};
/* clang-format on */

const size_t options_count = BERTH_COUNT(options_table);
