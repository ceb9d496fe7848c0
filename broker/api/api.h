/* api.h - the management API: REST, events and metrics over HTTP, inside the core loop.
 *
 * Module api: the only user of <microhttpd.h>. Thread: loop. Clients connect to a Unix socket,
 * where the kernel identifies them (SO_PEERCRED), or to the TLS listener of the link, which passes
 * plain bytes (api_adopt); those must send a token. The operations are the verbs of verbs.def and
 * collections.def; the function of a verb is do_<symbol>.
 *
 * To add a verb: a row in verbs.def, and its function in the do_*.c of its topic.
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
    bool counter; /* a counter, else a gauge */
    int64_t value;
    const struct histogram *times; /* instead of the value: a histogram of seconds */
};

struct api_setup {
    /* path of the Unix socket; NULL: none. A stale socket is replaced. */
    const char *socket;
    /* an inherited listening Unix socket, owned from now on; -1: create one at `socket` */
    int listener;
    /* members of this group are administrators on the socket; "" or NULL: only root and the
     * broker's own user */
    const char *group;
    /* PEM text of the site's CA, for `ca show` and invitations; NULL: none */
    const char *authority;
    const char *host; /* for invitations: name or address of the broker, and its two ports */
    int link_port, join_port;
    /* through TLS; 0: 256. A quarter of them for clients that are not signed in. */
    size_t connections;
    int64_t sign_in_ms; /* validity of a sign-in; 0: 12 hours */
    /* Write metrics of other modules, at most `max`; returns how many. NULL: none. */
    size_t (*metrics)(void *context, struct api_metric *out, size_t max);
    /* The configuration in force: JSON array of objects like the view `option` (a new reference).
     * NULL: none. */
    json_t *(*options)(void *context);
    /* Open the log file that a terminal sent for a command: a descriptor, owned by the API, or -1
     * when there is none. NULL: no log files.
     */
    int (*log_upload)(void *context, uint64_t command_id);
    /* A signed-in client used this address. May be NULL. */
    void (*address_known)(void *context, const char *address);
    void *context;
};

/* Open the API. Strings of `setup` are copied.
 *
 * Errors: IO (the socket cannot be created; names the path), CONFIG (no such group).
 */
int api_new(struct berth_loop *loop, struct context *context, const struct api_setup *setup,
            struct api **ret, struct berth_error *reterr) berth_must_check;

/* Serve a connection that came through TLS: `descriptor` (owned from now on) carries plain HTTP,
 * `address` is that of the client. The client must send a token or sign in.
 */
void api_adopt(struct api *api, int descriptor, const struct sockaddr *address, socklen_t size);

/* Apply the reloadable options. */
void api_reload(struct api *api, int64_t sign_in_ms);

/* Refuse new requests except those for health; /readyz reports that the broker is stopping. */
void api_stop(struct api *api);

/* Close the API; unfinished answers are dropped. The memory is freed when the loop has closed the
 * handles (see loop_close). To be called before store_close, and before other modules are freed.
 */
void api_free(struct api *api);

#endif
