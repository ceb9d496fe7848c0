/* test_http_server.c - the management API as its clients see it: rows, roles, refusals, dry runs,
 * tokens. */
#include "api_fixture.h"

TEST(http_server, opens)
{
    world_start();
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
    EXPECT_STATUS(ask("GET", "/readyz", NULL), 200);
    EXPECT(json_is_true(at("ready")));
}

TEST(http_server, root_on_the_socket_is_administrator)
{
    EXPECT_STATUS(ask("GET", "/v1/whoami", NULL), 200);
    EXPECT_STR(text_at("role"), "administrator");
    EXPECT_STR(text_at("auth_method"), "socket");
}

/* A connection that the library closed without a word, and a stranger's that got its number next:
 * whose a connection is must be known from the connection itself. */
TEST(http_server, a_descriptor_that_is_used_again_brings_no_rights)
{
    static const char request[] = "GET /v1/groups HTTP/1.1\r\nHost: a\r\n\r\n";
    struct http_client *closed_one = berth_new(struct http_client);
    char out[4096];
    int client;

    closed_one->local = closed_one->member = true;
    closed_one->descriptor = dup(world.listener); /* the lowest number that is free */
    (void)close(closed_one->descriptor);
    list_append(&world.api->arriving, &closed_one->node);
    client = adopted_connection();
    EXPECT(raw_says(client, request, "\r\n\r\n", out, sizeof(out)));
    EXPECT_SAYS(out, "HTTP/1.1 401");
    EXPECT(list_empty(&world.api->arriving));
    (void)close(client);
}

TEST(http_server, answers_carry_security_headers)
{
    EXPECT_STATUS(ask("GET", "/v1/whoami", NULL), 200);
    EXPECT_SAYS(reply.head, "X-Content-Type-Options: nosniff");
    EXPECT_SAYS(reply.head, "Cache-Control: no-store");
    EXPECT_SAYS(reply.head, "Content-Security-Policy: default-src 'none'");
    EXPECT_SAYS(reply.head, "Content-Type: application/json");
}

TEST(http_server, a_row_is_made_shown_changed_and_deleted)
{
    EXPECT_STATUS(ask("POST", "/v1/sites", "{\"name\":\"here\"}"), 201);
    EXPECT_SAYS(reply.head, "Location: /v1/sites/");
    EXPECT_STATUS(ask("POST", "/v1/places", "{\"name\":\"house-2/ward-3\",\"site\":\"here\"}"),
                  201);
    EXPECT_STR(text_at("site"), "here");
    EXPECT_STATUS(ask("GET", "/v1/places/house-2%2Fward-3", NULL), 200);
    EXPECT_STR(reply.etag, "\"1\"");

    EXPECT_STATUS(ask("PATCH", "/v1/places/house-2%2Fward-3", "{\"name\":\"house-2/ward-4\"}"),
                  200);
    EXPECT_STR(text_at("name"), "house-2/ward-4");
    EXPECT_INT(number_at("version"), 2);
    EXPECT_STATUS(ask("DELETE", "/v1/places/house-2%2Fward-4", NULL), 200);
    EXPECT_SAYS(text_at("text"), "place 'house-2/ward-4' is deleted");
    EXPECT_STATUS(ask("GET", "/v1/places/house-2%2Fward-4", NULL), 404);
    EXPECT_STR(text_at("error.code"), "NOT_FOUND");
}

TEST(http_server, a_change_may_be_tied_to_a_version)
{
    struct asking stale = { .header = "If-Match: \"9\"" };
    struct asking right = { .header = "If-Match: \"1\"" };

    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"name\":\"nurses\"}"), 201);
    EXPECT_STATUS(ask_as(stale, "PATCH", "/v1/groups/nurses", "{\"name\":\"n\"}"), 409);
    EXPECT_STR(text_at("error.code"), "CONFLICT");
    EXPECT_STATUS(ask("PATCH", "/v1/groups/nurses", "{\"version\":9,\"name\":\"n\"}"), 409);
    EXPECT_STATUS(ask_as(right, "PATCH", "/v1/groups/nurses", "{\"name\":\"carers\"}"), 200);
    EXPECT_STATUS(ask("GET", "/v1/groups/nurses", NULL), 404);
}

