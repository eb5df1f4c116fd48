#include <string.h>

#include "bnnc_stream.h"

#define SKIP 255 /* a gap of a sorted layer: so many columns further there is no entry yet */

/* Nonzeros of a sparse layer, sorted by (row, code) in the decoded memory. */
struct nonzeros {
    uint8_t *ends, *columns;
    uint32_t rows, features, codes;
    unsigned element;
    struct bnnc_reader gap_stream, code_stream;
};

/* Two streams, the first in so many bytes. */
static enum bnnc_weights_status open_streams(struct bnnc_stream *gaps, struct bnnc_stream *codes,
                                             struct bnnc_reader payload, size_t first) {
    struct bnnc_reader head = {payload.at, first};
    if (bnnc_take(&payload, first) == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const enum bnnc_weights_status status = bnnc_open_stream(gaps, head);
    return status != BNNC_WEIGHTS_OK ? status : bnnc_open_stream(codes, payload);
}

/* Entries of `element` bytes: gap | code << gap_bits. */
enum bnnc_weights_status bnnc_decode_joined(struct bnnc_section *section) {
    struct bnnc_stream gaps, codes;
    const uint8_t *const header = bnnc_take(&section->payload, 8);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const unsigned gap_bits = header[0], element = header[1];
    const enum bnnc_weights_status status =
        open_streams(&gaps, &codes, section->payload, bnnc_u32(header + 4));
    if (status != BNNC_WEIGHTS_OK) return status;
    if (gap_bits < 1 || gap_bits > 8 || element < 1 || element > 2 || bnnc_u16(header + 2) != 0)
        return BNNC_WEIGHTS_ENTRIES;
    if (gaps.symbol_bits > gap_bits || gap_bits + codes.symbol_bits > 8 * element)
        return BNNC_WEIGHTS_ENTRIES;
    if (gaps.n_symbols != codes.n_symbols || (uint64_t)element * codes.n_symbols != section->n_bytes)
        return BNNC_WEIGHTS_ENTRIES;
    for (size_t at = 0; at < section->n_bytes; at += element) {
        const int gap = bnnc_next_symbol(&gaps), code = bnnc_next_symbol(&codes);
        if (gap < 0 || code < 0) return BNNC_WEIGHTS_STREAM;
        const uint32_t entry = (uint32_t)gap | (uint32_t)code << gap_bits;
        section->memory[at] = (uint8_t)entry;
        if (element == 2) section->memory[at + 1] = (uint8_t)(entry >> 8);
    }
    return bnnc_is_at_end(&gaps) && bnnc_is_at_end(&codes) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

/* An entry of a segment: counts it, or puts its column where the segment has got to. */
static void take_entry(const struct nonzeros *nonzeros, uint64_t segment, uint32_t column, bool counts) {
    uint8_t *const end = nonzeros->ends + 4 * (segment + counts);
    const uint32_t number = bnnc_u32(end);
    bnnc_put_u32(end, number + 1);
    for (unsigned i = 0; i < nonzeros->element && !counts; i++)
        nonzeros->columns[(size_t)number * nonzeros->element + i] = (uint8_t)(column >> 8 * i);
}

/* Goes through all entries. The second time there are the same ones: every one has a place. */
static enum bnnc_weights_status pass_entries(const struct nonzeros *nonzeros, bool counts) {
    struct bnnc_stream gaps, codes;
    enum bnnc_weights_status status = bnnc_open_stream(&gaps, nonzeros->gap_stream);
    if (status == BNNC_WEIGHTS_OK) status = bnnc_open_stream(&codes, nonzeros->code_stream);
    if (status != BNNC_WEIGHTS_OK) return status;
    const uint64_t end = (uint64_t)nonzeros->rows * nonzeros->features;
    uint32_t gaps_left = gaps.n_symbols;
    uint64_t position = 0; /* behind the entry before */
    for (uint32_t left = codes.n_symbols; left > 0; left--, position++) {
        int gap = SKIP;
        for (; gap == SKIP && gaps_left > 0; gaps_left--) {
            gap = bnnc_next_symbol(&gaps);
            if (gap < 0) return BNNC_WEIGHTS_STREAM;
            position += (uint32_t)gap;
        }
        const int code = bnnc_next_symbol(&codes);
        if (code < 0) return BNNC_WEIGHTS_STREAM;
        if (gap >= SKIP || position >= end || (uint32_t)code >= nonzeros->codes) return BNNC_WEIGHTS_ENTRIES;
        const uint64_t segment = position / nonzeros->features * nonzeros->codes + (uint32_t)code;
        take_entry(nonzeros, segment, (uint32_t)(position % nonzeros->features), counts);
    }
    if (gaps_left != 0) return BNNC_WEIGHTS_ENTRIES;
    return bnnc_is_at_end(&gaps) && bnnc_is_at_end(&codes) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

static enum bnnc_weights_status open_nonzeros(struct nonzeros *nonzeros, struct bnnc_section *section) {
    struct bnnc_stream gaps, codes;
    const uint8_t *const header = bnnc_take(&section->payload, 20);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const size_t first = bnnc_u32(header + 16);
    const enum bnnc_weights_status status = open_streams(&gaps, &codes, section->payload, first);
    if (status != BNNC_WEIGHTS_OK) return status;
    nonzeros->rows = bnnc_u32(header);
    nonzeros->features = bnnc_u32(header + 4);
    nonzeros->codes = bnnc_u16(header + 8);
    nonzeros->element = header[10];
    const uint64_t columns_at = bnnc_u32(header + 12),
                   columns = (uint64_t)nonzeros->element * codes.n_symbols;
    const uint64_t segments = (uint64_t)nonzeros->rows * nonzeros->codes;
    if ((nonzeros->element != 2 && nonzeros->element != 4) || header[11] != 0) return BNNC_WEIGHTS_ENTRIES;
    if (gaps.symbol_bits > 8 || codes.symbol_bits > 8) return BNNC_WEIGHTS_ENTRIES;
    if (segments >= columns_at / 4 || columns_at + columns != section->n_bytes) return BNNC_WEIGHTS_ENTRIES;
    if (nonzeros->element == 2 && nonzeros->features > 1u << 16) return BNNC_WEIGHTS_ENTRIES;
    nonzeros->ends = section->memory;
    nonzeros->columns = section->memory + columns_at;
    nonzeros->gap_stream = (struct bnnc_reader){section->payload.at, first};
    nonzeros->code_stream = (struct bnnc_reader){section->payload.at + first, section->payload.left - first};
    return BNNC_WEIGHTS_OK;
}

/* A counting sort in place. */
enum bnnc_weights_status bnnc_decode_sorted(struct bnnc_section *section) {
    struct nonzeros nonzeros;
    enum bnnc_weights_status status = open_nonzeros(&nonzeros, section);
    if (status == BNNC_WEIGHTS_OK) status = pass_entries(&nonzeros, true);
    if (status != BNNC_WEIGHTS_OK) return status;
    const size_t segments = (size_t)nonzeros.rows * nonzeros.codes;
    uint8_t *const ends = nonzeros.ends;
    for (size_t i = 1; i <= segments; i++)
        bnnc_put_u32(ends + 4 * i, bnnc_u32(ends + 4 * i) + bnnc_u32(ends + 4 * (i - 1)));
    status = pass_entries(&nonzeros, false);
    memmove(ends + 4, ends, 4 * segments); /* starts have become ends */
    bnnc_put_u32(ends, 0);
    return status;
}
