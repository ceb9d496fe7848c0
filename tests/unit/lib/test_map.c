/* test_map.c - tables keep what was put in, whatever the order of taking out. */
#include "berth/map.h"
#include "berth/random.h"

#include "random_seeded.h"
#include "test.h"

TEST(map, siphash_matches_the_published_vector)
{
    unsigned char message[15];
    struct map_key key;

    /* Appendix A of the SipHash paper: key 00..0f, message 00..0e. */
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (unsigned char)i;
    memcpy(&key, (const unsigned char[]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
           16);
    EXPECT(map_siphash(key, message, sizeof(message)) == UINT64_C(0xa129ca6149be45e5));
}

TEST(map, text_keys_are_found_by_value)
{
    char copy[] = "ward-3";
    struct map map;
    int value;

    map_init(&map, (struct map_key){ 1, 2 });
    EXPECT(!map_get_text(&map, "ward-3"));
    map_put_text(&map, "ward-3", &value);
    EXPECT(map_get_text(&map, copy) == &value);
    EXPECT(!map_get_text(&map, "ward-4"));
    EXPECT(map_take_text(&map, copy) == &value);
    EXPECT_INT(map.count, 0);
    map_clear(&map);
}

/* Against an array as oracle: puts, takes and lookups in random order. */
TEST(map, agrees_with_an_array)
{
    enum { IDS = 512, STEPS = 200000 };
    static int values[IDS];
    bool there[IDS] = { false };
    struct berth_random random;
    struct map map;
    size_t count = 0;

    random_seeded(&random, 7);
    map_init(&map, random_map_key(&random));
    for (int step = 0; step < STEPS; step++) {
        uint64_t id = random_below(&random, IDS);

        EXPECT(map_get_id(&map, id + 1) == (there[id] ? &values[id] : NULL));
        if (random_below(&random, 2)) {
            count += !there[id];
            map_put_id(&map, id + 1, &values[id]);
            there[id] = true;
        } else {
            EXPECT(map_take_id(&map, id + 1) == (there[id] ? &values[id] : NULL));
            count -= there[id];
            there[id] = false;
        }
        EXPECT_INT(map.count, count);
    }
    map_clear(&map);
}

TEST_MAIN()
