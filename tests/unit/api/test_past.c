/* test_past.c - lists with past rows: open rows from memory, the others from the file, the same
 * before and after a restart. */
#include <inttypes.h>

#include "core/admin.h"
#include "flow/decide.h"

#include "api_fixture.h"
#include "past_rows.h"

#define PAST 20100 /* more than one page reads */
#define PAGE_READS 20000
#define OLD_OPEN 3      /* the n-th of these sessions is not over, ... */
#define NEW_OPEN 20098  /* ... nor this one */
#define OPEN_COMMAND 10 /* the command beside this session is still to be obeyed */

static struct past_rows past;

static uint64_t session(long long n)
{
    return (uint64_t)past_session(&past, n);
}

static void run_sql(const char *format, ...) berth_printf(1, 2);
static void run_sql(const char *format, ...)
{
    char text[1024];
    char file[96];
    sqlite3 *db = NULL;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)snprintf(file, sizeof(file), "%s/berth.db", world.folder);
    EXPECT_OK(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL));
    EXPECT(past_rows_run(db, text));
    EXPECT_OK(sqlite3_close(db));
}

/* What is over is never opened again, say the triggers: the row is made anew. */
static void make_anew(const char *table, uint64_t id, const char *set)
{
    run_sql("CREATE TEMP TABLE \"one\" AS SELECT * FROM \"%s\" WHERE \"id\" = %" PRIu64 ";"
            "UPDATE \"one\" SET %s; DELETE FROM \"%s\" WHERE \"id\" = %" PRIu64 ";"
            "INSERT INTO \"%s\" SELECT * FROM \"one\"",
            table, id, set, table, id, table);
}

static void open_one(long long n)
{
    make_anew("assignments", session(n) - 1, "\"state\" = 'open', \"closed_ms\" = 0");
    make_anew("sessions", session(n),
              "\"state\" = 'disconnected', \"ended_ms\" = 0, \"epoch\" = 20100");
}

static long get(const char *format, ...) berth_printf(1, 2);
static long get(const char *format, ...)
{
    char path[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(path, sizeof(path), format, arguments);
    va_end(arguments);
    return ask("GET", path, NULL);
}

static size_t items(void)
{
    return json_array_size(at("items"));
}

static uint64_t id_at(size_t index)
{
    return (uint64_t)json_integer_value(json_object_get(json_array_get(at("items"), index), "id"));
}

static bool has_next(void)
{
    return json_is_integer(at("next"));
}

/* Every page of a list, newest first; the ids fall, none comes twice. */
static size_t count_all(const char *list)
{
    uint64_t before = INT64_MAX;
    uint64_t last = INT64_MAX;
    size_t count = 0;

    do {
        EXPECT_STATUS(get("%s&before=%" PRIu64, list, before), 200);
        for (size_t i = 0; i < items(); i++) {
            EXPECT(id_at(i) < last);
            last = id_at(i);
        }
        count += items();
        EXPECT(!has_next() || (uint64_t)number_at("next") < before);
        before = (uint64_t)number_at("next");
    } while (has_next());
    return count;
}

TEST(past, begin)
{
    char file[96];

    world_start();
    world_stop();
    (void)snprintf(file, sizeof(file), "%s/berth.db", world.folder);
    EXPECT(past_rows_make(file, PAST, &past));
    open_one(OLD_OPEN);
    open_one(NEW_OPEN);
    make_anew("commands", session(OPEN_COMMAND) + 2,
              "\"state\" = 'queued', \"expires_ms\" = 9000000000000");
    world_serve();
}

TEST(past, the_table_says_which_kinds_keep_it)
{
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++)
        EXPECT_INT((entity_row((enum entity_kind)kind)->can & HAS_PAST) != 0,
                   core_keeps_history((enum entity_kind)kind));
}

