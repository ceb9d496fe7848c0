/* fake_terminal.c - the link of a fake terminal, its presence, and the person in front of it. */
#include "fakes/fake_terminal.h"

#include <stdio.h>
#include <string.h>

#include "core/reconnect.h"
#include "core/terminal_status.h"
#include "fakes/fake_ports.h"
#include "fakes/fake_terminal_internal.h"

#define BOOT_MOST_MS 500
#define UNANSWERED_MS 15000

static void reconnect_now(struct berth_timer *timer);
static void renew_now(struct berth_timer *timer);
static void link_open(struct network_client *network_client);
static void link_lost(struct network_client *network_client, const char *why);
static void link_refused(struct network_client *network_client, const struct berth_error *error);
static void received(struct network_client *network_client, const struct msg *msg);

struct fake_terminal *terminal_new(struct fake_network *network,
                                   struct fake_hypervisors *hypervisors, const char *name)
{
    unsigned address = ++network->last_address;
    struct fake_terminal *terminal = berth_new(struct fake_terminal);

    terminal->network_client = (struct network_client){ .name = terminal->name,
                                                        .address = terminal->address,
                                                        .open = link_open,
                                                        .lost = link_lost,
                                                        .refused = link_refused,
                                                        .received = received };
    terminal->network = network;
    terminal->hypervisors = hypervisors;
    terminal->picture.ended = viewer_ended_by_machine;
    (void)snprintf(terminal->name, sizeof(terminal->name), "%s", name);
    (void)snprintf(terminal->picture.terminal, sizeof(terminal->picture.terminal), "%s", name);
    (void)snprintf(terminal->serial, sizeof(terminal->serial), "SN-%.60s", name);
    (void)snprintf(terminal->address, sizeof(terminal->address), "10.200.%u.%u",
                   (address >> 8) & 255, address & 255);
    terminal->status = berth_new(struct terminal_status);
    terminal_status_init(terminal->status, name);
    random_hex(&network->environment->random, terminal->key, 12);
    fake_digest(terminal->key, terminal->key_hash);
    return terminal;
}

void terminal_free(struct fake_terminal *terminal)
{
    struct berth_timers *timers = &environment_of(terminal)->timers;

    timer_stop(timers, &terminal->reconnect);
    timer_stop(timers, &terminal->renew);
    timer_stop(timers, &terminal->unanswered);
    timer_stop(timers, &terminal->join_timeout);
    timer_stop(timers, &terminal->viewing);
    picture_close(&terminal->picture);
    free(terminal->status);
    berth_wipe_free(terminal, sizeof(*terminal));
}

static struct fake_terminal *terminal_of(struct network_client *network_client)
{
    return container_of(network_client, struct fake_terminal, network_client);
}

void terminal_page(struct fake_terminal *terminal, const char *page, const char *said)
{
    (void)snprintf(terminal->page, sizeof(terminal->page), "%s", page);
    (void)snprintf(terminal->said, sizeof(terminal->said), "%s", said);
    terminal->queue_place = 0;
    terminal->choices_count = 0;
    if (*page)
        environment_note(environment_of(terminal), "%s: %s: %s", terminal->name, page, said);
}

/* ---- the link ---- */

static int64_t retry_ms(const struct fake_terminal *terminal)
{
    enum reconnect_urgency urgency =
        shows_desktop(terminal) ? RECONNECT_IN_SESSION : RECONNECT_IDLE;

    return reconnect_delay_ms(&environment_of(terminal)->random, terminal->failures,
                              terminal->spread_ms, urgency);
}

static void offline(struct fake_terminal *terminal)
{
    struct berth_timers *timers = &environment_of(terminal)->timers;

    terminal->link = NULL;
    terminal->open = false;
    terminal->present = false;
    terminal->next_key[0] = '\0'; /* no answer will come */
    timer_stop(timers, &terminal->renew);
    timer_stop(timers, &terminal->unanswered);
    timer_stop(timers, &terminal->join_timeout);
    if (terminal->signing_on) {
        terminal->signing_on = false;
        terminal_page(terminal, "offline", "the broker cannot be reached");
    }
    if (terminal->on)
        timer_start(timers, &terminal->reconnect, retry_ms(terminal), reconnect_now);
}

