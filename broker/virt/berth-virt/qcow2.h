/* qcow2.h - parse the metadata of a qcow2 file.
 *
 * Module virt (berth-virt). No I/O: the caller passes the bytes, which are untrusted. The format is
 * specified in QEMU's docs/interop/qcow2.txt.
 */
#ifndef BERTH_VIRT_QCOW2_H
#define BERTH_VIRT_QCOW2_H

#include "berth/error.h"

#define QCOW2_HEADER_BYTES 104
/* Bytes of a refcount table: QEMU creates no larger one. */
#define QCOW2_TABLE_MAX (8U << 20)
#define QCOW2_BACKING_MAX 1023 /* bytes of the name of a backing file */

struct qcow2 {
    uint64_t backing_at; /* offset of the name of its backing file; 0: none */
    uint32_t backing_bytes;
    uint64_t cluster_bytes;
    uint64_t table_at; /* refcount table */
    uint32_t table_bytes;
    uint64_t l1_at; /* L1 table */
    uint32_t l1_bytes;
    unsigned refcount_bits;
    bool encrypted;
    bool corrupt; /* QEMU has marked it as corrupt */
    bool dirty;   /* its refcounts may be wrong */
};

/* Parse the header. Errors: INVALID. */
int qcow2_header(const uint8_t *bytes, size_t size, struct qcow2 *ret,
                 struct berth_error *reterr) berth_must_check;

/* Offset of the refcount block of the last clusters; 0 when no cluster is in use. ret_first: number
 * of the first cluster that the block counts.
 */
uint64_t qcow2_last_block(const struct qcow2 *qcow2, const uint8_t *table, size_t size,
                          uint64_t *ret_first);

/* Offset of the last cluster in use that the block counts; 0: none. */
uint64_t qcow2_last_cluster(const struct qcow2 *qcow2, const uint8_t *block, size_t size,
                            uint64_t first);

#endif