TEST(past, a_list_begins_with_the_newest_and_has_what_is_open_and_what_is_over)
{
    EXPECT_STATUS(get("/v1/sessions"), 200);
    EXPECT_INT(items(), 100);
    EXPECT_INT(id_at(0), session(PAST - 1));
    EXPECT_STR(text_at("items.0.state"), "ended");
    EXPECT_STR(text_at("items.0.user"), "past-user-99");
    EXPECT(!at("items.0.runtime"));
    EXPECT_INT(id_at(1), session(NEW_OPEN));
    EXPECT_STR(text_at("items.1.state"), "disconnected");
    EXPECT(at("items.1.runtime.shown"));
    EXPECT_INT(number_at("next"), session(PAST - 100));
    EXPECT_INT(count_all("/v1/sessions?limit=200"), PAST);
    EXPECT_INT(count_all("/v1/sessions?limit=200&past=yes"), PAST - 2);
    EXPECT_INT(count_all("/v1/sessions?limit=1&past=no"), 2);
    EXPECT_INT(count_all("/v1/commands?limit=200"), PAST / 10);
    EXPECT_INT(count_all("/v1/commands?limit=200&past=no"), 1);
    EXPECT_INT(count_all("/v1/assignments?past=no"), 2);
    EXPECT_STATUS(get("/v1/connections?limit=1"), 200);
    EXPECT_INT(number_at("items.0.session_id"), session(PAST - 1));
}

TEST(past, after_goes_the_other_way)
{
    EXPECT_STATUS(get("/v1/sessions?after=0&limit=5"), 200);
    for (size_t i = 0; i < 5; i++)
        EXPECT_INT(id_at(i), session((long long)i));
    EXPECT_INT(number_at("next"), session(4));
    EXPECT_STATUS(get("/v1/sessions?after=%" PRIu64, session(PAST - 3)), 200);
    EXPECT_INT(items(), 2);
    EXPECT_INT(id_at(1), session(PAST - 1));
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?past=no&after=0&limit=1"), 200);
    EXPECT_INT(id_at(0), session(OLD_OPEN));
    EXPECT_INT(number_at("next"), session(OLD_OPEN));
    EXPECT_STATUS(get("/v1/sessions?past=no&after=%" PRIu64, session(OLD_OPEN)), 200);
    EXPECT_INT(items(), 1);
    EXPECT_INT(id_at(0), session(NEW_OPEN));
}

TEST(past, the_edges_of_a_page)
{
    EXPECT_STATUS(get("/v1/sessions?before=0&limit=1"), 200);
    EXPECT_INT(id_at(0), session(PAST - 1));
    EXPECT_STATUS(get("/v1/sessions?before=9223372036854775807&limit=1"), 200);
    EXPECT_INT(id_at(0), session(PAST - 1));
    EXPECT_STATUS(get("/v1/sessions?before=%" PRIu64 "&limit=1", session(7) + 1), 200);
    EXPECT_INT(id_at(0), session(7)); /* no session has that number */
    EXPECT_STATUS(get("/v1/sessions?before=%" PRIu64 "&limit=200", session(200)), 200);
    EXPECT_INT(items(), 200); /* exactly the rest */
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?before=%" PRIu64 "&limit=199", session(200)), 200);
    EXPECT_INT(number_at("next"), session(1));
    EXPECT_STATUS(get("/v1/sessions?before=%" PRIu64, session(0)), 200);
    EXPECT_INT(items(), 0);
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?past=no&before=%" PRIu64, session(OLD_OPEN)), 200);
    EXPECT_INT(items(), 0);
    EXPECT_STATUS(get("/v1/sessions?limit=0"), 200);
    EXPECT_INT(items(), 100);
}

