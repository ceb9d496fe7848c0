/* test_rights.c - events, downloads and slow requests end when the right of their caller ends. */
#include "core/admin.h"

#include "api_fixture.h"

#define LAST_CHUNK "0\r\n\r\n" /* of a response in chunks: its end */
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

static char out[400000];

static void set_password(const char *name, const char *password)
{
    char path[128];
    char body[128];

    (void)snprintf(path, sizeof(path), "/v1/admins/%s/password", name);
    (void)snprintf(body, sizeof(body), "{\"password\":\"%s\"}", password);
    EXPECT_STATUS(ask("POST", path, body), 200);
}

static long try_sign_in(const char *name, const char *password)
{
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"password\":\"%s\"}", name, password);
    return ask("POST", "/v1/sign-in", body);
}

static void sign_in(const char *name, const char *password, char token[256])
{
    EXPECT_STATUS(try_sign_in(name, password), 200);
    (void)snprintf(token, 256, "%s", text_at("token"));
}

static int follow_as(const char *token)
{
    char request[512];
    int descriptor = adopted_connection();

    (void)snprintf(request, sizeof(request),
                   "GET /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", token);
    EXPECT(raw_says(descriptor, request, "retry: 3000", out, sizeof(out)));
    return descriptor;
}

static const struct admin *admin_by_name(const char *name)
{
    return container_of(core_find_name(world.context.core, ENTITY_admin, name), struct admin, base);
}

static void make_group(const char *name)
{
    char body[64];

    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    EXPECT_STATUS(ask("POST", "/v1/groups", body), 201);
}

/* Something happens that it may not hear; it is at its end, which came without it. */
static void expect_end(int descriptor, const char *group)
{
    make_group(group);
    (void)raw_says(descriptor, "", LAST_CHUNK, out, sizeof(out));
    EXPECT(strstr(out, group) == NULL);
    (void)close(descriptor);
}

/* So many milliseconds later; what hangs on the time looks at it. The monotonic clock stays there.
 */
static void pass_time(int64_t ms)
{
    struct berth_timers *timers = &world.loop.timers;

    timers_advance(timers, timers->mono_ms + ms, timers->wall_ms + ms);
}

TEST(rights, begin)
{
    world_start();
}

/* What the other tests rest on: with its right a stream goes on. */
TEST(rights, a_stream_goes_on_while_nothing_changes_for_its_own)
{
    char anna[256];
    char bob[256];
    int descriptor;

    make_admin("anna", "operator", anna);
    make_admin("bob", "operator", bob);
    descriptor = follow_as(anna);
    EXPECT_STATUS(ask("PATCH", "/v1/admins/bob", "{\"disabled\":true}"), 200);
    make_group("for-anna");
    EXPECT(raw_says(descriptor, "", "\"for-anna\"", out, sizeof(out)));
    EXPECT_STATUS(ask("PATCH", "/v1/admins/anna", "{\"name\":\"annabel\"}"), 200);
    make_group("for-annabel");
    EXPECT(raw_says(descriptor, "", "\"for-annabel\"", out, sizeof(out)));
    (void)close(descriptor);
}

TEST(rights, a_stream_ends_when_its_administrator_is_disabled)
{
    char token[256];
    int descriptor;

    make_admin("carl", "administrator", token);
    descriptor = follow_as(token);
    EXPECT_STATUS(ask("PATCH", "/v1/admins/carl", "{\"disabled\":true}"), 200);
    expect_end(descriptor, "not-for-carl");
}

/* It comes back as what it is now, and is shown what that may see. */
TEST(rights, a_stream_ends_when_the_role_is_another)
{
    char token[256];
    int descriptor;

    make_admin("dora", "administrator", token);
    descriptor = follow_as(token);
    EXPECT_STATUS(ask("PATCH", "/v1/admins/dora", "{\"role\":\"helpdesk\"}"), 200);
    expect_end(descriptor, "not-for-dora");
    descriptor = follow_as(token);
    EXPECT_STATUS(ask("PATCH", "/v1/admins/carl", "{\"disabled\":false}"), 200);
    make_group("for-helpdesk");
    EXPECT(raw_says(descriptor, "", "\"for-helpdesk\"", out, sizeof(out)));
    EXPECT(strstr(out, "carl") == NULL);
    (void)close(descriptor);
}

