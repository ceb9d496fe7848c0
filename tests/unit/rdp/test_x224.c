/* test_x224.c - a connection confirm: whole, in pieces, with a refusal, and from servers of other
 * protocols. */
#include "rdp/x224.h"

#include "test.h"

#define CONFIRM(type, value)                                                      \
    {                                                                             \
        3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, type, 0, 8, 0, value, 0, 0, 0 \
    }

static int read_all(const unsigned char *bytes, size_t size, struct x224_confirm *confirm,
                    struct berth_error *error)
{
    /* From the heap and of exactly this size, so that a sanitizer sees a read beyond. */
    unsigned char *copy = berth_alloc(size ? size : 1);
    int r;

    memcpy(copy, bytes, size);
    r = x224_read(copy, size, confirm, error);
    free(copy);
    return r;
}

TEST(x224, a_confirm_says_what_protects_the_connection)
{
    static const unsigned char tls[] = CONFIRM(2, 1);
    static const unsigned char nla[] = CONFIRM(2, 2);
    static const unsigned char nla_ex[] = CONFIRM(2, 8);
    struct x224_confirm confirm;
    struct berth_error error = { 0 };

    EXPECT_INT(read_all(tls, sizeof(tls), &confirm, &error), 1);
    EXPECT(!confirm.nla);
    EXPECT_INT(confirm.size, 19);
    EXPECT_INT(read_all(nla, sizeof(nla), &confirm, &error), 1);
    EXPECT(confirm.nla);
    EXPECT_INT(read_all(nla_ex, sizeof(nla_ex), &confirm, &error), 1);
    EXPECT(confirm.nla);
}

TEST(x224, pieces_are_waited_for)
{
    static const unsigned char tls[] = CONFIRM(2, 1);
    struct x224_confirm confirm;
    struct berth_error error = { 0 };

    for (size_t size = 0; size < sizeof(tls); size++)
        EXPECT_INT(read_all(tls, size, &confirm, &error), 0);
}

TEST(x224, refusals_have_a_reason)
{
    static const unsigned char nla_only[] = CONFIRM(3, 5);
    static const unsigned char no_certificate[] = CONFIRM(3, 3);
    static const unsigned char strange[] = CONFIRM(3, 77);
    static const unsigned char plain[] = CONFIRM(2, 0);
    static const unsigned char unasked[] = CONFIRM(2, 4);
    static const unsigned char bare[] = { 3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0 };
    static const unsigned char disconnect[] = { 3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0 };
    const struct {
        const unsigned char *bytes;
        size_t size;
        const char *says;
    } rows[] = {
        { nla_only, sizeof(nla_only), "requires NLA" },
        { no_certificate, sizeof(no_certificate), "no certificate" },
        { strange, sizeof(strange), "unknown reason" },
        { plain, sizeof(plain), "no TLS" },
        { unasked, sizeof(unasked), "not offered" },
        { bare, sizeof(bare), "no TLS" },
        { disconnect, sizeof(disconnect), "refuses" },
    };

    for (size_t i = 0; i < BERTH_COUNT(rows); i++) {
        struct x224_confirm confirm;
        struct berth_error error = { 0 };

        EXPECT_ERR(read_all(rows[i].bytes, rows[i].size, &confirm, &error), BERTH_E_DESKTOP);
        EXPECT_SAYS(error.text, rows[i].says);
    }
}

TEST(x224, other_servers_are_not_taken_for_rdp)
{
    static const char *const others[] = { "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n",
                                          "\x15\x03\x01\x00\x02\x02\x46", "\x03\x01\x02\x03" };
    static const unsigned char short_length[] = { 3, 0, 0, 4 };
    static const unsigned char long_length[] = { 3, 0, 0xff, 0xff };
    static const unsigned char bad_indicator[] = { 3, 0, 0, 11, 200, 0xd0, 0, 0, 0, 0, 0 };
    static const unsigned char request[] = { 3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 0, 0 };
    struct x224_confirm confirm;
    struct berth_error error = { 0 };

    for (size_t i = 0; i < BERTH_COUNT(others); i++)
        EXPECT_ERR(read_all((const unsigned char *)others[i], strlen(others[i]), &confirm, &error),
                   BERTH_E_DESKTOP);
    EXPECT_ERR(read_all(short_length, 4, &confirm, &error), BERTH_E_DESKTOP);
    EXPECT_ERR(read_all(long_length, 4, &confirm, &error), BERTH_E_DESKTOP);
    EXPECT_ERR(read_all(bad_indicator, 11, &confirm, &error), BERTH_E_DESKTOP);
    EXPECT_ERR(read_all(request, 11, &confirm, &error), BERTH_E_DESKTOP);
    EXPECT_SAYS(error.text, "not an RDP server");
}

TEST_MAIN()
