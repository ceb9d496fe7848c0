/* admission.c - limits on connections that are not authenticated yet. */
#include "admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <uv.h>

#define PENALTY_TOLERATED_MS 15000
#define PENALTY_MAX_MS 600000
/* For known sources the limit of handshakes is higher by this fraction, and one known source may
 * use all of that: many terminals behind one address may reconnect at once, and unknown clients
 * behind it must not fill its share quickly. */
#define KNOWN_SHARE 4

/* A known source may have so many times the connections of an unknown network. */
#define KNOWN_ESTABLISHED 2

/* An address, or a network. */
struct source {
    struct list node; /* in order of the last activity */
    int64_t handshakes;
    int64_t established; /* open connections after the handshake */
    int64_t penalty_until_ms;
    bool known; /* a client has authenticated from it */
    char name[];
};

struct admission_slot {
    /* of admission.unfinished, oldest first; unlinked: established, or being dropped */
    struct list node;
    struct source *source; /* valid until it is released or dropped */
    struct source *network;
    struct admission_source names;
    void *owner;
    uint64_t id;
    int descriptor;
    bool established;
};

struct admission {
    admission_drop_fn *drop;
    uv_mutex_t lock; /* guards the members below */
    struct admission_limits limits;
    struct map by_name;
    struct list lru[2]; /* struct source, idle for longest first; [true]: the known ones */
    size_t sources[2];
    struct list unfinished;
    int64_t open, handshakes;
    int64_t refused[REFUSALS];
    int64_t replaced;
};

const char *refusal_text(enum refusal refusal)
{
    static const char *const texts[REFUSALS] = {
        [REFUSAL_NONE] = "welcome",
        [REFUSAL_FULL] = "too many connections",
        [REFUSAL_HANDSHAKES] = "too many handshakes",
        [REFUSAL_SOURCE] = "too many handshakes from this address",
        [REFUSAL_EARLY] = "dropped at random, because many handshakes are under way",
        [REFUSAL_PENALTY] = "too many failures before; refused for a while",
    };

    return texts[refusal];
}

struct admission *admission_new(const struct admission_limits *limits, struct map_key key,
                                admission_drop_fn *drop)
{
    struct admission *admission = berth_new(struct admission);

    admission->limits = *limits;
    admission->drop = drop;
    list_init(&admission->lru[false]);
    list_init(&admission->lru[true]);
    list_init(&admission->unfinished);
    map_init(&admission->by_name, key);
    if (uv_mutex_init(&admission->lock) < 0)
        berth_out_of_memory();
    return admission;
}

static void forget(struct admission *admission, struct source *source)
{
    (void)map_take_text(&admission->by_name, source->name);
    list_remove(&source->node);
    admission->sources[source->known]--;
    free(source);
}

static void forget_all(struct admission *admission, struct list *lru)
{
    list_each (lru, node)
        forget(admission, list_entry(node, struct source, node));
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    forget_all(admission, &admission->lru[false]);
    forget_all(admission, &admission->lru[true]);
    map_clear(&admission->by_name);
    uv_mutex_destroy(&admission->lock);
    free(admission);
}

void admission_set_limits(struct admission *admission, const struct admission_limits *limits)
{
    uv_mutex_lock(&admission->lock);
    admission->limits = *limits;
    uv_mutex_unlock(&admission->lock);
}

void admission_source(const struct sockaddr *from, struct admission_source *ret)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    (void)snprintf(ret->name, sizeof(ret->name), "unknown");
    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, ret->name, sizeof(ret->name));
    }
    memcpy(ret->network, ret->name, sizeof(ret->network));
    if (from->sa_family != AF_INET6)
        return;
    memcpy(&v6, from, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        (void)inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], ret->name, sizeof(ret->name));
        memcpy(ret->network, ret->name, sizeof(ret->network));
        return;
    }
    (void)inet_ntop(AF_INET6, &v6.sin6_addr, ret->name, sizeof(ret->name));
    memset(&v6.sin6_addr.s6_addr[8], 0, 8);
    (void)inet_ntop(AF_INET6, &v6.sin6_addr, ret->network, sizeof(ret->network));
    /* The first address of a network must differ from the network's name. */
    (void)snprintf(ret->network + strlen(ret->network), sizeof(ret->network) - strlen(ret->network),
                   "/64");
}