TEST(past, what_cannot_be_asked_is_told)
{
    EXPECT_STATUS(get("/v1/sessions?limit=201"), 400);
    EXPECT_STATUS(get("/v1/sessions?limit=99999999999999999999"), 400);
    EXPECT_STATUS(get("/v1/sessions?before=9223372036854775808"), 400);
    EXPECT_STATUS(get("/v1/sessions?before=-1"), 400);
    EXPECT_STATUS(get("/v1/sessions?before=yesterday"), 400);
    EXPECT_STATUS(get("/v1/sessions?past=perhaps"), 400);
    EXPECT_STR(text_at("error.text"), "past: expected yes or no, not 'perhaps'");
    EXPECT_STATUS(get("/v1/sessions?after=1&before=9"), 400);
    EXPECT_STR(text_at("error.text"), "give either 'after' or 'before', not both");
    EXPECT_STATUS(get("/v1/users?before=9"), 400);
    EXPECT_STATUS(get("/v1/users?past=yes"), 400);
    EXPECT_STATUS(get("/v1/sessions?colour=red"), 400);
    EXPECT_STATUS(get("/v1/sessions?user=nobody"), 404);
}

TEST(past, filters_are_for_past_rows_too)
{
    EXPECT_INT(count_all("/v1/sessions?user=past-user-17"), 21);
    EXPECT_INT(count_all("/v1/sessions?user=past-user-98"), 21);
    EXPECT_INT(count_all("/v1/sessions?user=past-user-98&past=yes"), 20);
    EXPECT_INT(count_all("/v1/sessions?user=past-user-98&past=no"), 1);
    EXPECT_INT(count_all("/v1/sessions?terminal=past-terminal-17&reason=signed+off"), 21);
    EXPECT_INT(count_all("/v1/sessions?pool=past-1&user=past-user-17"), 21);
    EXPECT_INT(count_all("/v1/sessions?pool=past-2&user=past-user-17"), 0);
    EXPECT_INT(count_all("/v1/commands?terminal=past-terminal-20&state=done"), 7);
    EXPECT_INT(count_all("/v1/connections?terminal=past-terminal-17&exit_code=0"), 21);
    EXPECT_STATUS(get("/v1/sessions?started_ms=5000"), 200);
    EXPECT_STATUS(get("/v1/sessions?id=%" PRIu64, session(5)), 200);
    EXPECT_INT(items(), 1);
    EXPECT_STATUS(get("/v1/connections?session_id=%" PRIu64, session(5)), 200);
    EXPECT_INT(items(), 1);
    EXPECT_INT(id_at(0), session(5) + 1);
}

/* No index helps: a page ends after so much reading and says where to go on. */
TEST(past, a_page_reads_so_much_and_no_more)
{
    EXPECT_STATUS(get("/v1/sessions?slot=7"), 200);
    EXPECT_INT(items(), 0);
    EXPECT_INT(number_at("next"), session(PAST - PAGE_READS));
    EXPECT_STATUS(get("/v1/sessions?slot=7&before=%" PRId64, number_at("next")), 200);
    EXPECT_INT(items(), 0);
    EXPECT(!has_next());
}

/* The state tells where rows with it are; runtime facts are of what is open. */
TEST(past, a_filter_that_says_which_rows_asks_for_no_others)
{
    EXPECT_STATUS(get("/v1/sessions?state=disconnected"), 200);
    EXPECT_INT(items(), 2);
    EXPECT_INT(id_at(0), session(NEW_OPEN));
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?state=ended&limit=2"), 200);
    EXPECT_INT(id_at(0), session(PAST - 1));
    EXPECT_INT(id_at(1), session(PAST - 3));
    EXPECT_STATUS(get("/v1/sessions?runtime.shown=no"), 200);
    EXPECT_INT(items(), 2);
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?runtime.shown=no&past=yes"), 200);
    EXPECT_INT(items(), 0);
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?state=disconnected&past=yes"), 200);
    EXPECT_INT(items(), 0);
    EXPECT(!has_next());
    EXPECT_STATUS(get("/v1/sessions?state=ended&past=no"), 200);
    EXPECT_INT(items(), 0);
    EXPECT(!has_next());
}

