/* resolver.h - the real locator: DNS SRV by c-ares.
 *
 * Module link of the agent; the only one with <ares.h>.
 */
#ifndef BERTH_AGENT_LINK_RESOLVER_H
#define BERTH_AGENT_LINK_RESOLVER_H

#include "berth/loop.h"
#include "berth/random.h"

#include "link/locator.h"

/* domain: where the records are, "" = the resolver's search list. servers: "address[:port],..."
 * instead of resolv.conf's, "" = those. random: for the weights.
 */
struct locator *locator_new(struct berth_loop *loop, struct berth_random *random,
                            const char *domain, const char *servers, struct berth_error *reterr);
void locator_free(struct locator *locator);

/* RFC 2782: lowest priority first, within one priority at random by weight. For the resolver and
 * its test. */
struct srv_record {
    struct broker_address address;
    int priority;
    int weight;
};
void locator_sort_records(struct srv_record *records, size_t count, struct berth_random *random,
                          struct broker_addresses *ret);

#endif