static void reconnect_now(struct berth_timer *timer)
{
    struct fake_terminal *terminal = container_of(timer, struct fake_terminal, reconnect);

    terminal->failures++;
    if (!terminal->cut && terminal->certificate[0])
        terminal->link = fake_network_connect(terminal->network, &terminal->network_client,
                                              terminal->key_hash, false);
    else if (!terminal->cut && !terminal->refused_for_good)
        terminal->link =
            fake_network_connect(terminal->network, &terminal->network_client, "", true);
    if (!terminal->link)
        offline(terminal);
}

void terminal_power(struct fake_terminal *terminal, bool on)
{
    struct berth_timers *timers = &environment_of(terminal)->timers;

    if (on && !terminal->on) {
        terminal->on = true;
        terminal->boots++;
        terminal->failures = 0;
        terminal->refused_for_good = false;
        timer_start(timers, &terminal->reconnect,
                    environment_draw_ms(environment_of(terminal), 0, BOOT_MOST_MS), reconnect_now);
    } else if (!on) {
        terminal->on = false;
        timer_stop(timers, &terminal->reconnect);
        viewer_off(terminal, 0, "");
        if (terminal->link)
            fake_connection_close(terminal->link, "it was switched off");
        offline(terminal);
        terminal->presence_id[0] = '\0';
        terminal_page(terminal, "", "");
        terminal_status_init(terminal->status, terminal->name);
    }
}

void terminal_break(struct fake_terminal *terminal)
{
    if (terminal->link)
        fake_connection_close(terminal->link, "its connection broke");
    terminal->failures = 0;
    offline(terminal);
}

void terminal_cut(struct fake_terminal *terminal, bool cut)
{
    terminal->cut = cut;
    if (terminal->link)
        fake_connection_stall(terminal->link, cut);
}

static void link_open(struct network_client *network_client)
{
    struct fake_terminal *terminal = terminal_of(network_client);

    terminal->open = true;
    if (terminal->certificate[0])
        terminal_announce(terminal);
    else
        join_say(terminal);
}

static void link_lost(struct network_client *network_client, const char *why)
{
    struct fake_terminal *terminal = terminal_of(network_client);

    environment_note(environment_of(terminal), "%s: its link is lost: %s", terminal->name, why);
    if (terminal->present)
        terminal->failures = 0;
    offline(terminal);
}

static void link_refused(struct network_client *network_client, const struct berth_error *error)
{
    struct fake_terminal *terminal = terminal_of(network_client);

    environment_note(environment_of(terminal), "%s: turned away: %s", terminal->name, error->text);
    if (error->code == BERTH_E_REVOKED) {
        viewer_off(terminal, 0, "");
        terminal_page(terminal, "REVOKED", error->text);
    }
    offline(terminal);
}

/* ---- presence ---- */

static void link_silent(struct berth_timer *timer)
{
    struct fake_terminal *terminal = container_of(timer, struct fake_terminal, unanswered);

    if (terminal->link) {
        if (terminal->link->stalled)
            fake_connection_abandon(terminal->link); /* the goodbye is lost, too */
        else
            fake_connection_close(terminal->link, "it does not answer");
    }
    terminal->failures = 0;
    offline(terminal);
}

static void expect_answer(struct fake_terminal *terminal)
{
    if (!timer_armed(&terminal->unanswered))
        timer_start(&environment_of(terminal)->timers, &terminal->unanswered, UNANSWERED_MS,
                    link_silent);
}

void terminal_announce(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_announce, .ref = ++terminal->ref };
    struct msg_announce *say = &msg.announce;

    (void)snprintf(say->boot_id, sizeof(say->boot_id), "%.40s-%u", terminal->name, terminal->boots);
    (void)snprintf(say->resume_presence_id, sizeof(say->resume_presence_id), "%s",
                   terminal->presence_id);
    say->want_expires_in_ms = terminal->want_ms;
    say->profile_version = terminal->profile_version;
    say->user_waiting = terminal->signing_on;
    if (shows_desktop(terminal)) {
        say->session_id = terminal->show.session_id;
        say->session_epoch = terminal->show.epoch;
        say->connection_id = terminal->show.connection_id;
    }
    terminal->seq = 0;
    terminal_say(terminal, &msg);
    expect_answer(terminal);
}

