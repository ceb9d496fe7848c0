/* test_seal.c - sealed texts open only with their key, and only whole. */
#include "berth/seal.h"

#include "test.h"

TEST(seal, what_is_closed_opens_with_the_same_key)
{
    unsigned char key[SEAL_KEY] = { 1 };
    unsigned char sealed[32 + SEAL_OVERHEAD];
    unsigned char again[32 + SEAL_OVERHEAD];
    char text[32] = "Erika Mustermann";
    char opened[32];
    struct berth_random random;

    random_system(&random);
    EXPECT_OK(seal_encrypt(key, &random, text, sizeof(text), sealed, NULL));
    EXPECT_OK(seal_decrypt(key, sealed, sizeof(sealed), opened, NULL));
    EXPECT_STR(opened, text);
    EXPECT_OK(seal_encrypt(key, &random, text, sizeof(text), again, NULL));
    EXPECT(memcmp(sealed, again, sizeof(sealed)) != 0);
}

TEST(seal, nothing_opens_with_another_key_or_a_changed_byte)
{
    unsigned char key[SEAL_KEY] = { 1 };
    unsigned char other[SEAL_KEY] = { 2 };
    unsigned char sealed[8 + SEAL_OVERHEAD];
    char opened[8] = "unread!";
    struct berth_random random;

    random_system(&random);
    EXPECT_OK(seal_encrypt(key, &random, "private", 8, sealed, NULL));
    EXPECT_ERR(seal_decrypt(other, sealed, sizeof(sealed), opened, NULL), BERTH_E_DENIED);
    EXPECT_INT(opened[0], 0); /* nothing of an unproven text is left */
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        EXPECT_ERR(seal_decrypt(key, sealed, sizeof(sealed), opened, NULL), BERTH_E_DENIED);
        sealed[i] ^= 1;
    }
    EXPECT_ERR(seal_decrypt(key, sealed, SEAL_OVERHEAD - 1, opened, NULL), BERTH_E_DENIED);
    EXPECT_OK(seal_decrypt(key, sealed, sizeof(sealed), opened, NULL));
}

TEST(seal, an_empty_text_may_be_sealed)
{
    unsigned char key[SEAL_KEY] = { 1 };
    unsigned char sealed[SEAL_OVERHEAD];
    char nothing[1];
    struct berth_random random;

    random_system(&random);
    EXPECT_OK(seal_encrypt(key, &random, "", 0, sealed, NULL));
    EXPECT_OK(seal_decrypt(key, sealed, sizeof(sealed), nothing, NULL));
}

/* RFC 4231 has no test with a 32-byte key; this value was computed with `openssl dgst -sha256 -mac
 * HMAC`. */
TEST(seal, the_keyed_hash_is_hmac_sha_256)
{
    unsigned char key[SEAL_KEY];
    char hex[72];

    memset(key, 'k', sizeof(key));
    seal_hmac_hex(key, "04a1b2c3", 8, hex);
    EXPECT_STR(hex, "f549ecd33bf78e90b0780c44fce74c8afc14de756b74a2d8422e8d171a38d1d9");
}

TEST_MAIN()
