/* test_invite.c - invitations are the same after writing and reading, and malformed ones are
 * refused. */
#include "berth/invite.h"

#include "test.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TOKEN "0123456789abcdef0123456789abcdef"

static void expect_refused(const char *text, const char *says)
{
    struct invite invite;
    struct berth_error error = { 0 };

    EXPECT_ERR(invite_parse(text, &invite, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, says);
    EXPECT(secret_empty(&invite.token));
    EXPECT(!strstr(error.text, "0123456789abcdef"));
}

TEST(invite, reads_what_it_writes)
{
    struct invite invite;
    struct invite again;
    struct berth_error error = { 0 };
    char text[INVITE_TEXT];

    EXPECT_OK(invite_parse(" berth-invite:broker.ward.example:7001:7002:" HASH ":" TOKEN "\n",
                           &invite, &error));
    EXPECT_STR(invite.host, "broker.ward.example");
    EXPECT_INT(invite.link_port, 7001);
    EXPECT_INT(invite.join_port, 7002);
    EXPECT_STR(invite.authority_hash, HASH);
    EXPECT_STR(invite.token.text, TOKEN);
    EXPECT_OK(invite_format(&invite, text, &error));
    EXPECT_STR(text, "berth-invite:broker.ward.example:7001:7002:" HASH ":" TOKEN);
    EXPECT_OK(invite_parse(text, &again, &error));
    EXPECT(memcmp(&invite, &again, sizeof(invite)) == 0);
}

TEST(invite, what_copying_puts_around_it_is_no_fault)
{
#define PASTED "berth-invite:h:1:2:" HASH ":" TOKEN
    static const char *const pasted[] = {
        PASTED "\r\n",  "\n\n" PASTED,         "\"" PASTED "\"\n",
        "'" PASTED "'", "\xef\xbb\xbf" PASTED, "\xef\xbb\xbf \"" PASTED "\" \r\n"
    };

    for (size_t i = 0; i < BERTH_COUNT(pasted); i++) {
        struct invite invite;
        struct berth_error error = { 0 };

        EXPECT_OK(invite_parse(pasted[i], &invite, &error));
        EXPECT_STR(invite.host, "h");
        EXPECT_STR(invite.token.text, TOKEN);
    }
    expect_refused("\"" PASTED "\"x", "token");
}

TEST(invite, ipv6_stands_in_brackets)
{
    struct invite invite;
    struct berth_error error = { 0 };
    char text[INVITE_TEXT];

    EXPECT_OK(invite_parse("berth-invite:[fd00::7]:1:65535:" HASH ":" TOKEN, &invite, &error));
    EXPECT_STR(invite.host, "fd00::7");
    EXPECT_OK(invite_format(&invite, text, &error));
    EXPECT_STR(text, "berth-invite:[fd00::7]:1:65535:" HASH ":" TOKEN);
}

TEST(invite, malformed_ones_are_refused_without_repeating_the_token)
{
    expect_refused("", "does not begin");
    expect_refused("berth-invite:", "host");
    expect_refused("berth-invite::1:2:" HASH ":" TOKEN, "host");
    expect_refused("berth-invite:a b:1:2:" HASH ":" TOKEN, "host");
    expect_refused("berth-invite:[fd00::7:1:2:" HASH ":" TOKEN, "host");
    expect_refused("berth-invite:h:0:2:" HASH ":" TOKEN, "port");
    expect_refused("berth-invite:h:1:65536:" HASH ":" TOKEN, "port");
    expect_refused("berth-invite:h:+1:2:" HASH ":" TOKEN, "port");
    expect_refused("berth-invite:h:1:2:1234:" TOKEN, "hash");
    expect_refused("berth-invite:h:1:2:" HASH ":0123", "token");
    expect_refused("berth-invite:h:1:2:" HASH ":" TOKEN "00", "token");
    expect_refused("berth-invite:h:1:2:" HASH ":" TOKEN " x", "token");
    expect_refused("berth-invite:h:1:2:" HASH ":0123456789ABCDEF0123456789ABCDEF", "token");
}

TEST(invite, an_unsound_one_is_not_written)
{
    struct invite invite = { .host = "h", .link_port = 1, .join_port = 2 };
    struct berth_error error = { 0 };
    char text[INVITE_TEXT];

    EXPECT_ERR(invite_format(&invite, text, &error), BERTH_E_INVALID);
    EXPECT_STR(text, "");
}

TEST_MAIN()
