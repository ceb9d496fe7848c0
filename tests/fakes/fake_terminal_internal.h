/* fake_terminal_internal.h - between the files of the fake terminal.
 *
 * Module tests, internal header.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_TERMINAL_INTERNAL_H
#define BERTH_TESTS_FAKES_FAKE_TERMINAL_INTERNAL_H

#include "fakes/fake_terminal.h"

/* fake_viewer.c */
void viewer_show(struct fake_terminal *terminal, const struct msg_show *show);
void viewer_hide(struct fake_terminal *terminal, const struct msg_hide *hide);
/* End the picture; report `reason` to the broker unless it is empty. */
void viewer_off(struct fake_terminal *terminal, int exit_code, const char *reason);
void viewer_ended_by_machine(struct picture *picture, int exit_code, const char *word);

/* fake_terminal.c */
void terminal_page(struct fake_terminal *terminal, const char *page, const char *said);
void terminal_announce(struct fake_terminal *terminal);
/* The ref distinguishes the answer to this request from one to an earlier request. */
void terminal_hear_ref(struct fake_terminal *terminal, const struct msg *msg);

/* fake_join.c */
void join_say(struct fake_terminal *terminal);
void join_received(struct fake_terminal *terminal, const struct msg *msg);
void join_take_certificate(struct fake_terminal *terminal, const struct msg_certificate *said);

/* fake_commands.c */
void commands_profile(struct fake_terminal *terminal, const struct msg_profile *profile);
void commands_command(struct fake_terminal *terminal, const struct msg_command *command);

static inline struct environment *environment_of(const struct fake_terminal *terminal)
{
    return terminal->network->environment;
}

static inline bool shows_desktop(const struct fake_terminal *terminal)
{
    return terminal->viewer != VIEWER_NONE;
}

#endif
