/* seat.c - see seat.h. */
#include "core/seat.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/plant.h"

#include "core/texts.h"

/* clang-format off */
#define STATES(entity) const char *const entity##_state_names[] = { "",
#define STATE(entity, symbol, name, sentence) name,
#define STATES_END(entity) NULL };
#include "core/seat_states.def"
#undef STATES
#undef STATE
#undef STATES_END
#define STATES(entity) const char *const entity##_state_sentences[] = { "",
#define STATE(entity, symbol, name, sentence) sentence,
#define STATES_END(entity) NULL };
#include "core/seat_states.def"
#undef STATES
#undef STATE
#undef STATES_END

static const struct { enum seat_state from, to; } transitions[] = {
#define TRANSITION(entity, FROM, TO) { entity##_##FROM, entity##_##TO },
#include "core/seat_states.def"
#undef TRANSITION
};
/* clang-format on */

bool seat_may_transition(enum seat_state from, enum seat_state to)
{
    for (size_t i = 0; i < BERTH_COUNT(transitions); i++)
        if (transitions[i].from == from && transitions[i].to == to)
            return true;
    return false;
}

void seat_init(struct seat *seat, const char *terminal)
{
    memset(seat, 0, sizeof(*seat));
    seat->state = seat_STARTING;
    (void)snprintf(seat->terminal, sizeof(seat->terminal), "%s", terminal);
}

void seat_set_state(struct seat *seat, enum seat_state next, int64_t now_ms, const char *why)
{
    if (seat->state == next)
        return;
    if (!seat_may_transition(seat->state, next)) {
        log_event(EV_AGENT_FAULT, "from", seat_state_names[seat->state], "to",
                  seat_state_names[next], "why", why);
        return;
    }
    log_event(EV_AGENT_SCREEN, "from", seat_state_names[seat->state], "to", seat_state_names[next],
              "session", seat->shown.session_id, "why", why);
    seat->state = next;
    seat->since_ms = now_ms;
}

enum seat_state seat_rest(const struct seat *seat)
{
    return seat->online ? seat_IDLE : seat_OFFLINE;
}

bool seat_shows(const struct seat *seat)
{
    return seat->state == seat_CONNECTING || seat->state == seat_ACTIVE;
}

bool seat_waits(const struct seat *seat)
{
    return seat->state == seat_SIGN_ON || seat->state == seat_CHOOSING;
}

void seat_set_online(struct seat *seat, bool online, int64_t now_ms, const char *why)
{
    seat->online = online;
    if (online)
        seat->revoked = false;
    if (online && seat->state == seat_STARTING)
        seat_set_state(seat, seat_OFFLINE, now_ms, why);
    if (online ? seat->state == seat_OFFLINE : seat->state == seat_IDLE)
        seat_set_state(seat, seat_rest(seat), now_ms, why);
}

void seat_say(struct seat *seat, const char *title, const char *text, bool alert)
{
    (void)snprintf(seat->title, sizeof(seat->title), "%s", title ? title : "");
    (void)snprintf(seat->text, sizeof(seat->text), "%s", text ? text : "");
    seat->alert = alert;
    seat->queue_place = 0;
    seat->estimate_ms = 0;
}

static const struct seat_epoch *epoch_of(const struct seat *seat, uint64_t session_id)
{
    for (size_t i = 0; i < SEAT_EPOCHS; i++)
        if (seat->epochs[i].session_id == session_id)
            return &seat->epochs[i];
    return NULL;
}

/* Remember the higher epoch; within one epoch, hidden stays hidden. */
static void note_epoch(struct seat *seat, uint64_t session_id, int64_t epoch, bool hidden)
{
    struct seat_epoch *known = NULL;

    for (size_t i = 0; i < SEAT_EPOCHS && !known; i++)
        if (seat->epochs[i].session_id == session_id)
            known = &seat->epochs[i];
    if (!known) {
        known = &seat->epochs[seat->epoch_next++ % SEAT_EPOCHS];
        *known = (struct seat_epoch){ .session_id = session_id };
    }
    if (epoch > known->epoch) {
        known->epoch = epoch;
        known->hidden = hidden;
    } else if (epoch == known->epoch) {
        known->hidden = known->hidden || hidden;
    }
}

int seat_may_show(const struct seat *seat, const struct seat_claim *claim,
                  struct berth_error *reterr)
{
    const struct seat_epoch *known = epoch_of(seat, claim->session_id);

    if (claim->session_id == 0)
        return berth_fail(reterr, BERTH_E_INVALID, "a show without a session");
    if (!known || claim->epoch > known->epoch || planted(STALE_SHOW))
        return 0;
    if (claim->epoch < known->epoch)
        return berth_fail(reterr, BERTH_E_SUPERSEDED,
                          "session %llu: epoch %lld is older than %lld, which was heard of",
                          (unsigned long long)claim->session_id, (long long)claim->epoch,
                          (long long)known->epoch);
    if (known->hidden)
        return berth_fail(reterr, BERTH_E_SUPERSEDED, "session %llu: epoch %lld was hidden",
                          (unsigned long long)claim->session_id, (long long)claim->epoch);
    return 0;
}

void seat_show(struct seat *seat, const struct msg_show *show, int64_t now_ms)
{
    seat->shown = (struct seat_claim){ .session_id = show->session_id,
                                       .epoch = show->epoch,
                                       .connection_id = show->connection_id };
    (void)snprintf(seat->user, sizeof(seat->user), "%s", show->user);
    (void)snprintf(seat->pool, sizeof(seat->pool), "%s", show->pool);
    (void)snprintf(seat->desktop, sizeof(seat->desktop), "%.115s:%lld", show->host,
                   (long long)show->port);
    seat->idle_lock_ms = show->idle_lock_ms;
    seat->resume_ms = show->resume_ms;
    seat->shown_since_ms = now_ms;
    seat->picture_ms = 0;
    note_epoch(seat, show->session_id, show->epoch, false);
}

