#include "bnnc_stream.h"

#define MAX_LENGTH BNNC_MAX_LENGTH

uint32_t bnnc_u16(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8;
}

uint32_t bnnc_u32(const uint8_t *at) {
    return bnnc_u16(at) | bnnc_u16(at + 2) << 16;
}

void bnnc_put_u32(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

const uint8_t *bnnc_take(struct bnnc_reader *reader, size_t n_bytes) {
    if (n_bytes > reader->left) return NULL;
    const uint8_t *const taken = reader->at;
    reader->at += n_bytes;
    reader->left -= n_bytes;
    return taken;
}

static unsigned length_of(const uint8_t *lengths, unsigned symbol) {
    return lengths[symbol / 2] >> symbol % 2 * 4 & 15;
}

/* Sorts symbols by (length, symbol). False unless the codes fill the code space. */
static bool sort_symbols(struct bnnc_stream *stream, const uint8_t *lengths) {
    uint32_t code = 0;
    int32_t sorted = 0;
    for (unsigned length = 1; length <= MAX_LENGTH; length++) {
        code <<= 1;
        stream->shift[length] = (int32_t)code - sorted;
        for (unsigned symbol = 0; symbol < 1u << stream->symbol_bits; symbol++)
            if (length_of(lengths, symbol) == length) stream->symbols[sorted++] = (uint16_t)symbol;
        code = (uint32_t)(stream->shift[length] + sorted);
        if (code > 1u << length) return false;
        stream->ends[length] = code << (MAX_LENGTH - length);
    }
    return code == 1u << MAX_LENGTH;
}

enum bnnc_weights_status bnnc_open_stream(struct bnnc_stream *stream, struct bnnc_reader payload) {
    const uint8_t *const header = bnnc_take(&payload, 12);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    stream->symbol_bits = header[0];
    stream->n_symbols = bnnc_u32(header + 4);
    stream->bits_left = bnnc_u32(header + 8);
    const bool is_legal = stream->symbol_bits >= 1 && stream->symbol_bits <= BNNC_MAX_SYMBOL_BITS;
    if (!is_legal || header[1] != 0 || bnnc_u16(header + 2) != 0) return BNNC_WEIGHTS_STREAM;
    const uint8_t *const lengths = bnnc_take(&payload, (size_t)1 << (stream->symbol_bits - 1));
    if (lengths == NULL) return BNNC_WEIGHTS_CUT_OFF;
    if (payload.left != stream->bits_left / 8 + (stream->bits_left % 8 != 0)) return BNNC_WEIGHTS_CUT_OFF;
    stream->codes = payload;
    stream->window = 0;
    stream->filled = 0;
    return sort_symbols(stream, lengths) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_CODE;
}

/* Behind the last byte bits are 0. */
int bnnc_next_symbol(struct bnnc_stream *stream) {
    while (stream->filled < MAX_LENGTH) {
        const uint8_t *const byte = bnnc_take(&stream->codes, 1);
        stream->window = stream->window << 8 | (byte == NULL ? 0u : *byte);
        stream->filled += 8;
    }
    const uint32_t ahead = stream->window >> (stream->filled - MAX_LENGTH) & ((1u << MAX_LENGTH) - 1);
    unsigned length = 1;
    while (ahead >= stream->ends[length]) length++; /* the last end is 2^15: the codes fill the code space */
    if (length > stream->bits_left) return -1;
    stream->bits_left -= length;
    stream->filled -= length;
    return stream->symbols[(int32_t)(ahead >> (MAX_LENGTH - length)) - stream->shift[length]];
}

bool bnnc_is_at_end(const struct bnnc_stream *stream) {
    const uint32_t rest = stream->window & ((1u << stream->filled) - 1);
    return stream->bits_left == 0 && stream->codes.left == 0 && rest == 0;
}