TEST(http_server, bad_bodies_are_told_what_is_wrong)
{
    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"name\":"), 400);
    EXPECT_STATUS(ask("POST", "/v1/groups", "[1]"), 400);
    EXPECT_SAYS(text_at("error.text"), "must be a JSON object");
    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"name\":\"a\",\"name\":\"b\"}"), 400);
    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"name\":5}"), 400);
    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"nmae\":\"a\"}"), 400);
    EXPECT_SAYS(text_at("error.text"), "unknown field 'nmae'");
    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"name\":\"a\",\"id\":5}"), 400);
    EXPECT_SAYS(text_at("error.text"), "is read-only");
    EXPECT_STATUS(ask("POST", "/v1/groups", "{\"name\":\"a\\u0007\"}"), 400);
    EXPECT_STATUS(ask("POST", "/v1/groups",
                      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}"),
                  400);
    EXPECT_SAYS(text_at("error.text"), "nested");
}

TEST(http_server, what_is_too_large_is_refused_before_it_is_read)
{
    char *body = (char *)berth_alloc(BODY_MAX + 2);

    memset(body, ' ', BODY_MAX + 1);
    EXPECT_STATUS(ask("POST", "/v1/groups", body), 413);
    free(body);
}

TEST(http_server, addresses_and_methods_are_checked)
{
    EXPECT_STATUS(ask("GET", "/v1/nothing", NULL), 404);
    EXPECT_STATUS(ask("PUT", "/v1/groups", "{}"), 405);
    EXPECT_SAYS(reply.head, "Allow: GET, POST");
    EXPECT_STATUS(ask("DELETE", "/v1/groups", NULL), 405);
    EXPECT_STATUS(ask("GET", "/v1/groups?name=a&name=b", NULL), 400);
    EXPECT_STATUS(ask("GET", "/v1/groups?nmae=a", NULL), 400);
    EXPECT_STATUS(ask("GET", "/v1/groups/%00", NULL), 400);
    EXPECT_STATUS(ask("GET", "/v1/../etc/passwd", NULL), 404);
    EXPECT_STATUS(ask("POST", "/v1/groups?name=a", "{}"), 400);
    EXPECT_STATUS(ask("GET", "/v1/whoami?dry_run=1", NULL), 400);
}

