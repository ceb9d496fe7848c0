/* test_qcow2.c - metadata of qcow2 files: what they contain, and what must be refused. */
#include <string.h>

#include "virt/berth-virt/qcow2.h"

#include "test.h"

static void put(uint8_t *bytes, size_t at, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++)
        bytes[at + i] = (uint8_t)(number >> (8 * (size - 1 - i)));
}

/* Version 3, clusters of 64 KiB, a table of one cluster. */
static void header(uint8_t bytes[QCOW2_HEADER_BYTES])
{
    memset(bytes, 0, QCOW2_HEADER_BYTES);
    put(bytes, 0, 4, 0x514649fb);
    put(bytes, 4, 4, 3);
    put(bytes, 20, 4, 16);
    put(bytes, 36, 4, 8);
    put(bytes, 40, 8, 0x30000);
    put(bytes, 48, 8, 0x10000);
    put(bytes, 56, 4, 1);
    put(bytes, 96, 4, 4);
}

TEST(qcow2, a_header_is_read)
{
    uint8_t bytes[QCOW2_HEADER_BYTES];
    struct berth_error error = { 0 };
    struct qcow2 qcow2;

    header(bytes);
    EXPECT_OK(qcow2_header(bytes, sizeof(bytes), &qcow2, &error));
    EXPECT_INT(qcow2.cluster_bytes, 65536);
    EXPECT_INT(qcow2.table_at, 0x10000);
    EXPECT_INT(qcow2.table_bytes, 65536);
    EXPECT_INT(qcow2.l1_at + qcow2.l1_bytes, 0x30000 + 64);
    EXPECT_INT(qcow2.refcount_bits, 16);
    EXPECT(!qcow2.encrypted && !qcow2.dirty && !qcow2.corrupt && !qcow2.backing_bytes);
    put(bytes, 8, 8, 200);
    put(bytes, 16, 4, 9);
    put(bytes, 32, 4, 2);
    put(bytes, 72, 8, 3);
    EXPECT_OK(qcow2_header(bytes, sizeof(bytes), &qcow2, &error));
    EXPECT(qcow2.encrypted && qcow2.dirty && qcow2.corrupt);
    EXPECT_INT(qcow2.backing_at, 200);
    EXPECT_INT(qcow2.backing_bytes, 9);
}

TEST(qcow2, version_2_has_a_shorter_header)
{
    uint8_t bytes[QCOW2_HEADER_BYTES];
    struct berth_error error = { 0 };
    struct qcow2 qcow2;

    header(bytes);
    put(bytes, 4, 4, 2);
    put(bytes, 96, 4, 77); /* not of its header */
    EXPECT_OK(qcow2_header(bytes, 72, &qcow2, &error));
    EXPECT_INT(qcow2.refcount_bits, 16);
    EXPECT_ERR(qcow2_header(bytes, 71, &qcow2, &error), BERTH_E_INVALID);
    EXPECT_SAYS(error.text, "truncated");
}

TEST(qcow2, a_damaged_header_is_refused)
{
    static const struct {
        size_t at, size;
        uint64_t number;
    } bad[] = {
        { 0, 4, 0x514649fa },                         /* magic */
        { 4, 4, 4 },                                  /* version */
        { 16, 4, 5000 },                              /* name of the backing file */
        { 20, 4, 8 },                                 /* cluster bits */
        { 20, 4, 63 },         { 36, 4, UINT32_MAX }, /* table of clusters */
        { 56, 4, 0 },                                 /* refcount table */
        { 56, 4, UINT32_MAX },                        /* larger than any */
        { 96, 4, 7 },                                 /* refcount order */
    };
    uint8_t bytes[QCOW2_HEADER_BYTES];
    struct qcow2 qcow2;

    for (size_t i = 0; i < BERTH_COUNT(bad); i++) {
        struct berth_error error = { 0 };

        header(bytes);
        put(bytes, 8, 8, 200);
        put(bytes, bad[i].at, bad[i].size, bad[i].number);
        EXPECT_ERR(qcow2_header(bytes, sizeof(bytes), &qcow2, &error), BERTH_E_INVALID);
    }
}

TEST(qcow2, the_last_cluster_in_use_follows_from_the_refcounts)
{
    const struct qcow2 qcow2 = { .cluster_bytes = 512, .refcount_bits = 16 };
    const struct qcow2 bits = { .cluster_bytes = 512, .refcount_bits = 1 };
    uint8_t table[64] = { 0 };
    uint8_t block[512] = { 0 };
    uint64_t first = 1;

    EXPECT_INT(qcow2_last_block(&qcow2, table, sizeof(table), &first), 0);
    put(table, 0, 8, 1024);
    put(table, 16, 8, 4096);
    EXPECT_INT(qcow2_last_block(&qcow2, table, sizeof(table), &first), 4096);
    EXPECT_INT(first, 2 * 256); /* a block of 512 bytes counts 256 clusters */
    EXPECT_INT(qcow2_last_cluster(&qcow2, block, sizeof(block), first), 0);
    put(block, 6, 2, 1);
    EXPECT_INT(qcow2_last_cluster(&qcow2, block, sizeof(block), first), (512 + 3) * 512);
    put(block, 6, 2, 256); /* its low byte is 0 */
    EXPECT_INT(qcow2_last_cluster(&qcow2, block, sizeof(block), first), (512 + 3) * 512);
    EXPECT_INT(qcow2_last_cluster(&bits, block, sizeof(block), 0), 48 * 512);
}

TEST_MAIN()
