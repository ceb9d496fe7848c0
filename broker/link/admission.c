/* admission.c - who may knock. */
#include "admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "berth/list.h"
#include "berth/plant.h"

#define OWED_TOLERATED_MS 15000
#define OWED_MAX_MS 600000
/* One in so many handshakes beyond the cap is kept for where terminals come from. */
#define TRUSTED_SHARE 4

struct source {
    struct list node; /* in order of the last news */
    int64_t handshakes;
    int64_t owes_until_ms;
    bool trusted; /* a terminal of ours came from there */
    char name[];
};

struct admission {
    uv_mutex_t lock; /* guards all below */
    struct admission_limits limits;
    struct map by_name;
    struct list quiet; /* struct source, the longest quiet first */
    size_t sources;
    int64_t open, handshakes;
    int64_t refused[REFUSALS];
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

struct admission *admission_new(const struct admission_limits *limits, struct map_key key)
{
    struct admission *admission = berth_new(struct admission);

    admission->limits = *limits;
    list_init(&admission->quiet);
    map_init(&admission->by_name, key);
    if (uv_mutex_init(&admission->lock) < 0)
        berth_out_of_memory();
    return admission;
}

static void forget(struct admission *admission, struct source *source)
{
    (void)map_take_text(&admission->by_name, source->name);
    list_remove(&source->node);
    admission->sources--;
    free(source);
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    list_each (&admission->quiet, node)
        forget(admission, list_entry(node, struct source, node));
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

void admission_source(const struct sockaddr *from, char ret[ADMISSION_SOURCE_TEXT])
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    (void)snprintf(ret, ADMISSION_SOURCE_TEXT, "unknown");
    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, ret, ADMISSION_SOURCE_TEXT);
        return;
    }
    if (from->sa_family != AF_INET6)
        return;
    memcpy(&v6, from, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        (void)inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], ret, ADMISSION_SOURCE_TEXT);
        return;
    }
    /* Whoever has one address of a /64 has them all. */
    memset(&v6.sin6_addr.s6_addr[8], 0, 8);
    (void)inet_ntop(AF_INET6, &v6.sin6_addr, ret, ADMISSION_SOURCE_TEXT);
}

/* Make room by forgetting the source that was quiet the longest; never one with a handshake under
 * way. */
static void make_room(struct admission *admission)
{
    list_each (&admission->quiet, node) {
        struct source *source = list_entry(node, struct source, node);

        if (source->handshakes == 0) {
            forget(admission, source);
            return;
        }
    }
}

static struct source *source_of(struct admission *admission, const char *name)
{
    struct source *source = map_get_text(&admission->by_name, name);

    if (source) {
        list_remove(&source->node);
        list_append(&admission->quiet, &source->node);
        return source;
    }
    if (admission->sources >= ADMISSION_SOURCES)
        make_room(admission);
    source = berth_alloc(sizeof(*source) + strlen(name) + 1);
    memcpy(source->name, name, strlen(name) + 1);
    list_append(&admission->quiet, &source->node);
    map_put_text(&admission->by_name, source->name, source);
    admission->sources++;
    return source;
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

static enum refusal judge(struct admission *admission, const struct source *source, uint64_t chance,
                          int64_t now_ms)
{
    const struct admission_limits *limits = &admission->limits;
    int64_t kept = source->trusted ? limits->handshakes / TRUSTED_SHARE : 0;

    if (source->owes_until_ms - now_ms > OWED_TOLERATED_MS)
        return REFUSAL_PENALTY;
    if (admission->open >= limits->open)
        return REFUSAL_FULL;
    if (admission->handshakes >= limits->handshakes + kept)
        return REFUSAL_HANDSHAKES;
    if (source->handshakes >= limits->handshakes_source && !planted(NO_ADMISSION))
        return REFUSAL_SOURCE;
    if (!source->trusted && dropped_early(admission, chance))
        return REFUSAL_EARLY;
    return REFUSAL_NONE;
}

enum refusal admission_ask(struct admission *admission, const char *source_name, uint64_t chance,
                           int64_t now_ms)
{
    struct source *source;
    enum refusal refusal;

    uv_mutex_lock(&admission->lock);
    source = source_of(admission, source_name);
    refusal = judge(admission, source, chance, now_ms);
    admission->refused[refusal]++;
    if (refusal == REFUSAL_NONE) {
        admission->open++;
        admission->handshakes++;
        source->handshakes++;
    }
    uv_mutex_unlock(&admission->lock);
    return refusal;
}

void admission_shaken(struct admission *admission, const char *source_name)
{
    struct source *source;

    uv_mutex_lock(&admission->lock);
    source = source_of(admission, source_name);
    admission->handshakes--;
    source->handshakes--;
    uv_mutex_unlock(&admission->lock);
}

void admission_trust(struct admission *admission, const char *source_name)
{
    uv_mutex_lock(&admission->lock);
    source_of(admission, source_name)->trusted = true;
    uv_mutex_unlock(&admission->lock);
}

void admission_left(struct admission *admission, const char *source_name, bool shaken,
                    enum penalty penalty, int64_t now_ms)
{
    struct source *source;

    uv_mutex_lock(&admission->lock);
    source = source_of(admission, source_name);
    admission->open--;
    if (!shaken) {
        admission->handshakes--;
        source->handshakes--;
    }
    /* A ward behind one address whose network stands still leaves many handshakes half done. */
    if (source->trusted && penalty == PENALTY_SILENT)
        penalty = PENALTY_NONE;
    if (penalty != PENALTY_NONE) {
        if (source->owes_until_ms < now_ms)
            source->owes_until_ms = now_ms;
        source->owes_until_ms += (int64_t)penalty;
        if (source->owes_until_ms > now_ms + OWED_MAX_MS)
            source->owes_until_ms = now_ms + OWED_MAX_MS;
    } else if (!source->trusted && source->handshakes == 0 && source->owes_until_ms <= now_ms) {
        forget(admission, source); /* nothing to remember it by */
    }
    uv_mutex_unlock(&admission->lock);
}

int64_t admission_refused(struct admission *admission, enum refusal refusal)
{
    int64_t count;

    uv_mutex_lock(&admission->lock);
    count = admission->refused[refusal];
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
