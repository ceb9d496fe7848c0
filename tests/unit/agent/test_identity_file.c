/* test_identity_file.c - a terminal's identity: stored whole, renewed with proof, accepted only
 * from the pinned CA. */
#include "identity/identity_file.h"

#include "site.h"

struct world {
    struct site *site;
    struct state_dir state_dir;
    struct agent_identity *identity;
    char request[1024];
};

static void enter(struct world *world)
{
    struct berth_error error = { 0 };

    world->site = site_new();
    EXPECT_OK(state_dir_open(&world->state_dir, NULL, &error));
    EXPECT_OK(agent_identity_open(&world->state_dir, &world->identity, &error));
}

static void leave(struct world *world)
{
    agent_identity_close(world->identity);
    state_dir_close(&world->state_dir);
    site_free(world->site);
}

static void reopen(struct world *world)
{
    struct berth_error error = { 0 };

    agent_identity_close(world->identity);
    EXPECT_OK(agent_identity_open(&world->state_dir, &world->identity, &error));
}

static int answer(struct world *world, struct berth_error *reterr)
{
    char certificate[ISSUER_PEM_MAX];
    int64_t now_ms = clock_wall_ms();

    site_sign(world->site, world->request, false, now_ms - 1000, now_ms + SITE_HOUR_MS,
              certificate);
    return agent_identity_accept(world->identity, certificate, world->site->authority, "ICU-07",
                                 now_ms, reterr);
}

static void join(struct world *world)
{
    struct berth_error error = { 0 };

    EXPECT_OK(agent_identity_trust(world->identity, issuer_hash(world->site->issuer), &error));
    EXPECT_OK(agent_identity_request(world->identity, true, world->request, NULL, &error));
    EXPECT_OK(answer(world, &error));
}

TEST(identity, a_new_terminal_knows_nobody)
{
    struct world world;

    enter(&world);
    EXPECT(!agent_identity_facts(world.identity)->known);
    EXPECT(agent_identity_key(world.identity) == NULL);
    EXPECT_STR(agent_identity_facts(world.identity)->authority_hash, "");
    leave(&world);
}

TEST(identity, joins_and_is_the_same_after_a_restart)
{
    struct world world;
    char *key;

    enter(&world);
    join(&world);
    key = berth_strdup(agent_identity_key(world.identity));
    reopen(&world);
    EXPECT(agent_identity_facts(world.identity)->known);
    EXPECT_STR(agent_identity_facts(world.identity)->terminal, "ICU-07");
    EXPECT_STR(agent_identity_key(world.identity), key);
    EXPECT_STR(agent_identity_facts(world.identity)->authority_hash,
               issuer_hash(world.site->issuer));
    EXPECT(agent_identity_facts(world.identity)->not_after_ms > clock_wall_ms());
    free(key);
    leave(&world);
}

TEST(identity, an_unanswered_request_keeps_its_key_across_a_restart)
{
    struct world world;
    struct berth_error error = { 0 };
    char first[72];
    char second[72];

    enter(&world);
    EXPECT_OK(agent_identity_request(world.identity, true, world.request, NULL, &error));
    EXPECT_OK(issuer_check_request(world.request, first, &error));
    reopen(&world);
    EXPECT_OK(agent_identity_request(world.identity, true, world.request, NULL, &error));
    EXPECT_OK(issuer_check_request(world.request, second, &error));
    EXPECT_STR(first, second);
    EXPECT_OK(agent_identity_request(world.identity, false, world.request, NULL, &error));
    EXPECT_OK(issuer_check_request(world.request, second, &error));
    EXPECT(strcmp(first, second) != 0);
    leave(&world);
}

TEST(identity, the_old_key_speaks_for_the_new_one)
{
    struct world world;
    struct msg_join_evidence old = { 0 };
    struct berth_error error = { 0 };

    enter(&world);
    join(&world);
    EXPECT_OK(agent_identity_request(world.identity, true, world.request, &old, &error));
    EXPECT_INT(old.kind, join_evidence_kind_OLD_KEY);
    EXPECT_OK(issuer_check_signature(old.certificate, world.request, old.signature, &error));
    EXPECT_OK(answer(&world, &error));
    EXPECT(issuer_check_signature(agent_identity_certificate(world.identity), world.request,
                                  old.signature, &error) < 0); /* the new key is another one */
    leave(&world);
}

TEST(identity, an_answer_from_another_ca_is_refused)
{
    struct world world;
    struct site *other = site_new();
    struct berth_error error = { 0 };

    enter(&world);
    EXPECT_OK(agent_identity_trust(world.identity, issuer_hash(other->issuer), &error));
    EXPECT_OK(agent_identity_request(world.identity, true, world.request, NULL, &error));
    EXPECT_ERR(answer(&world, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "pinned");
    EXPECT(!agent_identity_facts(world.identity)->known);
    site_free(other);
    leave(&world);
}

TEST(identity, an_answer_for_another_key_is_refused)
{
    struct world world;
    struct berth_error error = { 0 };
    char earlier[1024];

    enter(&world);
    join(&world);
    EXPECT_OK(agent_identity_request(world.identity, false, earlier, NULL, &error));
    (void)snprintf(world.request, sizeof(world.request), "%s", earlier);
    EXPECT_OK(agent_identity_request(world.identity, false, earlier, NULL, &error));
    EXPECT_ERR(answer(&world, &error), BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "not for the key");
    EXPECT(agent_identity_facts(world.identity)->known); /* the one before stays good */
    leave(&world);
}

TEST(identity, an_invitation_of_another_site_sets_the_old_identity_aside)
{
    struct world world;
    struct site *other = site_new();
    struct berth_error error = { 0 };

    enter(&world);
    join(&world);
    EXPECT_OK(agent_identity_trust(world.identity, issuer_hash(world.site->issuer), &error));
    EXPECT(agent_identity_facts(world.identity)->known);
    EXPECT_OK(agent_identity_trust(world.identity, issuer_hash(other->issuer), &error));
    EXPECT(!agent_identity_facts(world.identity)->known);
    EXPECT(agent_identity_key(world.identity) == NULL);
    EXPECT_ERR(agent_identity_trust(world.identity, "abc", &error), BERTH_E_INVALID);
    site_free(other);
    leave(&world);
}

TEST(identity, a_spoilt_document_is_said_and_not_thrown_away)
{
    struct world world;
    struct agent_identity *again = NULL;
    struct berth_error error = { 0 };
    size_t size = 0;
    char *text;

    enter(&world);
    EXPECT_OK(state_file_write(&world.state_dir, "identity.json", "{\"key\":1}", 9, &error));
    EXPECT_ERR(agent_identity_open(&world.state_dir, &again, &error), BERTH_E_INVALID);
    text = state_file_read(&world.state_dir, "identity.json", &size, &error);
    EXPECT_STR(text, "{\"key\":1}");
    free(text);
    leave(&world);
}

TEST_MAIN()
