/* random.c - the kernel's generator. */
#include "berth/random.h"

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
