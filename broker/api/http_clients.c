/* http_clients.c - limits on connections: for the Unix socket, for unauthenticated clients, and for
 * signed-in clients.
 *
 * A connection through TLS is unauthenticated until a request on it had a valid token. When a share
 * is used up, a new connection is not refused, but another one is closed for it, so that open
 * connections cannot block others: the oldest one of the holder with the most connections in that
 * share. Idle connections are closed before those that wait for an answer, and those from unknown
 * addresses before those from an address of a signed-in client.
 */
#include <string.h>
#include <sys/socket.h>

#include "berth/log.h"

#include "api_internal.h"

enum share { SHARE_SOCKET, SHARE_ANONYMOUS, SHARE_SIGNED_IN };

static enum share share_of(const struct http_client *client)
{
    if (client->local)
        return SHARE_SOCKET;
    return client->admin_id ? SHARE_SIGNED_IN : SHARE_ANONYMOUS;
}

/* Do both have the same holder: uid, address or administrator? */
static bool same_holder(const struct http_client *a, const struct http_client *b)
{
    switch (share_of(a)) {
    case SHARE_SOCKET:
        return a->uid == b->uid;
    case SHARE_ANONYMOUS:
        return strcmp(a->network, b->network) == 0;
    case SHARE_SIGNED_IN:
        break;
    }
    return a->admin_id == b->admin_id;
}

static size_t limit_of(const struct api *api, enum share share)
{
    size_t anonymous = api->connections_max / ANONYMOUS_SHARE;

    switch (share) {
    case SHARE_SOCKET:
        return SOCKET_CONNECTIONS;
    case SHARE_ANONYMOUS:
        return anonymous;
    case SHARE_SIGNED_IN:
        break;
    }
    return api->connections_max - anonymous;
}

/* Its request was received completely, and the answer is pending. */
static bool is_answered(const struct http_client *client)
{
    return client->request && !client->receiving_ms;
}

/* Clients of a lower rank are closed first. */
static int rank(const struct api *api, const struct http_client *client)
{
    if (client->local) /* root's are closed last, because root can repair the system */
        return (client->uid == 0 ? 4 : client->member ? 2 : 0) + is_answered(client);
    return (caller_is_known(api, client) ? 2 : 0) + is_answered(client);
}

/* How many other connections of its share have the same holder. */
static size_t held(const struct api *api, const struct http_client *client)
{
    size_t count = 0;

    list_each (&api->clients, node) {
        const struct http_client *other = list_entry(node, struct http_client, node);

        count += !other->ended && share_of(other) == share_of(client) && same_holder(other, client);
    }
    return count;
}

/* Which connection is closed for `newest`: one of its own holder, or of the whole share. NULL:
 * none. */
static struct http_client *choose(const struct api *api, const struct http_client *newest, bool own)
{
    struct http_client *chosen = NULL;
    size_t chosen_holds = 0;

    list_each (&api->clients, node) {
        struct http_client *client = list_entry(node, struct http_client, node);
        size_t holds;

        if (client == newest || client->ended || share_of(client) != share_of(newest) ||
            (own && !same_holder(client, newest)) ||
            (chosen && rank(api, client) > rank(api, chosen)))
            continue;
        holds = own ? 1 : held(api, client);
        if (!chosen || rank(api, client) < rank(api, chosen) || holds > chosen_holds) {
            chosen = client;
            chosen_holds = holds;
        }
    }
    return chosen;
}

static void end_one(struct api *api, struct http_client *client)
{
    if (!client)
        return;
    log_event(EV_API_REFUSED, "reason", "its connection was closed for a newer one", "from",
              client->local ? "socket" : client->address);
    api->refused++;
    client->ended = true;
    (void)shutdown(client->descriptor, SHUT_RDWR);
    if (client->request)
        request_abandon(client->request);
}

/* Its share may exceed the limit now. */
static void enforce_share(struct api *api, const struct http_client *newest)
{
    enum share share = share_of(newest);
    size_t count = 0;

    list_each (&api->clients, node) {
        const struct http_client *client = list_entry(node, struct http_client, node);

        count += !client->ended && share_of(client) == share;
    }
    if (share == SHARE_ANONYMOUS && held(api, newest) > ANONYMOUS_PER_NETWORK)
        end_one(api, choose(api, newest, true));
    else if (count > limit_of(api, share))
        end_one(api, choose(api, newest, false));
}

void http_client_arrived(struct api *api, struct http_client *client)
{
    list_append(&api->clients, &client->node);
    enforce_share(api, client);
}

/* Move the address to the front; the one unused for longest is dropped. */
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

void http_client_identified(struct api *api, struct http_client *client, uint64_t admin_id)
{
    bool another = client->admin_id != admin_id;

    if (client->local)
        return;
    client->admin_id = admin_id;
    if (admin_id && strcmp(api->known[0], client->address) != 0)
        note_known(api, client->address);
    if (another)
        enforce_share(api, client);
}
