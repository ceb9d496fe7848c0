/* admission.h - who may connect: limits that hold before anybody is known (reliability: connections
 * before authentication).
 *
 * Module link, private. Any thread (a lock inside); time comes as an argument. Passive.
 *
 * A source is an address. Those of one network (IPv6: the /64, whoever has one of its addresses has
 * them all; IPv4: the address itself) share one limit and one debt. Failures cost the network time:
 * the debts add up and run off by the clock, and while more than 15 s are owed it is turned away,
 * so that one slip does not hurt and a habit does. At most 10 minutes are owed.
 *
 * A source that somebody of ours came from is known. A stranger may be behind the same address (a
 * ward behind one router), so what strangers do never turns a known source away: it owes nothing,
 * and where a limit is reached a handshake that makes no progress ends in favour of the new one,
 * the oldest first. Whoever shakes hands at once gets through.
 *
 * Who is done with its handshake keeps its place. Where a share of those is set (at the join
 * listener, where anybody can get that far), one beyond the share of its source keeps it only until
 * another needs it.
 *
 * At most ADMISSION_SOURCES strangers are remembered, and apart from them as many known sources; of
 * either the one that was quiet the longest goes first, never one that is connected. Nothing is
 * remembered of a stranger who was refused.
 */
#ifndef BERTH_LINK_ADMISSION_H
#define BERTH_LINK_ADMISSION_H

#include <sys/socket.h>

#include "berth/list.h"
#include "berth/random.h"

#define ADMISSION_SOURCES 65536
#define ADMISSION_SOURCE_TEXT 64

struct admission;

struct admission_limits {
    int64_t open;       /* connections in all, shaken or not: well below the limit of descriptors */
    int64_t handshakes; /* unfinished ones in all; a quarter more for known sources */
    int64_t handshakes_source; /* of one network that nobody knows, and of one address in it */
    /* The same of those that are done with it and still there; of a known source twice as many. 0:
     * no limit. */
    int64_t established_source;
    /* Full for strangers: the oldest handshake ends for a new one, whoever it is from. Else (many
     * are expected, each costs a signature) newcomers are dropped at random from half of it on. */
    bool replace;
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

/* End the handshake of that connection in favour of another's: called by admission_admit with its
 * lock held, on any thread, for a connection whose admission_release did not come yet. It must not
 * ask admission anything; ending may come later, and then comes to nothing if the handshake is
 * done.
 */
typedef void admission_drop_fn(void *owner, uint64_t id);

/* With nobody known. The key is for its hash table. */
struct admission *admission_new(const struct admission_limits *limits, struct map_key key,
                                admission_drop_fn *drop);
void admission_free(struct admission *admission);
void admission_set_limits(struct admission *admission, const struct admission_limits *limits);

/* Names of an address and of its network. */
struct admission_source {
    char name[ADMISSION_SOURCE_TEXT];
    char network[ADMISSION_SOURCE_TEXT]; /* the same for IPv4 */
};
void admission_source(const struct sockaddr *from, struct admission_source *ret);

/* A connection that was let in, until admission_release. */
struct admission_slot;

/* owner, id: how admission_drop_fn is told of it. descriptor: only looked at, for a handshake with
 * bytes that were not read yet is not silent; -1: none. chance: uniform in 0..999, for the early
 * drop.
 */
struct admission_candidate {
    const struct admission_source *source;
    void *owner;
    uint64_t id;
    int descriptor;
    uint64_t chance;
};

/* A connection came. REFUSAL_NONE: *ret is its slot; anything else: it was counted as refused. */
enum refusal admission_admit(struct admission *admission,
                             const struct admission_candidate *candidate, int64_t now_ms,
                             struct admission_slot **ret);

/* Its handshake is done: true, the place is its own, also of one that was to end for another: it
 * was quicker. false: its source has its share, and it may still end for another; ask again with
 * its next progress. */
bool admission_established(struct admission *admission, struct admission_slot *slot);

/* Somebody of ours came from there, until it is taken back. Forgotten as a source is. */
void admission_trust(struct admission *admission, const char *name);
void admission_distrust(struct admission *admission, const char *name);

/* It is gone; the slot is freed. penalty: of an end of its own, not of one for another. */
void admission_release(struct admission *admission, struct admission_slot *slot,
                       enum penalty penalty, int64_t now_ms);

/* How often each refusal was given, and handshakes ended for others; connections open and
 * unfinished now. */
int64_t admission_refused(struct admission *admission, enum refusal refusal);
int64_t admission_replaced(struct admission *admission);
int64_t admission_open(struct admission *admission);
int64_t admission_handshakes(struct admission *admission);

#endif
