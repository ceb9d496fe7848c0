/* admission.c - who may knock. */
#include "admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <uv.h>

#include "berth/plant.h"

#define OWED_TOLERATED_MS 15000
#define OWED_MAX_MS 600000
/* One in so many handshakes beyond the cap is kept for known sources; one of them may have as many:
 * a ward behind one address comes back all at once, and strangers behind it must not fill it
 * quickly. */
#define KNOWN_SHARE 4

/* A known source may have so many times the share of a stranger's network. */
#define KNOWN_SHAKEN 2

/* An address, or a network. */
struct source {
    struct list node; /* in order of the last news */
    int64_t handshakes;
    int64_t shaken; /* those that are done with it and still there */
    int64_t owes_until_ms;
    bool known; /* somebody of ours came from there */
    char name[];
};

struct pass {
    struct list node;      /* of admission.unfinished, oldest first; unlinked: shaken, or dropped */
    struct source *source; /* both stay until it is gone or dropped, and no longer */
    struct source *network;
    struct admission_source names;
    void *owner;
    uint64_t id;
    int descriptor;
    bool shaken;
};

struct admission {
    admission_drop_fn *drop;
    uv_mutex_t lock; /* guards all below */
    struct admission_limits limits;
    struct map by_name;
    struct list quiet[2]; /* struct source, the longest quiet first; [true]: the known ones */
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
        [REFUSAL_FULL] = "all connections are taken",
        [REFUSAL_HANDSHAKES] = "too many handshakes in all",
        [REFUSAL_SOURCE] = "too many handshakes from this address",
        [REFUSAL_EARLY] = "dropped at random, for many handshakes are under way",
        [REFUSAL_PENALTY] = "failures before; it has to wait",
    };

    return texts[refusal];
}