TEST(past, one_that_is_over_is_shown)
{
    EXPECT_STATUS(get("/v1/sessions/%" PRIu64, session(5)), 200);
    EXPECT_STR(text_at("state"), "ended");
    EXPECT_STR(text_at("user"), "past-user-5");
    EXPECT_STR(text_at("terminal"), "past-terminal-5");
    EXPECT(!at("runtime"));
    EXPECT_STR(reply.etag, "\"4\"");
    EXPECT_STATUS(get("/v1/sessions/%" PRIu64, session(NEW_OPEN)), 200);
    EXPECT(at("runtime"));
    EXPECT_STATUS(get("/v1/sessions/past-user-98"), 200);
    EXPECT_INT(number_at("id"), session(NEW_OPEN));
    EXPECT_STATUS(get("/v1/commands/%" PRIu64, session(20) + 2), 200);
    EXPECT_STATUS(get("/v1/sessions/%" PRIu64, session(5) + 1), 404); /* a connection's */
    EXPECT_STATUS(get("/v1/sessions/9223372036854775807"), 404);
    EXPECT_STR(text_at("error.text"), "session '9223372036854775807' not found");
    EXPECT_STATUS(get("/v1/sessions/0"), 404);
    EXPECT_STATUS(get("/v1/sessions/past-user-5"), 404); /* they have none now */
}

/* ---- who asks ---- */

TEST(past, rights_are_those_of_open_rows)
{
    char token[256];
    char body[64];

    EXPECT_STATUS(ask_remote(NULL, "GET", "/v1/sessions?past=yes", NULL), 401);
    EXPECT_STATUS(ask_remote("berth_nonsense", "GET", "/v1/sessions?past=yes", NULL), 401);
    (void)snprintf(body, sizeof(body), "/v1/sessions/%" PRIu64, session(5));
    EXPECT_STATUS(ask_remote(NULL, "GET", body, NULL), 401);

    EXPECT_STATUS(ask("POST", "/v1/admins", "{\"name\":\"helga\",\"role\":\"helpdesk\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/admins/helga/tokens", "{\"label\":\"x\",\"days\":1}"), 201);
    (void)snprintf(token, sizeof(token), "%s", text_at("token"));
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/sessions?past=yes&limit=1", NULL), 200);
    EXPECT_INT(id_at(0), session(PAST - 1));
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/commands?past=yes&limit=1", NULL), 200);
    EXPECT_STATUS(ask_remote(token, "DELETE", "/v1/users/past-user-1", NULL), 403);
}

static struct request *waiting(void)
{
    list_each (&world.api->requests, node) {
        struct request *request = list_entry(node, struct request, node);

        if (request->op.in_flight)
            return request;
    }
    return NULL;
}

/* Asked for, and being read. */
static struct request *ask_and_leave(int *ret_descriptor)
{
    static const char text[] = "GET /v1/sessions?slot=7 HTTP/1.1\r\nHost: a\r\n\r\n";

    *ret_descriptor = raw_connect();
    EXPECT_INT(write(*ret_descriptor, text, sizeof(text) - 1), (int)sizeof(text) - 1);
    (void)UNTIL(waiting(), world_turn());
    return waiting();
}

/* A client that disconnects while the file is read leaks nothing (checked by the sanitizer). */
TEST(past, a_client_goes_away_during_the_read)
{
    for (int i = 0; i < 10; i++) {
        int descriptor;

        (void)ask_and_leave(&descriptor);
        (void)close(descriptor);
        (void)UNTIL(!waiting(), world_turn());
    }
    EXPECT_STATUS(get("/v1/sessions?limit=1"), 200);
    EXPECT_INT(id_at(0), session(PAST - 1));
}