TEST(rights, a_stream_ends_when_its_administrator_is_deleted)
{
    char token[256];
    int descriptor;

    make_admin("eve", "administrator", token);
    descriptor = follow_as(token);
    EXPECT_STATUS(ask("DELETE", "/v1/admins/eve", NULL), 200);
    expect_end(descriptor, "not-for-eve");
}

TEST(rights, a_stream_ends_when_its_token_is_deleted_and_no_other)
{
    char token[256];
    char other[256];
    char path[64];
    int descriptor;
    int second;

    make_admin("fred", "administrator", token);
    (void)snprintf(other, sizeof(other), "%s", token);
    EXPECT_STATUS(ask("POST", "/v1/admins/fred/tokens", "{\"label\":\"y\"}"), 201);
    (void)snprintf(token, sizeof(token), "%s", text_at("token"));
    (void)snprintf(path, sizeof(path), "/v1/tokens/%lld", (long long)number_at("id"));
    descriptor = follow_as(token);
    second = follow_as(other);
    EXPECT_STATUS(ask("DELETE", path, NULL), 200);
    expect_end(descriptor, "for-the-other");
    EXPECT(raw_says(second, "", "\"for-the-other\"", out, sizeof(out)));
    (void)close(second);
}

TEST(rights, a_stream_ends_with_the_sign_out)
{
    char token[256];
    int descriptor;

    make_admin("gina", "operator", token);
    set_password("gina", "a long secret");
    sign_in("gina", "a long secret", token);
    descriptor = follow_as(token);
    EXPECT_STATUS(ask_remote(token, "POST", "/v1/sign-out", "{}"), 200);
    expect_end(descriptor, "not-for-gina");
}

/* Who stole the old password is out with it; tokens are keys of their own. */
TEST(rights, a_new_password_ends_what_was_signed_in_with_the_old_one)
{
    char token[256];
    char signed_in[256];
    int descriptor;
    int by_token;

    make_admin("hans", "operator", token);
    set_password("hans", "the first secret");
    sign_in("hans", "the first secret", signed_in);
    descriptor = follow_as(signed_in);
    by_token = follow_as(token);
    set_password("hans", "the second secret");
    expect_end(descriptor, "not-for-the-first");
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 401);
    EXPECT(raw_says(by_token, "", "\"not-for-the-first\"", out, sizeof(out)));
    (void)close(by_token);
    sign_in("hans", "the second secret", signed_in);
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 200);
}

/* ---- a sign-in that ended stays ended ---- */

static void change_admin(const char *name, const char *body)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/v1/admins/%s", name);
    EXPECT_STATUS(ask("PATCH", path, body), 200);
}

/* The sign-in is a screen that somebody left; the token is a key that is deleted by itself. */
TEST(rights, who_was_disabled_signs_in_again_and_their_tokens_hold)
{
    char token[256];
    char signed_in[256];

    make_admin("mona", "operator", token);
    set_password("mona", "a long secret");
    sign_in("mona", "a long secret", signed_in);
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 200);
    change_admin("mona", "{\"disabled\":true}");
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 403);
    change_admin("mona", "{\"disabled\":false}");
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 401);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
    sign_in("mona", "a long secret", signed_in);
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 200);
}

TEST(rights, who_has_another_role_signs_in_again)
{
    char token[256];
    char signed_in[256];

    make_admin("nora", "operator", token);
    set_password("nora", "a long secret");
    sign_in("nora", "a long secret", signed_in);
    change_admin("nora", "{\"role\":\"administrator\"}");
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 401);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
    EXPECT_STR(text_at("role"), "administrator");
    change_admin("nora", "{\"role\":\"operator\"}");
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 401);
}

