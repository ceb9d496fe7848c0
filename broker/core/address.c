/* address.c - parsing and printing addresses with inet_pton and inet_ntop, and finding desktops by
 * them. */
#include "core/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_unusable_v4(struct in_addr in)
{
    uint32_t number = ntohl(in.s_addr);

    return number >> 24 == 0 || number >> 28 == 0xe || number == UINT32_MAX;
}

static bool is_unusable_v6(const struct in6_addr *in)
{
    return IN6_IS_ADDR_UNSPECIFIED(in) || IN6_IS_ADDR_MULTICAST(in) || IN6_IS_ADDR_LINKLOCAL(in);
}

/* False when the text is not a numeric address. */
static bool read(const char *given, char out[ADDRESS_TEXT], bool *ret_unusable)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET6, given, &six) == 1) {
        *ret_unusable = is_unusable_v6(&six);
        if (!IN6_IS_ADDR_V4MAPPED(&six))
            return inet_ntop(AF_INET6, &six, out, ADDRESS_TEXT) != NULL;
        memcpy(&four, &six.s6_addr[12], sizeof(four));
    } else if (inet_pton(AF_INET, given, &four) != 1) {
        return false;
    }
    *ret_unusable = is_unusable_v4(four);
    return inet_ntop(AF_INET, &four, out, ADDRESS_TEXT) != NULL;
}

int address_normalize(const char *whose, const char *given, char out[ADDRESS_TEXT],
                      struct berth_error *reterr)
{
    bool unusable;

    if (!read(given, out, &unusable))
        return berth_fail(reterr, BERTH_E_INVALID,
                          "%s: '%s' is not a numeric address such as 10.1.2.3 or 2001:db8::3 (no "
                          "host name, brackets or blanks; the port is given by itself)",
                          whose, given);
    if (unusable)
        return berth_fail(
            reterr, BERTH_E_INVALID,
            "%s: '%s' is not the address of one machine that every terminal can reach", whose,
            given);
    return 0;
}

const char *address_of_host(const struct host *host)
{
    return host->row.address[0] ? host->row.address : "127.0.0.1";
}

static bool is_at(const char *there, int64_t there_port, const char *address, int64_t port)
{
    char text[ADDRESS_TEXT];
    bool unusable;

    if (there_port != port || !there[0])
        return false;
    /* Rows that were written by an older version are not normalized. */
    return strcmp(read(there, text, &unusable) ? text : there, address) == 0;
}

const struct desktop *address_taken(struct core *core, uint64_t id, const char *address,
                                    int64_t port)
{
    list_each (core_all(core, ENTITY_desktop), node) {
        const struct desktop *other = entity_at(node, desktop);

        if (other->row.id == id)
            continue;
        if (is_at(other->row.address, other->row.port, address, port) ||
            is_at(other->address, other->port, address, port))
            return other;
    }
    return NULL;
}
