/* admission.h - limits on connections that are not authenticated yet.
 *
 * Module link, private. Any thread (it has a lock); no clock: time comes as an argument.
 *
 * A source is an address. The sources of one network (IPv6: the /64, because a host can use all
 * addresses of it; IPv4: the address itself) share their limits and their penalty. Each failure
 * adds to the penalty of the network (enum penalty), which decreases with time; while it exceeds 15
 * s the network is refused. So a single failure has no effect, repeated ones do. The penalty is at
 * most 10 minutes.
 *
 * A source is known when a client has authenticated from it. Unknown clients may share its address
 * (NAT), so their behaviour must not block it: a known source has no penalty, and when a limit is
 * reached the oldest handshake without progress is closed in favour of its new connection. A client
 * that completes its handshake quickly always gets through.
 *
 * A connection that has completed its handshake is not closed for another. Exception: with
 * established_source set (on the join listener, where any client can complete a handshake),
 * connections beyond the limit of their source may still be closed for others.
 *
 * At most ADMISSION_SOURCES unknown sources are stored, and as many known ones; of either the one
 * idle for longest is dropped first, never one with a connection. Refused unknown sources are not
 * stored.
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
    int64_t open;       /* connections in all: well below the limit of descriptors */
    int64_t handshakes; /* unfinished handshakes in all; a quarter more for known sources */
    /* unfinished handshakes of one unknown network, and of one address in it */
    int64_t handshakes_source;
    /* The same for open connections after the handshake; twice as many for a known source. 0: no
     * limit. */
    int64_t established_source;
    /* At the limit of handshakes for unknown sources: true: close the oldest handshake for a new
     * one, whatever its source. False: drop new connections at random from half of the limit on
     * (where many are expected, each of which costs a signature). */
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

/* How a connection failed: the penalty for its network in milliseconds. */
enum penalty {
    PENALTY_NONE = 0,
    PENALTY_SILENT = 1000,
    PENALTY_CERTIFICATE = 5000,
    PENALTY_PROTOCOL = 10000
};

/* Close the handshake of connection `id` in favour of another. Called by admission_admit with its
 * lock held, on any thread, for a connection that was not released yet. It must not call admission
 * functions; it may close the connection later, unless the handshake is completed by then.
 */
typedef void admission_drop_fn(void *owner, uint64_t id);

/* Create without known sources. The key is for the hash table. */
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

/* A connection that was admitted, until admission_release. */
struct admission_slot;

/* owner, id: arguments of admission_drop_fn. descriptor: only queried for unread bytes, because a
 * handshake with unread bytes makes progress; -1: none. chance: random in 0..999, for the random
 * drop.
 */
struct admission_candidate {
    const struct admission_source *source;
    void *owner;
    uint64_t id;
    int descriptor;
    uint64_t chance;
};

/* Judge a new connection. REFUSAL_NONE: *ret is its slot; otherwise it was counted as refused. */
enum refusal admission_admit(struct admission *admission,
                             const struct admission_candidate *candidate, int64_t now_ms,
                             struct admission_slot **ret);

/* The handshake is done. True: the connection will not be closed for another any more, even if that
 * was requested before. False: its source is at the limit established_source, and it may still be
 * closed; call again at its next progress. */
bool admission_established(struct admission *admission, struct admission_slot *slot);

/* Mark an address as known, or unknown again. Dropped like any idle source. */
void admission_trust(struct admission *admission, const char *name);
void admission_distrust(struct admission *admission, const char *name);

/* The connection ended; frees the slot. penalty: why it failed; PENALTY_NONE when it was closed for
 * another. */
void admission_release(struct admission *admission, struct admission_slot *slot,
                       enum penalty penalty, int64_t now_ms);

/* For metrics: refusals by reason, handshakes closed for others; present connections, and those
 * with an unfinished handshake. */
int64_t admission_refused(struct admission *admission, enum refusal refusal);
int64_t admission_replaced(struct admission *admission);
int64_t admission_open(struct admission *admission);
int64_t admission_handshakes(struct admission *admission);

#endif
