/* terminal_status.c - state changes, epochs of sessions, idle limit, and the page of each state. */
#include "core/terminal_status.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/texts.h"

void terminal_status_init(struct terminal_status *terminal, const char *name)
{
    memset(terminal, 0, sizeof(*terminal));
    terminal->state = agent_STARTING;
    copy_text(terminal->name, name);
}

void terminal_status_set_state(struct terminal_status *terminal, enum agent_state next,
                               int64_t now_ms, const char *why)
{
    if (terminal->state == next)
        return;
    if (!agent_may_transition(terminal->state, next)) {
        log_event(EV_AGENT_FAULT, "from", agent_state_names[terminal->state], "to",
                  agent_state_names[next], "why", why);
        return;
    }
    log_event(EV_AGENT_SCREEN, "from", agent_state_names[terminal->state], "to",
              agent_state_names[next], "session", terminal->shown.session_id, "why", why);
    terminal->state = next;
    terminal->since_ms = now_ms;
}

enum agent_state terminal_status_fallback(const struct terminal_status *terminal)
{
    return terminal->online ? agent_IDLE : agent_OFFLINE;
}

bool terminal_status_shows_desktop(const struct terminal_status *terminal)
{
    return terminal->state == agent_CONNECTING || terminal->state == agent_ACTIVE;
}

bool terminal_status_user_waiting(const struct terminal_status *terminal)
{
    return terminal->state == agent_SIGN_ON || terminal->state == agent_CHOOSING;
}

void terminal_status_set_online(struct terminal_status *terminal, bool online, int64_t now_ms,
                                const char *why)
{
    terminal->online = online;
    if (online)
        terminal->revoked = false;
    if (online && terminal->state == agent_STARTING)
        terminal_status_set_state(terminal, agent_OFFLINE, now_ms, why);
    if (online ? terminal->state == agent_OFFLINE : terminal->state == agent_IDLE)
        terminal_status_set_state(terminal, terminal_status_fallback(terminal), now_ms, why);
}

void terminal_status_set_text(struct terminal_status *terminal, const char *title, const char *text,
                              bool alert)
{
    copy_text(terminal->title, title ? title : "");
    copy_text(terminal->text, text ? text : "");
    terminal->alert = alert;
    terminal->queue_place = 0;
    terminal->estimate_ms = 0;
}

static const struct known_epoch *epoch_of(const struct terminal_status *terminal,
                                          uint64_t session_id)
{
    for (size_t i = 0; i < KNOWN_EPOCHS_MAX; i++)
        if (terminal->epochs[i].session_id == session_id)
            return &terminal->epochs[i];
    return NULL;
}

/* Remember the highest epoch; within one epoch, hidden is final. */
static void record_epoch(struct terminal_status *terminal, uint64_t session_id, int64_t epoch,
                         bool hidden)
{
    struct known_epoch *known = NULL;

    for (size_t i = 0; i < KNOWN_EPOCHS_MAX && !known; i++)
        if (terminal->epochs[i].session_id == session_id)
            known = &terminal->epochs[i];
    if (!known) {
        known = &terminal->epochs[terminal->epoch_next++ % KNOWN_EPOCHS_MAX];
        *known = (struct known_epoch){ .session_id = session_id };
    }
    if (epoch > known->epoch) {
        known->epoch = epoch;
        known->hidden = hidden;
    } else if (epoch == known->epoch) {
        known->hidden = known->hidden || hidden;
    }
}

int terminal_status_may_show(const struct terminal_status *terminal,
                             const struct session_claim *claim, struct berth_error *reterr)
{
    const struct known_epoch *known = epoch_of(terminal, claim->session_id);

    if (claim->session_id == 0)
        return berth_fail(reterr, BERTH_E_INVALID, "the show names no session");
    if (!known || claim->epoch > known->epoch)
        return 0;
    if (claim->epoch < known->epoch)
        return berth_fail(reterr, BERTH_E_SUPERSEDED,
                          "session %llu: epoch %lld is older than the known epoch %lld",
                          (unsigned long long)claim->session_id, (long long)claim->epoch,
                          (long long)known->epoch);
    if (known->hidden)
        return berth_fail(reterr, BERTH_E_SUPERSEDED, "session %llu: epoch %lld was already hidden",
                          (unsigned long long)claim->session_id, (long long)claim->epoch);
    return 0;
}

void terminal_status_show(struct terminal_status *terminal, const struct msg_show *show,
                          int64_t now_ms)
{
    terminal->shown = (struct session_claim){ .session_id = show->session_id,
                                              .epoch = show->epoch,
                                              .connection_id = show->connection_id };
    copy_text(terminal->user, show->user);
    copy_text(terminal->pool, show->pool);
    (void)snprintf(terminal->desktop, sizeof(terminal->desktop), "%.115s:%lld", show->host,
                   (long long)show->port);
    terminal->idle_lock_ms = show->idle_lock_ms;
    terminal->resume_ms = show->resume_ms;
    terminal->shown_since_ms = now_ms;
    terminal->picture_ms = 0;
    record_epoch(terminal, show->session_id, show->epoch, false);
}

bool terminal_status_hide(struct terminal_status *terminal, uint64_t session_id, int64_t epoch)
{
    if (session_id == 0)
        return false;
    record_epoch(terminal, session_id, epoch, true);
    return terminal->shown.session_id == session_id && terminal->shown.epoch <= epoch;
}

