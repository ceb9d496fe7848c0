/* api_internal.h - what the files of the management API share: the API, a client, a request, who
 * asks.
 *
 * Module api; for its own files only. A request lives from its first line to its last byte; while a
 * verb waits for an operation its connection is suspended. A request whose connection is gone lives
 * on until its operation has completed, for a durable write cannot be called off.
 */
#ifndef BERTH_API_API_INTERNAL_H
#define BERTH_API_API_INTERNAL_H

#include <microhttpd.h>
#include <sys/types.h>

#include "berth/json.h"

#include "api/api.h"
#include "api/table/verb.h"
#include "api/target.h"
#include "flow/admin.h"

#define BODY_MAX 65536       /* of a request: the largest entity has some 4 KiB */
#define BODY_DEPTH 8         /* nesting of JSON */
#define RECEIVE_MS 30000     /* a request must be whole by then, however steadily it drips */
#define IDLE_S 30            /* of a connection between requests */
#define REQUEST_MEMORY 32768 /* for headers and buffers of one connection */
/* Connections of the Unix socket, beside those through TLS: a command line takes one for a moment,
 * a follower of events one for long, and there may be STREAMS_MAX of these without a token. */
#define SOCKET_CONNECTIONS 128
/* One in so many connections through TLS is for those who are not signed in. */
#define ANONYMOUS_SHARE 4
/* From one address (IPv6: one /64) that is not signed in: a browser opens six at once. */
#define ANONYMOUS_PER_NETWORK 8
/* Addresses that somebody signed in came from and that are remembered: administrators are few. */
#define KNOWN_ADDRESSES 64
/* Followers of events: this many with a token, and as many again at the Unix socket. */
#define STREAMS_MAX 64
/* Of these, of one administrator or one user of the machine: consoles in many windows, programs. */
#define STREAMS_OF_ONE 16
#define SIGN_INS_MAX 1000
#define SIGN_INS_OF_ONE 32 /* administrator: browsers and command lines */

/* Who asks. `see`: which fields are shown. */
struct caller {
    struct admin_actor actor;
    const char *auth_method; /* "socket", "password", "token"; NULL: nobody has shown anything */
    uint64_t admin_id;       /* 0: by the socket alone */
    char shown[72];          /* SHA-256 of the token that was shown; empty: none was */
    unsigned see;
};

/* One connection. */
struct http_client {
    struct list node; /* of api.arriving, then of api.clients */
    int descriptor; /* the library's; ours to shut down once it is in api.clients, never to close */
    bool local;     /* through the Unix socket: uid and member are the kernel's word */
    bool member;    /* root, ourselves, or of the group */
    uid_t uid;
    char address[64];        /* of somebody who came through TLS */
    char network[64];        /* the same, or the /64 that it is in */
    uint64_t admin_id;       /* whose token its last request showed; 0: a stranger's */
    struct request *request; /* the present one, or NULL */
    bool ended;              /* shut down; the library will tell of its end */
    int64_t receiving_ms;    /* a request has begun and is not whole yet, since then; 0: no */
};

struct request;

/* The body of a verb. Returns 0 when it has answered, REQUEST_WAITS through request_wait, or fails.
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
    unsigned allowed;      /* methods, when this one is not */
    bool close;            /* nothing more is read from this connection */
    bool secret;           /* it holds something that is shown once */
    struct stream *stream; /* server-sent events instead of a text */
    int file; /* a descriptor instead of a text; 0: none (it is never standard input) */
    uint64_t file_size;
};

struct request {
    struct list node; /* of api.requests */
    struct api *api;
    struct MHD_Connection *connection; /* NULL once it is gone */
    struct http_client *client;
    int64_t began_ms;
    bool head; /* HEAD is GET without a body */
    bool suspended;
    bool whole;                 /* body received, verb begun */
    bool keyed;                 /* its Idempotency-Key is remembered */
    struct berth_error refused; /* found wrong before the body came */
    struct target *target;
    const struct verb *verb;
    const char *brace[VERB_BRACES];
    struct caller caller;
    char key[64]; /* Idempotency-Key; empty: none */
    bool dry_run;
    int64_t if_version; /* If-Match; 0: whatever it is */
    char *body;
    size_t body_size;

    void *params;          /* of a special verb: its struct verb_<symbol> */
    union row *row;        /* of a plain add or set */
    struct entity *entity; /* of a plain show, set or delete; valid inside the first call only */
    uint64_t id;           /* found or made */

    struct op op;
    verb_fn *then; /* runs when op has completed well */
    void *scratch; /* of the verb; freed with the request after scratch_free */
    void (*scratch_free)(void *scratch);
    struct answer answer;
};

struct api {
    struct berth_loop *loop;
    struct context *context;
    struct MHD_Daemon *daemon;
    uv_poll_t ready;    /* the library's epoll descriptor */
    uv_poll_t listener; /* ours */
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

