/* prepare.c - prepares the state that a verb needs, or takes it from the cache. */
#include "prepare.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acts.h"
#include "program.h"
#include "seed.h"

#define GOOD_S 259200 /* three days: a certificate lives a week */

static void state_folder(const struct storm *storm, char out[STORM_PATH + 64])
{
    (void)snprintf(out, STORM_PATH + 64, "%s/%zu-%zu", storm->options.cache,
                   storm->population.count, storm->population.people_count);
}

/* ---- from the cache ---- */

static int start_from(struct storm *storm, const char *folder, struct berth_error *reterr)
{
    char from[2 * STORM_PATH];
    struct stat facts;
    int r;

    (void)snprintf(from, sizeof(from), "%s/data", folder);
    if (stat(folder, &facts) < 0 || clock_wall_ms() / 1000 - facts.st_mtime > GOOD_S)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "no prepared state");
    r = keyring_load(&storm->population.keyring, folder, reterr);
    if (r == 0)
        r = seed_load_people(storm, folder, reterr);
    if (r == 0)
        r = site_copy(from, storm->site.folder, reterr);
    return r < 0 ? r : site_start_broker(&storm->site, reterr);
}

/* ---- from nothing ---- */

static int keep_state(struct storm *storm, const char *folder, struct berth_error *reterr)
{
    char data[STORM_PATH + 64];
    char fresh[STORM_PATH + 80];
    const char *make[] = { "mkdir", "-p", fresh, NULL };
    const char *sweep[] = { "rm", "-rf", folder, fresh, NULL };
    int r;

    (void)snprintf(fresh, sizeof(fresh), "%s.new", folder);
    r = program_run(sweep, NULL, 0, reterr);
    if (r == 0)
        r = program_run(make, NULL, 0, reterr);
    if (r == 0)
        r = site_copy(site_path(&storm->site, "data", data), fresh, reterr);
    if (r == 0)
        r = keyring_save(&storm->population.keyring, fresh, reterr);
    if (r == 0)
        r = seed_save_people(storm, fresh, reterr);
    if (r == 0 && rename(fresh, folder) < 0)
        r = berth_fail(reterr, BERTH_E_IO, "%s was not kept", folder);
    return r;
}

static int make_terminals(struct storm *storm, struct berth_error *reterr)
{
    int r = act_join(storm, reterr);

    return r < 0 ? r : seed_kiosks(storm, reterr);
}

static int make_state(struct storm *storm, const char *folder, struct berth_error *reterr)
{
    char data[STORM_PATH + 64];
    const char *sweep[] = { "rm", "-rf", site_path(&storm->site, "data", data), NULL };
    bool recording = storm->site.recording;
    int r;

    (void)fprintf(stderr, "berth-storm: preparing %zu terminals and %zu people, kept in %s\n",
                  storm->population.count, storm->population.people_count, folder);
    storm->site.recording = false;
    site_stop_broker(&storm->site, true);
    r = program_run(sweep, NULL, 0, reterr);
    if (r == 0)
        r = site_start_broker(&storm->site, reterr);
    if (r == 0)
        r = seed_site(storm, reterr);
    if (r == 0)
        r = make_terminals(storm, reterr);
    site_stop_broker(&storm->site, false);
    storm->site.recording = recording;
    if (r == 0)
        r = keep_state(storm, folder, reterr);
    return r < 0 ? r : site_start_broker(&storm->site, reterr);
}

/* ---- a broker that runs already ---- */

static int join_foreign(struct storm *storm, struct berth_error *reterr)
{
    int r = seed_people(storm, reterr);

    return r < 0 ? r : make_terminals(storm, reterr);
}

/* ---- all of it ---- */

static size_t desktops_needed(const struct storm *storm)
{
    size_t terminals = storm->population.count;

    if (storm->population.people_count > 0)
        return storm->population.people_count;
    if (storm->options.verb->act == act_shift)
        return terminals / 2;
    return storm->options.verb->act == act_reconnect
               ? act_reconnect_shown(terminals) + act_reconnect_waiting(terminals)
               : terminals;
}

static int make_ready(struct storm *storm, struct berth_error *reterr)
{
    unsigned needs = storm->options.verb->needs;
    struct invite invite;
    int r;

    /* Invitations contain the addresses of the listeners. */
    r = seed_invitation(storm, &invite, reterr);
    if (r < 0)
        return r;
    storm->site.link_port = invite.link_port;
    storm->site.join_port = invite.join_port;
    secret_wipe(&invite.token);
    if (needs & NEED_TERMINALS)
        r = population_ready(&storm->population, reterr);
    if (r == 0 && (needs & NEED_DESKTOPS))
        r = seed_desktops(storm, desktops_needed(storm), reterr);
    return r;
}

int prepare(struct storm *storm, struct berth_error *reterr)
{
    char folder[STORM_PATH + 64];
    struct berth_error error = { 0 };
    int r = BERTH_E_NOT_FOUND;

    state_folder(storm, folder);
    if (!storm->site.ours) {
        r = storm->options.verb->needs & NEED_TERMINALS ? join_foreign(storm, reterr) : 0;
    } else if (!(storm->options.verb->needs & NEED_TERMINALS)) {
        r = site_start_broker(&storm->site, reterr);
    } else {
        if (!storm->options.fresh)
            r = start_from(storm, folder, &error);
        if (r < 0)
            r = make_state(storm, folder, reterr);
    }
    return r < 0 ? r : make_ready(storm, reterr);
}
