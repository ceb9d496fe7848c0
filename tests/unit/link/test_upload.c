/* test_upload.c - log uploads are whole and correct, or refused. */
#include "berth/base64.h"

#include "link/upload.h"

#include "link_fixture.h"

#define ANNOUNCE "{\"type\":\"announce\",\"boot_id\":\"b1\"}"

static struct client client;

static void begin(void)
{
    fixture_begin_default();
    client_enter(&client);
    client_say(&client, ANNOUNCE);
    TURN_UNTIL(client.frames == 1);
}

static void finish(void)
{
    client_end(&client);
    identity_free();
    fixture_end();
}

static uint64_t last_ref;

static void say_begin(uint64_t command, size_t size, const char *sha256)
{
    char text[512];

    (void)snprintf(
        text, sizeof(text),
        "{\"type\":\"upload_begin\",\"ref\":%llu,\"command_id\":%llu,\"name\":\"../../etc/"
        "passwd\",\"size\":%zu,\"sha256\":\"%s\"}",
        (unsigned long long)++last_ref, (unsigned long long)command, size, sha256);
    client_say(&client, text);
}

static void say_chunk(uint64_t command, size_t offset, const void *bytes, size_t size)
{
    static char text[20000];
    static unsigned char base64[17000];

    (void)EVP_EncodeBlock(base64, bytes, (int)size);
    (void)snprintf(text, sizeof(text),
                   "{\"type\":\"upload_chunk\",\"ref\":%llu,\"command_id\":%llu,\"offset\":%zu,"
                   "\"data\":\"%s\"}",
                   (unsigned long long)++last_ref, (unsigned long long)command, offset,
                   (char *)base64);
    client_say(&client, text);
}

/* Wait for the next answer; it repeats the ref of what was said last. */
static const char *answer(int frames)
{
    char ref[40];

    TURN_UNTIL(client.frames == frames);
    (void)snprintf(ref, sizeof(ref), "\"ref\":%llu", (unsigned long long)last_ref);
    EXPECT_SAYS(client.last, ref);
    return client.last;
}

static void upload_file(uint64_t command, const char *end, char path[128])
{
    (void)snprintf(path, 128, "%s/uploads/%llu.%s", fixture.folder, (unsigned long long)command,
                   end);
}

TEST(upload, an_upload_arrives_whole_and_has_a_name_of_ours)
{
    static unsigned char bytes[30000];
    char sha256[72], path[128], wanted[UPLOAD_PATH];
    struct stat facts;

    begin();
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    tls_sha256_hex(bytes, sizeof(bytes), sha256);
    say_begin(5, sizeof(bytes), sha256);
    EXPECT_SAYS(answer(2), "\"type\":\"upload_ack\"");
    say_chunk(5, 0, bytes, 12288);
    EXPECT_SAYS(answer(3), "\"offset\":12288");
    upload_file(5, "part", path);
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_mode & 0777, 0600);
    say_chunk(5, 12288, bytes + 12288, 12288);
    EXPECT_SAYS(answer(4), "\"offset\":24576");
    say_chunk(5, 24576, bytes + 24576, sizeof(bytes) - 24576);
    EXPECT_SAYS(answer(5), "\"offset\":30000");
    EXPECT(stat(path, &facts) < 0);
    upload_file(5, "log", path);
    EXPECT_OK(stat(path, &facts));
    EXPECT_INT(facts.st_size, sizeof(bytes));
    EXPECT_OK(upload_path(fixture.folder, 5, wanted, NULL));
    EXPECT_STR(path, wanted);
    EXPECT_INT(stats_now().uploads_stored, 1);
    EXPECT_INT(stats_now().upload_bytes, sizeof(bytes));
    /* It is there once. */
    say_begin(5, sizeof(bytes), sha256);
    EXPECT_SAYS(answer(6), "\"code\":\"EXISTS\"");
    finish();
}

TEST(upload, a_damaged_upload_is_not_kept)
{
    char sha256[72], path[128];
    struct stat facts;

    begin();
    tls_sha256_hex("other", 5, sha256);
    say_begin(6, 5, sha256);
    (void)answer(2);
    say_chunk(6, 0, "bytes", 5);
    EXPECT_SAYS(answer(3), "the file is damaged");
    upload_file(6, "part", path);
    EXPECT(stat(path, &facts) < 0);
    upload_file(6, "log", path);
    EXPECT(stat(path, &facts) < 0);
    EXPECT_INT(stats_now().upload_bytes, 0);
    finish();
}

TEST(upload, pieces_out_of_place_or_too_large_end_it)
{
    char sha256[72];

    begin();
    tls_sha256_hex("12345", 5, sha256);
    say_begin(7, 5, sha256);
    (void)answer(2);
    say_chunk(7, 1, "2345", 4);
    EXPECT_SAYS(answer(3), "a chunk at offset 1 of command 7, expected offset 0 of command 7");
    say_chunk(7, 0, "12345", 5);
    EXPECT_SAYS(answer(4), "upload_chunk without upload_begin");
    say_begin(7, 5, sha256);
    (void)answer(5);
    say_chunk(7, 0, "123456", 6);
    EXPECT_SAYS(answer(6), "not base64 of 1 to 12288 bytes within the file");
    EXPECT_INT(stats_now().upload_bytes, 0);
    finish();
}

