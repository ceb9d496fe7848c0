/* epochs.c - epochs of a slot only rise, on disk, on the wire and in the guest (I6); a password
 * opens one session at its epoch (I19).
 *
 * A claim raises the slot's epoch and takes the new number for its session and its connection, all
 * in one decision. So the slot's row rises with each announcement, a session takes a number that no
 * earlier session of the slot had, and no message has a number that the slot has not reached.
 */
#include <stdio.h>
#include <string.h>

#include "history/judge_internal.h"

static unsigned long long number(uint64_t id)
{
    return (unsigned long long)id;
}

void epochs_slot(struct judge *judge, struct fact *fact, const struct fact *was,
                 const struct history_row *row)
{
    struct slot *slot = slot_make(judge, fact->desktop_id, fact->slot);
    bool same = row->verb == history_verb_LOADED || row->verb == history_verb_ADD;

    (void)was;
    if (fact->dropped)
        return;
    judge_check(judge, 6);
    if (fact->epoch < slot->epoch || (!same && fact->epoch == slot->epoch))
        judge_broken(judge, 6, "slot %lld of desktop %llu has epoch %lld after %lld",
                     (long long)fact->slot, number(fact->desktop_id), (long long)fact->epoch,
                     (long long)slot->epoch);
    if (fact->epoch > slot->epoch)
        slot->epoch = fact->epoch;
    slot->row = true;
}

/* A new claim: of this session at first, or again at another epoch. */
static void claimed(struct judge *judge, struct slot *slot, const struct fact *fact)
{
    judge_check(judge, 6);
    if (fact->epoch <= slot->claimed)
        judge_broken(judge, 6,
                     "session %llu claims slot %lld of desktop %llu at epoch %lld after a claim at "
                     "epoch %lld",
                     number(fact->id), (long long)fact->slot, number(fact->desktop_id),
                     (long long)fact->epoch, (long long)slot->claimed);
    else if (slot->row && fact->epoch > slot->epoch)
        judge_broken(
            judge, 6,
            "session %llu claims epoch %lld, which slot %lld of desktop %llu has not reached",
            number(fact->id), (long long)fact->epoch, (long long)fact->slot,
            number(fact->desktop_id));
}

void epochs_session(struct judge *judge, struct fact *fact, const struct fact *was,
                    const struct history_row *row)
{
    struct session *session = session_make(judge, fact->id);
    struct slot *slot = slot_make(judge, fact->desktop_id, fact->slot);

    session->slot = slot;
    session->hidden_line = 0; /* a decision is the reason of the hide */
    if (row->verb == history_verb_LOADED) {
        if (fact->epoch > slot->claimed)
            slot->claimed = fact->epoch;
    } else if (!fact->dropped && (!was->known || was->epoch != fact->epoch)) {
        claimed(judge, slot, fact);
        if (fact->epoch > slot->claimed)
            slot->claimed = fact->epoch;
    }
    list_remove(&fact->of_user);
    if (!fact->over && !fact->dropped)
        list_append(&user_make(judge, fact->user_id)->sessions, &fact->of_user);
    if (fact->state == ROW_ACTIVE)
        session->was_shown = true;
}

void epochs_connection(struct judge *judge, struct fact *fact, const struct fact *was,
                       const struct history_row *row)
{
    struct session *session = session_make(judge, fact->session_id);

    if (fact->over || fact->dropped) {
        if (session->connection == fact->id)
            session->connection = 0;
        return;
    }
    if (row->verb == history_verb_ADD && session->slot) {
        judge_check(judge, 6);
        if (fact->epoch < session->slot->claimed)
            judge_broken(judge, 6,
                         "connection %llu of session %llu is made at epoch %lld, which a claim at "
                         "epoch %lld has overtaken",
                         number(fact->id), number(session->id), (long long)fact->epoch,
                         (long long)session->slot->claimed);
    }
    (void)was;
    session->connection = fact->id;
    session->terminal_id = fact->terminal_id;
}

void epochs_told(struct judge *judge, const struct history_instruction *told)
{
    const struct session *session = session_find(judge, told->session_id);

    if (!told->show || !session || !session->slot || !session->slot->row)
        return;
    judge_check(judge, 6);
    if (told->epoch > session->slot->epoch)
        judge_broken(
            judge, 6,
            "terminal %llu is told to show session %llu at epoch %lld before that is durable",
            number(told->terminal_id), number(told->session_id), (long long)told->epoch);
}

/* ---- the guest ---- */

static void admitted_epoch(struct judge *judge, const struct history_guest *guest,
                           struct machine *machine)
{
    const struct session *session = session_find(judge, guest->session_id);
    int64_t *highest = session && session->slot ? &session->slot->admitted : &machine->admitted;

    if (!guest->epoch)
        return;
    judge_check(judge, 6);
    if (guest->epoch < *highest)
        judge_broken(judge, 6, "machine %s lets epoch %lld in after epoch %lld", guest->uuid,
                     (long long)guest->epoch, (long long)*highest);
    else
        *highest = guest->epoch;
}

/* A password that was made for a session: the guest learns its session when it is set, or at the
 * first logon. One viewer may log on again with it when its connection breaks. The users' own
 * passwords are not judged.
 */
struct password {
    uint64_t session_id;
    int64_t epoch;
    char uuid[40];
    bool over;  /* replaced by another, or scrambled */
    bool slept; /* its machine stopped: it could not be scrambled */
    uint64_t line, used_line;
    char terminal[64];
};

