/* test_keys.c - Idempotency-Key: a key means one request of one administrator, before and after a
 * restart; an answer that cannot be repeated is refused with a reason. */
#include "flow/decide.h"

#include "api_fixture.h"

static long ask_with(const char *key, const char *token, const char *method, const char *path,
                     const char *body)
{
    char header[128];

    (void)snprintf(header, sizeof(header), "Idempotency-Key: %s", key);
    return ask_as((struct asking){ .token = token, .header = header }, method, path, body);
}

static void restart(void)
{
    world_stop();
    world_serve();
}

static void make_user(const char *name)
{
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"kind\":\"person\"}", name);
    EXPECT_STATUS(ask("POST", "/v1/users", body), 201);
}

static const char *title_of(const char *user)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/users/%s", user);
    EXPECT_STATUS(ask("GET", path, NULL), 200);
    return text_at("title");
}

static bool is_in_file(const char *file, const char *text)
{
    char command[256];

    (void)snprintf(command, sizeof(command), "grep -qaF '%s' '%s/'%s*", text, world.folder, file);
    return system(command) == 0;
}

TEST(keys, begin)
{
    world_start();
    make_user("anna");
    make_user("bob");
}

/* ---- one key, one request ---- */

TEST(keys, after_a_restart_a_key_is_refused_for_another_object)
{
    EXPECT_STATUS(ask_with("k-1", NULL, "PATCH", "/v1/users/anna", "{\"title\":\"A1\"}"), 200);
    restart();
    EXPECT_STATUS(ask_with("k-1", NULL, "PATCH", "/v1/users/bob", "{\"title\":\"A1\"}"), 409);
    EXPECT_STR(text_at("error.text"), "this Idempotency-Key was used for another request");
    EXPECT_STR(title_of("bob"), "");
}

TEST(keys, after_a_restart_a_key_is_refused_for_another_body)
{
    EXPECT_STATUS(ask_with("k-2", NULL, "PATCH", "/v1/users/anna", "{\"title\":\"A2\"}"), 200);
    restart();
    EXPECT_STATUS(ask_with("k-2", NULL, "PATCH", "/v1/users/anna", "{\"title\":\"A3\"}"), 409);
    EXPECT_STR(title_of("anna"), "A2");
}

TEST(keys, after_a_restart_a_key_is_refused_for_another_verb)
{
    EXPECT_STATUS(ask_with("k-3", NULL, "PATCH", "/v1/users/anna", "{\"title\":\"A4\"}"), 200);
    restart();
    EXPECT_STATUS(ask_with("k-3", NULL, "DELETE", "/v1/users/anna", NULL), 409);
    EXPECT_STR(title_of("anna"), "A4");
}

TEST(keys, after_a_restart_a_password_is_set_or_its_key_refused)
{
    EXPECT_STATUS(
        ask_with("k-4", NULL, "POST", "/v1/users/anna/password", "{\"password\":\"first-one\"}"),
        200);
    restart();
    EXPECT_STATUS(
        ask_with("k-4", NULL, "POST", "/v1/users/anna/password", "{\"password\":\"second-one\"}"),
        409);
    EXPECT_STATUS(
        ask_with("k-4", NULL, "POST", "/v1/users/bob/password", "{\"password\":\"first-one\"}"),
        409);
}

TEST(keys, after_a_restart_the_same_request_has_no_second_effect)
{
    EXPECT_STATUS(ask_with("k-5", NULL, "PATCH", "/v1/users/anna", "{\"title\":\"A5\"}"), 200);
    EXPECT_STATUS(ask("PATCH", "/v1/users/anna", "{\"title\":\"A6\"}"), 200);
    restart();
    EXPECT_STATUS(ask_with("k-5", NULL, "PATCH", "/v1/users/anna", "{\"title\":\"A5\"}"), 200);
    EXPECT_STR(title_of("anna"), "A6");
}

TEST(keys, a_dry_run_that_is_none_is_the_same_request)
{
    EXPECT_STATUS(ask_with("k-6", NULL, "POST", "/v1/groups", "{\"name\":\"short-lived\"}"), 201);
    EXPECT_STATUS(ask_with("k-7", NULL, "DELETE", "/v1/groups/short-lived?dry_run=1", NULL), 200);
    EXPECT_STATUS(ask_with("k-7", NULL, "DELETE", "/v1/groups/short-lived", NULL), 200);
    EXPECT_STATUS(ask_with("k-7", NULL, "DELETE", "/v1/groups/short-lived?dry_run=0", NULL), 200);
}