TEST(rights, who_has_the_name_of_one_deleted_has_nothing_of_theirs)
{
    char token[256];
    char signed_in[256];
    char again[256];

    make_admin("olga", "administrator", token);
    set_password("olga", "a long secret");
    sign_in("olga", "a long secret", signed_in);
    EXPECT_STATUS(ask("DELETE", "/v1/admins/olga", NULL), 200);
    make_admin("olga", "administrator", again);
    set_password("olga", "a long secret");
    EXPECT_STATUS(ask_remote(signed_in, "GET", "/v1/whoami", NULL), 401);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 401);
    EXPECT_STATUS(ask_remote(again, "GET", "/v1/whoami", NULL), 200);
}

/* The least used sign-in of the same administrator ends, and no other. */
TEST(rights, sign_ins_of_one_administrator_keep_nobody_out)
{
    struct secret made = { 0 };
    char token[256];
    char first[256];
    char other[256];

    make_admin("pia", "helpdesk", token);
    make_admin("quentin", "administrator", token);
    set_password("pia", "a long secret");
    set_password("quentin", "a long secret");
    sign_in("quentin", "a long secret", other);
    sign_in("pia", "a long secret", first);
    for (int i = 0; i < SIGN_INS_MAX; i++)
        EXPECT_OK(caller_sign_in(world.api, admin_by_name("pia"), &made, NULL));
    EXPECT_STATUS(ask_remote(made.text, "GET", "/v1/whoami", NULL), 200);
    EXPECT_STATUS(ask_remote(first, "GET", "/v1/whoami", NULL), 401);
    EXPECT_STATUS(ask_remote(other, "GET", "/v1/whoami", NULL), 200);
    sign_in("quentin", "a long secret", other);
    EXPECT_STATUS(ask_remote(other, "GET", "/v1/whoami", NULL), 200);
}

/* The headers were valid; when the body has come, the administrator is disabled. */
TEST(rights, a_body_that_comes_late_is_judged_by_who_asks_then)
{
    char token[256];
    char request[512];
    int descriptor;

    make_admin("ida", "administrator", token);
    descriptor = adopted_connection();
    (void)snprintf(request, sizeof(request),
                   "POST /v1/groups HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                   "Content-Type: application/json\r\nContent-Length: 15\r\n"
                   "Expect: 100-continue\r\n\r\n",
                   token);
    EXPECT(raw_says(descriptor, request, "100 Continue", out, sizeof(out)));
    EXPECT_STATUS(ask("PATCH", "/v1/admins/ida", "{\"disabled\":true}"), 200);
    EXPECT(raw_says(descriptor, "{\"name\":\"late\"}", "\r\n\r\n", out, sizeof(out)));
    EXPECT_SAYS(out, "HTTP/1.1 401");
    EXPECT_STATUS(ask("GET", "/v1/groups/late", NULL), 404);
    (void)close(descriptor);
}

/* The password is being hashed, and meanwhile the administrator who sets it is disabled. */
TEST(rights, a_change_that_waits_is_judged_by_who_asks_then)
{
    static const char body[] = "{\"password\":\"a new password\"}";
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();
    char token[256];
    char request[512];
    char before[160];
    struct hold hold;
    int descriptor;

    make_admin("judy", "administrator", token);
    make_admin("zora", "operator", request);
    memcpy(before, admin_by_name("zora")->row.password_hash, sizeof(before));
    hold_hashing(&hold);
    descriptor = adopted_connection();
    (void)snprintf(request, sizeof(request),
                   "POST /v1/admins/zora/password HTTP/1.1\r\nHost: a\r\n"
                   "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\nExpect: 100-continue\r\n\r\n",
                   token, strlen(body));
    EXPECT(raw_says(descriptor, request, "100 Continue", out, sizeof(out)));
    EXPECT_INT(write(descriptor, body, strlen(body)), (ssize_t)strlen(body));
    while (offload_waiting(world.hashing, OFFLOAD_HIGH) == 0 && clock_mono_ms() < until_ms)
        loop_turn(&world.loop, 1);
    EXPECT_STATUS(ask("PATCH", "/v1/admins/judy", "{\"disabled\":true}"), 200);
    EXPECT_OK(sem_post(&hold.let_go));
    EXPECT(raw_says(descriptor, "", "the right to ask this ended meanwhile", out, sizeof(out)));
    EXPECT_SAYS(out, "HTTP/1.1 401");
    EXPECT(memcmp(before, admin_by_name("zora")->row.password_hash, sizeof(before)) == 0);
    EXPECT(hold.over);
    (void)sem_destroy(&hold.let_go);
    (void)close(descriptor);
}