struct admission *admission_new(const struct admission_limits *limits, struct map_key key,
                                admission_drop_fn *drop)
{
    struct admission *admission = berth_new(struct admission);

    admission->limits = *limits;
    admission->drop = drop;
    list_init(&admission->quiet[false]);
    list_init(&admission->quiet[true]);
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

static void forget_all(struct admission *admission, struct list *quiet)
{
    list_each (quiet, node)
        forget(admission, list_entry(node, struct source, node));
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    forget_all(admission, &admission->quiet[false]);
    forget_all(admission, &admission->quiet[true]);
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
    /* The first address of a network is not the network. */
    (void)snprintf(ret->network + strlen(ret->network), sizeof(ret->network) - strlen(ret->network),
                   "/64");
}

static bool is_connected(const struct source *source)
{
    return source->handshakes > 0 || source->shaken > 0;
}

/* Among strangers, or among known ones, in place of the one that was quiet the longest; never of
 * one that is connected. */
static void add_source(struct admission *admission, struct source *source)
{
    struct list *quiet = &admission->quiet[source->known];

    if (admission->sources[source->known] >= ADMISSION_SOURCES) {
        list_each (quiet, node) {
            struct source *oldest = list_entry(node, struct source, node);

            if (is_connected(oldest))
                continue;
            forget(admission, oldest);
            break;
        }
    }
    list_append(quiet, &source->node);
    admission->sources[source->known]++;
}

static void set_known(struct admission *admission, struct source *source, bool known)
{
    list_remove(&source->node);
    admission->sources[source->known]--;
    source->known = known;
    add_source(admission, source);
}

/* There is news of it. */
static void touch(struct admission *admission, struct source *source)
{
    list_remove(&source->node);
    list_append(&admission->quiet[source->known], &source->node);
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

/* Is there nothing to remember it by? */
static void maybe_forget(struct admission *admission, struct source *source, int64_t now_ms)
{
    if (!source->known && !is_connected(source) && source->owes_until_ms <= now_ms)
        forget(admission, source);
}

/* From half of the cap on the chance to be dropped rises evenly, to certainty at the cap (sshd's
 * MaxStartups). */
static bool dropped_early(const struct admission *admission, uint64_t chance)
{
    int64_t from = admission->limits.handshakes / 2;
    int64_t over = admission->handshakes - from;

    if (over < 0)
        return false;
    return (int64_t)chance * (admission->limits.handshakes - from) < over * 1000;
}

/* ---- who ends for a newcomer ---- */

enum whose { OF_SOURCE, OF_NETWORK, OF_STRANGERS, OF_ANYBODY };

static bool is_among(const struct pass *pass, enum whose whose, const struct pass *newcomer)
{
    switch (whose) {
    case OF_SOURCE:
        return pass->source == newcomer->source;
    case OF_NETWORK:
        return pass->network == newcomer->network && !pass->source->known;
    case OF_STRANGERS:
        return !pass->source->known;
    case OF_ANYBODY:
        break;
    }
    return true;
}

/* Bytes that our side has not taken yet: it is us who are slow. A descriptor that was closed a
 * moment ago may be another's by now; then the answer is a wrong choice and no more. */
static bool has_unread(const struct pass *pass)
{
    int size = 0;

    return pass->descriptor >= 0 && ioctl(pass->descriptor, FIONREAD, &size) == 0 && size > 0;
}

/* The oldest that waits for its peer, or NULL. */
static struct pass *find_slow(struct admission *admission, enum whose whose,
                              const struct pass *newcomer)
{
    list_each (&admission->unfinished, node) {
        struct pass *pass = list_entry(node, struct pass, node);

        if (is_among(pass, whose, newcomer) && !has_unread(pass))
            return pass;
    }
    return NULL;
}

static void handshake_begins(struct admission *admission, struct pass *pass)
{
    list_append(&admission->unfinished, &pass->node);
    admission->open++;
    admission->handshakes++;
    pass->source->handshakes++;
    if (pass->network != pass->source)
        pass->network->handshakes++;
}

/* By its success, its failure, or for another. */
static void handshake_ends(struct admission *admission, struct pass *pass)
{
    list_remove(&pass->node);
    admission->handshakes--;
    pass->source->handshakes--;
    if (pass->network != pass->source)
        pass->network->handshakes--;
}

static bool is_unfinished(const struct pass *pass)
{
    return list_linked(&pass->node);
}

/* ---- judging ---- */

static bool is_full_of(const struct admission *admission, const struct source *source, bool known)
{
    int64_t limit = admission->limits.handshakes_source;

    if (known && limit < admission->limits.handshakes / KNOWN_SHARE)
        limit = admission->limits.handshakes / KNOWN_SHARE;
    return source->handshakes >= limit && !planted(NO_ADMISSION);
}

/* What is in the way; for whom one of `*ret_whose` may have to end. */
static enum refusal judge(struct admission *admission, const struct pass *newcomer, uint64_t chance,
                          int64_t now_ms, enum whose *ret_whose)
{
    const struct admission_limits *limits = &admission->limits;
    bool known = newcomer->source->known;
    int64_t kept = known ? limits->handshakes / KNOWN_SHARE : 0;

    *ret_whose = OF_STRANGERS;
    if (!known && newcomer->network->owes_until_ms - now_ms > OWED_TOLERATED_MS)
        return REFUSAL_PENALTY;
    if (admission->open >= limits->open)
        return REFUSAL_FULL;
    if (is_full_of(admission, newcomer->source, known)) {
        *ret_whose = OF_SOURCE;
        return REFUSAL_SOURCE;
    }
    /* In a network the known ones have their own shares, and strangers one together. */
    if (!known && is_full_of(admission, newcomer->network, false)) {
        *ret_whose = OF_NETWORK;
        return REFUSAL_SOURCE;
    }
    if (admission->handshakes >= limits->handshakes + kept)
        return REFUSAL_HANDSHAKES;
    if (!known && !limits->replace && dropped_early(admission, chance))
        return REFUSAL_EARLY;
    return REFUSAL_NONE;
}

/* Can somebody else end instead? */
static struct pass *find_instead(struct admission *admission, const struct pass *newcomer,
                                 enum refusal refusal, enum whose whose)
{
    struct pass *found;

    if (refusal == REFUSAL_SOURCE)
        return find_slow(admission, whose, newcomer);
    if (refusal != REFUSAL_FULL && refusal != REFUSAL_HANDSHAKES)
        return NULL;
    if (!newcomer->source->known && !admission->limits.replace)
        return NULL;
    found = find_slow(admission, whose, newcomer);
    return found || !newcomer->source->known ? found : find_slow(admission, OF_ANYBODY, newcomer);
}

static void find_sources(struct admission *admission, struct pass *pass)
{
    pass->source = source_of(admission, pass->names.name);
    pass->source->handshakes++; /* pinned: making room for its network must not forget it */
    pass->network = strcmp(pass->names.name, pass->names.network) == 0
                        ? pass->source
                        : source_of(admission, pass->names.network);
    pass->source->handshakes--;
}

static void forget_sources(struct admission *admission, struct pass *pass, int64_t now_ms)
{
    if (pass->network != pass->source)
        maybe_forget(admission, pass->network, now_ms);
    maybe_forget(admission, pass->source, now_ms);
}

static struct pass *new_pass(struct admission *admission, const struct admission_newcomer *newcomer)
{
    struct pass *pass = berth_new(struct pass);

    list_init(&pass->node);
    pass->names = *newcomer->source;
    pass->owner = newcomer->owner;
    pass->id = newcomer->id;
    pass->descriptor = newcomer->descriptor;
    find_sources(admission, pass);
    return pass;
}

enum refusal admission_ask(struct admission *admission, const struct admission_newcomer *newcomer,
                           int64_t now_ms, struct pass **ret)
{
    struct pass *dropped = NULL;
    struct pass *pass;
    enum refusal refusal;
    enum whose whose;

    *ret = NULL;
    uv_mutex_lock(&admission->lock);
    pass = new_pass(admission, newcomer);
    refusal = judge(admission, pass, newcomer->chance, now_ms, &whose);
    if (refusal != REFUSAL_NONE)
        dropped = find_instead(admission, pass, refusal, whose);
    if (dropped) {
        refusal = REFUSAL_NONE;
        admission->drop(dropped->owner, dropped->id);
        handshake_ends(admission, dropped);
        admission->open--;
        admission->replaced++;
    }
    admission->refused[refusal]++;
    if (refusal == REFUSAL_NONE) {
        handshake_begins(admission, pass);
        *ret = berth_take(pass);
    } else {
        forget_sources(admission, pass, now_ms);
    }
    free(pass);
    uv_mutex_unlock(&admission->lock);
    return refusal;
}

static void count_shaken(struct pass *pass, int64_t count)
{
    pass->source->shaken += count;
    if (pass->network != pass->source)
        pass->network->shaken += count;
}

static bool is_within_share(const struct admission *admission, const struct pass *pass)
{
    int64_t share = admission->limits.shaken_source;

    if (share == 0)
        return true;
    if (pass->source->known)
        return pass->source->shaken < share * KNOWN_SHAKEN;
    return pass->source->shaken < share && pass->network->shaken < share;
}

bool admission_shaken(struct admission *admission, struct pass *pass)
{
    bool unfinished;
    bool own;

    uv_mutex_lock(&admission->lock);
    unfinished = is_unfinished(pass);
    if (!unfinished) /* it was dropped: they may be forgotten by now */
        find_sources(admission, pass);
    own = is_within_share(admission, pass);
    if (own && unfinished)
        handshake_ends(admission, pass);
    else if (own)
        admission->open++; /* whoever is to end it comes too late */
    if (own)
        count_shaken(pass, 1);
    pass->shaken = own;
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

static void owe(struct source *network, enum penalty penalty, int64_t now_ms)
{
    if (network->owes_until_ms < now_ms)
        network->owes_until_ms = now_ms;
    network->owes_until_ms += (int64_t)penalty;
    if (network->owes_until_ms > now_ms + OWED_MAX_MS)
        network->owes_until_ms = now_ms + OWED_MAX_MS;
}

void admission_left(struct admission *admission, struct pass *pass, enum penalty penalty,
                    int64_t now_ms)
{
    bool unfinished;

    uv_mutex_lock(&admission->lock);
    unfinished = is_unfinished(pass);
    if (unfinished)
        handshake_ends(admission, pass);
    if (pass->shaken)
        count_shaken(pass, -1);
    if (unfinished || pass->shaken) {
        admission->open--;
        touch(admission, pass->source);
        touch(admission, pass->network);
        if (penalty != PENALTY_NONE && !pass->source->known)
            owe(pass->network, penalty, now_ms);
        forget_sources(admission, pass, now_ms);
    }
    uv_mutex_unlock(&admission->lock);
    free(pass);
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
