/* seed.h - what an administrator does before the first terminal comes, through the management API.
 */
#ifndef BERTH_STORM_SEED_H
#define BERTH_STORM_SEED_H

#include "storm.h"

/* Add host, image, pool, entitlement, kiosk users and people to an empty broker. The pool has no
 * desktops yet. */
int seed_site(struct storm *storm, struct berth_error *reterr) berth_must_check;

/* Add the people only: kiosk users, and those with password and badge. */
int seed_people(struct storm *storm, struct berth_error *reterr) berth_must_check;

/* After the terminals have joined: make each a kiosk of its own user. */
int seed_kiosks(struct storm *storm, struct berth_error *reterr) berth_must_check;

/* Terminal `at[i]` signs on as the kiosk user `user[i]` from now on. */
int seed_kiosk_of(struct storm *storm, const size_t *at, const uint64_t *user, size_t count,
                  struct berth_error *reterr) berth_must_check;

/* Point the host to the libvirt of this run, then make `count` spare desktops, up and probed. */
int seed_desktops(struct storm *storm, size_t count, struct berth_error *reterr) berth_must_check;

/* Make an invitation for that many terminals. */
int seed_invitation(struct storm *storm, struct invite *ret,
                    struct berth_error *reterr) berth_must_check;

/* Ids of users, stored beside the prepared state. */
int seed_save_people(const struct storm *storm, const char *folder,
                     struct berth_error *reterr) berth_must_check;
int seed_load_people(struct storm *storm, const char *folder,
                     struct berth_error *reterr) berth_must_check;

#endif
