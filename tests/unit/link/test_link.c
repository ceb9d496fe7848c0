/* test_link.c - the link to terminals, on real sockets, threads and handshakes. */
#include <errno.h>
#include <sys/resource.h>

#include "berth/log.h"

#include "link/io_thread.h"

#include "link_fixture.h"

#define ANNOUNCE "{\"type\":\"announce\",\"ref\":7,\"boot_id\":\"b1\",\"user_waiting\":true}"
#define JOIN "{\"type\":\"join\",\"request\":\"x\",\"serial\":\"S1\",\"evidence\":[]}"

TEST(link, a_terminal_enters_announces_and_is_answered)
{
    struct client client;
    char hash[72], key_hash[72];
    int64_t ends_ms;

    fixture_begin_default();
    client_enter(&client);
    EXPECT_OK(
        tls_certificate_info(identity.certificate.certificate, hash, key_hash, &ends_ms, NULL));
    EXPECT_STR(handlers.key_hash, key_hash);
    EXPECT_STR(handlers.address, "127.0.0.1");
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
    EXPECT_INT(handlers.last.type, MSG_announce);
    EXPECT_INT(handlers.last.ref, 7);
    EXPECT_STR(handlers.last.announce.boot_id, "b1");
    EXPECT(handlers.last.announce.user_waiting);
    EXPECT_SAYS(client.last, "\"type\":\"granted\"");
    EXPECT_SAYS(client.last, "\"ref\":7");
    EXPECT_INT(stats_now().peers, 1);
    client_end(&client);
    TURN_UNTIL(handlers.closed == 1);
    EXPECT_INT(stats_now().peers, 0);
    identity_free();
    fixture_end();
}

TEST(link, an_address_is_plain_on_a_socket_for_both_families)
{
    struct client client;
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (probe < 0)
        skip(); /* a kernel without IPv6 */
    (void)close(probe);
    fixture_listen = "[::]:0";
    fixture_begin_default();
    fixture_listen = "127.0.0.1:0";
    client_enter(&client);
    EXPECT_STR(handlers.address, "127.0.0.1");
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST(link, what_is_not_permitted_now_is_refused)
{
    struct client client;

    fixture_begin_default();
    client_enter(&client);
    client_say(&client, "{\"type\":\"renew\",\"ref\":3,\"presence_id\":\"x\",\"seq\":1}");
    TURN_UNTIL(client.frames == 1);
    EXPECT_SAYS(client.last, "\"type\":\"refused\"");
    EXPECT_SAYS(client.last, "\"about\":\"renew\"");
    EXPECT_SAYS(client.last, "\"code\":\"STATE\"");
    EXPECT_SAYS(client.last, "'renew' is not permitted while not announced");
    EXPECT_SAYS(client.last, "\"ref\":3");
    EXPECT_INT(handlers.messages, 0);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 2);
    client_say(&client, "{\"type\":\"renew\",\"presence_id\":\"x\",\"seq\":1}");
    TURN_UNTIL(handlers.messages == 2);
    EXPECT_INT(handlers.last.type, MSG_renew);
    EXPECT_INT(stats_now().messages_refused, 1);
    client_end(&client);
    identity_free();
    fixture_end();
}

/* A network that stood still lets go of renewals whose presence is over: it is no fault to have
 * sent them. */