/* Rows that were read are not sent to an administrator who was disabled meanwhile. */
TEST(past, who_lost_the_right_during_the_read_is_shown_nothing)
{
    char token[256];
    char text[400];
    char out[4096];
    struct entity *entity;
    int descriptor = adopted_connection();

    make_admin("ludwig", "operator", token);
    entity = core_find_name(world.context.core, ENTITY_admin, "ludwig");
    (void)snprintf(
        text, sizeof(text),
        "GET /v1/sessions?slot=7 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", token);
    EXPECT_INT(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    (void)UNTIL(waiting(), world_turn());
    /* Without a turn between: the answer would be faster than a request that disables. */
    container_of(entity, struct admin, base)->row.disabled = true;
    EXPECT(raw_says(descriptor, "", "expired before the request was complete", out, sizeof(out)));
    EXPECT_SAYS(out, "HTTP/1.1 401");
    (void)close(descriptor);
}

/* A connection that goes for a newer one during the read: then the operation is cancelled. */
TEST(past, a_client_is_put_out_during_the_read)
{
    for (int i = 0; i < 10; i++) {
        int descriptor;
        struct request *request = ask_and_leave(&descriptor);

        request->client->ended = true;
        EXPECT_OK(shutdown(request->client->descriptor, SHUT_RDWR));
        request_abandon(request);
        for (int turn = 0; turn < i; turn++)
            world_turn();
        (void)close(descriptor);
    }
    EXPECT_STATUS(get("/v1/sessions?limit=1"), 200);
    EXPECT_INT(id_at(0), session(PAST - 1));
}

/* ---- what rows refer to goes, or is called otherwise ---- */

static char told[8][4096]; /* answers before the restart */
static size_t tolds;

static void tell(bool again, const char *what)
{
    if (again)
        EXPECT_STR(what, told[tolds]);
    (void)snprintf(told[tolds++], sizeof(told[0]), "%s", what);
}

/* What would become of them if they were deleted, and one past session. */
static void look(bool again)
{
    static const char *const names[] = { "users/past-user-40", "users/past-user-98",
                                         "terminals/past-terminal-40", "desktops/past-desktop-98",
                                         "pools/past-1" };
    char path[128];

    tolds = 0;
    for (size_t i = 0; i < BERTH_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "/v1/%s?dry_run=1", names[i]);
        EXPECT_STATUS(ask("DELETE", path, NULL), 200);
        tell(again, reply.text);
    }
    EXPECT_STATUS(get("/v1/sessions/%" PRIu64, session(OLD_OPEN)), 200);
    tell(again, reply.text);
    EXPECT_STATUS(get("/v1/assignments/%" PRIu64, session(OLD_OPEN) - 1), 200);
    tell(again, reply.text);
}

static bool ended_is_applied(struct op *op)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();

    while (op->in_flight && clock_mono_ms() < until_ms)
        world_turn();
    return !op->in_flight;
}

static void op_ignored(struct op *op, int result)
{
    (void)op;
    EXPECT_OK(result);
}

/* End the session of user 3 in this run, as flows do: memory still has it, and it is over. */
static void end_old_open(void)
{
    struct core *core = world.context.core;
    struct session *one = session_find(core, session(OLD_OPEN));
    struct assignment *assignment = assignment_find(core, session(OLD_OPEN) - 1);
    struct changes *changes = changes_new("test", "broker", "session.ended");
    struct row_session *row = changes_set(changes, ENTITY_session, &one->row);
    struct row_assignment *closed = changes_set(changes, ENTITY_assignment, &assignment->row);
    struct op op;

    row->state = session_ENDED;
    closed->state = assignment_CLOSED;
    op_init(&op, &world.loop.timers, op_ignored);
    EXPECT(decide_begin(&world.context, changes, NULL, &op) >= 0);
    EXPECT(ended_is_applied(&op));
}