    struct berth_timer again;        /* when the library wants to be run without readiness */
    struct berth_timer accept_delay; /* of the listener, when no descriptor is left */
    struct berth_timer sweep;        /* slow senders, heartbeats */
    struct berth_deferred rerun;     /* something was resumed */
    bool stopping;

    struct list
        arriving; /* struct http_client: given to the library, which has not told of it yet */
    struct list clients; /* struct http_client: told of, and not closed yet */
    struct list requests;
    struct list streams;
    size_t streams_count;
    struct list cached_answers; /* answers by Idempotency-Key: replay.c */
    size_t cached_answers_count;
    struct list sign_ins;
    struct map sign_ins_by_hash;
    size_t sign_ins_count;
    struct notice_listener notices;
    char *openapi; /* made once */

    struct tail *tail; /* reads the feed for all who follow live */
    int64_t tail_rev;  /* told to all who follow live, so far */
    int heartbeats;

    char known[KNOWN_ADDRESSES][64]; /* somebody signed in came from there; the latest first */
    void (*address_known)(void *context, const char *address);

    bool starved;
    uint64_t no_descriptors;
    uint64_t asked, refused, failed, dropped_slow, events_sent;
    uint64_t answered[6]; /* by the hundreds of the status */
};

/* ---- http_server.c ---- */

/* Let the library run at the end of this turn: after every resume. */
void http_server_schedule(struct api *api);

/* ---- http_clients.c ---- */

/* A connection has come: it is in api->clients from now on, and another may have to go for it. */
void http_client_arrived(struct api *api, struct http_client *client);
/* A request on it showed a good token of this administrator, or (0) none. */
void http_client_identified(struct api *api, struct http_client *client, uint64_t admin_id);
/* At the socket: by one who may use it without a token. Else from where somebody signed in came. */
bool http_client_is_known(const struct api *api, const struct http_client *client);

/* ---- request.c ---- */

/* The library's callbacks: the first line came; headers, body or its end came; it is over. */
void *request_begin(void *api, const char *target, struct MHD_Connection *connection);
enum MHD_Result request_go_on(void *api, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request);
void request_end(void *api, struct MHD_Connection *connection, void **request,
                 enum MHD_RequestTerminationCode code);

/* In a verb: `return request_wait(request, x_begin(..., &request->op), then, reterr);`. */
int request_wait(struct request *request, int begun, verb_fn *then, struct berth_error *reterr);

/* Its connection was shut down. The library notices by itself but for what is suspended. */
void request_abandon(struct request *request);

/* Zeroed memory that goes with the request; `wipe` runs before it is freed, NULL: none. */
void *request_scratch(struct request *request, size_t size, void (*wipe)(void *scratch));

/* Rights may have changed, or ended with time: what goes on for somebody who has lost theirs
 * (events, the download of a file) ends. */
void request_end_lost(struct api *api);

/* At the end of the API: every suspended connection is resumed, as the library demands. */
void request_drop_all(struct api *api);

/* ---- answer.c ---- */

/* All answers set request->answer; the text is sent when the verb returns. `json` is stolen. */
void answer_json(struct request *request, unsigned status, json_t *json);
void answer_text(struct request *request, unsigned status, const char *type, char *text);
/* A file; the descriptor is the answer's from now on. Errors: IO. */
int answer_file(struct request *request, const char *type, int descriptor,
                struct berth_error *reterr) berth_must_check;
/* A view as the caller may see it; answer_once shows secrets too: to the one who asked for them. */
void answer_view(struct request *request, const struct record *record, const void *view);
void answer_once(struct request *request, unsigned status, const struct record *record,
                 const void *view);
void answer_result(struct request *request, const char *format, ...) berth_printf(2, 3);
/* A page of a list that is no entity's; `items` is stolen. next: where the next page begins, 0:
 * there is none. */
void answer_items(struct request *request, json_t *items, int64_t next);
/* The row of an entity with its version as ETag. Errors: NOT_FOUND (deleted meanwhile). */
int answer_row(struct request *request, unsigned status, enum entity_kind kind, uint64_t id,
               struct berth_error *reterr) berth_must_check;
/* The same for a row that somebody else holds: one that is over, from the file. */
void answer_row_json(struct request *request, unsigned status, enum entity_kind kind,
                     const void *row);
void answer_failure(struct request *request, const struct berth_error *error);
void answer_wipe(struct answer *answer);

/* Hand the answer to the library. */
enum MHD_Result answer_queue(struct request *request);

/* ---- caller.c ---- */

/* Who is it? Fills request->caller; a token that is shown must be good. */
int caller_identify(struct request *request, struct berth_error *reterr) berth_must_check;