TEST(link, what_was_said_before_a_presence_was_over_is_no_fault)
{
    struct client client;

    fixture_begin_default();
    client_enter(&client);
    handlers.grant = true;
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
    stub_tell(&fixture.context, handlers.peers[0], &(struct msg){ .type = MSG_presence_unknown });
    TURN_UNTIL(client.frames == 2);
    for (int i = 0; i < 10; i++)
        client_say(&client, "{\"type\":\"renew\",\"presence_id\":\"x\",\"seq\":1}");
    TURN_UNTIL(client.frames == 12);
    EXPECT_SAYS(client.last, "\"code\":\"STATE\"");
    EXPECT_INT(stats_now().messages_refused, 0);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 13);
    EXPECT_SAYS(client.last, "granted");
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST(link, a_renewal_waits_for_company_and_nothing_overtakes_it)
{
    struct client client;
    int64_t began;

    fixture_begin_default();
    client_enter(&client);
    handlers.grant = true;
    client_say(&client, "{\"type\":\"announce\",\"ref\":1,\"boot_id\":\"b1\"}");
    TURN_UNTIL(client.frames == 1);

    began = clock_mono_ms();
    client_say(&client, "{\"type\":\"renew\",\"presence_id\":\"x\",\"seq\":1}");
    TURN_UNTIL(handlers.messages == 2);
    EXPECT_INT(handlers.last.type, MSG_renew);
    EXPECT(clock_mono_ms() - began >= IO_BATCH_DELAY_MS - 1);

    /* What a person waits for takes along what was said before it. */
    client_say(&client, "{\"type\":\"renew\",\"presence_id\":\"x\",\"seq\":2}");
    client_say(&client, "{\"type\":\"sign_on_cancel\",\"ref\":5}");
    TURN_UNTIL(handlers.messages == 4);
    EXPECT_INT(handlers.last.type, MSG_sign_on_cancel);

    /* And who leaves is heard to the end. */
    client_say(&client, "{\"type\":\"renew\",\"presence_id\":\"x\",\"seq\":3}");
    client_end(&client);
    TURN_UNTIL(handlers.closed == 1);
    EXPECT_INT(handlers.messages, 5);
    identity_free();
    fixture_end();
}

