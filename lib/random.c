/* random.c - the kernel's generator, and a seeded one for tests. */
#include "berth/random.h"

#include <string.h>
#include <sys/random.h>

static void fill_from_kernel(berth_unused struct berth_random *random, void *out, size_t size)
{
    unsigned char *at = out;

    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0)
            abort(); /* EINTR cannot happen below 256 bytes; without randomness nothing is safe */
        at += got;
        size -= (size_t)got;
    }
}

void random_system(struct berth_random *random)
{
    *random = (struct berth_random){ .fill = fill_from_kernel };
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t xoshiro_next(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void fill_from_seed(struct berth_random *random, void *out, size_t size)
{
    unsigned char *at = out;

    while (size > 0) {
        uint64_t word = xoshiro_next(random->state);
        size_t some = size < sizeof(word) ? size : sizeof(word);

        memcpy(at, &word, some);
        at += some;
        size -= some;
    }
}

void random_seeded(struct berth_random *random, uint64_t seed)
{
    random->fill = fill_from_seed;
    for (size_t i = 0; i < BERTH_COUNT(random->state); i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = z ^ (z >> 31);
    }
}

void random_fill(struct berth_random *random, void *out, size_t size)
{
    random->fill(random, out, size);
}

uint64_t random_u64(struct berth_random *random)
{
    uint64_t word;

    random_fill(random, &word, sizeof(word));
    return word;
}

uint64_t random_below(struct berth_random *random, uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t word;

    do {
        word = random_u64(random);
    } while (word >= limit);
    return word % bound;
}

struct map_key random_map_key(struct berth_random *random)
{
    struct map_key key;

    random_fill(random, &key, sizeof(key));
    return key;
}

void random_hex(struct berth_random *random, char *out, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char byte;

    for (size_t i = 0; i < bytes; i++) {
        random_fill(random, &byte, 1);
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * bytes] = '\0';
}
