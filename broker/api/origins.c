/* origins.c - who may hold a connection: the Unix socket has a share of its own, strangers a small
 * one, and whoever is signed in the rest.
 *
 * A connection through TLS is a stranger's until a request on it showed a good token. Where a share
 * is used up nobody is refused: one goes for the newcomer, so that holding connections open keeps
 * nobody out. It is the oldest of whoever holds most of that share; before one that waits for its
 * answer goes one that says nothing, and before one from where a signed-in person came one from
 * elsewhere.
 */
#include <string.h>
#include <sys/socket.h>

#include "berth/log.h"

#include "room.h"

enum share { SHARE_SOCKET, SHARE_STRANGERS, SHARE_SIGNED_IN };

static enum share share_of(const struct origin *origin)
{
    if (origin->local)
        return SHARE_SOCKET;
    return origin->admin_id ? SHARE_SIGNED_IN : SHARE_STRANGERS;
}

/* Of the same holder: user of the machine, address, administrator. */
static bool same_holder(const struct origin *a, const struct origin *b)
{
    switch (share_of(a)) {
    case SHARE_SOCKET:
        return a->uid == b->uid;
    case SHARE_STRANGERS:
        return strcmp(a->network, b->network) == 0;
    case SHARE_SIGNED_IN:
        break;
    }
    return a->admin_id == b->admin_id;
}

static size_t limit_of(const struct api *api, enum share share)
{
    size_t strangers = api->connections_max / STRANGERS_SHARE;

    switch (share) {
    case SHARE_SOCKET:
        return SOCKET_CONNECTIONS;
    case SHARE_STRANGERS:
        return strangers;
    case SHARE_SIGNED_IN:
        break;
    }
    return api->connections_max - strangers;
}

/* Its request is whole, and the answer is on its way. */
static bool is_answered(const struct origin *origin)
{
    return origin->request && !origin->receiving_ms;
}

bool origin_is_known(const struct api *api, const struct origin *origin)
{
    if (origin->local)
        return origin->member;
    for (size_t i = 0; i < KNOWN_ADDRESSES; i++)
        if (strcmp(api->known[i], origin->address) == 0)
            return true;
    return false;
}

/* The lower, the sooner it goes for another. */
static int rank(const struct api *api, const struct origin *origin)
{
    if (origin->local) /* root's go last, for it is root who can help */
        return (origin->uid == 0 ? 4 : origin->member ? 2 : 0) + is_answered(origin);
    return (origin_is_known(api, origin) ? 2 : 0) + is_answered(origin);
}

/* How many others of its share its holder has. */
static size_t held(const struct api *api, const struct origin *origin)
{
    size_t count = 0;

    list_each (&api->origins, node) {
        const struct origin *other = list_entry(node, struct origin, node);

        count += !other->ended && share_of(other) == share_of(origin) && same_holder(other, origin);
    }
    return count;
}

/* Who goes for `newcomer`: of its holder's alone, or of the whole share. NULL: nobody else is
 * there. */
static struct origin *choose(const struct api *api, const struct origin *newcomer, bool own)
{
    struct origin *chosen = NULL;
    size_t chosen_holds = 0;

    list_each (&api->origins, node) {
        struct origin *origin = list_entry(node, struct origin, node);
        size_t holds;

        if (origin == newcomer || origin->ended || share_of(origin) != share_of(newcomer) ||
            (own && !same_holder(origin, newcomer)) ||
            (chosen && rank(api, origin) > rank(api, chosen)))
            continue;
        holds = own ? 1 : held(api, origin);
        if (!chosen || rank(api, origin) < rank(api, chosen) || holds > chosen_holds) {
            chosen = origin;
            chosen_holds = holds;
        }
    }
    return chosen;
}

static void end_one(struct api *api, struct origin *origin)
{
    if (!origin)
        return;
    log_event(EV_API_REFUSED, "reason", "its connection went for a newer one", "from",
              origin->local ? "socket" : origin->address);
    api->refused++;
    origin->ended = true;
    (void)shutdown(origin->descriptor, SHUT_RDWR);
    if (origin->request)
        request_abandon(origin->request);
}

/* Its share may be too full now. */
static void keep_share(struct api *api, const struct origin *newcomer)
{
    enum share share = share_of(newcomer);
    size_t count = 0;

    list_each (&api->origins, node) {
        const struct origin *origin = list_entry(node, struct origin, node);

        count += !origin->ended && share_of(origin) == share;
    }
    if (share == SHARE_STRANGERS && held(api, newcomer) > STRANGERS_PER_NETWORK)
        end_one(api, choose(api, newcomer, true));
    else if (count > limit_of(api, share))
        end_one(api, choose(api, newcomer, false));
}

void origin_came(struct api *api, struct origin *origin)
{
    list_append(&api->origins, &origin->node);
    keep_share(api, origin);
}

/* The address stands at the front from now on; the one that was not seen for longest is forgotten.
 */
static void note_known(struct api *api, const char *address)
{
    size_t at = 0;

    while (at < KNOWN_ADDRESSES - 1 && strcmp(api->known[at], address) != 0)
        at++;
    memmove(api->known[1], api->known[0], at * sizeof(api->known[0]));
    memcpy(api->known[0], address, sizeof(api->known[0]));
    if (api->address_known)
        api->address_known(api->owner, address);
}

void origin_identified(struct api *api, struct origin *origin, uint64_t admin_id)
{
    bool another = origin->admin_id != admin_id;

    if (origin->local)
        return;
    origin->admin_id = admin_id;
    if (admin_id && strcmp(api->known[0], origin->address) != 0)
        note_known(api, origin->address);
    if (another)
        keep_share(api, origin);
}
