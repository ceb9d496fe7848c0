/* address.h - addresses of RDP servers, each in one canonical form.
 *
 * Module core. Desktops are probed and shown by numeric addresses only. Every spelling of an
 * address is reduced to the same text, so that two desktops on the same machine can be found by
 * comparing texts.
 */
#ifndef BERTH_CORE_ADDRESS_H
#define BERTH_CORE_ADDRESS_H

#include "core/desktop.h"
#include "core/host.h"

#define ADDRESS_TEXT 64

/* Reduce a numeric IPv4 or IPv6 address to its canonical text; an IPv4-mapped IPv6 address becomes
 * the IPv4 one.
 *
 * whose: for the error text, such as "desktop 'pc-1'".
 * Errors: INVALID for anything else (host names, brackets, ports, blanks), and for addresses that
 * no single machine has (unspecified, broadcast, multicast, link-local).
 */
int address_normalize(const char *whose, const char *given, char out[ADDRESS_TEXT],
                      struct berth_error *reterr) berth_must_check;

/* The address at which forwarded ports of a host's machines are reached: the host's own, or
 * 127.0.0.1 when it has none. */
const char *address_of_host(const struct host *host);

/* Another desktop than `id` at this address and port, by its row or as observed; NULL when there is
 * none. address: as address_normalize returns it. */
const struct desktop *address_taken(struct core *core, uint64_t id, const char *address,
                                    int64_t port);

#endif