bool seat_hide(struct seat *seat, uint64_t session_id, int64_t epoch)
{
    if (session_id == 0 || planted(HIDE_IGNORED))
        return false;
    note_epoch(seat, session_id, epoch, true);
    return seat->shown.session_id == session_id && seat->shown.epoch <= epoch;
}

void seat_clear(struct seat *seat)
{
    seat->shown = (struct seat_claim){ 0 };
    seat->pool[0] = '\0';
    seat->desktop[0] = '\0';
    seat->idle_lock_ms = 0;
    seat->resume_ms = 0;
    seat->picture_ms = 0;
}

/* The smaller of two limits of which 0 means none. */
static int64_t stricter(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

int64_t seat_idle_limit_ms(const struct seat *seat, const struct settings *settings)
{
    int64_t limit_ms = stricter(seat->idle_lock_ms, settings->idle_lock_s * 1000);

    return seat->online ? limit_ms : stricter(limit_ms, settings->offline_lock_s * 1000);
}

static void set_text(char *out, size_t size, const char *said, const char *otherwise)
{
    (void)snprintf(out, size, "%s", said[0] ? said : otherwise);
}

#define SET_TEXT(member, said, otherwise) set_text(member, sizeof(member), said, otherwise)

/* Headline and sentences of a page that only tells something. */
static void tell(const struct seat *seat, const char *language, struct page *page, enum text title,
                 enum text text)
{
    SET_TEXT(page->title, seat->title, text_in(language, title));
    SET_TEXT(page->text, seat->text, text_in(language, text));
    page->alert = seat->alert;
}

static void page_of_progress(const struct seat *seat, const char *language, struct page *page)
{
    page->kind = page_kind_PROGRESS;
    tell(seat, language, page, seat->state == seat_CONNECTING ? TEXT_CONNECTING : TEXT_PREPARING,
         TEXT_NONE);
    page->queue_place = seat->queue_place;
    page->estimate_ms = seat->estimate_ms;
    page->cancellable = true;
}

static void page_of_choices(const struct seat *seat, struct page *page)
{
    page->kind = page_kind_CHOOSE;
    page->choices_count = seat->choices_count;
    for (size_t i = 0; i < seat->choices_count; i++) {
        SET_TEXT(page->choices[i].pool, seat->choices[i].pool, "");
        SET_TEXT(page->choices[i].title, seat->choices[i].title, seat->choices[i].pool);
    }
}

void seat_page(const struct seat *seat, const struct settings *settings, struct page *ret)
{
    const char *language = settings->language;

    memset(ret, 0, sizeof(*ret));
    ret->kind = page_kind_STATUS;
    SET_TEXT(ret->terminal, seat->terminal, "");
    (void)snprintf(ret->language, sizeof(ret->language), "%.7s", language);
    SET_TEXT(ret->greeting, settings->greeting, "");
    SET_TEXT(ret->user, seat->user, "");
    ret->online = seat->online;
    switch (seat->state) {
    case seat_NO_STATE:
    case seat_STATES_END:
    case seat_STARTING:
        tell(seat, language, ret, TEXT_STARTING, TEXT_NONE);
        return;
    case seat_JOINING:
        tell(seat, language, ret, TEXT_JOINING, TEXT_JOINING_LONG);
        return;
    case seat_WAITING:
        ret->kind = page_kind_APPROVE;
        tell(seat, language, ret, TEXT_APPROVE, TEXT_APPROVE_LONG);
        SET_TEXT(ret->code, seat->code, "");
        return;
    case seat_OFFLINE:
        tell(seat, language, ret, seat->revoked ? TEXT_REVOKED : TEXT_OFFLINE,
             seat->revoked ? TEXT_REVOKED_LONG : TEXT_OFFLINE_LONG);
        return;
    case seat_IDLE:
        ret->kind = settings->kiosk ? page_kind_STATUS : page_kind_SIGN_ON;
        tell(seat, language, ret, settings->kiosk ? TEXT_PREPARING : TEXT_SIGN_ON, TEXT_NONE);
        return;
    case seat_SIGN_ON:
    case seat_CONNECTING:
        page_of_progress(seat, language, ret);
        return;
    case seat_CHOOSING:
        tell(seat, language, ret, TEXT_CHOOSE, TEXT_NONE);
        page_of_choices(seat, ret);
        return;
    case seat_ACTIVE:
        ret->kind = page_kind_DESKTOP;
        return;
    case seat_LOCKED:
        ret->kind = page_kind_BLANK;
        return;
    case seat_NOTICE:
        ret->kind = page_kind_NOTICE;
        tell(seat, language, ret, TEXT_DISCONNECTED, TEXT_NONE);
        return;
    }
}

enum screen_state seat_screen(const struct seat *seat)
{
    switch (seat->state) {
    case seat_ACTIVE:
        return screen_state_DESKTOP;
    case seat_IDLE:
        return screen_state_SIGN_ON;
    case seat_LOCKED:
        return screen_state_BLANK;
    case seat_NO_STATE:
    case seat_STATES_END:
    case seat_STARTING:
    case seat_JOINING:
    case seat_WAITING:
    case seat_OFFLINE:
    case seat_SIGN_ON:
    case seat_CHOOSING:
    case seat_CONNECTING:
    case seat_NOTICE:
        return screen_state_MESSAGE;
    }
    return screen_state_MESSAGE;
}