/* Is the caller still who they were when they were identified: the sign-in or token not over, the
 * administrator there, not disabled, of the same role and (for a sign-in) with the same password?
 * What lasts longer than a moment asks again, for it ends with its right.
 */
bool caller_holds(struct api *api, const struct caller *caller);

/* May they? Errors: CREDENTIALS (nobody yet), DENIED (names role and verb). */
int caller_may(const struct request *request, struct berth_error *reterr) berth_must_check;

/* What a role may see. */
unsigned caller_see(enum role role);

/* A sign-in for an administrator whose password was found right, in place of their least used one
 * when they have many; *ret_token is the caller's to wipe. Errors: TOO_MANY.
 */
int caller_sign_in(struct api *api, const struct admin *admin, struct secret *ret_token,
                   struct berth_error *reterr) berth_must_check;
void caller_sign_out(struct api *api, const char *token);
/* Forget the sign-ins that are over: at each change of an administrator, and as time goes by. */
void caller_sweep(struct api *api);
void caller_free_all(struct api *api);

/* The token of the header Authorization, or NULL. */
const char *caller_token(struct request *request);

/* ---- replay.c ---- */

/* Was this request made before, with the same Idempotency-Key? 1: it has its answer again; 0: it is
 * new, or its answer is not remembered; then the actor bears its id, for the store to judge.
 * Errors: CONFLICT (the key was used for something else), BUSY (the first one is still under way).
 */
int replay_begin(struct request *request, struct berth_error *reterr) berth_must_check;
/* It has its answer now, or ends without one. */
void replay_end(struct request *request);
void replay_free_all(struct api *api);

/* ---- input.c ---- */

/* Parameters from path, query and body into request->params, row and entity. */
int input_read(struct request *request, struct berth_error *reterr) berth_must_check;

/* The entity that a name or number stands for. Errors: NOT_FOUND. */
int input_find(struct core *core, enum entity_kind kind, const char *name, struct entity **ret,
               struct berth_error *reterr) berth_must_check;

/* Names instead of numbers and short names instead of `x_id` inside `input`, made plain. */
int input_resolve(struct core *core, const struct record *record, json_t *input,
                  struct berth_error *reterr) berth_must_check;

/* ---- row_json.c ---- */

/* Fill the view of runtime facts of an entity; false when its kind has none. `view` has the size of
 * the record. */
bool row_runtime(struct core *core, struct entity *entity, void *view);

/* A row, from memory or from the file, as `see` may see it: with the names of what it refers to
 * (null where that is gone) and, while it is in memory and not over, its runtime facts. */
json_t *row_json(struct core *core, enum entity_kind kind, const void *row, unsigned see);

/* The text of a field that holds ids and is shown by names (hosts of a pool, the subject of a
 * rule), to be freed by the caller; NULL when the row's own value is shown. */
char *row_field_text(struct core *core, enum entity_kind kind, const void *row,
                     const struct field *field);

/* ---- past.c: rows of kinds that keep what is over ---- */

/* A page of them from the file, as the answer; which rows, `wanted` says. */
int past_list(struct request *request, const struct rows_query *query, struct berth_error *reterr);
/* One of them. Errors: NOT_FOUND. */
int past_show(struct request *request, uint64_t id, struct berth_error *reterr);

/* ---- collection.c, change.c: the plain verbs ---- */

/* The body of whichever plain verb it is. */
int plain_run(struct request *request, struct berth_error *reterr) berth_must_check;
verb_fn plain_add, plain_set, plain_delete;

/* What deleting would do, or what stands against it, as a plan. */
void plan_delete(struct request *request, struct entity *entity);

/* Begin and end of a plan, for verbs with a dry run. */
void plan_say(struct view_plan *plan, const char *format, ...) berth_printf(2, 3);
void plan_answer(struct request *request, const struct view_plan *plan);

/* ---- the special verbs, by topic ---- */
/* clang-format off */
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) verb_fn do_##symbol;
#define VERB_END(symbol)
#define NEED(verb, kind, member, arg, see, unit, sentence)
#define FIELD NEED
#include "api/verbs.def"
#undef VERB
#undef VERB_END
#undef NEED
#undef FIELD
/* clang-format on */

/* ---- events.c ---- */

/* Listen to the core; stop ends every stream. */
void events_start(struct api *api);
void events_stop(struct api *api);

/* Every sweep; every third one sends a comment down every stream, so that a lost client is noticed.
 */
void events_heartbeat(struct api *api);

/* The library's response for a stream. */
struct MHD_Response *events_response(struct stream *stream);
/* Nothing more is told: who follows has lost the right to. */
void events_end(struct stream *stream);
/* The request of a stream is over. */
void events_leave(struct stream *stream);

/* ---- metrics.c, openapi.c ---- */

/* Texts to free. */
char *metrics_text(struct api *api);
char *openapi_text(void);

#endif