static void renew_now(struct berth_timer *timer);

static void renew(struct fake_terminal *terminal)
{
    int64_t now_ms = environment_of(terminal)->timers.mono_ms;
    struct msg msg; /* sets only what its type needs: many terminals renew often */

    if (terminal->silent || !terminal->present)
        return;
    memset(&msg, 0, msg_size(MSG_renew));
    msg.type = MSG_renew;
    (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s",
                   terminal->presence_id);
    msg.renew.seq = ++terminal->seq;
    msg.renew.want_expires_in_ms = terminal->want_ms;
    msg.renew.screen =
        terminal->viewer == VIEWER_ACTIVE ? screen_state_DESKTOP : screen_state_SIGN_ON;
    msg.renew.input_idle_ms = terminal->hands_off_ms ? now_ms - terminal->hands_off_ms : 0;
    terminal_say(terminal, &msg);
    expect_answer(terminal);
    timer_start(&environment_of(terminal)->timers, &terminal->renew, terminal->renew_after_ms,
                renew_now);
}

static void renew_now(struct berth_timer *timer)
{
    renew(container_of(timer, struct fake_terminal, renew));
}

void terminal_doze(struct fake_terminal *terminal, int64_t want_ms)
{
    terminal->want_ms = want_ms;
    renew(terminal);
    terminal->want_ms = 0;
    terminal->silent = true;
    timer_stop(&environment_of(terminal)->timers, &terminal->unanswered);
}

void terminal_wake(struct fake_terminal *terminal)
{
    terminal->silent = false;
    renew(terminal);
}

static void hear_granted(struct fake_terminal *terminal, const struct msg_granted *granted)
{
    struct berth_timers *timers = &environment_of(terminal)->timers;

    timer_stop(timers, &terminal->unanswered);
    terminal->present = true;
    terminal->failures = 0;
    (void)snprintf(terminal->presence_id, sizeof(terminal->presence_id), "%s",
                   granted->presence_id);
    terminal->renew_after_ms = granted->renew_after_ms;
    terminal->spread_ms = granted->reconnect_spread_ms;
    terminal->granted_ms = granted->presence_expires_in_ms;
    if (granted->incarnation < terminal->incarnation)
        environment_fault(environment_of(terminal), "%s: incarnation %lld after %lld",
                          terminal->name, (long long)granted->incarnation,
                          (long long)terminal->incarnation);
    terminal->incarnation = granted->incarnation;
    timer_start(timers, &terminal->renew, terminal->renew_after_ms, renew_now);
}

/* ---- messages from the broker ---- */

void terminal_hear_ref(struct fake_terminal *terminal, const struct msg *msg)
{
    if (msg->ref == 0 || msg->ref > terminal->ref)
        environment_fault(environment_of(terminal),
                          "%s: '%s' has ref %llu, which answers no question", terminal->name,
                          msg_row(msg->type)->name, (unsigned long long)msg->ref);
    terminal->answer = msg->type;
    terminal->answer_ref = msg->ref;
}

static void hear_refused(struct fake_terminal *terminal, const struct msg_refused *refused)
{
    timer_stop(&environment_of(terminal)->timers, &terminal->unanswered);
    if (strcmp(refused->about, "renew_certificate") == 0)
        terminal->next_key[0] = '\0';
    if (strcmp(refused->about, "sign_on") == 0 && !terminal->signing_on)
        return; /* the person has cancelled it */
    if (strcmp(refused->about, "sign_on") == 0)
        terminal->signing_on = false;
    if (!shows_desktop(terminal))
        terminal_page(terminal, refused->code, refused->text);
    else
        environment_note(environment_of(terminal), "%s: refused %s: %s", terminal->name,
                         refused->about, refused->text);
}

static void hear_progress(struct fake_terminal *terminal, const struct msg_progress *progress)
{
    if (!terminal->signing_on)
        return;
    (void)snprintf(terminal->page, sizeof(terminal->page), "%s", progress->step);
    (void)snprintf(terminal->said, sizeof(terminal->said), "%s", progress->text);
    terminal->queue_place = progress->queue_place;
    terminal->estimate_ms = progress->estimate_ms;
}

