/* identity_file.h - the real identity: one document in the state folder, whose key never leaves this module but
 * towards TLS.
 *
 * Module identity of the agent. Two kinds in one: in a folder (a terminal with a disk) or in memory
 * (issued anew at every boot, proven by the boot's secret). The document holds key, certificate, CA
 * and name together, so that they cannot disagree after a power cut; a second one holds the key of
 * a request that nobody has answered yet, so that an approval given overnight still fits after a
 * restart.
 */
#ifndef BERTH_AGENT_IDENTITY_IDENTITY_FILE_H
#define BERTH_AGENT_IDENTITY_IDENTITY_FILE_H

#include "berth/state_file.h"

#include "identity/agent_identity.h"

/* Read what is kept. keep: stays the caller's and outlives the identity.
 * Errors: IO, INVALID (a spoilt document: nothing is thrown away by itself).
 */
int agent_identity_open(struct state_dir *state, struct agent_identity **ret,
                        struct berth_error *reterr) berth_must_check;
void agent_identity_close(struct agent_identity *identity);

#endif
