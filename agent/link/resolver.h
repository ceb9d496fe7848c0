/* resolver.h - the locator of berth-agent: DNS SRV lookups with c-ares.
 *
 * Module link of the agent; resolver.c is the only file that includes <ares.h>.
 */
#ifndef BERTH_AGENT_LINK_RESOLVER_H
#define BERTH_AGENT_LINK_RESOLVER_H

#include "berth/loop.h"
#include "berth/random.h"

#include "link/locator.h"

/* domain:  of the records, "" = the resolver's search list.
 * servers: name servers "address[:port],...", "" = those of resolv.conf.
 * random:  for the weights; owned by the caller.
 * Returns NULL with *reterr set when c-ares cannot be initialized.
 */
struct locator *locator_new(struct berth_loop *loop, struct berth_random *random,
                            const char *domain, const char *servers, struct berth_error *reterr);
void locator_free(struct locator *locator);

/* Order records as RFC 2782 says: lowest priority first, at random by weight within one priority.
 * Public for the test; changes `records`. */
struct srv_record {
    struct broker_address address;
    int priority;
    int weight;
};
void locator_sort_records(struct srv_record *records, size_t count, struct berth_random *random,
                          struct broker_addresses *ret);

#endif
