/* bootstrap.h - where the broker is and whom to trust, gathered from everything that may say so.
 *
 * Module agent. In this order: configuration file, kernel command line (berth.broker=,
 * berth.join=, berth.ca=, berth.invite=, berth.boot_secret=), an invitation, what an earlier
 * invitation said. DNS comes last and only when there is no address. Addresses only say where; the
 * pin comes from configuration, kernel command line or invitation alone.
 */
#ifndef BERTH_AGENT_BOOTSTRAP_H
#define BERTH_AGENT_BOOTSTRAP_H

#include "berth/invite.h"

#include "host/device.h"
#include "link/locator.h"

#include "options.h"

/* The broker's own defaults. */
#define BOOTSTRAP_LINK_PORT 7443
#define BOOTSTRAP_JOIN_PORT 7444

struct bootstrap {
    struct broker_addresses links;
    struct broker_addresses joins;
    char authority_hash[72];  /* "" = nobody said */
    struct secret invitation; /* token */
    struct secret boot_secret;
};

/* Errors: CONFIG (an address or hash is not well formed, two sources name different CAs), INVALID
 * (an invitation), IO (a file).
 */
int bootstrap_load(const struct agent_options *options, const char *command_line,
                   struct device *device, struct bootstrap *ret,
                   struct berth_error *reterr) berth_must_check;

/* An invitation that was handed over now: its broker is tried first, and it is remembered for the
 * next start. */
int bootstrap_take_invitation(struct bootstrap *bootstrap, const struct invite *invite,
                              struct device *device, struct berth_error *reterr) berth_must_check;

/* "HOST", "HOST:PORT", "[IPV6]:PORT"; several, separated by spaces. Appends; a repeated one is left
 * out. */
int bootstrap_parse_addresses(const char *text, int port, struct broker_addresses *ret,
                              struct berth_error *reterr) berth_must_check;

#endif