/* A password in a body must not be found by trying words against a fast hash of it; the keyed one
 * is tested with module auth. */
TEST(keys, neither_key_nor_body_nor_its_plain_hash_is_kept)
{
    static const char body[] = "{\"password\":\"tiny-word\"}";
    static const char key[] = "a-key-that-nobody-else-has";
    char hash[72];

    EXPECT_STATUS(ask_with(key, NULL, "POST", "/v1/users/bob/password", body), 200);
    tls_sha256_hex(body, sizeof(body) - 1, hash);
    EXPECT(!is_in_file("berth.db", key));
    EXPECT(!is_in_file("berth.db", "tiny-word"));
    EXPECT(!is_in_file("berth.db", hash));
}

/* ---- nobody else's key matters ---- */

TEST(keys, two_administrators_may_use_the_same_key)
{
    char one[256];
    char two[256];

    make_admin("one", "administrator", one);
    make_admin("two", "administrator", two);
    EXPECT_STATUS(ask_with("kk-1", one, "POST", "/v1/groups", "{\"name\":\"of-one\"}"), 201);
    EXPECT_STATUS(ask_with("kk-1", two, "POST", "/v1/groups", "{\"name\":\"of-two\"}"), 201);
    EXPECT_STATUS(ask_with("kk-1", NULL, "POST", "/v1/groups", "{\"name\":\"of-root\"}"), 201);
    restart();
    EXPECT_STATUS(ask_with("kk-1", two, "POST", "/v1/groups", "{\"name\":\"of-one-too\"}"), 409);
    EXPECT_STATUS(ask("GET", "/v1/groups/of-one-too", NULL), 404);
}

TEST(keys, a_name_that_is_made_again_has_no_keys)
{
    char token[256];

    make_admin("again", "administrator", token);
    EXPECT_STATUS(ask_with("kk-2", token, "POST", "/v1/groups", "{\"name\":\"of-the-old\"}"), 201);
    EXPECT_STATUS(ask("DELETE", "/v1/admins/again", NULL), 200);
    make_admin("again", "administrator", token);
    restart();
    EXPECT_STATUS(ask_with("kk-2", token, "POST", "/v1/groups", "{\"name\":\"of-the-new\"}"), 201);
    EXPECT_STATUS(ask("GET", "/v1/groups/of-the-new", NULL), 200);
}

/* The key is the administrator's, whichever way they came. */
TEST(keys, a_second_token_of_the_same_administrator_shares_their_keys)
{
    char one[256];
    char two[256];

    make_admin("both", "administrator", one);
    EXPECT_STATUS(ask("POST", "/v1/admins/both/tokens", "{\"label\":\"y\"}"), 201);
    (void)snprintf(two, sizeof(two), "%s", text_at("token"));
    EXPECT_STATUS(ask_with("kk-3", one, "PATCH", "/v1/users/bob", "{\"title\":\"B1\"}"), 200);
    EXPECT_STATUS(ask_with("kk-3", two, "PATCH", "/v1/users/anna", "{\"title\":\"B1\"}"), 409);
}

/* An answer shows what the role of then could see. */
TEST(keys, another_role_is_not_shown_the_answer_of_the_one_before)
{
    char token[256];

    make_admin("lowered", "administrator", token);
    EXPECT_STATUS(ask_with("kk-4", token, "POST", "/v1/where", "{\"user\":\"anna\"}"), 200);
    EXPECT_STATUS(ask("PATCH", "/v1/admins/lowered", "{\"role\":\"helpdesk\"}"), 200);
    EXPECT_STATUS(ask_with("kk-4", token, "POST", "/v1/where", "{\"user\":\"anna\"}"), 409);
}

static bool is_kept(const char *path, const char *body, int64_t id)
{
    long status = ask_with("mine", NULL, "POST", path, body);

    return status == 201 && number_at("id") == id;
}

TEST(keys, one_administrator_does_not_push_out_the_answers_of_others)
{
    char token[256];
    char key[32];
    int64_t id;

    make_admin("busy", "helpdesk", token);
    EXPECT_STATUS(ask_with("mine", NULL, "POST", "/v1/groups", "{\"name\":\"mine\"}"), 201);
    id = number_at("id");
    for (int i = 0; i < 530; i++) {
        (void)snprintf(key, sizeof(key), "flood-%d", i);
        EXPECT_STATUS(ask_with(key, token, "POST", "/v1/where", "{\"user\":\"anna\"}"), 200);
    }
    EXPECT(is_kept("/v1/groups", "{\"name\":\"mine\"}", id));
    EXPECT_STATUS(ask_with("mine", NULL, "POST", "/v1/groups", "{\"name\":\"other\"}"), 409);
}