static bool is_connected(const struct source *source)
{
    return source->handshakes > 0 || source->established > 0;
}

/* Add a source to the unknown or the known ones; when they are full, drop the one idle for longest,
 * never one with a connection. */
static void add_source(struct admission *admission, struct source *source)
{
    struct list *lru = &admission->lru[source->known];

    if (admission->sources[source->known] >= ADMISSION_SOURCES) {
        list_each (lru, node) {
            struct source *oldest = list_entry(node, struct source, node);

            if (is_connected(oldest))
                continue;
            forget(admission, oldest);
            break;
        }
    }
    list_append(lru, &source->node);
    admission->sources[source->known]++;
}

static void set_known(struct admission *admission, struct source *source, bool known)
{
    list_remove(&source->node);
    admission->sources[source->known]--;
    source->known = known;
    add_source(admission, source);
}

/* Record activity of a source. */
static void touch(struct admission *admission, struct source *source)
{
    list_remove(&source->node);
    list_append(&admission->lru[source->known], &source->node);
}

static struct source *source_of(struct admission *admission, const char *name)
{
    struct source *source = map_get_text(&admission->by_name, name);

    if (source) {
        touch(admission, source);
        return source;
    }
    source = berth_alloc(sizeof(*source) + strlen(name) + 1);
    memcpy(source->name, name, strlen(name) + 1);
    add_source(admission, source);
    map_put_text(&admission->by_name, source->name, source);
    return source;
}

/* Has the source no state worth keeping? */
static void maybe_forget(struct admission *admission, struct source *source, int64_t now_ms)
{
    if (!source->known && !is_connected(source) && source->penalty_until_ms <= now_ms)
        forget(admission, source);
}

/* From half of the limit on the probability of a drop rises linearly, to 1 at the limit (as sshd's
 * MaxStartups). */
static bool dropped_early(const struct admission *admission, uint64_t chance)
{
    int64_t from = admission->limits.handshakes / 2;
    int64_t over = admission->handshakes - from;

    if (over < 0)
        return false;
    return (int64_t)chance * (admission->limits.handshakes - from) < over * 1000;
}

/* ---- which handshake is closed for a new connection ---- */

enum whose { OF_SOURCE, OF_NETWORK, OF_STRANGERS, OF_ANYBODY };

static bool is_among(const struct admission_slot *slot, enum whose whose,
                     const struct admission_slot *candidate)
{
    switch (whose) {
    case OF_SOURCE:
        return slot->source == candidate->source;
    case OF_NETWORK:
        return slot->network == candidate->network && !slot->source->known;
    case OF_STRANGERS:
        return !slot->source->known;
    case OF_ANYBODY:
        break;
    }
    return true;
}

/* Unread bytes mean that our side is slow. A descriptor that was closed a moment ago may have been
 * reused; then only the choice is worse. */
static bool has_unread(const struct admission_slot *slot)
{
    int size = 0;

    return slot->descriptor >= 0 && ioctl(slot->descriptor, FIONREAD, &size) == 0 && size > 0;
}

/* The oldest handshake that waits for its peer, or NULL. */
static struct admission_slot *find_slow(struct admission *admission, enum whose whose,
                                        const struct admission_slot *candidate)
{
    list_each (&admission->unfinished, node) {
        struct admission_slot *slot = list_entry(node, struct admission_slot, node);

        if (is_among(slot, whose, candidate) && !has_unread(slot))
            return slot;
    }
    return NULL;
}

static void handshake_begins(struct admission *admission, struct admission_slot *slot)
{
    list_append(&admission->unfinished, &slot->node);
    admission->open++;
    admission->handshakes++;
    slot->source->handshakes++;
    if (slot->network != slot->source)
        slot->network->handshakes++;
}

/* The handshake ended: by success, by failure, or for another. */
static void handshake_ends(struct admission *admission, struct admission_slot *slot)
{
    list_remove(&slot->node);
    admission->handshakes--;
    slot->source->handshakes--;
    if (slot->network != slot->source)
        slot->network->handshakes--;
}

