#include "bnnc_weights.h"

#include <string.h>

#include "bnnc_stream.h"

enum { FORM_RAW, FORM_SYMBOLS, FORM_KERNELS, FORM_JOINED, FORM_SORTED };

static enum bnnc_weights_status decode_symbols(const struct bnnc_section *section) {
    struct bnnc_stream stream;
    const enum bnnc_weights_status status = bnnc_open_stream(&stream, section->payload);
    if (status != BNNC_WEIGHTS_OK) return status;
    if (stream.symbol_bits > 8 || stream.n_symbols != section->n_bytes) return BNNC_WEIGHTS_STREAM;
    for (size_t i = 0; i < section->n_bytes; i++) {
        const int symbol = bnnc_next_symbol(&stream);
        if (symbol < 0) return BNNC_WEIGHTS_STREAM;
        section->memory[i] = (uint8_t)symbol;
    }
    return bnnc_is_at_end(&stream) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

static enum bnnc_weights_status decode_section(struct bnnc_section *section) {
    switch (section->form) {
    case FORM_RAW:
        if (section->payload.left != section->n_bytes) return BNNC_WEIGHTS_SECTIONS;
        if (section->n_bytes != 0) memcpy(section->memory, section->payload.at, section->n_bytes);
        return BNNC_WEIGHTS_OK;
    case FORM_SYMBOLS:
        return decode_symbols(section);
    case FORM_KERNELS:
        return bnnc_decode_kernels(section);
    case FORM_JOINED:
        return bnnc_decode_joined(section);
    case FORM_SORTED:
        return bnnc_decode_sorted(section);
    default:
        return BNNC_WEIGHTS_SECTIONS;
    }
}

/* Reads the head of a section that has to lie at `end` or behind it, and moves `end` behind the section. */
static enum bnnc_weights_status open_section(struct bnnc_reader *blob, uint8_t *memory, size_t memory_bytes,
                                             size_t *end, struct bnnc_section *section) {
    const uint8_t *const header = bnnc_take(blob, 16);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const size_t start = bnnc_u32(header + 4), n_bytes = bnnc_u32(header + 8),
                 payload = bnnc_u32(header + 12);
    if (header[1] != 0 || bnnc_u16(header + 2) != 0) return BNNC_WEIGHTS_SECTIONS;
    if (start < *end || start > memory_bytes || n_bytes > memory_bytes - start) return BNNC_WEIGHTS_SECTIONS;
    section->form = header[0];
    section->memory = memory + start;
    section->n_bytes = n_bytes;
    section->payload.at = bnnc_take(blob, payload);
    section->payload.left = payload;
    *end = start + n_bytes;
    return section->payload.at == NULL ? BNNC_WEIGHTS_CUT_OFF : BNNC_WEIGHTS_OK;
}

/* CRC-32 as in zlib, four bits at a time: remainder[n] is n * x^28 modulo the polynomial, reflected. */
static uint32_t check_sum(const uint8_t *bytes, size_t n_bytes) {
    static const uint32_t remainder[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t sum = 0xFFFFFFFF;
    for (size_t i = 0; i < n_bytes; i++) {
        sum ^= bytes[i];
        sum = sum >> 4 ^ remainder[sum & 15];
        sum = sum >> 4 ^ remainder[sum & 15];
    }
    return ~sum;
}

enum bnnc_weights_status bnnc_weights_decode(const uint8_t *blob, size_t blob_bytes, uint8_t *memory,
                                             size_t memory_bytes) {
    struct bnnc_reader reader = {blob, blob_bytes};
    const uint8_t *const header = bnnc_take(&reader, 20);
    if (header == NULL || memcmp(header, "BNW1", 4) != 0) return BNNC_WEIGHTS_NO_BLOB;
    if (bnnc_u32(header + 4) != blob_bytes) return BNNC_WEIGHTS_CUT_OFF;
    if (bnnc_u32(header + 8) != memory_bytes || bnnc_u16(header + 18) != 0) return BNNC_WEIGHTS_SECTIONS;
    if (memory_bytes != 0) memset(memory, 0, memory_bytes);
    size_t end = 0;
    for (uint32_t left = bnnc_u16(header + 16); left > 0; left--) {
        struct bnnc_section section;
        enum bnnc_weights_status status = open_section(&reader, memory, memory_bytes, &end, &section);
        if (status == BNNC_WEIGHTS_OK) status = decode_section(&section);
        if (status != BNNC_WEIGHTS_OK) return status;
    }
    if (reader.left != 0) return BNNC_WEIGHTS_CUT_OFF;
    return check_sum(memory, memory_bytes) == bnnc_u32(header + 12) ? BNNC_WEIGHTS_OK
                                                                    : BNNC_WEIGHTS_CHECK_SUM;
}
