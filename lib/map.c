/* map.c - open addressing with backward-shift deletion; no tombstones, so lookups never get slower.
 */
#include "berth/map.h"

#include <string.h>

#define SIP_ROUND(v0, v1, v2, v3)                \
    do {                                         \
        (v0) += (v1);                            \
        (v1) = ((v1) << 13 | (v1) >> 51) ^ (v0); \
        (v0) = (v0) << 32 | (v0) >> 32;          \
        (v2) += (v3);                            \
        (v3) = ((v3) << 16 | (v3) >> 48) ^ (v2); \
        (v0) += (v3);                            \
        (v3) = ((v3) << 21 | (v3) >> 43) ^ (v0); \
        (v2) += (v1);                            \
        (v1) = ((v1) << 17 | (v1) >> 47) ^ (v2); \
        (v2) = (v2) << 32 | (v2) >> 32;          \
    } while (0)

static uint64_t load_little(const unsigned char *bytes, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t map_siphash(struct map_key key, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t v0 = key.k0 ^ UINT64_C(0x736f6d6570736575);
    uint64_t v1 = key.k1 ^ UINT64_C(0x646f72616e646f6d);
    uint64_t v2 = key.k0 ^ UINT64_C(0x6c7967656e657261);
    uint64_t v3 = key.k1 ^ UINT64_C(0x7465646279746573);
    size_t left = size;
    uint64_t word;

    for (; left >= 8; left -= 8, bytes += 8) {
        word = load_little(bytes, 8);
        v3 ^= word;
        SIP_ROUND(v0, v1, v2, v3);
        SIP_ROUND(v0, v1, v2, v3);
        v0 ^= word;
    }
    word = load_little(bytes, left) | (uint64_t)size << 56;
    v3 ^= word;
    SIP_ROUND(v0, v1, v2, v3);
    SIP_ROUND(v0, v1, v2, v3);
    v0 ^= word;
    v2 ^= 0xff;
    SIP_ROUND(v0, v1, v2, v3);
    SIP_ROUND(v0, v1, v2, v3);
    SIP_ROUND(v0, v1, v2, v3);
    SIP_ROUND(v0, v1, v2, v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

void map_init(struct map *map, struct map_key key)
{
    *map = (struct map){ .key = key };
}

void map_clear(struct map *map)
{
    free(map->slots);
    map_init(map, map->key);
}

/* Ids are assigned by the broker and not chosen by peers, so that collisions cannot be provoked: a
 * keyed mixer (the finaliser of splitmix64) is sufficient, at a quarter of the cost of SipHash.
 */
static uint64_t hash_id(const struct map *map, uint64_t id)
{
    uint64_t hash = id ^ map->key.k0;

    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    hash ^= hash >> 31;
    return hash ? hash : 1;
}

static uint64_t hash_text(const struct map *map, const char *text)
{
    uint64_t hash = map_siphash(map->key, text, strlen(text));

    return hash ? hash : 1;
}

static bool same_key(const struct map_slot *slot, const struct map_slot *wanted)
{
    if (slot->hash != wanted->hash)
        return false;
    if (!slot->text || !wanted->text)
        return slot->text == wanted->text && slot->number == wanted->number;
    return strcmp(slot->text, wanted->text) == 0;
}

/* The slot that holds the key, or the free slot for it. The table is never full. */
static size_t find_slot(const struct map *map, const struct map_slot *wanted)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)wanted->hash & mask;

    while (map->slots[at].hash && !same_key(&map->slots[at], wanted))
        at = (at + 1) & mask;
    return at;
}

static void grow(struct map *map)
{
    struct map_slot *old = map->slots;
    size_t old_capacity = map->capacity;

    map->capacity = old_capacity ? old_capacity * 2 : 16;
    map->slots = berth_new_array(struct map_slot, map->capacity);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].hash)
            map->slots[find_slot(map, &old[i])] = old[i];
    }
    free(old);
}

static void put(struct map *map, const struct map_slot *slot)
{
    size_t at;

    if (map->count + 1 > map->capacity - map->capacity / 4 || map->capacity == 0)
        grow(map);
    at = find_slot(map, slot);
    if (!map->slots[at].hash)
        map->count++;
    map->slots[at] = *slot;
}

static void *get(const struct map *map, const struct map_slot *wanted)
{
    if (map->count == 0)
        return NULL;
    return map->slots[find_slot(map, wanted)].value;
}

/* Close the gap: later entries move up, unless that would break their probe sequence. */
static void *take(struct map *map, const struct map_slot *wanted)
{
    size_t mask = map->capacity - 1;
    size_t gap;
    size_t at;
    void *value;

    if (map->count == 0)
        return NULL;
    gap = find_slot(map, wanted);
    value = map->slots[gap].value;
    if (!map->slots[gap].hash)
        return NULL;
    for (at = (gap + 1) & mask; map->slots[at].hash; at = (at + 1) & mask) {
        size_t home = (size_t)map->slots[at].hash & mask;

        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap] = (struct map_slot){ 0 };
    map->count--;
    return value;
}

void map_put_id(struct map *map, uint64_t id, void *value)
{
    put(map, &(struct map_slot){ .hash = hash_id(map, id), .number = id, .value = value });
}

void map_put_text(struct map *map, const char *text, void *value)
{
    put(map, &(struct map_slot){ .hash = hash_text(map, text), .text = text, .value = value });
}

void *map_get_id(const struct map *map, uint64_t id)
{
    return get(map, &(struct map_slot){ .hash = hash_id(map, id), .number = id });
}

void *map_get_text(const struct map *map, const char *text)
{
    return get(map, &(struct map_slot){ .hash = hash_text(map, text), .text = text });
}

void *map_take_id(struct map *map, uint64_t id)
{
    return take(map, &(struct map_slot){ .hash = hash_id(map, id), .number = id });
}

void *map_take_text(struct map *map, const char *text)
{
    return take(map, &(struct map_slot){ .hash = hash_text(map, text), .text = text });
}