static bool is_unfinished(const struct admission_slot *slot)
{
    return list_linked(&slot->node);
}

/* ---- judging a new connection ---- */

static bool is_full_of(const struct admission *admission, const struct source *source, bool known)
{
    int64_t limit = admission->limits.handshakes_source;

    if (known && limit < admission->limits.handshakes / KNOWN_SHARE)
        limit = admission->limits.handshakes / KNOWN_SHARE;
    return source->handshakes >= limit;
}

/* Which limit is reached; *ret_whose: the group in which another handshake may be closed instead.
 */
static enum refusal judge(struct admission *admission, const struct admission_slot *candidate,
                          uint64_t chance, int64_t now_ms, enum whose *ret_whose)
{
    const struct admission_limits *limits = &admission->limits;
    bool known = candidate->source->known;
    int64_t kept = known ? limits->handshakes / KNOWN_SHARE : 0;

    *ret_whose = OF_STRANGERS;
    if (!known && candidate->network->penalty_until_ms - now_ms > PENALTY_TOLERATED_MS)
        return REFUSAL_PENALTY;
    if (admission->open >= limits->open)
        return REFUSAL_FULL;
    if (is_full_of(admission, candidate->source, known)) {
        *ret_whose = OF_SOURCE;
        return REFUSAL_SOURCE;
    }
    /* In a network each known source has its own share, and all unknown ones have one together. */
    if (!known && is_full_of(admission, candidate->network, false)) {
        *ret_whose = OF_NETWORK;
        return REFUSAL_SOURCE;
    }
    if (admission->handshakes >= limits->handshakes + kept)
        return REFUSAL_HANDSHAKES;
    if (!known && !limits->replace && dropped_early(admission, chance))
        return REFUSAL_EARLY;
    return REFUSAL_NONE;
}

/* Can another handshake be closed instead? */
static struct admission_slot *find_instead(struct admission *admission,
                                           const struct admission_slot *candidate,
                                           enum refusal refusal, enum whose whose)
{
    struct admission_slot *found;

    if (refusal == REFUSAL_SOURCE)
        return find_slow(admission, whose, candidate);
    if (refusal != REFUSAL_FULL && refusal != REFUSAL_HANDSHAKES)
        return NULL;
    if (!candidate->source->known && !admission->limits.replace)
        return NULL;
    found = find_slow(admission, whose, candidate);
    return found || !candidate->source->known ? found : find_slow(admission, OF_ANYBODY, candidate);
}

static void find_sources(struct admission *admission, struct admission_slot *slot)
{
    slot->source = source_of(admission, slot->names.name);
    slot->source->handshakes++; /* pinned: adding its network must not drop it */
    slot->network = strcmp(slot->names.name, slot->names.network) == 0
                        ? slot->source
                        : source_of(admission, slot->names.network);
    slot->source->handshakes--;
}

static void forget_sources(struct admission *admission, struct admission_slot *slot, int64_t now_ms)
{
    if (slot->network != slot->source)
        maybe_forget(admission, slot->network, now_ms);
    maybe_forget(admission, slot->source, now_ms);
}

static struct admission_slot *new_slot(struct admission *admission,
                                       const struct admission_candidate *candidate)
{
    struct admission_slot *slot = berth_new(struct admission_slot);

    list_init(&slot->node);
    slot->names = *candidate->source;
    slot->owner = candidate->owner;
    slot->id = candidate->id;
    slot->descriptor = candidate->descriptor;
    find_sources(admission, slot);
    return slot;
}

enum refusal admission_admit(struct admission *admission,
                             const struct admission_candidate *candidate, int64_t now_ms,
                             struct admission_slot **ret)
{
    struct admission_slot *dropped = NULL;
    struct admission_slot *slot;
    enum refusal refusal;
    enum whose whose;

