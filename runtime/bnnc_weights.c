#include "bnnc_weights.h"

#include <stdbool.h>
#include <string.h>

#define MAX_LENGTH 15 /* bits of a code */
#define MAX_SYMBOL_BITS 9
#define TAPS 9
#define SKIP 255 /* a gap of a sorted layer: so many columns further there is no entry yet */

/* What is left of some bytes. */
struct reader {
    const uint8_t *at;
    size_t left;
};

/* Where a section goes, and what it is made of. */
struct section {
    unsigned form;
    uint8_t *memory;
    size_t n_bytes;
    struct reader payload;
};

/* A stream of symbols. Codes of a length are successive numbers: they end below `ends` when they stand at the
 * top of MAX_LENGTH bits, and that of symbols[i] is i + `shift`. */
struct stream {
    uint16_t symbols[1 << MAX_SYMBOL_BITS];
    uint32_t ends[MAX_LENGTH + 1];
    int32_t shift[MAX_LENGTH + 1];
    unsigned symbol_bits;
    uint32_t n_symbols;
    struct reader codes;
    uint32_t bits_left;
    uint32_t window; /* `filled` bits that were read and not used, the next one the highest of them */
    unsigned filled;
};

/* Kernels in the panels of the decoded memory. */
struct panels {
    uint8_t *memory;
    uint32_t out, inputs, panels, width;
    unsigned copies, element, order;
    const uint8_t *masks;
};

/* Nonzeros of a sparse layer, sorted by (row, code) in the decoded memory. */
struct nonzeros {
    uint8_t *ends, *columns;
    uint32_t rows, features, codes;
    unsigned element;
    struct reader gap_stream, code_stream;
};

enum { FORM_RAW, FORM_SYMBOLS, FORM_KERNELS, FORM_JOINED, FORM_SORTED };
enum { ELEMENT_BITS, ELEMENT_BYTES };

static uint32_t u16(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const uint8_t *at) {
    return u16(at) | u16(at + 2) << 16;
}

