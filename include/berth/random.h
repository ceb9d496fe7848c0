/* random.h - the source of random numbers.
 *
 * Module shared. Programs use random_system (getrandom); tests and the simulator have one with
 * a seed, so that a run is repeated. Secrets (passwords, presence ids) come from here too.
 */
#ifndef BERTH_RANDOM_H
#define BERTH_RANDOM_H

#include "berth/base.h"
#include "berth/map.h"

struct berth_random {
    void (*fill)(struct berth_random *random, void *out, size_t size);
    uint64_t state[4]; /* of one with a seed */
};

/* The kernel's generator. A failure of getrandom ends the program: there is no weaker substitute.
 */
void random_system(struct berth_random *random);

/* `size` random bytes; a random 64-bit number. */
void random_fill(struct berth_random *random, void *out, size_t size);
uint64_t random_u64(struct berth_random *random);

/* Uniform in [0, bound), without modulo bias; bound > 0. */
uint64_t random_below(struct berth_random *random, uint64_t bound);

/* A key for a hash table. */
struct map_key random_map_key(struct berth_random *random);

/* `bytes` random bytes as lower-case hex with NUL: out has 2 * bytes + 1. */
void random_hex(struct berth_random *random, char *out, size_t bytes);

#endif