/* A large log upload whose reader is in no hurry. */
static int large_log_upload(void *context, uint64_t command_id)
{
    char path[128];
    int descriptor;

    (void)context;
    (void)command_id;
    (void)snprintf(path, sizeof(path), "%s/large", world.folder);
    descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_OK(ftruncate(descriptor, 64 << 20));
    return descriptor;
}

static size_t read_to_the_end(int descriptor)
{
    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();
    size_t total = 0;

    for (;;) {
        ssize_t got = read(descriptor, out, sizeof(out));

        if (got == 0 || (got < 0 && errno != EAGAIN))
            return total;
        total += got > 0 ? (size_t)got : 0;
        loop_turn(&world.loop, 1);
        if (clock_mono_ms() > until_ms)
            fail_msg("the download does not end");
    }
}

TEST(rights, a_download_ends_with_its_right)
{
    struct row_terminal terminal = {
        .id = 760000, .version = 1, .name = "t76", .state = terminal_ACCEPTED
    };
    struct row_command command = { .id = 770000,
                                   .version = 1,
                                   .terminal_id = 760000,
                                   .kind = command_kind_LOGS,
                                   .state = command_DONE };
    char token[256];
    char request[512];
    int descriptor;

    make_admin("jane", "operator", token);
    world.api->log_upload = large_log_upload;
    EXPECT_OK(core_load(world.context.core, ENTITY_terminal, &terminal, NULL));
    EXPECT_OK(core_load(world.context.core, ENTITY_command, &command, NULL));
    descriptor = adopted_connection();
    (void)snprintf(request, sizeof(request),
                   "GET /v1/commands/770000/logs HTTP/1.1\r\nHost: a\r\n"
                   "Authorization: Bearer %s\r\n\r\n",
                   token);
    EXPECT(raw_says(descriptor, request, "Content-Length: 67108864", out, 2048));
    EXPECT_STATUS(ask("PATCH", "/v1/admins/jane", "{\"disabled\":true}"), 200);
    EXPECT(read_to_the_end(descriptor) < (16 << 20)); /* what the kernel had already */
    (void)close(descriptor);
}

/* ---- with time; last, for the clock does not go back ---- */

TEST(rights, a_stream_ends_when_nothing_else_was_asked_for_an_hour)
{
    char token[256];
    int descriptor;

    make_admin("kate", "operator", token);
    set_password("kate", "a long secret");
    sign_in("kate", "a long secret", token);
    descriptor = follow_as(token);
    pass_time(HOUR_MS - 60000);
    make_group("for-kate");
    EXPECT(raw_says(descriptor, "", "\"for-kate\"", out, sizeof(out)));
    pass_time(60000);
    expect_end(descriptor, "not-for-kate");
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 401);
}

TEST(rights, a_stream_ends_with_its_sign_in)
{
    char token[256];
    int descriptor;

    sign_in("kate", "a long secret", token);
    descriptor = follow_as(token);
    for (int i = 0; i < 23; i++) {
        EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
        pass_time(HOUR_MS / 2);
    }
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
    make_group("still-for-kate");
    EXPECT(raw_says(descriptor, "", "\"still-for-kate\"", out, sizeof(out)));
    pass_time(HOUR_MS / 2);
    expect_end(descriptor, "no-more-for-kate");
}

/* It is closed by the clock, not by the next thing that happens. */
TEST(rights, a_stream_ends_when_its_token_expires)
{
    char token[256];
    int descriptor;

    make_admin("lara", "operator", token);
    descriptor = follow_as(token);
    pass_time(30 * DAY_MS + 1000);
    (void)raw_says(descriptor, "", LAST_CHUNK, out, sizeof(out));
    EXPECT_INT(world.api->streams_count, 0);
    (void)close(descriptor);
}

TEST(rights, end)
{
    world_end();
    reply_clear();
}

TEST_MAIN()