/* ---- what cannot be answered again ---- */

TEST(keys, a_token_is_told_once)
{
    char token[256];
    char path[64];
    int64_t id;

    EXPECT_STATUS(ask_with("once-1", NULL, "POST", "/v1/admins/one/tokens", "{\"label\":\"once\"}"),
                  201);
    (void)snprintf(token, sizeof(token), "%s", text_at("token"));
    id = number_at("id");
    for (int i = 0; i < 2; i++) {
        EXPECT_STATUS(
            ask_with("once-1", NULL, "POST", "/v1/admins/one/tokens", "{\"label\":\"once\"}"), 409);
        (void)snprintf(path, sizeof(path), "token %lld", (long long)id);
        EXPECT_SAYS(text_at("error.text"), path);
        EXPECT_SAYS(text_at("error.text"), "shown once");
        EXPECT(strstr(reply.text, "berth_") == NULL);
        restart();
    }
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
    EXPECT_STATUS(ask_with("once-1", NULL, "POST", "/v1/admins/two/tokens", "{\"label\":\"once\"}"),
                  409);
    EXPECT_SAYS(text_at("error.text"), "used for another request");
}

TEST(keys, an_invitation_is_told_once)
{
    EXPECT_STATUS(ask_with("once-2", NULL, "POST", "/v1/invitations", "{\"terminal\":\"t30\"}"),
                  201);
    for (int i = 0; i < 2; i++) {
        EXPECT_STATUS(ask_with("once-2", NULL, "POST", "/v1/invitations", "{\"terminal\":\"t30\"}"),
                      409);
        EXPECT_SAYS(text_at("error.text"), "shown once");
        EXPECT(strstr(reply.text, "berth-invite") == NULL);
        restart();
    }
    EXPECT_STATUS(ask("GET", "/v1/invitations?terminal=t30", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 1);
    EXPECT_INT(number_at("items.0.uses_left"), 1);
}

TEST(keys, a_badge_is_added_once)
{
    static const char body[] = "{\"uid\":\"04a1b2c3\",\"label\":\"blue\"}";

    EXPECT_STATUS(ask_with("once-3", NULL, "POST", "/v1/users/anna/badges", body), 201);
    restart();
    EXPECT_STATUS(ask_with("once-3", NULL, "POST", "/v1/users/anna/badges", body), 409);
    EXPECT_SAYS(text_at("error.text"), "was done before");
    EXPECT_STATUS(ask_with("once-3", NULL, "POST", "/v1/users/bob/badges", body), 409);
    EXPECT_SAYS(text_at("error.text"), "used for another request");
    EXPECT_STATUS(ask("GET", "/v1/badges", NULL), 200);
    EXPECT_INT(json_array_size(at("items")), 1);
}

/* A row without a name: nothing but the key tells that it was made. */
TEST(keys, a_row_without_a_name_is_made_once_and_the_answer_names_it)
{
    static const char body[] = "{\"subject_kind\":\"everyone\",\"pool\":\"old-pcs\"}";
    char wanted[64];

    EXPECT_STATUS(ask("POST", "/v1/pools", "{\"name\":\"old-pcs\",\"kind\":\"manual\"}"), 201);
    EXPECT_STATUS(ask_with("once-4", NULL, "POST", "/v1/entitlements", body), 201);
    (void)snprintf(wanted, sizeof(wanted), "entitlement %lld", (long long)number_at("id"));
    restart();
    EXPECT_STATUS(ask_with("once-4", NULL, "POST", "/v1/entitlements", body), 409);
    EXPECT_SAYS(text_at("error.text"), wanted);
}

/* ---- a connection that ends ---- */

static struct request *under_way(void)
{
    list_each (&world.api->requests, node) {
        struct request *request = list_entry(node, struct request, node);

        if (request->op.in_flight)
            return request;
    }
    return NULL;
}

/* As for a newer connection. Hashing a password takes long enough for that. */
TEST(keys, a_request_whose_connection_was_ended_can_be_sent_again)
{
    static const char body[] = "{\"password\":\"long-enough\"}";
    struct request *request;
    int descriptor = raw_connect();
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "POST /v1/users/bob/password HTTP/1.1\r\nHost: a\r\nIdempotency-Key: cut-1\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    EXPECT_INT(write(descriptor, text, strlen(text)), strlen(text));
    (void)UNTIL((request = under_way()) != NULL, world_turn());
    request->client->ended = true;
    EXPECT_OK(shutdown(request->client->descriptor, SHUT_RDWR));
    request_abandon(request);
    (void)UNTIL(list_empty(&world.api->requests), world_turn());
    EXPECT_STATUS(ask_with("cut-1", NULL, "POST", "/v1/users/bob/password", body), 200);
    (void)close(descriptor);
}

/* ---- looking is recorded each time ---- */

/* Among the newest records. */
static size_t audited(const char *action, const char *object)
{
    size_t count = 0;

    EXPECT_STATUS(ask("GET", "/v1/audit?limit=200", NULL), 200);
    for (size_t i = 0; i < json_array_size(at("items")); i++) {
        const json_t *item = json_array_get(at("items"), i);

        count += strcmp(json_string_value(json_object_get(item, "action")), action) == 0 &&
                 strcmp(json_string_value(json_object_get(item, "object")), object) == 0;
    }
    return count;
}

TEST(keys, who_looks_again_under_the_same_key_is_recorded_again)
{
    EXPECT_STATUS(ask_with("look-1", NULL, "GET", "/v1/explain?user=anna", NULL), 200);
    EXPECT_STATUS(ask_with("look-1", NULL, "GET", "/v1/explain?user=anna", NULL), 200);
    EXPECT_INT(audited("user.explain", "user anna"), 2);
    EXPECT_STATUS(ask_with("look-2", NULL, "POST", "/v1/where", "{\"user\":\"bob\"}"), 200);
    restart();
    EXPECT_STATUS(ask_with("look-2", NULL, "POST", "/v1/where", "{\"user\":\"bob\"}"), 200);
    EXPECT_INT(audited("user.where", "user bob"), 2);
}

/* ---- one request, many decisions ---- */

static struct op decided;

static void note_decided(struct op *op, int result)
{
    (void)op;
    (void)result;
}

static void add_terminals(int first, int count)
{
    struct changes *changes = changes_new("test", "test", "test.add");

    for (int i = first; i < first + count; i++) {
        struct row_terminal row = { .id = core_next_id(world.context.core),
                                    .state = terminal_ACCEPTED,
                                    .tags = "many" };

        (void)snprintf(row.name, sizeof(row.name), "many-%d", i);
        (void)changes_add(changes, ENTITY_terminal, &row);
    }
    op_init(&decided, &world.loop.timers, note_decided);
    EXPECT_OK(decide_begin(&world.context, changes, NULL, &decided));
    (void)UNTIL(!decided.in_flight, world_turn());
    EXPECT_OK(decided.result);
}

static size_t count_items(const char *path)
{
    EXPECT_STATUS(ask("GET", path, NULL), 200);
    return json_array_size(at("items"));
}

/* Sent again after a restart in its midst, it goes to those that were not reached, and the answer
 * names the commands that are there. */
TEST(keys, a_command_for_many_goes_on_after_a_restart)
{
    static const char body[] = "{\"tag\":\"many\",\"minutes\":60}";
    int64_t ids[2];

    add_terminals(0, 2);
    EXPECT_STATUS(ask_with("many-1", NULL, "POST", "/v1/commands/lock", body), 200);
    for (size_t i = 0; i < 2; i++)
        ids[i] = json_integer_value(json_object_get(json_array_get(at("commands"), i), "id"));
    restart();
    add_terminals(2, 1); /* stands for one that was not reached */
    EXPECT_STATUS(ask_with("many-1", NULL, "POST", "/v1/commands/lock", body), 200);
    EXPECT_INT(json_array_size(at("commands")), 3);
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = json_array_get(at("commands"), i);

        EXPECT_INT(json_integer_value(json_object_get(one, "id")), ids[i]);
    }
    EXPECT_INT(count_items("/v1/commands?kind=lock"), 3);
    restart();
    EXPECT_STATUS(ask_with("many-1", NULL, "POST", "/v1/commands/lock", body), 200);
    EXPECT_INT(count_items("/v1/commands?kind=lock"), 3);
    EXPECT_STATUS(ask_with("many-1", NULL, "POST", "/v1/commands/reboot", body), 409);
    EXPECT_INT(count_items("/v1/commands?kind=reboot"), 0);
}

TEST(keys, end)
{
    world_end();
    reply_clear();
}

TEST_MAIN()