TEST(link, presence_lost_is_as_before_the_announcement)
{
    struct client client;
    struct msg unknown = { .type = MSG_presence_unknown };

    fixture_begin_default();
    client_enter(&client);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
    stub_tell(&fixture.context, handlers.peers[0], &unknown);
    TURN_UNTIL(client.frames == 2);
    EXPECT_SAYS(client.last, "presence_unknown");
    client_say(&client, "{\"type\":\"sign_on\",\"evidence\":[]}");
    TURN_UNTIL(client.frames == 3);
    EXPECT_SAYS(client.last, "'sign_on' is not permitted while not announced");
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST(link, five_faults_and_it_is_hung_up_on)
{
    struct client client;

    fixture_begin_default();
    client_enter(&client);
    for (int i = 0; i < 5; i++)
        client_say(&client, "{\"type\":\"dance\"}");
    TURN_UNTIL(client.closed);
    EXPECT_SAYS(client.last, "too many messages that are malformed or not permitted");
    EXPECT_SAYS(client.last, "\"code\":\"PROTOCOL\"");
    EXPECT_INT(client.frames, 6);
    TURN_UNTIL(handlers.closed == 1);
    EXPECT_INT(stats_now().messages_bad, 5);
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST(link, json_ten_thousand_deep_is_refused_and_others_notice_nothing)
{
    struct client client, other;
    char *deep = berth_alloc(20001);

    fixture_begin_default();
    client_enter(&client);
    client_enter(&other);
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    client_send(&client, deep, 20000);
    TURN_UNTIL(client.frames == 1);
    EXPECT_SAYS(client.last, "\"code\":\"PROTOCOL\"");
    client_say(&other, ANNOUNCE);
    TURN_UNTIL(other.frames == 1);
    EXPECT_SAYS(other.last, "granted");
    free(deep);
    client_end(&client);
    client_end(&other);
    identity_free();
    fixture_end();
}

TEST(link, a_frame_of_two_gigabytes_ends_the_connection_before_anything_is_kept)
{
    struct client client, other;

    fixture_begin_default();
    client_enter(&client);
    client_enter(&other);
    EXPECT_OK(tls_write(&client.tls, "\x80\x00\x00\x00{", 5));
    TURN_UNTIL(client.closed && handlers.closed == 1);
    EXPECT_SAYS(handlers.closed_why, "a frame of 2147483648 bytes exceeds the limit of 65536");
    EXPECT_INT(stats_now().messages_bad, 1);
    client_say(&other, ANNOUNCE);
    TURN_UNTIL(other.frames == 1);
    client_end(&client);
    client_end(&other);
    identity_free();
    fixture_end();
}

TEST(link, a_joiner_may_join_and_nothing_else)
{
    struct client client;

    fixture_begin_default();
    client_join(&client);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
    EXPECT_SAYS(client.last, "'announce' is not permitted while joining");
    client_say(&client, "{\"type\":\"join\",\"request\":\"x\",\"serial\":\"S1\",\"evidence\":[]}");
    TURN_UNTIL(handlers.messages == 1);
    EXPECT_INT(handlers.last.type, MSG_join);
    EXPECT_STR(handlers.last.join.serial, "S1");
    EXPECT_INT(stats_now().joining, 1);
    client_end(&client);
    TURN_UNTIL(handlers.joiners_closed == 1);
    fixture_end();
}

static void expect_last_word(const struct msg *msg)
{
    struct client client;

    handlers.messages = 0;
    client_join(&client);
    client_say(&client, JOIN);
    TURN_UNTIL(handlers.messages == 1);
    fixture.context.tell(fixture.context.link, handlers.peers[(handlers.joiners - 1) % STUB_PEERS],
                         msg);
    TURN_UNTIL(client.closed && handlers.joiners_closed == handlers.joiners);
    EXPECT_INT(client.frames, 1);
    EXPECT_SAYS(client.last, msg_row(msg->type)->name);
    EXPECT_INT(client.why.code, 0);
    client_end(&client);
}

/* One request, one answer: then the connection is closed to free its place. */
TEST(link, a_joiner_that_was_answered_is_hung_up_on)
{
    struct client client;
    struct msg *msg = berth_new(struct msg);

    fixture_begin_default();
    msg->type = MSG_refused;
    (void)snprintf(msg->refused.about, sizeof(msg->refused.about), "join");
    (void)snprintf(msg->refused.code, sizeof(msg->refused.code), "DENIED");
    expect_last_word(msg);
    *msg = (struct msg){ .type = MSG_join_wait };
    expect_last_word(msg);
    *msg = (struct msg){ .type = MSG_joined };
    expect_last_word(msg);
    /* The refusal of something else is no answer. */
    client_join(&client);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
    handlers.messages = 0;
    client_say(&client, JOIN);
    TURN_UNTIL(handlers.messages == 1);
    free(msg);
    client_end(&client);
    fixture_end();
}

/* The first would have to go first; it is told all the time that its answer still comes. */
TEST(link, a_joiner_whose_answer_still_comes_may_stay)
{
    const struct msg pending = { .type = MSG_join_pending };
    struct client first, second;
    uint64_t peer;

    fixture_begin((struct link_limits){ .handshakes = 64,
                                        .handshakes_source = 64,
                                        .handshake_ms = 5000,
                                        .joining_ms = 10000,
                                        .messages_s = 1000 });
    client_join(&first);
    client_say(&first, JOIN);
    TURN_UNTIL(handlers.messages == 1);
    peer = handlers.peers[(handlers.joiners - 1) % STUB_PEERS];
    client_join(&second);
    client_say(&second, JOIN);
    TURN_UNTIL(handlers.messages == 2);
    (void)UNTIL(second.closed, (fixture.context.tell(fixture.context.link, peer, &pending),
                                loop_turn(&fixture.loop, 20)));
    EXPECT(!first.closed);
    EXPECT_SAYS(first.last, "join_pending");
    TURN_UNTIL(first.closed && handlers.joiners_closed == 2);
    client_end(&first);
    client_end(&second);
    fixture_end();
}

TEST(link, a_joiners_frame_over_four_kilobytes_ends_it)
{
    struct client client;
    static char large[5000];

    fixture_begin_default();
    client_join(&client);
    memset(large, ' ', sizeof(large));
    client_send(&client, large, sizeof(large));
    TURN_UNTIL(client.closed && handlers.joiners_closed == 1);
    client_end(&client);
    fixture_end();
}

TEST(link, a_revoked_terminal_is_told_why_and_closed)
{
    struct client client;

    fixture_begin_default();
    identity_make();
    handlers.admit = BERTH_E_REVOKED;
    client_begin(&client, client_context("berth/1", identity.certificate.certificate, identity.key),
                 link_port(fixture.link));
    TURN_UNTIL(client.closed);
    EXPECT_INT(client.frames, 1);
    EXPECT_SAYS(client.last, "\"code\":\"REVOKED\"");
    EXPECT_SAYS(client.last, "the terminal was turned away by the test");
    for (int i = 0; i < 5; i++)
        loop_turn(&fixture.loop, 20);
    EXPECT_INT(handlers.closed, 0); /* it was never admitted */
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST(link, a_hang_up_says_why_first)
{
    struct client client;

    fixture_begin_default();
    client_enter(&client);
    fixture.context.hang_up(fixture.context.link, handlers.peers[0], BERTH_E_SUPERSEDED,
                            "the terminal is here a second time");
    TURN_UNTIL(client.closed && handlers.closed == 1);
    EXPECT_SAYS(client.last, "\"code\":\"SUPERSEDED\"");
    EXPECT_SAYS(client.last, "the terminal is here a second time");
    EXPECT_SAYS(client.last, "\"about\":\"connection\"");
    /* A number that is gone is ignored. */
    fixture.context.hang_up(fixture.context.link, handlers.peers[0], BERTH_E_SUPERSEDED, "again");
    client_end(&client);
    identity_free();
    fixture_end();
}

/* ---- who does not come in ---- */

TEST(link, another_authoritys_terminal_is_refused_and_made_to_wait)
{
    struct issuer *stranger;
    struct pki_identity foreign;

    fixture_begin_default();
    pki_authority("stranger", &stranger);
    pki_identity(stranger, "icu-07", false, PKI_DAY_MS, &foreign);
    for (int i = 0; i < 4; i++) {
        struct client client;

        client_begin(&client, client_context("berth/1", foreign.certificate, foreign.key),
                     link_port(fixture.link));
        TURN_UNTIL(client.closed);
        TURN_UNTIL(stats_now().failed_certificate == i + 1);
        client_end(&client);
    }
    EXPECT_INT(handlers.opened, 0);
    /* Four times five seconds are owed: over what is tolerated. */
    {
        struct client client;

        client_begin(&client, client_context("berth/1", foreign.certificate, foreign.key),
                     link_port(fixture.link));
        TURN_UNTIL(client.closed);
        EXPECT_INT(client.opened, 0);
        EXPECT_INT(stats_now().refused_penalty, 1);
        client_end(&client);
    }
    issuer_free(stranger);
    pki_identity_free(&foreign);
    fixture_end();
}

TEST(link, half_a_handshake_is_cut_off_and_others_notice_nothing)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct client other;
    int half = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t began;

    /* The limit is that of the other's handshake as well, which must have the time it takes. */
    fixture_begin((struct link_limits){
        .handshakes = 64, .handshakes_source = 64, .handshake_ms = 4000, .messages_s = 100 });
    to.sin_port = htons((uint16_t)link_port(fixture.link));
    began = clock_mono_ms();
    EXPECT_OK(connect(half, (struct sockaddr *)&to, sizeof(to)));
    EXPECT_INT(write(half, "\x16\x03\x01", 3), 3);
    client_enter(&other);
    client_say(&other, ANNOUNCE);
    TURN_UNTIL(other.frames == 1);
    TURN_UNTIL(stats_now().failed_timeout == 1);
    EXPECT(clock_mono_ms() - began >= 3990);
    (void)close(half);
    client_end(&other);
    identity_free();
    fixture_end();
}

/* One that connects and says nothing. */
static int connect_silently(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)port) };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT_OK(connect(descriptor, (struct sockaddr *)&to, sizeof(to)));
    return descriptor;
}

