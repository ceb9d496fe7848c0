/* match.h - the comparisons behind subjects of entitlements and levels of profiles.
 *
 * Module core. Pure.
 */
#ifndef BERTH_CORE_MATCH_H
#define BERTH_CORE_MATCH_H

#include <stdbool.h>

/* Is `word` one of the words, which are separated by spaces (tags, ids)? */
bool match_word(const char *words, const char *word);

/* Is the path of a place the prefix, or below it? */
bool match_below(const char *path, const char *prefix);

/* Is the address in the network (CIDR, IPv4 and IPv6)? False when either cannot be read. */
bool match_network(const char *address, const char *network);

/* Is it a network as match_network reads it? */
bool match_is_network(const char *network);

#endif
