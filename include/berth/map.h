/* map.h - hash tables keyed by number or by text.
 *
 * Module shared. Open addressing, linear probing, keyed SipHash-2-4 (Aumasson, Bernstein 2012), so
 * that a peer that chooses names cannot cause collisions. Values are pointers owned by the caller.
 */
#ifndef BERTH_MAP_H
#define BERTH_MAP_H

#include "berth/base.h"

struct map_key {
    uint64_t k0;
    uint64_t k1;
};

struct map_slot {
    uint64_t hash;    /* never 0 for a used slot */
    const char *text; /* NULL for number keys; points into the value's own storage */
    uint64_t number;
    void *value;
};

struct map {
    struct map_key key;
    struct map_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

/* key: from random_map_key(), so that a simulated run is repeatable. */
void map_init(struct map *map, struct map_key key);
void map_clear(struct map *map);

/* Add or replace. `text` is not copied and must live as long as the entry. */
void map_put_id(struct map *map, uint64_t id, void *value);
void map_put_text(struct map *map, const char *text, void *value);

/* NULL when absent. */
void *map_get_id(const struct map *map, uint64_t id);
void *map_get_text(const struct map *map, const char *text);

/* Remove; returns the value, or NULL when absent. */
void *map_take_id(struct map *map, uint64_t id);
void *map_take_text(struct map *map, const char *text);

/* SipHash-2-4 of `size` bytes. */
uint64_t map_siphash(struct map_key key, const void *data, size_t size);

#endif
