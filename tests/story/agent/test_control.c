/* test_control.c - answers of the control socket to `berth-agent join`: a terminal under virtual
 * time behind a real socket. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/control.h"
#include "fakes/agent/fixture.h"

#include "test.h"

struct scene {
    struct fixture *fixture;
    struct berth_loop loop;
    struct control *control;
    int wire;
    char path[64];
    char heard[4096]; /* the lines so far, and where the next one begins */
    size_t size;
};

static int bring(void *context, const char *invitation, struct berth_error *reterr)
{
    struct fixture *fixture = context;

    (void)invitation;
    (void)reterr;
    agent_flow_rejoin(&fixture->agent);
    return 0;
}

/* Has it heard this? */
static bool received(struct scene *scene, const char *text)
{
    ssize_t got;

    loop_turn(&scene->loop, 10);
    got = recv(scene->wire, scene->heard + scene->size, sizeof(scene->heard) - 1 - scene->size,
               MSG_DONTWAIT);
    if (got > 0)
        scene->size += (size_t)got;
    scene->heard[scene->size] = '\0';
    return strstr(scene->heard, text) != NULL;
}

#define HEARS(scene, text) (void)UNTIL(received(scene, text), (void)0)

/* A client has sent an invitation and gets progress. */
static struct scene *joining(bool known, uint64_t seed)
{
    static const char request[] = "{\"request\":\"join\",\"invitation\":\"i\",\"limit_s\":86400}\n";
    struct scene *scene = berth_new(struct scene);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct berth_error error = { 0 };

    (void)snprintf(scene->path, sizeof(scene->path), "/tmp/berth-control-%d", (int)getpid());
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", scene->path);
    scene->fixture = fixture_new(seed);
    scene->fixture->identity.facts.known = known;
    fixture_start(scene->fixture);
    EXPECT_OK(loop_init(&scene->loop, &error));
    scene->control = control_new(&scene->loop, &scene->fixture->agent, scene->path, bring,
                                 scene->fixture, &error);
    EXPECT(scene->control != NULL);
    scene->wire = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_OK(connect(scene->wire, (struct sockaddr *)&address, sizeof(address)));
    EXPECT_INT(send(scene->wire, request, sizeof(request) - 1, MSG_NOSIGNAL),
               (int)sizeof(request) - 1);
    HEARS(scene, "\"progress\"");
    return scene;
}

/* The broker is asked (again). */
static void asks(struct scene *scene)
{
    size_t before = fixture_sent_count(scene->fixture, MSG_join);

    (void)UNTIL_BY(scene->fixture->timers.mono_ms, 1000000,
                   fixture_sent_count(scene->fixture, MSG_join) > before,
                   fixture_run(scene->fixture, 100));
}

static void leave(struct scene *scene)
{
    (void)close(scene->wire);
    control_end(scene->control);
    (void)UNTIL(control_is_closed(scene->control), loop_turn(&scene->loop, 10));
    control_free(scene->control);
    loop_close(&scene->loop);
    fixture_free(scene->fixture);
    free(scene);
}

TEST(control, a_code_takes_the_place_of_an_earlier_reason)
{
    struct scene *scene = joining(false, 1);
    struct msg msg;

    asks(scene);
    fixture_cut(scene->fixture);
    HEARS(scene, "the wire was cut");
    scene->size = 0;
    asks(scene);
    fixture_msg(&msg, MSG_join_wait);
    (void)snprintf(msg.join_wait.code, sizeof(msg.join_wait.code), "123-456");
    msg.join_wait.retry_after_ms = 15000;
    fixture_say(scene->fixture, &msg);
    HEARS(scene, "waiting for approval, code 123-456");
    EXPECT_SAYS(scene->heard, "waiting-approval");
    EXPECT(!strstr(scene->heard, "the wire was cut"));
    leave(scene);
}

static void ends_with_no(const char *code, uint64_t seed)
{
    struct scene *scene = joining(false, seed);

    asks(scene);
    fixture_refuse(scene->fixture, "join", code, "so it is");
    HEARS(scene, "\"refused\":true");
    EXPECT_SAYS(scene->heard, "so it is");
    leave(scene);
}

static void goes_on(const char *code, uint64_t seed)
{
    struct scene *scene = joining(false, seed);
    struct msg msg;

    asks(scene);
    fixture_refuse(scene->fixture, "join", code, "so it is");
    HEARS(scene, "so it is");
    EXPECT(!strstr(scene->heard, "\"ok\""));
    asks(scene);
    fixture_msg(&msg, MSG_joined);
    fixture_say(scene->fixture, &msg);
    HEARS(scene, "\"ok\":true");
    leave(scene);
}

/* Only what a person must mend is the end of it. */
TEST(control, a_no_is_the_answer)
{
    static const char *const noes[] = { "DENIED", "REVOKED", "EXISTS", "CONFIG", "INVALID" };

    for (size_t i = 0; i < BERTH_COUNT(noes); i++)
        ends_with_no(noes[i], 10 + i);
}

TEST(control, a_failure_of_the_broker_is_not_a_no)
{
    static const char *const others[] = { "INTERNAL", "STORE", "SCHEMA", "BUSY", "NO_SPACE" };

    for (size_t i = 0; i < BERTH_COUNT(others); i++)
        goes_on(others[i], 20 + i);
}

TEST(control, who_is_not_the_one_of_the_invitation_may_be_of_another_site)
{
    struct scene *scene = joining(false, 30);

    asks(scene);
    fixture_refuse(scene->fixture, "join", "CERTIFICATE", "unknown authority");
    HEARS(scene, "unknown authority; the invitation is from another site, or a clock is wrong");
    leave(scene);
}

/* The join listener failed once, the link stands by the identity that was there. */
TEST(control, a_link_by_the_old_identity_is_the_end_of_the_invitation)
{
    struct scene *scene = joining(true, 40);

    asks(scene);
    fixture_cut(scene->fixture);
    fixture_run(scene->fixture, 60000);
    HEARS(scene, "the invitation was not used: ");
    EXPECT_SAYS(scene->heard, "; the terminal is linked as ICU-07");
    EXPECT_SAYS(scene->heard, "\"ok\":false");
    leave(scene);
}

TEST_MAIN()
