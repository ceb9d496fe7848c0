/* api_internal.h - shared by the files of the management API: the API, a client, a request, its
 * caller.
 *
 * Module api, private. A request exists from its first line to the last byte of its answer; while a
 * verb waits for an operation, its connection is suspended. When the connection is closed
 * meanwhile, the request exists until the operation has completed, because a durable write cannot
 * be cancelled.
 */
#ifndef BERTH_API_API_INTERNAL_H
#define BERTH_API_API_INTERNAL_H

#include <microhttpd.h>
#include <sys/types.h>

#include "berth/json.h"

#include "api/api.h"
#include "api/table/verb.h"
#include "api/target.h"
#include "core/admin.h"
#include "flow/admin.h"

#define BODY_MAX 65536 /* of a request: the largest entity has about 4 KiB */
#define BODY_DEPTH 8   /* nesting of JSON */
/* limit for receiving a request completely, however slowly it arrives */
#define RECEIVE_MS 30000
#define IDLE_S 30            /* of a connection between requests */
#define REQUEST_MEMORY 32768 /* for headers and buffers of one connection */
/* Connections at the Unix socket, separate from those through TLS: berthctl uses one for a moment,
 * a stream of events for long, and STREAMS_MAX of these may be without a token. */
#define SOCKET_CONNECTIONS 128
/* This fraction of the connections through TLS is for clients that are not signed in. */
#define ANONYMOUS_SHARE 4
/* Connections of one address (IPv6: one /64) that is not signed in: a browser opens six. */
#define ANONYMOUS_PER_NETWORK 8
/* Addresses of signed-in clients that are stored. */
#define KNOWN_ADDRESSES 64
/* Streams of events: with a token, and as many again at the Unix socket. */
#define STREAMS_MAX 64
/* Of these, of one administrator or one uid. */
#define STREAMS_OF_ONE 16
#define SIGN_INS_MAX 1000
#define SIGN_INS_OF_ONE 32 /* sign-ins of one administrator: browsers and command lines */

/* The caller of a request. see: mask of the fields that it may see. */
struct caller {
    struct admin_actor actor;
    const char *auth_method; /* "socket", "password", "token"; NULL: not authenticated */
    uint64_t admin_id;       /* 0: identified by the socket */
    char shown[72];          /* SHA-256 of the token that was sent; empty: none */
    unsigned see;
};

/* One connection. */
struct http_client {
    struct list node; /* of api.arriving, then of api.clients */
    /* owned by the library; we may shut it down once it is in api.clients, but never close it */
    int descriptor;
    bool local;  /* through the Unix socket: uid and member are from the kernel */
    bool member; /* root, the broker's own user, or a member of the group */
    uid_t uid;
    char address[64];        /* of a client through TLS */
    char network[64];        /* the same, or its /64 */
    uint64_t admin_id;       /* whose token its last request has sent; 0: none */
    struct request *request; /* the present one, or NULL */
    bool ended;              /* shut down; the library will report its end */
    int64_t receiving_ms;    /* since when a request is being received; 0: none is */
};

struct request;

/* The function of a verb. It is called again, with the next request->step, when the operation that
 * it waits for has succeeded. Returns 0 when it has set the answer, REQUEST_WAITS by request_wait,
 * or an error code.
 */
typedef int verb_fn(struct request *request, struct berth_error *reterr);
enum { REQUEST_WAITS = 1 };

struct answer {
    unsigned status; /* 0: none yet */
    char *text;
    size_t size;
    const char *type;
    char etag[32];
    char location[96];
    unsigned allowed;      /* mask of permitted methods, for status 405 */
    bool close;            /* close the connection after this answer */
    bool secret;           /* it contains a secret that is shown once */
    struct stream *stream; /* server-sent events instead of a text */
    int file;              /* a descriptor instead of a text; 0: none */
    uint64_t file_size;
};