    *ret = NULL;
    uv_mutex_lock(&admission->lock);
    slot = new_slot(admission, candidate);
    refusal = judge(admission, slot, candidate->chance, now_ms, &whose);
    if (refusal != REFUSAL_NONE)
        dropped = find_instead(admission, slot, refusal, whose);
    if (dropped) {
        refusal = REFUSAL_NONE;
        admission->drop(dropped->owner, dropped->id);
        handshake_ends(admission, dropped);
        admission->open--;
        admission->replaced++;
    }
    admission->refused[refusal]++;
    if (refusal == REFUSAL_NONE) {
        handshake_begins(admission, slot);
        *ret = berth_take(slot);
    } else {
        forget_sources(admission, slot, now_ms);
    }
    free(slot);
    uv_mutex_unlock(&admission->lock);
    return refusal;
}

static void count_established(struct admission_slot *slot, int64_t count)
{
    slot->source->established += count;
    if (slot->network != slot->source)
        slot->network->established += count;
}

static bool is_within_share(const struct admission *admission, const struct admission_slot *slot)
{
    int64_t share = admission->limits.established_source;

    if (share == 0)
        return true;
    if (slot->source->known)
        return slot->source->established < share * KNOWN_ESTABLISHED;
    return slot->source->established < share && slot->network->established < share;
}

bool admission_established(struct admission *admission, struct admission_slot *slot)
{
    bool unfinished;
    bool own;

    uv_mutex_lock(&admission->lock);
    unfinished = is_unfinished(slot);
    if (!unfinished) /* it was dropped, so they may be freed by now */
        find_sources(admission, slot);
    own = is_within_share(admission, slot);
    if (own && unfinished)
        handshake_ends(admission, slot);
    else if (own)
        admission->open++; /* a pending drop has no effect any more */
    if (own)
        count_established(slot, 1);
    slot->established = own;
    uv_mutex_unlock(&admission->lock);
    return own;
}

void admission_trust(struct admission *admission, const char *name)
{
    uv_mutex_lock(&admission->lock);
    set_known(admission, source_of(admission, name), true);
    uv_mutex_unlock(&admission->lock);
}

void admission_distrust(struct admission *admission, const char *name)
{
    struct source *source;

    uv_mutex_lock(&admission->lock);
    source = map_get_text(&admission->by_name, name);
    if (source && source->known)
        set_known(admission, source, false);
    uv_mutex_unlock(&admission->lock);
}

static void add_penalty(struct source *network, enum penalty penalty, int64_t now_ms)
{
    if (network->penalty_until_ms < now_ms)
        network->penalty_until_ms = now_ms;
    network->penalty_until_ms += (int64_t)penalty;
    if (network->penalty_until_ms > now_ms + PENALTY_MAX_MS)
        network->penalty_until_ms = now_ms + PENALTY_MAX_MS;
}

void admission_release(struct admission *admission, struct admission_slot *slot,
                       enum penalty penalty, int64_t now_ms)
{
    bool unfinished;

    uv_mutex_lock(&admission->lock);
    unfinished = is_unfinished(slot);
    if (unfinished)
        handshake_ends(admission, slot);
    if (slot->established)
        count_established(slot, -1);
    if (unfinished || slot->established) {
        admission->open--;
        touch(admission, slot->source);
        touch(admission, slot->network);
        if (penalty != PENALTY_NONE && !slot->source->known)
            add_penalty(slot->network, penalty, now_ms);
        forget_sources(admission, slot, now_ms);
    }
    uv_mutex_unlock(&admission->lock);
    free(slot);
}

int64_t admission_refused(struct admission *admission, enum refusal refusal)
{
    int64_t count;

    uv_mutex_lock(&admission->lock);
    count = admission->refused[refusal];
    uv_mutex_unlock(&admission->lock);
    return count;
}

int64_t admission_replaced(struct admission *admission)
{
    int64_t count;

    uv_mutex_lock(&admission->lock);
    count = admission->replaced;
    uv_mutex_unlock(&admission->lock);
    return count;
}

int64_t admission_open(struct admission *admission)
{
    int64_t count;

    uv_mutex_lock(&admission->lock);
    count = admission->open;
    uv_mutex_unlock(&admission->lock);
    return count;
}

int64_t admission_handshakes(struct admission *admission)
{
    int64_t count;

    uv_mutex_lock(&admission->lock);
    count = admission->handshakes;
    uv_mutex_unlock(&admission->lock);
    return count;
}