static bool is_ended(int descriptor)
{
    char byte;
    ssize_t got = recv(descriptor, &byte, 1, MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN);
}

static int count_ended(const int *descriptor, int count)
{
    int ended = 0;

    for (int i = 0; i < count; i++)
        ended += is_ended(descriptor[i]);
    return ended;
}

/* The oldest of them goes for the newest, so the address is not shut to others behind it. */
TEST(link, one_source_cannot_hold_more_handshakes_than_its_share)
{
    int half[5];

    fixture_begin((struct link_limits){
        .handshakes = 64, .handshakes_source = 3, .handshake_ms = 600000, .messages_s = 100 });
    for (int i = 0; i < 5; i++)
        half[i] = connect_silently(link_port(fixture.link));
    TURN_UNTIL(stats_now().replaced == 2);
    TURN_UNTIL(count_ended(half, 5) == 2); /* two threads: which of them came first may differ */
    EXPECT_INT(stats_now().refused_source, 0);
    for (int i = 0; i < 5; i++)
        (void)close(half[i]);
    fixture_end();
}

/* A stranger behind the ward's own address holds as many half handshakes as he likes, with a
 * ClientHello or without, and begins each anew that ends. */
TEST(link, a_stranger_behind_a_terminals_address_does_not_keep_it_out)
{
    struct client client;
    int half[24];

    fixture_begin((struct link_limits){
        .handshakes = 64, .handshakes_source = 8, .handshake_ms = 600000, .messages_s = 100 });
    client_enter(&client);
    client_end(&client);
    for (size_t i = 0; i < BERTH_COUNT(half); i++)
        half[i] = connect_silently(link_port(fixture.link));
    for (int i = 0; i < 12; i++) {
        client_enter(&client);
        client_end(&client);
        for (size_t k = 0; k < BERTH_COUNT(half); k++) {
            if (!is_ended(half[k]))
                continue;
            (void)close(half[k]);
            half[k] = connect_silently(link_port(fixture.link));
        }
    }
    EXPECT_INT(stats_now().refused_source + stats_now().refused_penalty, 0);
    for (size_t i = 0; i < BERTH_COUNT(half); i++)
        (void)close(half[i]);
    identity_free();
    fixture_end();
}