struct request {
    struct list node; /* of api.requests */
    struct api *api;
    struct MHD_Connection *connection; /* NULL when it was closed */
    struct http_client *client;
    int64_t began_ms;
    bool head; /* HEAD is GET without a body */
    bool suspended;
    bool whole;                 /* completely received, verb begun */
    bool keyed;                 /* its Idempotency-Key is stored */
    struct berth_error refused; /* error found before the body was received */
    struct target *target;
    const struct verb *verb;
    const char *brace[VERB_BRACES];
    struct caller caller;
    char key[64]; /* Idempotency-Key; empty: none */
    bool dry_run;
    int64_t if_version; /* If-Match; 0: any version */
    char *body;
    size_t body_size;

    void *params;          /* of a special verb: its struct verb_<symbol> */
    union row *row;        /* of a plain add or set */
    struct entity *entity; /* of a plain show, set or delete; valid in step 0 only */
    uint64_t id;           /* of the entity found or created */

    struct op op;
    int step;      /* of the verb: how many operations have succeeded */
    void *scratch; /* data of the verb; wiped and freed with the request */
    size_t scratch_size;
    struct rows_page rows;     /* what the verb reads from the store; freed with the request */
    struct store_page records; /* the same */
    struct answer answer;
};

struct api {
    struct berth_loop *loop;
    struct context *context;
    struct MHD_Daemon *daemon;
    uv_poll_t ready;    /* the library's epoll descriptor */
    uv_poll_t listener; /* the Unix socket */
    int listen_descriptor;
    int handles; /* not closed yet */
    char *socket;
    char *group, *authority, *host;
    int link_port, join_port;
    int64_t sign_in_ms;
    size_t connections_max;
    size_t (*metrics)(void *context, struct api_metric *out, size_t max);
    json_t *(*options)(void *context);
    int (*log_upload)(void *context, uint64_t command_id);
    void *owner;

    struct berth_timer again;        /* when the library must be run without readiness */
    struct berth_timer accept_delay; /* pause of the listener when out of descriptors */
    struct berth_timer sweep;        /* slow senders, heartbeats */
    struct berth_deferred rerun;     /* run the library again, because a request was resumed */
    bool stopping;

    /* struct http_client: passed to the library, which has not reported it yet */
    struct list arriving;
    struct list clients; /* struct http_client: reported by the library and not closed */
    struct list requests;
    struct list streams;
    size_t streams_count;
    struct list cached_answers; /* answers by Idempotency-Key: replay.c */
    size_t cached_answers_count;
    struct list sign_ins;
    struct map sign_ins_by_hash;
    size_t sign_ins_count;
    bool rights_lost; /* a sign-in was ended: request_end_lost is due */
    struct notice_listener notices;
    char *openapi; /* made once */

    struct tail *tail; /* reads the feed for all live streams */
    int64_t tail_rev;  /* last rev sent to all live streams */
    int heartbeats;

    char known[KNOWN_ADDRESSES][64]; /* addresses of signed-in clients; the latest first */
    void (*address_known)(void *context, const char *address);

    bool starved;
    uint64_t no_descriptors;
    uint64_t asked, refused, failed, dropped_slow, events_sent;
    uint64_t answered[6]; /* by status / 100 */
};

/* ---- http_server.c ---- */

/* Run the library at the end of this turn: to be called after every resume. */
void http_server_schedule(struct api *api);

/* ---- http_clients.c ---- */

/* A new connection: add it to api->clients; another one may be closed for it. */
void http_client_arrived(struct api *api, struct http_client *client);
/* A request on it had a valid token of this administrator, or (0) none. */
void http_client_identified(struct api *api, struct http_client *client, uint64_t admin_id);

/* ---- request.c ---- */

/* The library's callbacks: after the first line; after the headers, each piece of the body and its
 * end; at the end of the request. */
void *request_begin(void *api, const char *target, struct MHD_Connection *connection);
enum MHD_Result request_go_on(void *api, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request);
void request_end(void *api, struct MHD_Connection *connection, void **request,
                 enum MHD_RequestTerminationCode code);

