/* agent_identity.h - who this terminal is: its key, its certificate, the site it belongs to. A
 * port.
 *
 * Module identity of the agent. Two kinds exist: kept in files of the state folder, and issued anew
 * at every boot (a diskless terminal: nothing is written). A key never leaves this module but towards
 * TLS. Calls are synchronous: a key takes 0.1 ms, a file one fsync.
 *
 * A terminal has many successive identities. A request makes a new key, which becomes ours when its
 * certificate arrives and not before; until then the old identity stays good.
 */
#ifndef BERTH_AGENT_IDENTITY_AGENT_IDENTITY_H
#define BERTH_AGENT_IDENTITY_AGENT_IDENTITY_H

#include "berth/message.h"

struct agent_identity;

struct agent_identity_facts {
    bool known; /* there is a certificate, perhaps an expired one */
    char terminal[64];
    int64_t accepted_ms;     /* wall clock when the certificate came */
    int64_t not_after_ms;    /* wall clock of its end */
    char authority_hash[72]; /* the pin: of the stored CA, or as configured; "" = nobody told us
                                whom to trust */
};

/* What is known of us at this moment. */
const struct agent_identity_facts *agent_identity_facts(const struct agent_identity *identity);

/* PEM texts for TLS; NULL while unknown. Valid until the next accept. */
const char *agent_identity_certificate(const struct agent_identity *identity);
const char *agent_identity_key(const struct agent_identity *identity);
const char *agent_identity_authority(const struct agent_identity *identity);

/* Trust this CA from now on (64 hexadecimal digits): an invitation or the configuration said so. A
 * stored identity of another site is set aside.
 */
int agent_identity_trust(struct agent_identity *identity, const char *authority_hash,
                         struct berth_error *reterr) berth_must_check;

/* A request for a certificate.
 * again: with the key of the earlier request that is still unanswered, if there is one (joining
 * asks until somebody has decided); else a new key is made. ret_old: when an earlier identity
 * exists, the evidence of its key over this request; may be NULL. kind is NONE else.
 */
int agent_identity_request(struct agent_identity *identity, bool again, char request[1024],
                           struct msg_join_evidence *ret_old,
                           struct berth_error *reterr) berth_must_check;

/* The answer to the last request. authority and terminal: as joined, NULL when a certificate was
 * renewed. Errors: CERTIFICATE (not for our key, or the CA is not the pinned one), IO (could not be
 * kept).
 */
int agent_identity_accept(struct agent_identity *identity, const char *certificate,
                          const char *authority, const char *terminal, int64_t now_ms,
                          struct berth_error *reterr) berth_must_check;

#endif
