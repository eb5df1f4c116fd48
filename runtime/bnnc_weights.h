/* Decoder of stored weights: blobs of Huffman-coded constants, at any address, to memory that kernels read.
 */
#ifndef BNNC_WEIGHTS_H
#define BNNC_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

enum bnnc_weights_status {
    BNNC_WEIGHTS_OK,
    BNNC_WEIGHTS_NO_BLOB,   /* not a blob of this version */
    BNNC_WEIGHTS_CUT_OFF,   /* the blob ends before it should, or goes on */
    BNNC_WEIGHTS_SECTIONS,  /* a section of an unknown form or at an impossible place */
    BNNC_WEIGHTS_CODE,      /* code lengths that leave or overfill the code space */
    BNNC_WEIGHTS_STREAM,    /* wrong numbers of symbols or bits */
    BNNC_WEIGHTS_PANELS,    /* kernels that do not fit where they should go */
    BNNC_WEIGHTS_ENTRIES,   /* sparse rows that do not fit where they should go */
    BNNC_WEIGHTS_CHECK_SUM, /* the bytes decoded are not those that were stored */
};

/*
 * Decode a blob of exactly `blob_bytes` into exactly `memory_bytes`. Nothing outside of either is touched,
 * whatever the blob holds; after an error the memory holds anything. No allocation; a few kilobytes of stack.
 */
enum bnnc_weights_status bnnc_weights_decode(const uint8_t *blob, size_t blob_bytes, uint8_t *memory,
                                             size_t memory_bytes);

#endif