TEST(past, what_ended_in_this_run_is_answered_as_after_a_restart)
{
    end_old_open();
    EXPECT(session_find(world.context.core, session(OLD_OPEN)));
    EXPECT_INT(count_all("/v1/sessions?past=no"), 1);
    EXPECT_INT(count_all("/v1/sessions?past=yes&user=past-user-3"), 21);
    EXPECT_STATUS(ask("DELETE", "/v1/users/past-user-3?dry_run=1", NULL), 200);
    EXPECT(!strstr(reply.text, "referred to"));
    EXPECT(strstr(reply.text, "past sessions stay listed"));
    look(false);
    world_stop();
    world_serve();
    EXPECT(!session_find(world.context.core, session(OLD_OPEN)));
    EXPECT_STATUS(ask("DELETE", "/v1/users/past-user-3?dry_run=1", NULL), 200);
    EXPECT(!strstr(reply.text, "referred to"));
    look(true);
}

static void gone_are_listed(void)
{
    EXPECT_STATUS(get("/v1/sessions/%" PRIu64, session(OLD_OPEN)), 200);
    EXPECT(json_is_null(at("user")));
    EXPECT(json_is_null(at("user_id")));
    EXPECT(json_is_null(at("terminal")));
    EXPECT_INT(number_at("desktop_id"), past.first + PAST_POOLS + PAST_PEOPLE + 3);
    EXPECT_STR(text_at("reason"), "signed off");
    EXPECT_STATUS(get("/v1/sessions?before=%" PRIu64 "&limit=2", session(5)), 200);
    EXPECT_STR(text_at("items.0.user"), "renamed");
    EXPECT(json_is_null(at("items.1.user")));
    EXPECT_STATUS(get("/v1/sessions?user=past-user-3"), 404);
    EXPECT_STATUS(get("/v1/sessions?user=&limit=1"), 200); /* of a deleted user */
    EXPECT_INT(id_at(0), session(20003));
    EXPECT_INT(count_all("/v1/sessions?user=renamed"), 21);
    EXPECT_STATUS(get("/v1/connections/%" PRIu64, session(OLD_OPEN) + 1), 200);
    EXPECT(json_is_null(at("terminal")));
}

/* With nothing but past sessions they are deleted, and the history is still read. */
TEST(past, what_is_gone_is_no_longer_named)
{
    EXPECT_STATUS(ask("PATCH", "/v1/users/past-user-4", "{\"name\":\"renamed\"}"), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/users/past-user-3", NULL), 200);
    EXPECT_STATUS(ask("POST", "/v1/terminals/past-terminal-3/revoke", "{}"), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/terminals/past-terminal-3", NULL), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/users/past-user-98", NULL), 409);
    gone_are_listed();
    world_stop();
    world_serve();
    gone_are_listed();
}

TEST(past, a_pool_and_its_desktops_go_and_their_sessions_stay)
{
    uint64_t desktops = (uint64_t)past.first + PAST_POOLS + PAST_PEOPLE;
    uint64_t keep = desktops + 7;

    world_stop(); /* two of its desktops are enough */
    run_sql("PRAGMA foreign_keys = ON; DELETE FROM \"slots\" WHERE (\"desktop_id\" - %" PRIu64
            ") %% 4 = 3 AND \"desktop_id\" > %" PRIu64
            "; DELETE FROM \"desktops\" WHERE \"pool_id\" = %" PRIu64 " AND \"id\" > %" PRIu64,
            desktops, keep, (uint64_t)past_pool(&past, 3), keep);
    world_serve();
    EXPECT_STATUS(ask("DELETE", "/v1/pools/past-3", NULL), 409);
    EXPECT_STATUS(ask("DELETE", "/v1/desktops/past-desktop-3", NULL), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/desktops/past-desktop-7", NULL), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/pools/past-3", NULL), 200);
    for (int run = 0; run < 2; run++) {
        EXPECT_INT(count_all("/v1/sessions?limit=200"), PAST);
        EXPECT_STATUS(get("/v1/sessions/%" PRIu64, session(7)), 200);
        EXPECT(json_is_null(at("pool")));
        EXPECT(json_is_null(at("desktop")));
        EXPECT_STR(text_at("user"), "past-user-7");
        world_stop();
        world_serve();
    }
}

TEST(past, end)
{
    world_end();
    reply_clear();
}

TEST_MAIN()