TEST(upload, the_quota_holds_over_all_and_from_the_beginning)
{
    char sha256[72];
    struct client other;

    begin();
    tls_sha256_hex("x", 1, sha256);
    say_begin(8, 900 * 1024, sha256);
    (void)answer(2);
    EXPECT_INT(stats_now().upload_bytes, 900 * 1024);
    client_enter(&other);
    client_say(&other, ANNOUNCE);
    TURN_UNTIL(other.frames == 1);
    client_say(&other, "{\"type\":\"upload_begin\",\"command_id\":9,\"size\":200000,\"sha256\":"
                       "\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}");
    TURN_UNTIL(other.frames == 2);
    EXPECT_SAYS(other.last, "\"code\":\"NO_SPACE\"");
    /* What is not finished gives its room back. */
    client_end(&client);
    TURN_UNTIL(stats_now().upload_bytes == 0);
    client_end(&other);
    identity_free();
    fixture_end();
}

TEST(upload, only_for_a_command_that_asked_for_it)
{
    char sha256[72];

    begin();
    tls_sha256_hex("x", 1, sha256);
    say_begin(404, 1, sha256);
    EXPECT_SAYS(answer(2), "\"code\":\"NOT_FOUND\"");
    say_begin(10, 1, "not a hash");
    EXPECT_SAYS(answer(3), "the file's SHA-256 is not 64 hexadecimal digits");
    say_begin(10, 0, sha256);
    EXPECT_SAYS(answer(4), "invalid file size of 0 bytes");
    finish();
}

TEST(upload, a_late_refusal_names_the_piece_that_it_is_about)
{
    char sha256[72], of_chunk[40], of_begin[40];
    bool in_order;

    begin();
    tls_sha256_hex("other", 5, sha256);
    say_begin(13, 5, sha256);
    (void)answer(2);
    /* Both arrive before the piece is on disk. */
    say_chunk(13, 0, "bytes", 5);
    (void)snprintf(of_chunk, sizeof(of_chunk), "\"ref\":%llu}", (unsigned long long)last_ref);
    say_begin(404, 5, sha256);
    (void)snprintf(of_begin, sizeof(of_begin), "\"ref\":%llu}", (unsigned long long)last_ref);
    TURN_UNTIL(client.frames == 4);
    in_order = strstr(client.before, "\"about\":\"upload_chunk\"") != NULL;
    EXPECT_SAYS(in_order ? client.before : client.last, "is damaged");
    EXPECT_SAYS(in_order ? client.before : client.last, of_chunk);
    EXPECT_SAYS(in_order ? client.last : client.before, "NOT_FOUND");
    EXPECT_SAYS(in_order ? client.last : client.before, of_begin);
    finish();
}

TEST(upload, what_an_earlier_life_left_is_removed)
{
    struct uploads *uploads = NULL;
    struct upload_stats stats;
    char path[128];
    FILE *stream;
    struct stat facts;

    begin();
    upload_file(11, "part", path);
    stream = fopen(path, "we");
    assert_non_null(stream);
    (void)fputs("half", stream);
    (void)fclose(stream);
    upload_file(12, "log", path);
    stream = fopen(path, "we");
    assert_non_null(stream);
    (void)fputs("whole", stream);
    (void)fclose(stream);
    EXPECT_OK(uploads_new(&fixture.loop, fixture.folder, 1000, &uploads, NULL));
    uploads_stats(uploads, &stats);
    EXPECT_INT(stats.bytes, 5);
    upload_file(11, "part", path);
    EXPECT(stat(path, &facts) < 0);
    uploads_free(uploads);
    finish();
}

TEST(base64, is_read_strictly)
{
    unsigned char out[16];

    EXPECT_INT(base64_decode("QmVydGg=", out, sizeof(out)), 5);
    EXPECT(memcmp(out, "Berth", 5) == 0);
    EXPECT_INT(base64_decode("QmVydA==", out, sizeof(out)), 4);
    EXPECT_INT(base64_decode("", out, sizeof(out)), 0);
    EXPECT_INT(base64_decode("QmVydGg", out, sizeof(out)), -1);
    EXPECT_INT(base64_decode("QmVydB==", out, sizeof(out)), -1); /* bits behind the end */
    EXPECT_INT(base64_decode("Qm\nydGg=", out, sizeof(out)), -1);
    EXPECT_INT(base64_decode("Q===", out, sizeof(out)), -1);
    EXPECT_INT(base64_decode("QQ==QQ==", out, sizeof(out)), -1);
    EXPECT_INT(base64_decode("QmVydGg=", out, 4), -1);
}

TEST_MAIN()