/* Not even an unknown address: after a restart of the broker all are unknown. */
TEST(link, a_new_terminal_gets_in_beside_silent_ones_of_its_address)
{
    struct client client;
    int half[24];

    fixture_begin((struct link_limits){
        .handshakes = 64, .handshakes_source = 8, .handshake_ms = 600000, .messages_s = 100 });
    for (size_t i = 0; i < BERTH_COUNT(half); i++)
        half[i] = connect_silently(link_port(fixture.link));
    TURN_UNTIL(stats_now().replaced == 16); /* all 24 came, and 8 of them have a place */
    client_enter(&client);
    client_end(&client);
    for (size_t i = 0; i < BERTH_COUNT(half); i++)
        (void)close(half[i]);
    identity_free();
    fixture_end();
}

/* Anybody can finish a handshake to join: those who then ask nothing take no place from others, and
 * none at all from terminals. */
TEST(link, silent_joiners_keep_out_neither_joiners_nor_terminals)
{
    struct client silent[12];
    struct client joiner;
    struct client terminal;

    fixture_begin((struct link_limits){
        .handshakes = 8, .handshakes_source = 4, .handshake_ms = 600000, .messages_s = 100 });
    for (size_t i = 0; i < BERTH_COUNT(silent); i++)
        client_join(&silent[i]);
    TURN_UNTIL(stats_now().replaced == 8);
    client_join(&joiner);
    client_enter(&terminal);
    client_end(&terminal);
    client_end(&joiner);
    for (size_t i = 0; i < BERTH_COUNT(silent); i++)
        client_end(&silent[i]);
    identity_free();
    fixture_end();
}

/* It is let in, asks and is answered. */
static void expect_served(const char *source)
{
    struct msg *msg = berth_new(struct msg);
    struct client client;

    client_source = source;
    handlers.messages = 0;
    client_join(&client);
    client_say(&client, JOIN);
    TURN_UNTIL(handlers.messages == 1);
    msg->type = MSG_joined;
    fixture.context.tell(fixture.context.link, handlers.peers[(handlers.joiners - 1) % STUB_PEERS],
                         msg);
    TURN_UNTIL(client.frames == 1);
    free(msg);
    client_end(&client);
    client_source = NULL;
}

