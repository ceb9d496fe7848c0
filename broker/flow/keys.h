/* keys.h - what a terminal's key permits now; decided here for every listener.
 *
 * Module flow. A terminal has one valid key, and for a while two: a certificate for the next key is
 * issued, but the answer may be lost, or the terminal may be switched off before it has stored it.
 * The first use of the next key retires all others, and a retired key permits nothing, so a copied
 * old key is worthless. When an invitation replaces a device, the keys of the old device are
 * revoked at the moment when the new one gets its certificate.
 */
#ifndef BERTH_FLOW_KEYS_H
#define BERTH_FLOW_KEYS_H

#include "flow/context.h"

enum key_use {
    KEY_CONNECT, /* open the link, and everything that is done over it */
    KEY_RENEW, /* ask for a certificate at the join listener; also for some days after it expired */
};

/* Does the key permit this? identity: NULL when the key is not known.
 *
 * Errors: CERTIFICATE (not known, retired; KEY_RENEW: expired longer ago than the site's
 * renew_days), REVOKED (the key or its terminal).
 */
int key_may(struct context *context, const struct identity *identity, enum key_use use,
            struct berth_error *reterr) berth_must_check;

/* The site of a place; without a place the first one. NULL when there is none. */
const struct site *keys_site(struct core *core, uint64_t place_id);

/* A terminal has connected with this key. When the key is new, all others of the terminal are
 * retired. When that cannot be written, the next connection tries again.
 */
void keys_used(struct context *context, const struct terminal *terminal, uint64_t identity_id);

/* A certificate for another key of this terminal is being issued: in `changes`, all its other keys
 * lose their power. but: the identity that asks (0: an invitation asks, and the keys of the device
 * it replaces are revoked), and the one that gets the certificate (0: it has no row yet).
 */
void keys_replaced(struct context *context, uint64_t terminal_id, const uint64_t but[2],
                   struct changes *changes);

#endif
