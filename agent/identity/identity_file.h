/* identity_file.h - the identity of berth-agent, stored in the state folder or in memory.
 *
 * Module identity of the agent. state_dir decides which: a folder (a terminal with a disk) or
 * memory (issued again at every boot, with the boot secret as evidence). One document holds key,
 * certificate, CA and name together, so that they cannot disagree after a power failure. A second
 * file holds the key of a request without an answer, so that an approval is still valid after a
 * restart.
 */
#ifndef BERTH_AGENT_IDENTITY_IDENTITY_FILE_H
#define BERTH_AGENT_IDENTITY_IDENTITY_FILE_H

#include "berth/state_file.h"

#include "identity/agent_identity.h"

/* Read the stored identity, if there is one. state: owned by the caller, outlives the identity.
 * Errors: IO, INVALID (a damaged document, which is left as it is).
 */
int agent_identity_open(struct state_dir *state, struct agent_identity **ret,
                        struct berth_error *reterr) berth_must_check;
void agent_identity_close(struct agent_identity *identity);

#endif
