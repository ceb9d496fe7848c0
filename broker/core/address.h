/* address.h - where an RDP server is reached: one spelling for one machine.
 *
 * Module core. Desktops are probed and shown by numeric addresses only. Every spelling of one address
 * becomes the same text, so that the schema can see two desktops that are one machine.
 */
#ifndef BERTH_CORE_ADDRESS_H
#define BERTH_CORE_ADDRESS_H

#include "core/runtime.h"

#define ADDRESS_TEXT 64

/* The usual spelling of a numeric IPv4 or IPv6 address; an IPv6 address that maps an IPv4 one is
 * that. whose: for the sentence, such as "desktop 'pc-1'". Errors: INVALID for everything else
 * (host names, brackets, ports, blanks), and for what no single machine has (any, all, multicast, a
 * link's own).
 */
int address_normalize(const char *whose, const char *given, char out[ADDRESS_TEXT],
                      struct berth_error *reterr) berth_must_check;

/* Where the forwarded ports of a host's machines are reached: its address, or the loopback when it
 * has none. */
const char *address_of_host(const struct host *host);

/* Another desktop than `id` that is reached at this address and port, as its row says or as it is
 * observed; NULL when there is none. address: as address_normalize gives it. */
const struct desktop *address_taken(struct core *core, uint64_t id, const char *address,
                                    int64_t port);

#endif
