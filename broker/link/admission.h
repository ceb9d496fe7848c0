/* admission.h - who may knock: limits that hold before anybody is known (reliability: connections
 * before authentication).
 *
 * Room link, private. Any thread (a lock inside); time comes as an argument. Passive.
 *
 * A source is an IPv4 address or an IPv6 /64. Failures cost it time: the debts add up and run off
 * by the clock, and while more than 15 s are owed it is turned away, so that one slip does not hurt
 * and a habit does. At most 10 minutes are owed. At most ADMISSION_SOURCES are remembered; the one
 * that was quiet the longest goes first.
 */
#ifndef BERTH_LINK_ADMISSION_H
#define BERTH_LINK_ADMISSION_H

#include <sys/socket.h>

#include "berth/random.h"

#define ADMISSION_SOURCES 65536
#define ADMISSION_SOURCE_TEXT 64

struct admission;

struct admission_limits {
    int64_t open;       /* connections in all, shaken or not: well below the limit of descriptors */
    int64_t handshakes; /* unfinished ones in all; random early drop from half of it */
    int64_t handshakes_source; /* from one source */
};

enum refusal {
    REFUSAL_NONE,
    REFUSAL_FULL,
    REFUSAL_HANDSHAKES,
    REFUSAL_SOURCE,
    REFUSAL_EARLY,
    REFUSAL_PENALTY,
    REFUSALS,
};
const char *refusal_text(enum refusal refusal);

/* What a connection did, in milliseconds that its source owes. */
enum penalty {
    PENALTY_NONE = 0,
    PENALTY_SILENT = 1000,
    PENALTY_CERTIFICATE = 5000,
    PENALTY_PROTOCOL = 10000
};

/* With nobody known. The key is for its hash table. */
struct admission *admission_new(const struct admission_limits *limits, struct map_key key);
void admission_free(struct admission *admission);
void admission_set_limits(struct admission *admission, const struct admission_limits *limits);

/* Name of the source of an address. */
void admission_source(const struct sockaddr *from, char ret[ADMISSION_SOURCE_TEXT]);

/* A connection came. REFUSAL_NONE: it is counted until admission_left; anything else: it was
 * counted as refused. chance: uniform in 0..999, for the early drop.
 */
enum refusal admission_ask(struct admission *admission, const char *source, uint64_t chance,
                           int64_t now_ms);

/* Its handshake is done. */
void admission_shaken(struct admission *admission, const char *source);

/* A terminal of ours came from there: while strangers take all handshakes there are a quarter more
 * for such sources, they are not dropped at random, and silence costs them nothing. Forgotten as a
 * source is.
 */
void admission_trust(struct admission *admission, const char *source);

/* It is gone. */
void admission_left(struct admission *admission, const char *source, bool shaken,
                    enum penalty penalty, int64_t now_ms);

/* How often each refusal was given; connections open and unfinished now. */
int64_t admission_refused(struct admission *admission, enum refusal refusal);
int64_t admission_open(struct admission *admission);
int64_t admission_handshakes(struct admission *admission);

#endif
