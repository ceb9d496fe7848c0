/* api.h - the management API: REST, events and metrics over HTTP, inside the core loop.
 *
 * Module api: the only one with <microhttpd.h>. Thread: loop. People come through a Unix socket,
 * where the kernel says who they are, or through the TLS listener of the link, which hands over
 * plain bytes (api_adopt) of somebody who must show a token. What can be asked is the table of
 * verbs (verbs.def, collections.def); a verb's body is do_<symbol>.
 *
 * To add a verb: its row in verbs.def, its body in the do_*.c of its topic.
 */
#ifndef BERTH_API_API_H
#define BERTH_API_API_H

#include <sys/socket.h>

#include "berth/loop.h"

#include "flow/context.h"

struct api;

/* A metric of another module, for /metrics. */
struct api_metric {
    const char *name; /* "berth_link_messages_total" */
    const char *help;
    bool counter; /* only rises; else a gauge */
    int64_t value;
    const struct histogram *times; /* instead of the value: a histogram of seconds */
};

struct api_setup {
    /* path of the Unix socket; NULL: none. A leftover nobody listens on is replaced. */
    const char *socket;
    /* a listening Unix socket that was inherited, owned from now on; -1: make one at `socket` */
    int listener;
    /* members of this group are administrators on the socket; "" or NULL: uid 0 and ours only */
    const char *group;
    /* PEM text of the site's CA, for `ca show` and invitations; NULL: none */
    const char *authority;
    const char *host; /* where invitations send terminals: name or address, and the two ports */
    int link_port, join_port;
    size_t connections; /* through TLS; 0: 256. A quarter is for those who are not signed in. */
    int64_t sign_in_ms; /* life of a sign-in; 0: 12 hours */
    /* Metrics of other modules; returns how many of `max` it wrote. NULL: none. */
    size_t (*metrics)(void *context, struct api_metric *out, size_t max);
    /* The configuration in force: JSON array of objects like the view `option` (a new reference).
     * NULL: none. */
    json_t *(*options)(void *context);
    /* Open the logs that a terminal sent for a command: a descriptor that the API owns
     * from then on, or -1 when there is none. NULL: there never are any.
     */
    int (*log_upload)(void *context, uint64_t command_id);
    /* Somebody signed in came from this address. NULL: nobody wants to know. */
    void (*address_known)(void *context, const char *address);
    void *context;
};

/* Open the API. Strings of `setup` are copied.
 *
 * Errors: IO (the socket cannot be made; its sentence names the path), CONFIG (there is no such
 * group).
 */
int api_new(struct berth_loop *loop, struct context *context, const struct api_setup *setup,
            struct api **ret, struct berth_error *reterr) berth_must_check;

/* Serve a connection that came through TLS: `descriptor` (owned from now on) carries plain HTTP,
 * `address` is the person's own. Anybody there must show a token or sign in.
 */
void api_adopt(struct api *api, int descriptor, const struct sockaddr *address, socklen_t size);

/* Live options after a reload. */
void api_reload(struct api *api, int64_t sign_in_ms);

/* No new requests but those for health; /readyz says that the broker is stopping. */
void api_stop(struct api *api);

/* Close the API: answers under way are dropped. The memory goes when the loop has closed the
 * handles (loop_close does that). Before store_close and before the modules are freed.
 */
void api_free(struct api *api);

#endif