TEST(http_server, lists_come_in_pages_and_with_filters)
{
    char body[64];
    int64_t first;

    for (int i = 0; i < 7; i++) {
        (void)snprintf(body, sizeof(body), "{\"name\":\"g%d\"}", i);
        EXPECT_STATUS(ask("POST", "/v1/groups", body), 201);
    }
    EXPECT_STATUS(ask("GET", "/v1/groups?limit=3", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 3);
    first = number_at("next");
    EXPECT(first > 0);
    (void)snprintf(body, sizeof(body), "/v1/groups?limit=100&after=%lld", (long long)first);
    EXPECT_STATUS(ask("GET", body, NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 5); /* carers, g0 ... g6 without the first three */
    EXPECT(json_is_null(at("next")));
    EXPECT_STATUS(ask("GET", "/v1/groups?name=g5", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 1);
    EXPECT_STATUS(ask("GET", "/v1/groups?limit=0", NULL), 200);
    EXPECT_STATUS(ask("GET", "/v1/groups?limit=201", NULL), 400);
}

TEST(http_server, a_pool_is_made_by_names_and_shows_how_it_fares)
{
    EXPECT_STATUS(
        ask("POST", "/v1/pools",
            "{\"name\":\"old-pcs\",\"kind\":\"manual\",\"max\":5,\"credential\":\"passthrough\"}"),
        201);
    EXPECT_STATUS(
        ask("POST", "/v1/desktops",
            "{\"name\":\"pc-1\",\"pool\":\"old-pcs\",\"address\":\"10.0.0.5\",\"port\":3389}"),
        201);
    EXPECT_STR(text_at("pool"), "old-pcs");
    EXPECT_STATUS(ask("GET", "/v1/pools/old-pcs", NULL), 200);
    EXPECT_INT(number_at("runtime.desktops"), 1);
    EXPECT_STATUS(ask("GET", "/v1/pools/old-pcs/status", NULL), 200);
    EXPECT_INT(number_at("desktops"), 1);
    EXPECT_STR(text_at("why"), "");
    EXPECT_STATUS(ask("GET", "/v1/desktops?pool=old-pcs", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 1);
    EXPECT_STATUS(ask("GET", "/v1/desktops?pool=nothing", NULL), 404);
    EXPECT_STATUS(ask("GET", "/v1/desktops?runtime.state=lost", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 0);
}

/* Not by the API: without berth-virt its template cannot be checked. */
TEST(http_server, a_pool_that_makes_nothing_says_why)
{
    struct core *core = world.context.core;
    struct row_pool row = { .version = 1,
                            .name = "wanted",
                            .kind = pool_kind_FLOATING,
                            .template = "/template.xml",
                            .max = 2,
                            .spare = 1 };
    struct berth_error error = { 0 };

    EXPECT_STATUS(ask("POST", "/v1/images", "{\"name\":\"empty\"}"), 201);
    row.image_id =
        ((const union row *)entity_row_of(core_find_name(core, ENTITY_image, "empty")))->id;
    row.id = core_next_id(core);
    EXPECT_OK(core_load(core, ENTITY_pool, &row, &error));
    EXPECT_STATUS(ask("GET", "/v1/pools/wanted/status", NULL), 200);
    EXPECT_SAYS(text_at("why"), "image 'empty' has no published version");
    EXPECT_SAYS(text_at("why"), "there is no host to make desktops on");
}

TEST(http_server, of_a_manual_pool_nothing_is_made_anew)
{
    static const char *const asked[] = { "/v1/pools/old-pcs/recompose", "/v1/pools/old-pcs/retry",
                                         "/v1/pools/old-pcs/recompose?dry_run=1",
                                         "/v1/pools/old-pcs/retry?dry_run=1" };

    for (size_t i = 0; i < BERTH_COUNT(asked); i++) {
        EXPECT_STATUS(ask("POST", asked[i], NULL), berth_error_row(BERTH_E_UNSUPPORTED)->http);
        EXPECT_SAYS(reply.text, "pool 'old-pcs' is manual");
    }
}

TEST(http_server, a_dry_run_tells_and_changes_nothing)
{
    EXPECT_STATUS(ask("DELETE", "/v1/pools/old-pcs?dry_run=1", NULL), 200);
    EXPECT(json_is_true(at("dry_run")));
    EXPECT_SAYS(text_at("changes.0.text"), "refused");
    EXPECT_STATUS(ask("GET", "/v1/pools/old-pcs", NULL), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/pools/old-pcs", NULL), 409);
    EXPECT_STATUS(ask("DELETE", "/v1/groups/g6?dry_run=1", NULL), 200);
    EXPECT_SAYS(text_at("changes.0.text"), "group 'g6' would be deleted");
    EXPECT_STATUS(ask("GET", "/v1/groups/g6", NULL), 200);
}

static void load(enum entity_kind kind, const void *row)
{
    struct berth_error error = { 0 };

    if (core_load(world.context.core, kind, row, &error) < 0)
        fail_msg("%s", error.text);
}

/* A desktop with a machine is deleted by another path than a row alone: its plan asks that one. */
TEST(http_server, a_dry_run_of_a_desktop_tells_what_the_delete_would_do)
{
    const struct row_host host = { .id = 9001, .version = 1, .name = "h9" };
    const struct row_pool pool = {
        .id = 9002, .version = 1, .name = "w9", .kind = pool_kind_FLOATING
    };
    const struct row_desktop desktop = {
        .id = 9003, .version = 1, .name = "w9-001", .pool_id = 9002, .host_id = 9001
    };
    const struct row_user user = {
        .id = 9004, .version = 1, .name = "anna", .kind = user_kind_PERSON
    };
    const struct row_assignment assignment = { .id = 9005,
                                               .version = 1,
                                               .user_id = 9004,
                                               .pool_id = 9002,
                                               .desktop_id = 9003,
                                               .state = assignment_OPEN };

    load(ENTITY_host, &host);
    load(ENTITY_pool, &pool);
    load(ENTITY_desktop, &desktop);
    EXPECT_STATUS(ask("DELETE", "/v1/desktops/w9-001?dry_run=1", NULL), 200);
    EXPECT_SAYS(text_at("changes.0.text"), "desktop 'w9-001' would be deleted");
    EXPECT(strstr(reply.text, "refused") == NULL);
    EXPECT_SAYS(reply.text, "machine and disk would be deleted");

    load(ENTITY_user, &user);
    load(ENTITY_assignment, &assignment);
    EXPECT_STATUS(ask("DELETE", "/v1/desktops/w9-001?dry_run=1", NULL), 200);
    EXPECT_SAYS(text_at("changes.0.text"), "refused: desktop 'w9-001' belongs to anna");
    EXPECT(strstr(reply.text, "would be deleted") == NULL);
    EXPECT_STATUS(ask("DELETE", "/v1/desktops/w9-001", NULL), 409);
    EXPECT_SAYS(text_at("error.text"), "belongs to anna");
}

TEST(http_server, users_groups_badges_and_passwords)
{
    EXPECT_STATUS(ask("POST", "/v1/users", "{\"name\":\"eve\",\"title\":\"Eve\"}"), 201);
    EXPECT(strstr(reply.text, "password_hash") == NULL);
    EXPECT_STATUS(ask("POST", "/v1/users/eve/password", "{\"password\":\"short\"}"), 400);
    EXPECT_STATUS(ask("POST", "/v1/users/eve/password", "{\"password\":\"long enough\"}"), 200);
    EXPECT_STATUS(ask("POST", "/v1/users/eve/password", "{}"), 400);
    EXPECT_STATUS(ask("POST", "/v1/users/eve/badges", "{\"uid\":\"04A1B2C3\",\"label\":\"blue\"}"),
                  201);
    EXPECT(strstr(reply.text, "04A1B2C3") == NULL);
    EXPECT_STATUS(ask("POST", "/v1/groups/g1/members", "{\"user\":\"eve\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/groups/g1/members", "{\"user\":\"eve\"}"), 409);
    EXPECT_STATUS(ask("GET", "/v1/groups/g1/members", NULL), 200);
    EXPECT_STR(text_at("items.0.name"), "eve");
    EXPECT_STATUS(ask("DELETE", "/v1/groups/g1/members/eve", NULL), 200);
    EXPECT_STATUS(ask("DELETE", "/v1/groups/g1/members/eve", NULL), 404);
}

/* The number of a record of the page that was answered last. */
static json_int_t record_at(size_t index)
{
    return json_integer_value(json_object_get(json_array_get(at("items"), index), "id"));
}

TEST(http_server, the_audit_trail_is_read_newest_first)
{
    char path[64];
    json_int_t newest;
    json_int_t last;

    EXPECT_STATUS(ask("GET", "/v1/audit?limit=2", NULL), 200);
    newest = record_at(0);
    EXPECT(newest > 4);
    EXPECT_INT(record_at(1), newest - 1);
    EXPECT_INT(number_at("next"), newest - 1);

    /* What is written meanwhile does not move the next page. */
    EXPECT_STATUS(ask("POST", "/v1/where", "{\"user\":\"eve\"}"), 200);
    (void)snprintf(path, sizeof(path), "/v1/audit?limit=2&before=%lld", (long long)newest - 1);
    EXPECT_STATUS(ask("GET", path, NULL), 200);
    EXPECT_INT(record_at(0), newest - 2);
    EXPECT_INT(record_at(1), newest - 3);

    (void)snprintf(path, sizeof(path), "/v1/audit?after=%lld", (long long)newest - 1);
    EXPECT_STATUS(ask("GET", path, NULL), 200);
    EXPECT_INT(record_at(0), newest);
    last = record_at(1);
    EXPECT_INT(last, newest + 1);

    EXPECT_STATUS(ask("GET", "/v1/audit?before=2", NULL), 200);
    EXPECT_INT(record_at(0), 1);
    EXPECT(json_is_null(at("next")));
    EXPECT_STATUS(ask("GET", "/v1/audit?before=2&after=1", NULL), 400);
}

TEST(http_server, asking_where_somebody_is_is_recorded)
{
    EXPECT_STATUS(ask("POST", "/v1/where", "{\"user\":\"eve\"}"), 200);
    EXPECT_SAYS(text_at("text"), "eve is not signed on at any terminal");
    EXPECT_STATUS(ask("GET", "/v1/audit?limit=200", NULL), 200);
    EXPECT_SAYS(reply.text, "user.where");
    EXPECT_STATUS(ask("POST", "/v1/audit/verify", NULL), 200);
    EXPECT(json_is_true(at("holds")));
    EXPECT(number_at("records") > 10);
}

TEST(http_server, explain_says_why)
{
    EXPECT_STATUS(ask("GET", "/v1/explain?user=eve", NULL), 200);
    EXPECT(json_is_false(at("granted")));
    EXPECT(*text_at("text"));
    EXPECT_STATUS(ask("GET", "/v1/explain", NULL), 400);
    EXPECT_STATUS(ask("GET", "/v1/explain?user=nobody", NULL), 404);
}

TEST(http_server, an_invitation_is_shown_once)
{
    EXPECT_STATUS(ask("POST", "/v1/invitations", "{\"tags\":\"icu\",\"uses\":2}"), 201);
    EXPECT_SAYS(text_at("invitation"), "berth-invite:broker.example:7443:7444:");
    EXPECT_STR(text_at("warning"), "");
    EXPECT_STATUS(ask("GET", "/v1/invitations", NULL), 200);
    EXPECT(strstr(reply.text, "berth-invite") == NULL);
    EXPECT(strstr(reply.text, "token") == NULL);
    EXPECT_INT(number_at("items.0.uses_left"), 2);
}

TEST(http_server, commands_need_somebody_to_obey)
{
    EXPECT_STATUS(ask("POST", "/v1/commands/lock", "{}"), 400);
    EXPECT_SAYS(text_at("error.text"), "one of terminal, tag and place");
    EXPECT_STATUS(ask("POST", "/v1/commands/message", "{\"tag\":\"icu\"}"), 400);
    EXPECT_SAYS(text_at("error.text"), "'text' is missing");
    EXPECT_STATUS(ask("POST", "/v1/commands/message", "{\"tag\":\"icu\",\"text\":\"hi\"}"), 404);
}

TEST(http_server, the_logs_of_a_command_are_handed_out)
{
    struct row_terminal terminal = {
        .id = 76, .version = 1, .name = "t76", .state = terminal_ACCEPTED
    };

    EXPECT_STATUS(ask("GET", "/v1/commands/78/logs", NULL), 404);
    EXPECT_OK(core_load(world.context.core, ENTITY_terminal, &terminal, NULL));
    /* The command is done since before the start, so it is not in memory. */
    EXPECT_STATUS(ask("GET", "/v1/commands/77/logs", NULL), 200);
    EXPECT_STR(reply.text, "what happened\n");
    EXPECT_SAYS(reply.head, "Content-Type: text/plain");
    EXPECT_STATUS(ask("GET", "/v1/commands/t76/logs", NULL), 404);
}

TEST(http_server, what_destroys_has_a_dry_run)
{
    size_t count;
    const struct verb *verb = verb_table(&count);

    for (size_t i = 0; i < count; i++)
        EXPECT(!(verb[i].flags & VERB_DESTROYS) || (verb[i].flags & VERB_DRY));
    EXPECT_STATUS(ask("POST", "/v1/commands/reboot?dry_run=1", "{\"terminal\":\"t76\"}"), 200);
    EXPECT_SAYS(text_at("changes.1.text"), "terminal 't76'");
    EXPECT_STATUS(ask("POST", "/v1/audit/erase?dry_run=1", "{\"user\":\"eve\"}"), 200);
    EXPECT_SAYS(text_at("changes.0.text"), "would be destroyed");
    EXPECT_STATUS(ask("POST", "/v1/flows/4711/cancel?dry_run=1", NULL), 404);
    EXPECT_STATUS(ask("GET", "/v1/commands?kind=reboot", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 0);
}

TEST(http_server, the_same_key_twice_is_one_change)
{
    struct asking keyed = { .header = "Idempotency-Key: once-and-for-all" };
    int64_t id;

    EXPECT_STATUS(ask_as(keyed, "POST", "/v1/groups", "{\"name\":\"twice\"}"), 201);
    id = number_at("id");
    EXPECT_STATUS(ask_as(keyed, "POST", "/v1/groups", "{\"name\":\"twice\"}"), 201);
    EXPECT_INT(number_at("id"), id);
    EXPECT_STATUS(ask("GET", "/v1/groups?name=twice", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 1);
}

/* ---- through TLS ---- */

TEST(http_server, strangers_must_show_something)
{
    EXPECT_STATUS(ask_remote(NULL, "GET", "/v1/whoami", NULL), 401);
    EXPECT_SAYS(reply.head, "WWW-Authenticate: Bearer");
    EXPECT_SAYS(reply.head, "Strict-Transport-Security");
    EXPECT_STATUS(ask_remote("berth_0000", "GET", "/v1/whoami", NULL), 401);
    EXPECT_STATUS(ask_remote(NULL, "GET", "/metrics", NULL), 401);
    EXPECT_STATUS(ask_remote(NULL, "GET", "/healthz", NULL), 200);
    EXPECT_STATUS(ask_remote(NULL, "GET", "/v1/openapi.json", NULL), 200);
}

TEST(http_server, a_token_acts_for_its_administrator)
{
    char token[128];
    char path[64];

    EXPECT_STATUS(ask("POST", "/v1/admins", "{\"name\":\"help\",\"role\":\"helpdesk\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/admins/help/tokens", "{\"label\":\"script\"}"), 201);
    (void)snprintf(token, sizeof(token), "%s", text_at("token"));
    EXPECT(strncmp(token, "berth_", 6) == 0);
    (void)snprintf(path, sizeof(path), "/v1/tokens/%lld", (long long)number_at("id"));

    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
    EXPECT_STR(text_at("name"), "help");
    EXPECT_STR(text_at("role"), "helpdesk");
    EXPECT_STATUS(ask_as((struct asking){ .token = token }, "GET", "/v1/whoami", NULL), 200);
    EXPECT_STR(text_at("role"), "helpdesk"); /* on the socket too: a token decides alone */

    EXPECT_STATUS(ask("DELETE", path, NULL), 200);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 401);
}

TEST(http_server, roles_are_kept)
{
    char token[128];

    EXPECT_STATUS(ask("POST", "/v1/admins/help/tokens", "{\"label\":\"roles\"}"), 201);
    (void)snprintf(token, sizeof(token), "%s", text_at("token"));
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/pools", NULL), 200);
    EXPECT_STATUS(ask_remote(token, "POST", "/v1/pools", "{\"name\":\"x\"}"), 403);
    EXPECT_SAYS(text_at("error.text"), "'pool add' is not for the role helpdesk");
    EXPECT_STATUS(
        ask_remote(token, "POST", "/v1/users/eve/password", "{\"password\":\"12345678\"}"), 403);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/audit", NULL), 403);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/tokens", NULL), 403);
    EXPECT_STATUS(ask_remote(token, "POST", "/v1/where", "{\"user\":\"eve\"}"), 200);
    /* A field that one may not see cannot be guessed by filtering either. */
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/hosts?uri=qemu:///system", NULL), 400);

    EXPECT_STATUS(ask("PATCH", "/v1/admins/help", "{\"disabled\":true}"), 200);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/pools", NULL), 403);
    EXPECT_STR(text_at("error.code"), "DISABLED");
}

TEST(http_server, signing_in_gives_a_token_until_signing_out)
{
    char token[128];

    EXPECT_STATUS(ask("POST", "/v1/admins", "{\"name\":\"ada\",\"role\":\"auditor\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/admins/ada/password", "{\"password\":\"analytical\"}"), 200);
    EXPECT_STATUS(
        ask_remote(NULL, "POST", "/v1/sign-in", "{\"name\":\"ada\",\"password\":\"difference\"}"),
        401);
    EXPECT_STATUS(ask_remote(NULL, "POST", "/v1/sign-in",
                             "{\"name\":\"nobody\",\"password\":\"difference\"}"),
                  401);
    for (int64_t until = clock_mono_ms() + 2500; clock_mono_ms() < until;)
        loop_turn(&world.loop, 10); /* one wrong password is answered by a short wait */
    EXPECT_STATUS(
        ask_remote(NULL, "POST", "/v1/sign-in", "{\"name\":\"ada\",\"password\":\"analytical\"}"),
        200);
    (void)snprintf(token, sizeof(token), "%s", text_at("token"));
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
    EXPECT_STR(text_at("role"), "auditor");
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/audit", NULL), 200);
    EXPECT_STATUS(ask_remote(token, "POST", "/v1/groups", "{\"name\":\"x\"}"), 403);
    EXPECT_STATUS(ask_remote(token, "POST", "/v1/sign-out", NULL), 200);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 401);
}

TEST(http_server, wrong_passwords_are_limited)
{
    long status = 401;
    int64_t limit_ms = clock_mono_ms() + test_wait_limit_ms();

    while (status == 401 && clock_mono_ms() < limit_ms)
        status =
            ask_remote(NULL, "POST", "/v1/sign-in", "{\"name\":\"ada\",\"password\":\"guess\"}");
    EXPECT_INT(status, 429);
    EXPECT(json_is_true(at("error.retry")));
    EXPECT_SAYS(reply.head, "Retry-After");
}

/* ---- the broker itself ---- */

TEST(http_server, backup_needs_a_new_file_and_an_absolute_path)
{
    char body[160];

    EXPECT_STATUS(ask("POST", "/v1/backup", "{\"file\":\"here.db\"}"), 400);
    (void)snprintf(body, sizeof(body), "{\"file\":\"%s/backup.db\"}", world.folder);
    EXPECT_STATUS(ask("POST", "/v1/backup", body), 200);
    EXPECT(ask("POST", "/v1/backup", body) >= 400);
}

TEST(http_server, the_authority_and_flows_are_shown)
{
    EXPECT_STATUS(ask("GET", "/v1/ca", NULL), 200);
    EXPECT_INT(strlen(text_at("hash")), 64);
    EXPECT_SAYS(text_at("certificate"), "BEGIN CERTIFICATE");
    EXPECT_STATUS(ask("GET", "/v1/flows", NULL), 200);
    EXPECT(json_is_array(at("items")));
    EXPECT_STATUS(ask("GET", "/v1/config", NULL), 200);
}

TEST(http_server, metrics_are_there)
{
    EXPECT_STATUS(ask("GET", "/metrics", NULL), 200);
    EXPECT_SAYS(reply.text, "# TYPE berth_sessions gauge");
    EXPECT_SAYS(reply.text, "berth_link_test_total 7");
    EXPECT_SAYS(reply.text, "berth_api_answers_total{class=\"4xx\"}");
    EXPECT_SAYS(reply.text, "berth_desktops{pool=\"old-pcs\",state=\"ready\"}");
}

TEST(http_server, stopping_is_told)
{
    api_stop(world.api);
    EXPECT_STATUS(ask("GET", "/v1/whoami", NULL), 503);
    EXPECT_STATUS(ask("GET", "/readyz", NULL), 503);
    EXPECT_SAYS(text_at("obstacles.0.text"), "stopping");
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
    world_end();
    reply_clear();
}

TEST_MAIN()
