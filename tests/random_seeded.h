/* random_seeded.h - a generator with a seed, so that a test gives the same answer every time.
 *
 * xoshiro256** (Blackman, Vigna 2018), its state filled by splitmix64. */
#ifndef TESTS_RANDOM_SEEDED_H
#define TESTS_RANDOM_SEEDED_H

#include <string.h>

#include "berth/random.h"

static inline uint64_t random_rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static inline uint64_t xoshiro_next(uint64_t s[4])
{
    uint64_t result = random_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = random_rotate(s[3], 45);
    return result;
}

static inline void fill_from_seed(struct berth_random *random, void *out, size_t size)
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

static inline void random_seeded(struct berth_random *random, uint64_t seed)
{
    random->fill = fill_from_seed;
    for (size_t i = 0; i < BERTH_COUNT(random->state); i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = z ^ (z >> 31);
    }
}

#endif
