/* match.c - parsing addresses and networks, and comparing words and paths. */
#include "core/match.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool match_word(const char *words, const char *word)
{
    size_t length = strlen(word);

    if (!length)
        return false;
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += length) {
        bool begins = at == words || at[-1] == ' ';
        bool ends = at[length] == '\0' || at[length] == ' ';

        if (begins && ends)
            return true;
    }
    return false;
}

bool match_below(const char *path, const char *prefix)
{
    size_t length = strlen(prefix);

    if (!length || strncmp(path, prefix, length) != 0)
        return false;
    return path[length] == '\0' || path[length] == '/';
}

/* An address as 16 bytes; IPv4 as the IPv6 address that maps it, so that both families compare
 * alike. */
static bool read_address(const char *text, unsigned char bytes[16], int *ret_bits)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (inet_pton(AF_INET, text, bytes + 12) == 1) {
        memcpy(bytes, mapped, sizeof(mapped));
        *ret_bits = 32;
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        *ret_bits = 128;
        return true;
    }
    return false;
}

static bool read_network(const char *network, unsigned char bytes[16], int *ret_prefix)
{
    char text[64];
    const char *slash = strchr(network, '/');
    size_t length = slash ? (size_t)(slash - network) : strlen(network);
    char *end;
    long prefix;
    int bits;

    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, network, length);
    text[length] = '\0';
    if (!read_address(text, bytes, &bits))
        return false;
    prefix = bits;
    if (slash) {
        prefix = strtol(slash + 1, &end, 10);
        if (end == slash + 1 || *end || prefix < 0 || prefix > bits)
            return false;
    }
    *ret_prefix = (int)prefix + (128 - bits);
    return true;
}

bool match_is_network(const char *network)
{
    unsigned char bytes[16];
    int prefix;

    return read_network(network, bytes, &prefix);
}

bool match_network(const char *address, const char *network)
{
    unsigned char a[16];
    unsigned char n[16];
    int bits;
    int prefix;

    if (!read_address(address, a, &bits) || !read_network(network, n, &prefix))
        return false;
    if (memcmp(a, n, (size_t)prefix / 8) != 0)
        return false;
    if (prefix % 8 == 0)
        return true;
    return (a[prefix / 8] ^ n[prefix / 8]) >> (8 - prefix % 8) == 0;
}
