/* qcow2.h - what the metadata of a qcow2 file says of itself.
 *
 * Module virt (berth-virt). No I/O: the caller brings the bytes, which may come from a file that
 * anybody made. The format is specified in QEMU's docs/interop/qcow2.txt.
 */
#ifndef BERTH_VIRT_QCOW2_H
#define BERTH_VIRT_QCOW2_H

#include "berth/error.h"

#define QCOW2_HEADER_BYTES 104
#define QCOW2_TABLE_MAX \
    (8U << 20)                 /* bytes of a refcount table: QEMU makes none that is larger \
                                 */
#define QCOW2_BACKING_MAX 1023 /* bytes of the name of a backing file */

struct qcow2 {
    uint64_t backing_at; /* offset of the name of its backing file; 0: it has none */
    uint32_t backing_bytes;
    uint64_t cluster_bytes;
    uint64_t table_at; /* its refcount table */
    uint32_t table_bytes;
    uint64_t l1_at; /* its first table of clusters */
    uint32_t l1_bytes;
    unsigned refcount_bits;
    bool encrypted;
    bool corrupt; /* QEMU found it damaged and marked it */
    bool dirty;   /* its refcounts need not be true */
};

/* Read the header. Errors: INVALID when it is none. */
int qcow2_header(const uint8_t *bytes, size_t size, struct qcow2 *ret,
                 struct berth_error *reterr) berth_must_check;

/* Where the refcount block of its last clusters lies; 0 when no cluster is in use. `ret_first`: the
 * number of the first cluster that the block counts.
 */
uint64_t qcow2_last_block(const struct qcow2 *qcow2, const uint8_t *table, size_t size,
                          uint64_t *ret_first);

/* Offset of the last cluster in use that the block counts; 0: none. */
uint64_t qcow2_last_cluster(const struct qcow2 *qcow2, const uint8_t *block, size_t size,
                            uint64_t first);

#endif