static void hear_choose(struct fake_terminal *terminal, const struct msg_choose *choose)
{
    terminal->signing_on = false;
    terminal_page(terminal, "choose", "");
    terminal->choices_count = choose->choices_count;
    memcpy(terminal->choices, choose->choices, sizeof(terminal->choices));
}

static void received(struct network_client *network_client, const struct msg *msg)
{
    struct fake_terminal *terminal = terminal_of(network_client);

    if (terminal->link && terminal->link->joining) {
        join_received(terminal, msg);
        return;
    }
    switch ((int)msg->type) {
    case MSG_granted:
        hear_granted(terminal, &msg->granted);
        return;
    case MSG_presence_unknown:
        terminal->present = false;
        terminal->presence_id[0] = '\0';
        terminal_announce(terminal);
        return;
    case MSG_progress:
        terminal_hear_ref(terminal, msg);
        hear_progress(terminal, &msg->progress);
        return;
    case MSG_choose:
        terminal_hear_ref(terminal, msg);
        hear_choose(terminal, &msg->choose);
        return;
    case MSG_show:
        terminal_hear_ref(terminal, msg);
        viewer_show(terminal, &msg->show);
        return;
    case MSG_hide:
        viewer_hide(terminal, &msg->hide);
        return;
    case MSG_refused:
        if (strcmp(msg->refused.about, "sign_on") == 0 ||
            strcmp(msg->refused.about, "renew_certificate") == 0)
            terminal_hear_ref(terminal, msg);
        hear_refused(terminal, &msg->refused);
        return;
    case MSG_profile:
        commands_profile(terminal, &msg->profile);
        return;
    case MSG_command:
        commands_command(terminal, &msg->command);
        return;
    case MSG_certificate:
        terminal_hear_ref(terminal, msg);
        join_take_certificate(terminal, &msg->certificate);
        return;
    default:
        environment_fault(environment_of(terminal), "%s: what is '%s' for?", terminal->name,
                          msg_row(msg->type)->name);
        return;
    }
}

/* ---- what the person does ---- */

void terminal_say(struct fake_terminal *terminal, const struct msg *msg)
{
    if (terminal->open)
        fake_connection_send(terminal->link, msg);
}

static void begin_sign_on(struct fake_terminal *terminal, struct msg *msg)
{
    msg->type = MSG_sign_on;
    msg->ref = ++terminal->ref;
    environment_note(environment_of(terminal), "%s: sign-on of %s", terminal->name,
                     msg->sign_on.evidence[0].name);
    if (!terminal->present) {
        terminal_page(terminal, "offline", "the broker cannot be reached");
        return;
    }
    terminal->signing_on = true;
    terminal_page(terminal, "", "");
    (void)snprintf(terminal->page, sizeof(terminal->page), "asked");
    terminal_say(terminal, msg);
    msg_wipe(msg);
}

static void show_password(struct msg_sign_on *sign_on, const char *user, const char *password)
{
    struct msg_evidence *evidence = &sign_on->evidence[sign_on->evidence_count++];

    evidence->kind = evidence_kind_PASSWORD;
    (void)snprintf(evidence->name, sizeof(evidence->name), "%s", user);
    if (!secret_set(&evidence->value, password, strlen(password)))
        abort(); /* a story's own text */
}

void terminal_sign_on(struct fake_terminal *terminal, const char *user, const char *password,
                      const char *pool)
{
    struct msg msg = { .type = MSG_sign_on };

    show_password(&msg.sign_on, user, password);
    (void)snprintf(msg.sign_on.pool, sizeof(msg.sign_on.pool), "%s", pool);
    begin_sign_on(terminal, &msg);
}

void terminal_badge(struct fake_terminal *terminal, const char *badge, const char *password)
{
    struct msg msg = { .type = MSG_sign_on };
    struct msg_evidence *evidence = &msg.sign_on.evidence[msg.sign_on.evidence_count++];

    evidence->kind = evidence_kind_BADGE;
    (void)snprintf(evidence->name, sizeof(evidence->name), "%s", badge);
    if (password)
        show_password(&msg.sign_on, "", password);
    begin_sign_on(terminal, &msg);
}

void terminal_kiosk(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_sign_on };

    msg.sign_on.evidence[msg.sign_on.evidence_count++].kind = evidence_kind_KIOSK;
    begin_sign_on(terminal, &msg);
}

