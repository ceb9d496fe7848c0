/* qcow2.c - parse the header and the refcounts of a qcow2 file. */
#include "qcow2.h"

#include <string.h>

#define MAGIC 0x514649fbU
#define HEADER_2_BYTES 72 /* of version 2 */
#define CLUSTER_BITS_MIN 9
#define CLUSTER_BITS_MAX 21
#define L1_ENTRIES_MAX ((32U << 20) / 8) /* QEMU refuses larger ones */
#define REFCOUNT_ORDER_MAX 6

/* Bits of "incompatible features". */
#define IS_DIRTY 1U
#define IS_CORRUPT 2U

static uint64_t big_endian(const uint8_t *at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++)
        number = number << 8 | at[i];
    return number;
}

static uint32_t number_at(const uint8_t *bytes, size_t at)
{
    return (uint32_t)big_endian(bytes + at, 4);
}

/* Version 2 has neither: 16 bits per refcount, no features. */
static int read_version_3(const uint8_t *bytes, size_t size, struct qcow2 *ret,
                          struct berth_error *reterr)
{
    uint64_t features;
    uint32_t order;

    if (size < QCOW2_HEADER_BYTES)
        return berth_fail(reterr, BERTH_E_INVALID, "its header is truncated");
    features = big_endian(bytes + 72, 8);
    order = number_at(bytes, 96);
    if (order > REFCOUNT_ORDER_MAX)
        return berth_fail(reterr, BERTH_E_INVALID, "its header is damaged (refcount order %u)",
                          order);
    ret->refcount_bits = 1U << order;
    ret->dirty = features & IS_DIRTY;
    ret->corrupt = features & IS_CORRUPT;
    return 0;
}

static int check_sizes(const struct qcow2 *qcow2, struct berth_error *reterr)
{
    if (qcow2->l1_bytes == UINT32_MAX || qcow2->table_bytes > QCOW2_TABLE_MAX ||
        qcow2->table_bytes == 0 || qcow2->backing_bytes > QCOW2_BACKING_MAX)
        return berth_fail(reterr, BERTH_E_INVALID, "its header is damaged (size of a table)");
    return 0;
}

int qcow2_header(const uint8_t *bytes, size_t size, struct qcow2 *ret, struct berth_error *reterr)
{
    uint32_t version, bits, l1_entries;
    uint64_t table_clusters;

    *ret = (struct qcow2){ .refcount_bits = 16 };
    if (size < HEADER_2_BYTES)
        return berth_fail(reterr, BERTH_E_INVALID, "its header is truncated");
    version = number_at(bytes, 4);
    bits = number_at(bytes, 20);
    if (number_at(bytes, 0) != MAGIC || (version != 2 && version != 3))
        return berth_fail(reterr, BERTH_E_INVALID, "it is not qcow2 of version 2 or 3");
    if (bits < CLUSTER_BITS_MIN || bits > CLUSTER_BITS_MAX)
        return berth_fail(reterr, BERTH_E_INVALID, "its header is damaged (cluster bits %u)", bits);
    ret->cluster_bytes = UINT64_C(1) << bits;
    ret->backing_at = big_endian(bytes + 8, 8);
    ret->backing_bytes = ret->backing_at ? number_at(bytes, 16) : 0;
    ret->encrypted = number_at(bytes, 32) != 0;
    l1_entries = number_at(bytes, 36);
    ret->l1_at = big_endian(bytes + 40, 8);
    ret->l1_bytes = l1_entries > L1_ENTRIES_MAX ? UINT32_MAX : l1_entries * 8;
    ret->table_at = big_endian(bytes + 48, 8);
    table_clusters = number_at(bytes, 56);
    ret->table_bytes =
        table_clusters > QCOW2_TABLE_MAX >> bits ? UINT32_MAX : (uint32_t)(table_clusters << bits);
    if (check_sizes(ret, reterr) < 0)
        return BERTH_E_INVALID;
    return version == 3 ? read_version_3(bytes, size, ret, reterr) : 0;
}

uint64_t qcow2_last_block(const struct qcow2 *qcow2, const uint8_t *table, size_t size,
                          uint64_t *ret_first)
{
    uint64_t counts = qcow2->cluster_bytes * 8 / qcow2->refcount_bits; /* refcounts in a block */

    for (size_t i = size / 8; i > 0; i--) {
        uint64_t block = big_endian(table + (i - 1) * 8, 8) & ~UINT64_C(511);

        if (!block)
            continue;
        *ret_first = (i - 1) * counts;
        return block;
    }
    *ret_first = 0;
    return 0;
}

uint64_t qcow2_last_cluster(const struct qcow2 *qcow2, const uint8_t *block, size_t size,
                            uint64_t first)
{
    while (size > 0 && block[size - 1] == 0)
        size--;
    /* When a byte holds several refcounts, take the first of them: at least that one is in use. */
    return size == 0 ? 0 : (first + (size - 1) * 8 / qcow2->refcount_bits) * qcow2->cluster_bytes;
}