static void put_u32(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* The next bytes, or NULL when there are not so many. */
static const uint8_t *take(struct reader *reader, size_t n_bytes) {
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
static bool sort_symbols(struct stream *stream, const uint8_t *lengths) {
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

static enum bnnc_weights_status open_stream(struct stream *stream, struct reader payload) {
    const uint8_t *const header = take(&payload, 12);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    stream->symbol_bits = header[0];
    stream->n_symbols = u32(header + 4);
    stream->bits_left = u32(header + 8);
    const bool is_legal = stream->symbol_bits >= 1 && stream->symbol_bits <= MAX_SYMBOL_BITS;
    if (!is_legal || header[1] != 0 || u16(header + 2) != 0) return BNNC_WEIGHTS_STREAM;
    const uint8_t *const lengths = take(&payload, (size_t)1 << (stream->symbol_bits - 1));
    if (lengths == NULL) return BNNC_WEIGHTS_CUT_OFF;
    if (payload.left != stream->bits_left / 8 + (stream->bits_left % 8 != 0)) return BNNC_WEIGHTS_CUT_OFF;
    stream->codes = payload;
    stream->window = 0;
    stream->filled = 0;
    return sort_symbols(stream, lengths) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_CODE;
}

/* The next symbol; -1 where the bits are used up. Behind the last byte bits are 0. */
static int next_symbol(struct stream *stream) {
    while (stream->filled < MAX_LENGTH) {
        const uint8_t *const byte = take(&stream->codes, 1);
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

/* Whether all was read, and what fills up the last byte is 0. */
static bool is_at_end(const struct stream *stream) {
    const uint32_t rest = stream->window & ((1u << stream->filled) - 1);
    return stream->bits_left == 0 && stream->codes.left == 0 && rest == 0;
}

static enum bnnc_weights_status decode_symbols(const struct section *section) {
    struct stream stream;
    const enum bnnc_weights_status status = open_stream(&stream, section->payload);
    if (status != BNNC_WEIGHTS_OK) return status;
    if (stream.symbol_bits > 8 || stream.n_symbols != section->n_bytes) return BNNC_WEIGHTS_STREAM;
    for (size_t i = 0; i < section->n_bytes; i++) {
        const int symbol = next_symbol(&stream);
        if (symbol < 0) return BNNC_WEIGHTS_STREAM;
        section->memory[i] = (uint8_t)symbol;
    }
    return is_at_end(&stream) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

/* Elements of a tap: words of 32 input channels, or input channels. */
static uint64_t row_length(const struct panels *panels) {
    return panels->element == ELEMENT_BITS ? (panels->inputs + 31) / 32 : panels->inputs;
}

/* No number is above 2^16, so that nothing overflows. */
static uint64_t panels_bytes(const struct panels *panels) {
    const uint64_t capacity = (uint64_t)panels->panels * panels->width;
    return capacity * TAPS * row_length(panels) * (panels->element == ELEMENT_BITS ? 4 : 1);
}

static enum bnnc_weights_status open_panels(struct panels *panels, struct section *section) {
    const uint8_t *const header = take(&section->payload, 12);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    panels->memory = section->memory;
    panels->out = u16(header);
    panels->inputs = u16(header + 2);
    panels->panels = u16(header + 4);
    panels->width = u16(header + 6);
    panels->copies = u16(header + 8);
    panels->element = header[10];
    panels->order = header[11];
    panels->masks = take(&section->payload, (size_t)2 * panels->copies);
    if (panels->masks == NULL) return BNNC_WEIGHTS_CUT_OFF;
    if (panels->out == 0 || panels->inputs == 0 || panels->copies == 0) return BNNC_WEIGHTS_PANELS;
    if (panels->out % panels->copies != 0 || panels->order > (panels->copies > 1)) return BNNC_WEIGHTS_PANELS;
    if (panels->out > (uint64_t)panels->panels * panels->width) return BNNC_WEIGHTS_PANELS;
    if (panels->element > ELEMENT_BYTES || panels_bytes(panels) != section->n_bytes)
        return BNNC_WEIGHTS_PANELS;
    for (unsigned i = 0; i < panels->copies; i++)
        if (u16(panels->masks + 2 * i) >> TAPS != 0) return BNNC_WEIGHTS_PANELS;
    return u16(panels->masks) == 0 ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_PANELS;
}

/* Writes the kernel of input channel c to output channel o: element (o / width, tap, c, o % width). */
static void put_kernel(const struct panels *panels, uint32_t o, uint32_t c, unsigned kernel) {
    const bool is_bits = panels->element == ELEMENT_BITS;
    const size_t row = (size_t)row_length(panels), width = panels->width;
    size_t at = (o / width * TAPS * row + (is_bits ? c / 32 : c)) * width + o % width;
    for (unsigned tap = 0; tap < TAPS; tap++, at += row * width) {
        const unsigned bit = kernel >> tap & 1;
        if (is_bits)
            panels->memory[4 * at + c % 32 / 8] |= (uint8_t)(bit << c % 8);
        else
            panels->memory[at] = bit ? 1 : 0xFF;
    }
}

/* Writes all copies of a latent kernel. */
static void put_copies(const struct panels *panels, uint32_t latent, uint32_t c, unsigned kernel) {
    for (unsigned copy = 0; copy < panels->copies; copy++) {
        const uint32_t o = panels->order == 0 ? latent * panels->copies + copy
                                              : copy * (panels->out / panels->copies) + latent;
        put_kernel(panels, o, c, kernel ^ u16(panels->masks + 2 * copy));
    }
}

/* The memory of the section holds 0. */
static enum bnnc_weights_status decode_kernels(struct section *section) {
    struct panels panels;
    struct stream stream;
    enum bnnc_weights_status status = open_panels(&panels, section);
    if (status == BNNC_WEIGHTS_OK) status = open_stream(&stream, section->payload);
    if (status != BNNC_WEIGHTS_OK) return status;
    const uint32_t latent = panels.out / panels.copies;
    if (stream.symbol_bits != TAPS || stream.n_symbols != (uint64_t)latent * panels.inputs)
        return BNNC_WEIGHTS_STREAM;
    for (uint32_t o = 0; o < latent; o++) {
        for (uint32_t c = 0; c < panels.inputs; c++) {
            const int kernel = next_symbol(&stream);
            if (kernel < 0) return BNNC_WEIGHTS_STREAM;
            put_copies(&panels, o, c, (unsigned)kernel);
        }
    }
    return is_at_end(&stream) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

/* Two streams, the first in so many bytes. */
static enum bnnc_weights_status open_streams(struct stream *gaps, struct stream *codes, struct reader payload,
                                             size_t first) {
    struct reader head = {payload.at, first};
    if (take(&payload, first) == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const enum bnnc_weights_status status = open_stream(gaps, head);
    return status != BNNC_WEIGHTS_OK ? status : open_stream(codes, payload);
}

/* Entries of `element` bytes: gap | code << gap_bits. */
static enum bnnc_weights_status decode_joined(struct section *section) {
    struct stream gaps, codes;
    const uint8_t *const header = take(&section->payload, 8);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const unsigned gap_bits = header[0], element = header[1];
    const enum bnnc_weights_status status = open_streams(&gaps, &codes, section->payload, u32(header + 4));
    if (status != BNNC_WEIGHTS_OK) return status;
    if (gap_bits < 1 || gap_bits > 8 || element < 1 || element > 2 || u16(header + 2) != 0)
        return BNNC_WEIGHTS_ENTRIES;
    if (gaps.symbol_bits > gap_bits || gap_bits + codes.symbol_bits > 8 * element)
        return BNNC_WEIGHTS_ENTRIES;
    if (gaps.n_symbols != codes.n_symbols || (uint64_t)element * codes.n_symbols != section->n_bytes)
        return BNNC_WEIGHTS_ENTRIES;
    for (size_t at = 0; at < section->n_bytes; at += element) {
        const int gap = next_symbol(&gaps), code = next_symbol(&codes);
        if (gap < 0 || code < 0) return BNNC_WEIGHTS_STREAM;
        const uint32_t entry = (uint32_t)gap | (uint32_t)code << gap_bits;
        section->memory[at] = (uint8_t)entry;
        if (element == 2) section->memory[at + 1] = (uint8_t)(entry >> 8);
    }
    return is_at_end(&gaps) && is_at_end(&codes) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

/* An entry of a segment: counts it, or puts its column where the segment has got to. */
static void take_entry(const struct nonzeros *nonzeros, uint64_t segment, uint32_t column, bool counts) {
    uint8_t *const end = nonzeros->ends + 4 * (segment + counts);
    const uint32_t number = u32(end);
    put_u32(end, number + 1);
    for (unsigned i = 0; i < nonzeros->element && !counts; i++)
        nonzeros->columns[(size_t)number * nonzeros->element + i] = (uint8_t)(column >> 8 * i);
}

/* Goes through all entries. The second time there are the same ones: every one has a place. */
static enum bnnc_weights_status pass_entries(const struct nonzeros *nonzeros, bool counts) {
    struct stream gaps, codes;
    enum bnnc_weights_status status = open_stream(&gaps, nonzeros->gap_stream);
    if (status == BNNC_WEIGHTS_OK) status = open_stream(&codes, nonzeros->code_stream);
    if (status != BNNC_WEIGHTS_OK) return status;
    const uint64_t end = (uint64_t)nonzeros->rows * nonzeros->features;
    uint32_t gaps_left = gaps.n_symbols;
    uint64_t position = 0; /* behind the entry before */
    for (uint32_t left = codes.n_symbols; left > 0; left--, position++) {
        int gap = SKIP;
        for (; gap == SKIP && gaps_left > 0; gaps_left--) {
            gap = next_symbol(&gaps);
            if (gap < 0) return BNNC_WEIGHTS_STREAM;
            position += (uint32_t)gap;
        }
        const int code = next_symbol(&codes);
        if (code < 0) return BNNC_WEIGHTS_STREAM;
        if (gap >= SKIP || position >= end || (uint32_t)code >= nonzeros->codes) return BNNC_WEIGHTS_ENTRIES;
        const uint64_t segment = position / nonzeros->features * nonzeros->codes + (uint32_t)code;
        take_entry(nonzeros, segment, (uint32_t)(position % nonzeros->features), counts);
    }
    if (gaps_left != 0) return BNNC_WEIGHTS_ENTRIES;
    return is_at_end(&gaps) && is_at_end(&codes) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}

static enum bnnc_weights_status open_nonzeros(struct nonzeros *nonzeros, struct section *section) {
    struct stream gaps, codes;
    const uint8_t *const header = take(&section->payload, 20);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const size_t first = u32(header + 16);
    const enum bnnc_weights_status status = open_streams(&gaps, &codes, section->payload, first);
    if (status != BNNC_WEIGHTS_OK) return status;
    nonzeros->rows = u32(header);
    nonzeros->features = u32(header + 4);
    nonzeros->codes = u16(header + 8);
    nonzeros->element = header[10];
    const uint64_t columns_at = u32(header + 12), columns = (uint64_t)nonzeros->element * codes.n_symbols;
    const uint64_t segments = (uint64_t)nonzeros->rows * nonzeros->codes;
    if ((nonzeros->element != 2 && nonzeros->element != 4) || header[11] != 0) return BNNC_WEIGHTS_ENTRIES;
    if (gaps.symbol_bits > 8 || codes.symbol_bits > 8) return BNNC_WEIGHTS_ENTRIES;
    if (segments >= columns_at / 4 || columns_at + columns != section->n_bytes) return BNNC_WEIGHTS_ENTRIES;
    if (nonzeros->element == 2 && nonzeros->features > 1u << 16) return BNNC_WEIGHTS_ENTRIES;
    nonzeros->ends = section->memory;
    nonzeros->columns = section->memory + columns_at;
    nonzeros->gap_stream = (struct reader){section->payload.at, first};
    nonzeros->code_stream = (struct reader){section->payload.at + first, section->payload.left - first};
    return BNNC_WEIGHTS_OK;
}

/* A counting sort in place. The memory of the section holds 0. */
static enum bnnc_weights_status decode_sorted(struct section *section) {
    struct nonzeros nonzeros;
    enum bnnc_weights_status status = open_nonzeros(&nonzeros, section);
    if (status == BNNC_WEIGHTS_OK) status = pass_entries(&nonzeros, true);
    if (status != BNNC_WEIGHTS_OK) return status;
    const size_t segments = (size_t)nonzeros.rows * nonzeros.codes;
    uint8_t *const ends = nonzeros.ends;
    for (size_t i = 1; i <= segments; i++) put_u32(ends + 4 * i, u32(ends + 4 * i) + u32(ends + 4 * (i - 1)));
    status = pass_entries(&nonzeros, false);
    memmove(ends + 4, ends, 4 * segments); /* starts have become ends */
    put_u32(ends, 0);
    return status;
}

static enum bnnc_weights_status decode_section(struct section *section) {
    switch (section->form) {
    case FORM_RAW:
        if (section->payload.left != section->n_bytes) return BNNC_WEIGHTS_SECTIONS;
        if (section->n_bytes != 0) memcpy(section->memory, section->payload.at, section->n_bytes);
        return BNNC_WEIGHTS_OK;
    case FORM_SYMBOLS:
        return decode_symbols(section);
    case FORM_KERNELS:
        return decode_kernels(section);
    case FORM_JOINED:
        return decode_joined(section);
    case FORM_SORTED:
        return decode_sorted(section);
    default:
        return BNNC_WEIGHTS_SECTIONS;
    }
}

/* Reads the head of a section that has to lie at `end` or behind it, and moves `end` behind the section. */
static enum bnnc_weights_status open_section(struct reader *blob, uint8_t *memory, size_t memory_bytes,
                                             size_t *end, struct section *section) {
    const uint8_t *const header = take(blob, 16);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    const size_t start = u32(header + 4), n_bytes = u32(header + 8), payload = u32(header + 12);
    if (header[1] != 0 || u16(header + 2) != 0) return BNNC_WEIGHTS_SECTIONS;
    if (start < *end || start > memory_bytes || n_bytes > memory_bytes - start) return BNNC_WEIGHTS_SECTIONS;
    section->form = header[0];
    section->memory = memory + start;
    section->n_bytes = n_bytes;
    section->payload.at = take(blob, payload);
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
    struct reader reader = {blob, blob_bytes};
    const uint8_t *const header = take(&reader, 20);
    if (header == NULL || memcmp(header, "BNW1", 4) != 0) return BNNC_WEIGHTS_NO_BLOB;
    if (u32(header + 4) != blob_bytes) return BNNC_WEIGHTS_CUT_OFF;
    if (u32(header + 8) != memory_bytes || u16(header + 18) != 0) return BNNC_WEIGHTS_SECTIONS;
    if (memory_bytes != 0) memset(memory, 0, memory_bytes);
    size_t end = 0;
    for (uint32_t left = u16(header + 16); left > 0; left--) {
        struct section section;
        enum bnnc_weights_status status = open_section(&reader, memory, memory_bytes, &end, &section);
        if (status == BNNC_WEIGHTS_OK) status = decode_section(&section);
        if (status != BNNC_WEIGHTS_OK) return status;
    }
    if (reader.left != 0) return BNNC_WEIGHTS_CUT_OFF;
    return check_sum(memory, memory_bytes) == u32(header + 12) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_CHECK_SUM;
}
