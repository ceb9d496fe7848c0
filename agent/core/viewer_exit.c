/* viewer_exit.c - look up a row of viewer_exits.def. */
#include "core/viewer_exit.h"

#define EXIT_LICENCE_FIRST 16
#define EXIT_LICENCE_LAST 26

static const struct viewer_exit rows[] = {
#define VIEWER_EXIT(code, word, text, retry, sentence) \
    { (code), (word), TEXT_ENDED_##text, (retry), (sentence) },
#include "core/viewer_exits.def"
};

static const struct viewer_exit killed = { -1, "killed", TEXT_ENDED_FAULT, true,
                                           "a signal ended the viewer" };
static const struct viewer_exit unknown = { -1, "unknown", TEXT_ENDED_FAULT, true,
                                            "the viewer ended with an unknown exit code" };

const struct viewer_exit *viewer_exit_row(int exit_code, int signal)
{
    if (signal != 0 || exit_code < 0)
        return &killed;
    if (exit_code >= EXIT_LICENCE_FIRST && exit_code <= EXIT_LICENCE_LAST)
        exit_code = EXIT_LICENCE_FIRST;
    for (size_t i = 0; i < BERTH_COUNT(rows); i++)
        if (rows[i].code == exit_code)
            return &rows[i];
    return &unknown;
}