/* The broker is slow to answer, and one address has asked more often than there are places. */
TEST(link, joiners_of_one_source_that_asked_keep_out_neither_others_nor_known_ones)
{
    struct client asked[16];
    struct client terminal;

    fixture_begin((struct link_limits){
        .handshakes = 8, .handshakes_source = 4, .handshake_ms = 600000, .messages_s = 100 });
    client_source = "127.0.0.3";
    client_enter(&terminal);
    client_end(&terminal);
    client_source = NULL;
    for (size_t i = 0; i < BERTH_COUNT(asked); i++) {
        int heard = handlers.messages;

        client_begin(&asked[i], client_context("berth-join/1", NULL, NULL),
                     link_join_port(fixture.link));
        TURN_UNTIL(asked[i].opened || asked[i].closed);
        client_say(&asked[i], JOIN);
        TURN_UNTIL(handlers.messages > heard || asked[i].closed);
    }
    expect_served("127.0.0.2");
    expect_served("127.0.0.3");
    for (size_t i = 0; i < BERTH_COUNT(asked); i++)
        client_end(&asked[i]);
    identity_free();
    fixture_end();
}

static void talk_nonsense(void)
{
    int64_t failed = stats_now().failed_protocol;
    int knocker = connect_silently(link_port(fixture.link));

    EXPECT_INT(write(knocker, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    TURN_UNTIL(stats_now().failed_protocol == failed + 1);
    (void)close(knocker);
}

/* More than an unknown address may have. */
static void run_into_debt(void)
{
    talk_nonsense();
    talk_nonsense();
}

static void expect_stranger(void)
{
    int knocker;

    run_into_debt();
    knocker = connect_silently(link_port(fixture.link));
    TURN_UNTIL(stats_now().refused_penalty == 1);
    (void)close(knocker);
}

/* The handshake is done before the core looks at the key: revoked, retired, never known. */
TEST(link, a_key_that_the_core_refuses_makes_no_address_known)
{
    struct client client;

    fixture_begin_default();
    identity_make();
    handlers.admit = BERTH_E_REVOKED;
    client_begin(&client, client_context("berth/1", identity.certificate.certificate, identity.key),
                 link_port(fixture.link));
    TURN_UNTIL(client.closed);
    client_end(&client);
    expect_stranger();
    identity_free();
    fixture_end();
}

TEST(link, an_address_is_known_until_the_last_one_there_is_revoked)
{
    struct client first, second, third;
    uint64_t numbers[3];

    fixture_begin_default();
    client_enter(&first);
    client_enter(&second);
    memcpy(numbers, handlers.peers, sizeof(numbers));
    fixture.context.hang_up(fixture.context.link, numbers[0], BERTH_E_REVOKED, "it was revoked");
    TURN_UNTIL(first.closed);
    run_into_debt();
    client_enter(&third);
    numbers[2] = handlers.peers[2];
    for (int i = 1; i < 3; i++)
        fixture.context.hang_up(fixture.context.link, numbers[i], BERTH_E_REVOKED,
                                "it was revoked");
    TURN_UNTIL(second.closed && third.closed);
    expect_stranger();
    client_end(&first);
    client_end(&second);
    client_end(&third);
    identity_free();
    fixture_end();
}

/* OpenSSL's own client against the listener: what it prints. Server and client do not share a
 * thread. */
static void s_client(const char *options, char *out, size_t size)
{
    char command[512];
    FILE *stream;
    size_t got;

    (void)snprintf(command, sizeof(command),
                   "timeout 10 openssl s_client -connect 127.0.0.1:%d %s </dev/null 2>&1",
                   link_port(fixture.link), options);
    stream = popen(command, "r"); // NOLINT(cert-env33-c): a test's own command
    assert_non_null(stream);
    got = fread(out, 1, size - 1, stream);
    out[got] = '\0';
    (void)pclose(stream);
}

TEST(link, a_stock_client_sees_tls_1_3_with_our_protocol_only)
{
    static char text[65536];

    fixture_begin_default();
    s_client("-alpn berth/1", text, sizeof(text));
    EXPECT_SAYS(text, "TLSv1.3");
    EXPECT_SAYS(text, "ALPN protocol: berth/1");
    EXPECT_SAYS(text, "X25519");
    TURN_UNTIL(stats_now().failed_certificate == 1); /* it had none to show */
    s_client("-tls1_2 -alpn berth/1", text, sizeof(text));
    EXPECT_SAYS(text, "alert protocol version");
    s_client("-alpn h2", text, sizeof(text));
    EXPECT_SAYS(text, "alert no application protocol");
    TURN_UNTIL(stats_now().failed_protocol == 2);
    EXPECT_INT(handlers.opened, 0);
    fixture_end();
}

/* ---- too much ---- */

TEST(link, who_talks_too_much_waits_and_who_floods_is_hung_up_on)
{
    struct client client;
    int64_t began;

    fixture_begin((struct link_limits){
        .handshakes = 64, .handshakes_source = 64, .handshake_ms = 5000, .messages_s = 20 });
    client_enter(&client);
    began = clock_mono_ms();
    for (int i = 0; i < 60; i++)
        client_say(&client, ANNOUNCE);
    TURN_UNTIL(handlers.messages == 60);
    TURN_UNTIL(stats_now().messages_delayed > 0);
    EXPECT_INT(handlers.closed, 0);
    /* 40 were free, 20 are owed at 20 a second: the next is heard a second later. */
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(handlers.messages == 61);
    EXPECT(clock_mono_ms() - began >= 900);
    for (int i = 0; i < 400; i++)
        client_say(&client, ANNOUNCE);
    TURN_UNTIL(handlers.closed == 1);
    EXPECT_SAYS(handlers.closed_why, "sends more than 20 messages a second");
    EXPECT_INT(stats_now().floods, 1);
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST(link, a_slow_reader_is_dropped)
{
    struct client client;
    struct msg *profile = berth_new(struct msg);

    fixture_begin_default();
    client_enter(&client);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
    tls_pause(&client.tls);
    profile->type = MSG_profile;
    profile->profile.settings_count = 32;
    for (int i = 0; i < 32; i++)
        memset(profile->profile.settings[i].value, 'x',
               sizeof(profile->profile.settings[i].value) - 1);
    for (int i = 0; i < 20000 && handlers.closed == 0; i++) {
        fixture.context.tell(fixture.context.link, handlers.peers[0], profile);
        if (i % 64 == 0)
            loop_turn(&fixture.loop, 1);
    }
    TURN_UNTIL(handlers.closed == 1);
    EXPECT_SAYS(handlers.closed_why, "reads too slowly");
    EXPECT_INT(stats_now().slow_readers, 1);
    free(profile);
    client_end(&client);
    identity_free();
    fixture_end();
}

/* ---- certificates ---- */

static void server_hash(struct client *client, char hash[72])
{
    EXPECT(tls_peer_certificate(&client->tls, hash));
}

TEST(link, a_new_certificate_serves_new_connections_and_old_ones_stay)
{
    struct client before, after;
    char old[72], fresh[72];

    fixture_begin_default();
    client_enter(&before);
    server_hash(&before, old);
    EXPECT_OK(link_renew_certificate(fixture.link, NULL));
    client_enter(&after);
    server_hash(&after, fresh);
    EXPECT(strcmp(old, fresh) != 0);
    client_say(&before, ANNOUNCE);
    TURN_UNTIL(before.frames == 1);
    client_end(&before);
    client_end(&after);
    identity_free();
    fixture_end();
}

TEST(link, the_certificate_is_renewed_by_itself_before_it_ends)
{
    int64_t ends_ms;
    int64_t later_ms;

    fixture_begin_default();
    ends_ms = link_certificate_ends_ms(fixture.link);
    /* The clocks as they are 21 days on; the loop would set them back at its next turn. */
    later_ms = fixture.loop.timers.wall_ms + (int64_t)21 * 24 * HOUR_MS;
    timers_advance(&fixture.loop.timers, fixture.loop.timers.mono_ms + HOUR_MS + 1, later_ms);
    EXPECT(link_certificate_ends_ms(fixture.link) > ends_ms + (int64_t)20 * 24 * HOUR_MS);
    fixture_end();
}

TEST(link, bad_addresses_are_said_so)
{
    struct link *link = NULL;
    struct berth_error error = { 0 };
    struct link_setup setup;

    fixture_begin_default();
    setup = fixture.setup;
    setup.listen = "localhost:7443";
    EXPECT_ERR(link_new(&setup, &link, &error), BERTH_E_CONFIG);
    EXPECT_STR(error.text, "'localhost:7443' is not an address to listen on; expected "
                           "ADDRESS:PORT, such as 0.0.0.0:7443 or [::]:7443");
    setup.listen = "192.0.2.1:7443";
    EXPECT_ERR(link_new(&setup, &link, &error), BERTH_E_IO);
    EXPECT_STR(error.text, "cannot listen on 192.0.2.1 port 7443: Cannot assign requested address");
    fixture_end();
}

TEST(link, a_second_broker_on_the_same_port_is_refused)
{
    struct link *link = NULL;
    struct berth_error error = { 0 };
    struct link_setup setup;
    char address[64];
    char wanted[128];

    fixture_begin_default();
    setup = fixture.setup;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", link_port(fixture.link));
    (void)snprintf(wanted, sizeof(wanted),
                   "cannot listen on 127.0.0.1 port %d: Address already in use",
                   link_port(fixture.link));
    setup.listen = address;
    EXPECT_ERR(link_new(&setup, &link, &error), BERTH_E_IO);
    EXPECT_STR(error.text, wanted);
    fixture_end();
}

TEST(link, the_end_closes_everybody)
{
    struct client client;

    fixture_begin_default();
    client_enter(&client);
    link_free(fixture.link);
    fixture.link = NULL;
    TURN_UNTIL(client.closed);
    EXPECT_INT(client.why.code, 0); /* closed in good order */
    client_end(&client);
    identity_free();
    fixture_end();
}

/* Work of other threads may end, and its outcome be told, while the listeners close: a password
 * that was being checked when the store failed. */
static void tell_late(berth_unused struct loop_mail *mail)
{
    const struct msg msg = { .type = MSG_presence_unknown };

    fixture.context.tell(fixture.context.link, handlers.peers[0], &msg);
    fixture.context.hang_up(fixture.context.link, handlers.peers[0], BERTH_E_CLOSING, "too late");
}

TEST(link, what_is_told_while_the_listeners_close_goes_nowhere)
{
    struct loop_mail late = { .run = tell_late };
    struct client client;

    fixture_begin_default();
    client_enter(&client);
    loop_post(&fixture.loop, &late);
    link_free(berth_take(fixture.link));
    EXPECT(!fixture.context.tell);
    loop_turn(&fixture.loop, 0);
    client_end(&client);
    identity_free();
    fixture_end();
}

/* libuv would accept and close them without a word; here they wait in the kernel, and it is told.
 */
TEST(link, without_descriptors_newcomers_wait_and_it_is_told)
{
    struct sockaddr_in there = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct rlimit before, none;
    struct client client;
    int knocker, lowest;
    char byte;

    fixture_begin_default();
    knocker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_OK(getrlimit(RLIMIT_NOFILE, &before));
    lowest = dup(STDERR_FILENO);
    none = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max };
    (void)close(lowest);
    EXPECT_OK(setrlimit(RLIMIT_NOFILE, &none));
    there.sin_port = htons((uint16_t)link_port(fixture.link));
    (void)connect(knocker, (struct sockaddr *)&there, sizeof(there));
    TURN_UNTIL(stats_now().no_descriptors == 1);
    EXPECT_INT(log_count(EV_NO_DESCRIPTORS), 1);
    (void)usleep(300000);
    EXPECT_INT(stats_now().no_descriptors, 1); /* once, however long it lasts */
    EXPECT(recv(knocker, &byte, 1, 0) < 0 && errno == EAGAIN);
    EXPECT_OK(setrlimit(RLIMIT_NOFILE, &before));
    (void)close(knocker);
    client_enter(&client); /* and all are accepted again */
    client_end(&client);
    identity_free();
    fixture_end();
}

TEST_MAIN()
