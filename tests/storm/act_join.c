/* act_join.c - terminals join: a key, a request, an invitation, a certificate. */
#include <stdio.h>

#include "lean/join.h"

#include "acts.h"
#include "seed.h"

#define AT_ONCE 32
#define JOIN_LIMIT_MS 1800000

struct joiner {
    struct lean_joiner lean;
    struct storm *storm;
    size_t number;
};

/* One terminal is prepared at a time; the window is filled as places become free. */
static struct {
    SSL_CTX *context;
    struct invite invite;
    size_t next, under_way, joined, failed;
    struct berth_deferred fill;
} joining;

static void fill_window(struct storm *storm);

static struct joiner *joiner_of(struct lean_joiner *lean)
{
    return container_of(lean, struct joiner, lean);
}

static void joined(struct lean_joiner *lean, const struct msg_joined *said)
{
    struct joiner *joiner = joiner_of(lean);
    struct storm *storm = joiner->storm;
    struct keyring *keyring = &storm->population.keyring;
    struct berth_error error = { 0 };

    if (!keyring->authority)
        keyring->authority = berth_strdup(said->authority);
    if (keyring_put(keyring, joiner->number, lean->key, said->certificate, &error) < 0) {
        figures_reason(&storm->figures, "bad-certificate");
        joining.failed++;
        return;
    }
    joining.joined++;
    storm->figures.served++;
    figures_add(&storm->figures, PHASE_joined, storm_now_us() - lean->connect_us);
}

static void refused(struct lean_joiner *lean, const struct msg_refused *said)
{
    figures_reason(&joiner_of(lean)->storm->figures, said->code);
    joining.failed++;
}

static void closed(struct lean_joiner *lean, const struct berth_error *why)
{
    struct joiner *joiner = joiner_of(lean);
    struct storm *storm = joiner->storm;

    if (why->code) {
        figures_reason(&storm->figures, berth_error_row(why->code)->symbol);
        joining.failed++;
    }
    joining.under_way--;
    free(joiner);
    fill_window(storm);
}

static bool join_one(struct storm *storm, size_t number)
{
    struct joiner *joiner = berth_new(struct joiner);
    struct berth_error error = { 0 };
    char source[32], name[64], serial[64];

    population_address(number, source);
    terminal_name(number, name);
    (void)snprintf(serial, sizeof(serial), "storm-%05zu", number + 1);
    *joiner = (struct joiner){ .lean = { .joined = joined, .refused = refused, .closed = closed },
                               .storm = storm,
                               .number = number };
    storm->figures.offered++;
    if (lean_join(&joiner->lean, &storm->loop, joining.context, &joining.invite, name, serial,
                  source, &error) == 0)
        return true;
    free(joiner);
    joining.failed++;
    figures_reason(&storm->figures, "no-socket");
    return false;
}

static void fill_window(struct storm *storm)
{
    while (joining.under_way < AT_ONCE && joining.next < storm->population.count)
        joining.under_way += join_one(storm, joining.next++);
}

static bool all_answered(struct storm *storm)
{
    return joining.next == storm->population.count && joining.under_way == 0;
}

int act_join(struct storm *storm, struct berth_error *reterr)
{
    int r = seed_invitation(storm, &joining.invite, reterr);

    if (r < 0)
        return r;
    /* It names the broker; we have its address. */
    (void)snprintf(joining.invite.host, sizeof(joining.invite.host), "%s", storm->site.address);
    joining.context = lean_join_context(&joining.invite, reterr);
    if (!joining.context)
        return BERTH_E_CERTIFICATE;
    storm->doing = "joining";
    /* The preparation blocked: limits count from now, not from the loop's last turn. */
    loop_turn(&storm->loop, 0);
    fill_window(storm);
    if (!storm_turn(storm, all_answered, JOIN_LIMIT_MS))
        r = berth_fail(reterr, BERTH_E_TIMEOUT, "the terminals do not join");
    else if (joining.joined < storm->population.count)
        r = berth_fail(reterr, BERTH_E_HOST, "%zu terminals did not join: %s", joining.failed,
                       storm->figures.reasons[0].word);
    SSL_CTX_free(joining.context);
    secret_wipe(&joining.invite.token);
    return r;
}

int act_measure_join(struct storm *storm, struct berth_error *reterr)
{
    int r = storm_clock_starts(storm, reterr);

    if (r == 0)
        r = act_join(storm, reterr);
    storm->figures.failed = (int64_t)joining.failed;
    return r < 0 ? r : storm_clock_stops(storm, reterr);
}
