/* agent_identity.h - the terminal's key, certificate and CA, as a port.
 *
 * Module identity of the agent. Thread: loop. There are two kinds: stored in files of the state
 * folder, and issued again at every boot (a diskless terminal; nothing is written). Calls are
 * synchronous: making a key takes 0.1 ms, storing a file one fsync.
 *
 * A terminal has many identities in succession. A request makes a new key, which is used once its
 * certificate was accepted; until then the old identity stays in use. The private key leaves this
 * module for TLS only.
 */
#ifndef BERTH_AGENT_IDENTITY_AGENT_IDENTITY_H
#define BERTH_AGENT_IDENTITY_AGENT_IDENTITY_H

#include "berth/message.h"

struct agent_identity;

struct agent_identity_facts {
    bool known; /* there is a certificate, possibly expired */
    char terminal[64];
    int64_t accepted_ms;     /* wall clock when the certificate was accepted */
    int64_t not_after_ms;    /* wall clock when it expires */
    char authority_hash[72]; /* of the CA to trust, stored or configured; "" = unknown */
};

/* The present identity; the pointer stays valid, its content changes with trust and accept. */
const struct agent_identity_facts *agent_identity_facts(const struct agent_identity *identity);

/* PEM texts for TLS; NULL while unknown. Valid until the next accept. */
const char *agent_identity_certificate(const struct agent_identity *identity);
const char *agent_identity_key(const struct agent_identity *identity);
const char *agent_identity_authority(const struct agent_identity *identity);

/* Trust the CA with this hash (64 hexadecimal digits), from an invitation or the configuration. An
 * identity issued by another CA is no longer used. Errors: INVALID.
 */
int agent_identity_trust(struct agent_identity *identity, const char *authority_hash,
                         struct berth_error *reterr) berth_must_check;

/* Make a certificate request (PEM). again:   use the key of an earlier request without an answer,
 * if there is one: joining repeats its
 *          request until an administrator has decided. Else a new key is made.
 * ret_old: evidence made with the present identity's key over this request; unchanged when there is
 *          none. May be NULL.
 */
int agent_identity_request(struct agent_identity *identity, bool again, char request[1024],
                           struct msg_join_evidence *ret_old,
                           struct berth_error *reterr) berth_must_check;

/* Accept and store the certificate that answers the last request. authority and terminal: from the
 * message joined, NULL for a renewal. Errors: CERTIFICATE (for another key, or by another CA than
 * the trusted one), INVALID (no text), IO (it could not be stored).
 */
int agent_identity_accept(struct agent_identity *identity, const char *certificate,
                          const char *authority, const char *terminal, int64_t now_ms,
                          struct berth_error *reterr) berth_must_check;

#endif
