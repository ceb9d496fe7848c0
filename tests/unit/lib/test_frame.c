/* test_frame.c - any cutting of the stream gives the same frames; lengths are always checked. */
#include "berth/frame.h"
#include "berth/random.h"

#include "random_seeded.h"
#include "test.h"

static char seen[65536];
static size_t seen_size;

static int collect(void *context, const char *frame, size_t size)
{
    (void)context;
    memcpy(seen + seen_size, frame, size);
    seen_size += size;
    seen[seen_size++] = '|';
    return 0;
}

static size_t put(unsigned char *out, const char *text)
{
    frame_header(out, strlen(text));
    memcpy(out + FRAME_HEADER, text, strlen(text));
    return FRAME_HEADER + strlen(text);
}

TEST(frame, any_cutting_gives_the_same_frames)
{
    unsigned char stream[256];
    struct berth_random random;
    struct frame_reader reader;
    struct berth_error error;
    size_t size = 0;

    size += put(stream + size, "one");
    size += put(stream + size, "a longer second frame");
    size += put(stream + size, "3");
    random_seeded(&random, 3);
    for (int round = 0; round < 2000; round++) {
        size_t at = 0;

        seen_size = 0;
        frame_reader_init(&reader, FRAME_MAX);
        while (at < size) {
            size_t some = 1 + random_below(&random, size - at);

            EXPECT_OK(frame_feed(&reader, stream + at, some, collect, NULL, &error));
            at += some;
        }
        seen[seen_size] = '\0';
        EXPECT_STR(seen, "one|a longer second frame|3|");
        EXPECT(!reader.data); /* nothing is held between frames */
        frame_reader_free(&reader);
    }
}

TEST(frame, two_gigabytes_are_refused_before_any_memory_is_taken)
{
    static const unsigned char huge[] = { 0x7f, 0xff, 0xff, 0xff, '{' };
    struct frame_reader reader;
    struct berth_error error;

    frame_reader_init(&reader, FRAME_MAX);
    EXPECT_ERR(frame_feed(&reader, huge, sizeof(huge), collect, NULL, &error), BERTH_E_TOO_LARGE);
    EXPECT_SAYS(error.text, "2147483647");
    EXPECT(!reader.data);
    for (size_t i = 0; i + 1 < sizeof(huge); i++) /* byte by byte it is no better */
        EXPECT_INT(frame_feed(&reader, huge + i, 1, collect, NULL, &error),
                   i < 3 ? 0 : BERTH_E_TOO_LARGE);
    frame_reader_free(&reader);
}

TEST(frame, an_empty_frame_breaks_the_protocol)
{
    struct frame_reader reader;
    struct berth_error error;

    frame_reader_init(&reader, FRAME_MAX);
    EXPECT_ERR(frame_feed(&reader, "\0\0\0\0", 4, collect, NULL, &error), BERTH_E_PROTOCOL);
    frame_reader_free(&reader);
}

TEST_MAIN()
