/* fake_terminal.h - a terminal that announces itself, renews, shows desktops and carries out
 * commands.
 *
 * Module tests. What it may show, and when it connects again, the real agent's core decides
 * (agent/core/terminal_status.h, agent/core/reconnect.h): an older epoch never takes the picture
 * back, and a hidden session is never shown again. Losing the broker changes nothing on a screen
 * that shows a desktop. Its viewer logs on to the fake machines with
 * what the broker sent, so a wrong password or certificate is noticed.
 */
#ifndef BERTH_TESTS_FAKES_FAKE_TERMINAL_H
#define BERTH_TESTS_FAKES_FAKE_TERMINAL_H

#include "fakes/fake_hypervisors.h"
#include "fakes/fake_network.h"

enum fake_viewer { VIEWER_NONE, VIEWER_CONNECTING, VIEWER_ACTIVE };

struct terminal_status; /* of the agent's core */

struct fake_terminal {
    struct list node;
    struct network_client network_client;
    struct fake_network *network;
    struct fake_hypervisors *hypervisors;
    char name[64];
    char address[64];
    char serial[64];
    unsigned boots;

    /* Identity. */
    char key[64];
    char key_hash[72];
    char certificate[2048]; /* "" = it has to join */
    char next_key[64];      /* of a renewal in flight; "" = none */
    struct secret invitation;
    char old_key[64], old_certificate[2048]; /* evidence when it joins again */
    char code[16];                           /* shown while it waits for approval */

    /* Link and presence. */
    bool on;
    bool cut;    /* no network */
    bool silent; /* it does not renew */
    bool refused_for_good;
    struct fake_connection *link;
    bool open, present;
    char presence_id[40];
    int64_t seq, want_ms, renew_after_ms, spread_ms, granted_ms, incarnation;
    int failures;
    struct berth_timer reconnect, renew, unanswered;
    struct berth_timer join_timeout; /* it asked to join and got no answer */
    int joins;                       /* how often it asked to join */
    int pendings;                    /* how often it got join_pending */

    /* What is on the screen. */
    struct msg_show show;
    enum fake_viewer viewer;
    int64_t show_since_ms;
    struct msg_sign_on lost; /* the request for the picture that it lost last */
    int64_t lost_at_ms;
    struct picture picture;
    struct berth_timer viewing;
    struct terminal_status *status; /* what it may show */
    bool signing_on;
    uint64_t ref;
    enum msg_type answer; /* the last one to a sign-on */
    uint64_t answer_ref;  /* and the ref that it repeats */
    char page[24];   /* reason of the last hide, symbol of the last refusal, step of the progress */
    char said[1000]; /* its sentence */
    int64_t queue_place, estimate_ms;
    size_t choices_count;
    struct msg_choice choices[12];
    int64_t hands_off_ms; /* when the last key was pressed; 0 = the person types all the time */

    /* Management. */
    int64_t profile_version;
    size_t settings_count;
    struct msg_setting settings[32];
    bool lazy; /* it receives commands and does not answer them */
    unsigned commands_heard, commands_done;
    uint64_t last_command;
    unsigned shows;
};

struct fake_terminal *terminal_new(struct fake_network *network,
                                   struct fake_hypervisors *hypervisors, const char *name);
void terminal_free(struct fake_terminal *terminal);

/* Power on and off (the picture ends). */
void terminal_power(struct fake_terminal *terminal, bool on);

/* Its network: a cut is not noticed at once; a break ends the connection. */
void terminal_cut(struct fake_terminal *terminal, bool cut);
void terminal_break(struct fake_terminal *terminal);

void terminal_sign_on(struct fake_terminal *terminal, const char *user, const char *password,
                      const char *pool);
void terminal_kiosk(struct fake_terminal *terminal);
void terminal_badge(struct fake_terminal *terminal, const char *badge, const char *password);
/* Its picture breaks; and it asks for it again by itself. lost_ms: how long ago it claims that
 * was, -1: the true time. */
void terminal_lose(struct fake_terminal *terminal);
void terminal_resume(struct fake_terminal *terminal, int64_t lost_ms);
void terminal_cancel(struct fake_terminal *terminal);
void terminal_sign_off(struct fake_terminal *terminal);
void terminal_disconnect(struct fake_terminal *terminal);
void terminal_bye(struct fake_terminal *terminal);
void terminal_renew_key(struct fake_terminal *terminal);

/* It asks for a presence of this length, then sends nothing (it sleeps); when it wakes it continues
 * as if no time had passed.
 */
void terminal_doze(struct fake_terminal *terminal, int64_t want_ms);
void terminal_wake(struct fake_terminal *terminal);

/* Send any message, for terminals that break the rules. */
void terminal_say(struct fake_terminal *terminal, const struct msg *msg);

/* What a person reads on it, in one line:
 *   "off", "sign-on", "anna on ward-3-001", "connecting ward-3-001", "queue 2", "wait: <step>",
 *   "choose: <pools>", "refused: <SYMBOL>", or the reason of the last hide with its sentence, such
 *   as "moved: Your session moved to t2".
 */
void terminal_screen(const struct fake_terminal *terminal, char *out, size_t size);

#endif