/* Its connection was shut down; resumes it, because the library does not check suspended
 * connections. */
void request_abandon(struct request *request);

/* End requests that take long (streams of events, downloads) whose caller has lost its rights, by a
 * change or by time. */
void request_end_lost(struct api *api);

/* At the end of the API: every suspended connection is resumed, as the library demands. */
void request_drop_all(struct api *api);

/* ---- answer.c ---- */

/* Copy as much of `text` as fits into an array, such as a member of a view. */
#define put(array, text) copy_text(array, text)

/* All of these set request->answer, which is sent when the verb returns. Owns `json`. */
void answer_json(struct request *request, unsigned status, json_t *json);
void answer_text(struct request *request, unsigned status, const char *type, char *text);
/* A file; owns the descriptor. Errors: IO. */
int answer_file(struct request *request, const char *type, int descriptor,
                struct berth_error *reterr) berth_must_check;
/* An answer succeeds: these return 0, for their callers to return. */
/* A view, with the fields that the caller may see; answer_once includes secrets, for the caller
 * that requested them. */
int answer_view(struct request *request, const struct record *record, const void *view);
int answer_once(struct request *request, unsigned status, const struct record *record,
                const void *view);
int answer_result(struct request *request, const char *format, ...) berth_printf(2, 3);
/* A page of a list that is not of entities; owns `items`. next: where the next page begins, 0:
 * none. */
int answer_items(struct request *request, json_t *items, int64_t next);
/* The row of an entity with its version as ETag. Errors: NOT_FOUND (deleted meanwhile). */
int answer_row(struct request *request, unsigned status, enum entity_kind kind, uint64_t id,
               struct berth_error *reterr) berth_must_check;
/* The same for a row that is not in memory: one that has ended, from the file. */
void answer_row_json(struct request *request, unsigned status, enum entity_kind kind,
                     const void *row);
void answer_failure(struct request *request, const struct berth_error *error);
void answer_wipe(struct answer *answer);

/* Wait for an operation: `return request_wait(request, x_begin(..., &request->op), reterr);`. */
int request_wait(struct request *request, int begun, struct berth_error *reterr);

/* Memory of a verb: zeroed at its first call, the same at later ones. */
void *request_scratch(struct request *request, size_t size);

/* ---- response.c ---- */

/* Pass the answer to the library. */
enum MHD_Result response_queue(struct request *request);

/* ---- caller.c ---- */

/* Identify the caller: fills request->caller. A token that is sent must be valid. Errors:
 * CREDENTIALS, DISABLED. */
int caller_identify(struct request *request, struct berth_error *reterr) berth_must_check;

/* Is the identity of the caller still valid: token or sign-in not expired, administrator neither
 * deleted nor disabled, with the same role and (for a sign-in) the same password? To be called
 * again by requests that take long.
 */
bool caller_holds(struct api *api, const struct caller *caller);

/* Check that the caller may use the verb. Errors: CREDENTIALS (not authenticated), DENIED (names
 * role and verb). */
int caller_may(const struct request *request, struct berth_error *reterr) berth_must_check;

/* Mask of the fields that a role may see. */
unsigned caller_see(enum role role);

/* At the Unix socket: may the client use it without a token? Else: is its address that of a
 * signed-in client? */
bool caller_is_known(const struct api *api, const struct http_client *client);

/* Create a sign-in for an administrator whose password was checked; the one unused for longest is
 * dropped when there are SIGN_INS_OF_ONE. The caller wipes *ret_token. Errors: TOO_MANY.
 */
int caller_sign_in(struct api *api, const struct admin *admin, struct secret *ret_token,
                   struct berth_error *reterr) berth_must_check;
void caller_sign_out(struct api *api, const char *token);
/* Drop invalid sign-ins: called at each change of an administrator, and periodically. */
void caller_sweep(struct api *api);
void caller_free_all(struct api *api);