void terminal_lose(struct fake_terminal *terminal)
{
    const struct msg_show *show = &terminal->show;

    terminal->lost = (struct msg_sign_on){ .session_id = show->session_id,
                                           .session_epoch = show->epoch,
                                           .connection_id = show->connection_id };
    terminal->lost_at_ms = environment_of(terminal)->timers.mono_ms;
    viewer_off(terminal, 147, "network");
    terminal_page(terminal, "ended", "network");
}

void terminal_resume(struct fake_terminal *terminal, int64_t lost_ms)
{
    struct msg msg = { .type = MSG_sign_on, .sign_on = terminal->lost };

    msg.sign_on.evidence[msg.sign_on.evidence_count++].kind = evidence_kind_RESUME;
    msg.sign_on.lost_ms =
        lost_ms >= 0 ? lost_ms : environment_of(terminal)->timers.mono_ms - terminal->lost_at_ms;
    begin_sign_on(terminal, &msg);
}

void terminal_cancel(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_sign_on_cancel };

    terminal->signing_on = false;
    terminal_page(terminal, "", "");
    terminal_say(terminal, &msg);
}

void terminal_sign_off(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_sign_off, .ref = ++terminal->ref };

    msg.sign_off.session_id = terminal->show.session_id;
    msg.sign_off.epoch = terminal->show.epoch;
    /* The end of the viewer may be reported before or after the request. */
    if (environment_chance(environment_of(terminal), 50)) {
        terminal_say(terminal, &msg);
        viewer_off(terminal, 145, "signed-off");
    } else {
        viewer_off(terminal, 145, "signed-off");
        terminal_say(terminal, &msg);
    }
    terminal_page(terminal, "signed-off", "");
}

void terminal_disconnect(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_disconnect, .ref = ++terminal->ref };

    msg.disconnect.session_id = terminal->show.session_id;
    msg.disconnect.epoch = terminal->show.epoch;
    viewer_off(terminal, 145, "disconnected");
    terminal_page(terminal, "disconnected", "");
    terminal_say(terminal, &msg);
}

void terminal_bye(struct fake_terminal *terminal)
{
    struct msg msg = { .type = MSG_bye };

    (void)snprintf(msg.bye.presence_id, sizeof(msg.bye.presence_id), "%s", terminal->presence_id);
    msg.bye.seq = ++terminal->seq;
    terminal_say(terminal, &msg);
    terminal->silent = true;
    timer_stop(&environment_of(terminal)->timers, &terminal->renew);
    timer_stop(&environment_of(terminal)->timers, &terminal->unanswered);
}

/* ---- what the person reads ---- */

static const char *machine_shown(const struct fake_terminal *terminal)
{
    const struct machine *machine =
        machine_at(terminal->hypervisors, terminal->show.host, (int)terminal->show.port);

    return machine ? machine->name : "nothing";
}

static void put_choices(const struct fake_terminal *terminal, char *out, size_t size)
{
    size_t length = (size_t)snprintf(out, size, "choose:");

    for (size_t i = 0; i < terminal->choices_count && length < size; i++)
        length += (size_t)snprintf(out + length, size - length, " %s", terminal->choices[i].pool);
}

void terminal_screen(const struct fake_terminal *terminal, char *out, size_t size)
{
    if (!terminal->on && !terminal->code[0])
        (void)snprintf(out, size, "off");
    else if (terminal->viewer == VIEWER_ACTIVE)
        (void)snprintf(out, size, "%s on %s", terminal->show.user, machine_shown(terminal));
    else if (terminal->viewer == VIEWER_CONNECTING)
        (void)snprintf(out, size, "connecting %s", machine_shown(terminal));
    else if (terminal->signing_on && terminal->queue_place)
        (void)snprintf(out, size, "queue %lld", (long long)terminal->queue_place);
    else if (terminal->signing_on)
        (void)snprintf(out, size, "wait: %s", terminal->page);
    else if (terminal->choices_count)
        put_choices(terminal, out, size);
    else if (!terminal->page[0])
        (void)snprintf(out, size, "sign-on");
    else if (terminal->page[0] >= 'A' && terminal->page[0] <= 'Z')
        (void)snprintf(out, size, "refused: %s", terminal->page);
    else
        (void)snprintf(out, size, "%s: %s", terminal->page, terminal->said);
}
