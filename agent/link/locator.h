/* locator.h - find the broker's addresses by DNS, as a port.
 *
 * Module link of the agent. DNS is not trusted: a server found by it must present a certificate of
 * the pinned CA.
 */
#ifndef BERTH_AGENT_LINK_LOCATOR_H
#define BERTH_AGENT_LINK_LOCATOR_H

#include "berth/op.h"

struct locator;

#define BROKER_ADDRESSES 8

struct broker_address {
    char host[128];
    int port;
};

struct broker_addresses {
    size_t count;
    struct broker_address at[BROKER_ADDRESSES];
};

/* Look up the SRV records of a service such as "_berth._tcp" in the configured domain or in the
 * resolver's search list. One lookup at a time.
 * ret: valid until completion; in the order to be tried (RFC 2782: by priority, then at random by
 * weight).
 * Errors: NOT_FOUND, TIMEOUT, IO.
 */
int locator_find_begin(struct locator *locator, const char *service, struct broker_addresses *ret,
                       struct op *op) berth_must_check;

#endif
