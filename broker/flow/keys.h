/* keys.h - what the holder of a terminal's key may do now; decided here for every listener.
 *
 * Module flow. A terminal has one key that is good, and for a moment two: a certificate for the next
 * one is given out, and its answer may be lost or the terminal may die before it has kept it. The
 * first use of the next key retires every other one, and a retired key opens nothing: whoever
 * copied it has nothing. A device that was replaced by an invitation has nothing from the moment at
 * which the new one has its certificate.
 */
#ifndef BERTH_FLOW_KEYS_H
#define BERTH_FLOW_KEYS_H

#include "flow/context.h"

enum key_use {
    KEY_CONNECT, /* open the link, and whatever is done over it */
    KEY_RENEW, /* ask for a certificate at the join listener: also for some days after it expired */
};

/* May it? identity: NULL when the key is not known.
 *
 * Errors: CERTIFICATE (not known, retired; KEY_RENEW: expired longer ago than the site's
 * renew_days), REVOKED (the key or its terminal).
 */
int key_may(struct context *context, const struct identity *identity, enum key_use use,
            struct berth_error *reterr) berth_must_check;

/* The site of a place; of no place: the first one. NULL when there is none. */
const struct site *keys_site(struct core *core, uint64_t place_id);

/* A terminal has connected with this key. When it is a new one, all its others retire; written as
 * soon as the store can, and again with the next connection when it cannot.
 */
void keys_used(struct context *context, const struct terminal *terminal, uint64_t identity_id);

/* A certificate for another key of this terminal is given out: in `changes`, every other key loses
 * its power. but: the identity that asks (0: an invitation does, and the device that it replaces is
 * out for good), and the one that is given the certificate (0: it has no row yet).
 */
void keys_replaced(struct context *context, uint64_t terminal_id, const uint64_t but[2],
                   struct changes *changes);

#endif
