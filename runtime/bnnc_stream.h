/* Inside the decoder of stored weights: sections of a blob, and streams of Huffman-coded symbols. */
#ifndef BNNC_STREAM_H
#define BNNC_STREAM_H

#include <stdbool.h>

#include "bnnc_weights.h"

#define BNNC_MAX_LENGTH 15 /* bits of a code */
#define BNNC_MAX_SYMBOL_BITS 9

/* What is left of some bytes. */
struct bnnc_reader {
    const uint8_t *at;
    size_t left;
};

/* Where a section goes, and what it is made of. */
struct bnnc_section {
    unsigned form;
    uint8_t *memory;
    size_t n_bytes;
    struct bnnc_reader payload;
};

/* A stream of symbols. Codes of a length are successive numbers: they end below `ends` when they stand at the
 * top of BNNC_MAX_LENGTH bits, and that of symbols[i] is i + `shift`. */
struct bnnc_stream {
    uint16_t symbols[1 << BNNC_MAX_SYMBOL_BITS];
    uint32_t ends[BNNC_MAX_LENGTH + 1];
    int32_t shift[BNNC_MAX_LENGTH + 1];
    unsigned symbol_bits;
    uint32_t n_symbols;
    struct bnnc_reader codes;
    uint32_t bits_left;
    uint32_t window; /* `filled` bits that were read and not used, the next one the highest of them */
    unsigned filled;
};

/* Little-endian numbers at any address. */
uint32_t bnnc_u16(const uint8_t *at);
uint32_t bnnc_u32(const uint8_t *at);
void bnnc_put_u32(uint8_t *at, uint32_t value);

/* The next bytes, or NULL when there are not so many. */
const uint8_t *bnnc_take(struct bnnc_reader *reader, size_t n_bytes);

/* A stream that is the whole payload. */
enum bnnc_weights_status bnnc_open_stream(struct bnnc_stream *stream, struct bnnc_reader payload);

/* The next symbol; -1 where the bits are used up. */
int bnnc_next_symbol(struct bnnc_stream *stream);

/* Whether all was read, and what fills up the last byte is 0. */
bool bnnc_is_at_end(const struct bnnc_stream *stream);

/* Sections with memory that holds 0: kernels in panels, entries of sparse rows side by side and sorted by
 * code. */
enum bnnc_weights_status bnnc_decode_kernels(struct bnnc_section *section);
enum bnnc_weights_status bnnc_decode_joined(struct bnnc_section *section);
enum bnnc_weights_status bnnc_decode_sorted(struct bnnc_section *section);

#endif