void terminal_status_clear(struct terminal_status *terminal)
{
    terminal->shown = (struct session_claim){ 0 };
    terminal->pool[0] = '\0';
    terminal->desktop[0] = '\0';
    terminal->idle_lock_ms = 0;
    terminal->resume_ms = 0;
    terminal->picture_ms = 0;
}

/* The smaller of two limits of which 0 means none. */
static int64_t stricter_limit(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

int64_t terminal_status_idle_limit_ms(const struct terminal_status *terminal,
                                      const struct settings *settings)
{
    int64_t limit_ms = stricter_limit(terminal->idle_lock_ms, settings->idle_lock_s * 1000);

    return terminal->online ? limit_ms : stricter_limit(limit_ms, settings->offline_lock_s * 1000);
}

static void set_text(char *out, size_t size, const char *text, const char *fallback)
{
    berth_copy_text(out, size, text[0] ? text : fallback);
}

#define SET_TEXT(member, text, fallback) set_text(member, sizeof(member), text, fallback)

/* Set a page's headline and text, or their defaults. */
static void set_page_text(const struct terminal_status *terminal, const char *language,
                          struct page *page, enum text title, enum text text)
{
    SET_TEXT(page->title, terminal->title, text_in(language, title));
    SET_TEXT(page->text, terminal->text, text_in(language, text));
    page->alert = terminal->alert;
}

static void page_of_progress(const struct terminal_status *terminal, const char *language,
                             struct page *page)
{
    page->kind = page_kind_PROGRESS;
    set_page_text(terminal, language, page,
                  terminal->state == agent_CONNECTING ? TEXT_CONNECTING : TEXT_PREPARING,
                  TEXT_NONE);
    page->queue_place = terminal->queue_place;
    page->estimate_ms = terminal->estimate_ms;
    page->cancellable = true;
}

static void page_of_choices(const struct terminal_status *terminal, struct page *page)
{
    page->kind = page_kind_CHOOSE;
    page->choices_count = terminal->choices_count;
    for (size_t i = 0; i < terminal->choices_count; i++) {
        SET_TEXT(page->choices[i].pool, terminal->choices[i].pool, "");
        SET_TEXT(page->choices[i].title, terminal->choices[i].title, terminal->choices[i].pool);
    }
}

void terminal_status_page(const struct terminal_status *terminal, const struct settings *settings,
                          struct page *ret)
{
    const char *language = settings->language;

    memset(ret, 0, sizeof(*ret));
    ret->kind = page_kind_STATUS;
    SET_TEXT(ret->terminal, terminal->name, "");
    (void)snprintf(ret->language, sizeof(ret->language), "%.7s", language);
    SET_TEXT(ret->greeting, settings->greeting, "");
    SET_TEXT(ret->user, terminal->user, "");
    ret->online = terminal->online;
    switch (terminal->state) {
    case agent_NO_STATE:
    case agent_STATES_END:
    case agent_STARTING:
        set_page_text(terminal, language, ret, TEXT_STARTING, TEXT_NONE);
        return;
    case agent_JOINING:
        set_page_text(terminal, language, ret, TEXT_JOINING, TEXT_JOINING_LONG);
        return;
    case agent_WAITING:
        ret->kind = page_kind_APPROVE;
        set_page_text(terminal, language, ret, TEXT_APPROVE, TEXT_APPROVE_LONG);
        SET_TEXT(ret->code, terminal->code, "");
        return;
    case agent_OFFLINE:
        set_page_text(terminal, language, ret, terminal->revoked ? TEXT_REVOKED : TEXT_OFFLINE,
                      terminal->revoked ? TEXT_REVOKED_LONG : TEXT_OFFLINE_LONG);
        return;
    case agent_IDLE:
        ret->kind = settings->kiosk ? page_kind_STATUS : page_kind_SIGN_ON;
        set_page_text(terminal, language, ret, settings->kiosk ? TEXT_PREPARING : TEXT_SIGN_ON,
                      TEXT_NONE);
        return;
    case agent_SIGN_ON:
    case agent_CONNECTING:
        page_of_progress(terminal, language, ret);
        return;
    case agent_CHOOSING:
        set_page_text(terminal, language, ret, TEXT_CHOOSE, TEXT_NONE);
        page_of_choices(terminal, ret);
        return;
    case agent_ACTIVE:
        ret->kind = page_kind_DESKTOP;
        return;
    case agent_LOCKED:
        ret->kind = page_kind_BLANK;
        return;
    case agent_NOTICE:
        ret->kind = page_kind_NOTICE;
        set_page_text(terminal, language, ret, TEXT_DISCONNECTED, TEXT_NONE);
        return;
    }
}

enum screen_state terminal_status_screen(const struct terminal_status *terminal)
{
    switch (terminal->state) {
    case agent_ACTIVE:
        return screen_state_DESKTOP;
    case agent_IDLE:
        return screen_state_SIGN_ON;
    case agent_LOCKED:
        return screen_state_BLANK;
    case agent_NO_STATE:
    case agent_STATES_END:
    case agent_STARTING:
    case agent_JOINING:
    case agent_WAITING:
    case agent_OFFLINE:
    case agent_SIGN_ON:
    case agent_CHOOSING:
    case agent_CONNECTING:
    case agent_NOTICE:
        return screen_state_MESSAGE;
    }
    return screen_state_MESSAGE;
}