/* The token of the header Authorization, or NULL. */
const char *caller_token(struct request *request);

/* ---- replay.c ---- */

/* Was a request with this Idempotency-Key made before? 1: its answer is set again; 0: it is new, or
 * its answer is not stored; then the actor has the request id, and the store decides. Errors:
 * CONFLICT (the key was used for another request), BUSY (the first request is not finished).
 */
int replay_begin(struct request *request, struct berth_error *reterr) berth_must_check;
/* The request has its answer, or ends without one. */
void replay_end(struct request *request);
void replay_free_all(struct api *api);

/* ---- input.c ---- */

/* Parameters from path, query and body into request->params, row and entity. */
int input_read(struct request *request, struct berth_error *reterr) berth_must_check;

/* Find an entity by name or number. Errors: NOT_FOUND. */
int input_find(struct core *core, enum entity_kind kind, const char *name, struct entity **ret,
               struct berth_error *reterr) berth_must_check;

/* Replace names by numbers and short names by `x_id` in `input`. */
int input_resolve(struct core *core, const struct record *record, json_t *input,
                  struct berth_error *reterr) berth_must_check;

/* ---- row_json.c ---- */

/* Fill the view of the runtime facts of an entity; false when its kind has none. `view` must be as
 * large as the record. */
bool row_runtime(struct core *core, struct entity *entity, void *view);

/* A row, from memory or from the file, with the fields in the mask `see`, the names of referenced
 * entities (null when deleted) and, if it is in memory and has not ended, its runtime facts. */
json_t *row_json(struct core *core, enum entity_kind kind, const void *row, unsigned see);

/* The text of a field that contains ids and is shown by names (hosts of a pool, subject of an
 * entitlement or a profile), to be freed; NULL when the value itself is shown. */
char *row_field_text(struct core *core, enum entity_kind kind, const void *row,
                     const struct field *field);

/* ---- past.c: rows of kinds that keep ended rows ---- */

/* Answer with a page of rows from the file; past_listed: its next step. */
int past_list(struct request *request, const struct rows_query *query, struct berth_error *reterr);
int past_listed(struct request *request, struct berth_error *reterr);
/* Answer with one row from the file; past_shown: its next step. Errors: NOT_FOUND. */
int past_show(struct request *request, uint64_t id, struct berth_error *reterr);
int past_shown(struct request *request, struct berth_error *reterr);

/* ---- collection.c, change.c: the plain verbs ---- */

/* Run a plain verb (list, show, add, set, delete). */
int plain_run(struct request *request, struct berth_error *reterr) berth_must_check;
verb_fn plain_add, plain_set, plain_delete;

/* Answer with a plan: what deleting the entity would do, or why it would be refused. */
int plan_delete(struct request *request, struct entity *entity);

/* Add a line to a plan, and answer with it, for verbs with a dry run. */
void plan_add(struct view_plan *plan, const char *format, ...) berth_printf(2, 3);
int plan_answer(struct request *request, struct view_plan *plan);

/* ---- the special verbs, by topic ---- */
/* clang-format off */
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) verb_fn do_##symbol;
#include "api/verbs.def"
/* clang-format on */

/* ---- events.c ---- */

/* Subscribe to the core's notices; events_stop ends every stream. */
void events_start(struct api *api);
void events_stop(struct api *api);

/* Called at each sweep; every HEARTBEAT_SWEEPS sends a comment on every stream, so that a lost
 * client is detected.
 */
void events_heartbeat(struct api *api);

/* Create the library's response for a stream. */
struct MHD_Response *events_response(struct stream *stream);
/* End a stream whose caller has lost its rights. */
void events_end(struct stream *stream);
/* The request of a stream has ended. */
void events_leave(struct stream *stream);

/* ---- metrics.c, openapi.c ---- */

/* Texts to be freed with free(). */
char *metrics_text(struct api *api);
char *openapi_text(void);

#endif