/* An account of the machine: a shared machine has one for each slot. */
static int64_t *account_of(struct judge *judge, const struct history_guest *guest,
                           struct machine *machine)
{
    const struct session *session = session_find(judge, guest->session_id);

    return session && session->slot ? &session->slot->secret : &machine->secret;
}

static void end_password(struct judge *judge, int64_t *account)
{
    struct password *password = *account ? map_get_id(&judge->secrets, (uint64_t)*account) : NULL;

    if (password)
        password->over = true;
    *account = 0;
}

static void new_password(struct judge *judge, const struct history_guest *guest, int64_t *account)
{
    struct password *password;

    end_password(judge, account);
    if (!guest->secret)
        return;
    judge_check(judge, 19);
    if (map_get_id(&judge->secrets, (uint64_t)guest->secret))
        judge_broken(judge, 19, "machine %s gets a password that was in use before", guest->uuid);
    password = judge_make(judge, sizeof(*password));
    password->session_id = guest->session_id;
    password->epoch = guest->epoch;
    password->line = judge->number;
    (void)snprintf(password->uuid, sizeof(password->uuid), "%s", guest->uuid);
    map_put_id(&judge->secrets, (uint64_t)guest->secret, password);
    *account = guest->secret;
}

static bool is_over(struct judge *judge, uint64_t session_id)
{
    const struct fact *fact = fact_find(judge, history_entity_SESSION, session_id);

    return fact && fact->known && fact->over;
}

/* Why this logon is a violation, or NULL. */
static const char *wrong(struct judge *judge, const struct password *password,
                         const struct history_guest *guest)
{
    if (strcmp(password->uuid, guest->uuid) != 0)
        return "it was made for another machine";
    if (password->over)
        return "it is nobody's any more";
    if (password->session_id && guest->session_id && password->session_id != guest->session_id)
        return "it was made for another session";
    if (password->epoch && guest->epoch && password->epoch != guest->epoch)
        return "it was made for another epoch";
    if (password->used_line && strcmp(password->terminal, guest->terminal) != 0)
        return "another terminal has used it";
    if (is_over(judge, password->session_id))
        return "its session is over";
    return NULL;
}

static void admitted_with(struct judge *judge, const struct history_guest *guest)
{
    struct password *password =
        guest->secret ? map_get_id(&judge->secrets, (uint64_t)guest->secret) : NULL;
    const char *what;

    if (!password)
        return;
    judge_check(judge, 19);
    what = wrong(judge, password, guest);
    if (what)
        judge_broken(judge, 19, "machine %s lets somebody in with the password of line %llu: %s",
                     guest->uuid, number(password->line), what);
    if (!password->session_id) {
        password->session_id = guest->session_id;
        password->epoch = guest->epoch;
    }
    password->used_line = judge->number;
    (void)snprintf(password->terminal, sizeof(password->terminal), "%s", guest->terminal);
}

void epochs_disk(struct judge *judge, struct machine *machine)
{
    end_password(judge, &machine->secret);
    if (!machine->desktop)
        return;
    list_each (&machine->desktop->slots, node)
        end_password(judge, &list_entry(node, struct slot, of_desktop)->secret);
}

static void sleep_over(struct judge *judge, int64_t account)
{
    struct password *password = account ? map_get_id(&judge->secrets, (uint64_t)account) : NULL;

    if (password)
        password->slept = true;
}

void epochs_stopped(struct judge *judge, const struct machine *machine)
{
    sleep_over(judge, machine->secret);
    if (!machine->desktop)
        return;
    list_each (&machine->desktop->slots, node)
        sleep_over(judge, list_entry(node, struct slot, of_desktop)->secret);
}

/* The account of a machine that died keeps its password until the next sign-on sets another one:
 * then only its use is judged.
 */
static void check_scrambled(struct judge *judge, const struct machine *machine, int64_t account)
{
    const struct password *password =
        account ? map_get_id(&judge->secrets, (uint64_t)account) : NULL;

    if (!password || !password->session_id || password->slept)
        return;
    judge_check(judge, 19);
    if (is_over(judge, password->session_id))
        judge_broken(judge, 19,
                     "session %llu is over, but its password (line %llu) still opens machine %s",
                     number(password->session_id), number(password->line), machine->uuid);
}

void epochs_rest(struct judge *judge, const struct machine *machine)
{
    if (!machine->runs || !machine->desktop->row || machine->desktop->quarantined)
        return; /* no logon is possible, or an administrator must act first */
    check_scrambled(judge, machine, machine->secret);
    list_each (&machine->desktop->slots, node)
        check_scrambled(judge, machine, list_entry(node, struct slot, of_desktop)->secret);
}

void epochs_guest(struct judge *judge, const struct history_guest *guest)
{
    struct machine *machine = machine_make(judge, guest->uuid);

    switch (guest->event) {
    case history_guest_event_ADMITTED:
        admitted_epoch(judge, guest, machine);
        admitted_with(judge, guest);
        return;
    case history_guest_event_PASSWORD:
        new_password(judge, guest, account_of(judge, guest, machine));
        return;
    case history_guest_event_SCRAMBLED:
        end_password(judge, account_of(judge, guest, machine));
        return;
    case history_guest_event_REFUSED:
    case history_guest_event_DROPPED:
    case history_guest_event_LOGGED_OFF:
    case history_guest_event_NONE:
    case history_guest_event_END:
        return;
    }
}
