/* bootstrap.h - what an agent must know before it can reach the broker: addresses, CA, invitation.
 *
 * Module agent. The sources, in this order:
 *
 *   1. the configuration file (options.def, section broker)
 *   2. the kernel command line: berth.broker=, berth.join=, berth.ca=, berth.invite=,
 *      berth.boot_secret=
 *   3. files named in the configuration: invitation_file, boot_secret_file
 *   4. the address that an earlier invitation named (kept in the state folder)
 *
 * DNS is asked only when none of them has an address (flow/endpoint.h). The hash of the CA comes
 * from 1 to 3 alone: DNS and stored addresses say where the broker is, never whom to trust.
 */
#ifndef BERTH_AGENT_BOOTSTRAP_H
#define BERTH_AGENT_BOOTSTRAP_H

#include "berth/invite.h"

#include "host/device.h"
#include "link/locator.h"

#include "options.h"

/* Ports where an address names none; the broker's defaults. */
#define BOOTSTRAP_LINK_PORT 7443
#define BOOTSTRAP_JOIN_PORT 7444

struct bootstrap {
    struct broker_addresses links;
    struct broker_addresses joins;
    char authority_hash[72];  /* of the CA, "" = unknown */
    struct secret invitation; /* token */
    struct secret boot_secret;
};

/* Read all sources. command_line: of the kernel, "" = none. The address of an invitation is stored
 * for later starts. Errors: CONFIG (a malformed address or hash, a boot secret that is too long,
 * two sources name different CAs), INVALID (an invitation), DENIED (a secret's file is accessible
 * to others), IO.
 */
int bootstrap_load(const struct agent_options *options, const char *command_line,
                   struct device *device, struct bootstrap *ret,
                   struct berth_error *reterr) berth_must_check;

/* Use an invitation that arrived at run time: its address comes first, and is stored for later
 * starts. Errors: IO. */
int bootstrap_take_invitation(struct bootstrap *bootstrap, const struct invite *invite,
                              struct device *device, struct berth_error *reterr) berth_must_check;

/* Parse "HOST", "HOST:PORT" or "[IPV6]:PORT", or several of them separated by spaces or commas, and
 * append those that *ret does not have. port: where none is given. Errors: CONFIG. */
int bootstrap_parse_addresses(const char *text, int port, struct broker_addresses *ret,
                              struct berth_error *reterr) berth_must_check;

#endif
