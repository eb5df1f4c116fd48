#include "bnnc_stream.h"

#define TAPS 9
#define WORD_BITS 32
#define MAX_DIGITS 6 /* of an axis */

enum { ELEMENT_BITS, ELEMENT_SIGNS, ELEMENT_BYTES };

/* A digit of an index: it counts to `extent` in steps of `stride` bits. */
struct digit {
    uint32_t extent, stride;
};

/* An index is at the sum of its digits, the lowest first. */
struct axis {
    unsigned n_digits;
    struct digit digits[MAX_DIGITS];
};

/* Kernels in the panels of the decoded memory. */
struct panels {
    uint8_t *memory;
    uint32_t out, inputs, group_out, group_capacity;
    unsigned copies, element, half, order;
    struct axis outputs, taps, channels;
    const uint8_t *masks;
    const uint8_t *turned; /* a bit an output: whether its weights are negated; NULL where none are */
    uint64_t tap_at[TAPS];
};

/* How many indices an axis counts; all of them have a place in memory. */
static uint64_t capacity(const struct axis *axis) {
    uint64_t count = 1;
    for (unsigned i = 0; i < axis->n_digits; i++) count *= axis->digits[i].extent;
    return count;
}

/* Where an index is, in bits. */
static uint64_t offset(const struct axis *axis, uint64_t index) {
    uint64_t at = 0;
    for (unsigned i = 0; i < axis->n_digits; i++) {
        at += index % axis->digits[i].extent * axis->digits[i].stride;
        index /= axis->digits[i].extent;
    }
    return at;
}

static bool open_axis(struct axis *axis, unsigned n_digits, struct bnnc_reader *payload) {
    const uint8_t *const digits = n_digits > MAX_DIGITS ? NULL : bnnc_take(payload, (size_t)6 * n_digits);
    if (digits == NULL) return false;
    axis->n_digits = n_digits;
    for (unsigned i = 0; i < n_digits; i++)
        axis->digits[i] = (struct digit){bnnc_u16(digits + 6 * i), bnnc_u32(digits + 6 * i + 2)};
    return true;
}

/* The digit of all axes with the smallest stride from `least` on, or NULL. */
static const struct digit *next_digit(const struct panels *panels, uint64_t least) {
    const struct axis *const axes[] = {&panels->outputs, &panels->taps, &panels->channels};
    const struct digit *found = NULL;
    for (unsigned a = 0; a < 3; a++)
        for (unsigned i = 0; i < axes[a]->n_digits; i++) {
            const struct digit *const digit = &axes[a]->digits[i];
            if (digit->stride >= least && (found == NULL || digit->stride < found->stride)) found = digit;
        }
    return found;
}

/* Whether all steps of a digit go past what smaller digits reach, so that every weight has its own place, and
 * all end within the memory. A digit that overlaps is not found. */
static bool are_nested(const struct panels *panels, uint64_t n_bits) {
    const unsigned n_digits = panels->outputs.n_digits + panels->taps.n_digits + panels->channels.n_digits;
    const uint64_t unit = panels->element == ELEMENT_BYTES ? 8 : 1;
    uint64_t end = unit;
    for (unsigned i = 0; i < n_digits; i++) {
        const struct digit *const digit = next_digit(panels, end);
        if (digit == NULL || digit->extent < 2 || digit->stride % unit != 0) return false;
        end += (uint64_t)(digit->extent - 1) * digit->stride;
    }
    return end <= n_bits;
}

/* Whether words of 32 input channels lie as such, in pairs. */
static bool are_pairs(const struct panels *panels, size_t n_bytes) {
    const struct digit *const lowest = panels->channels.digits;
    if (panels->element != ELEMENT_BITS || n_bytes % 4 != 0 || panels->channels.n_digits == 0) return false;
    if (lowest->extent != WORD_BITS || lowest->stride != 1) return false;
    const struct axis *const axes[] = {&panels->outputs, &panels->taps, &panels->channels};
    for (unsigned a = 0; a < 3; a++)
        for (unsigned i = 0; i < axes[a]->n_digits; i++)
            if (&axes[a]->digits[i] != lowest && axes[a]->digits[i].stride % WORD_BITS != 0) return false;
    return capacity(&panels->channels) % (2 * panels->half * WORD_BITS) == 0;
}

static bool are_legal(const struct panels *panels, size_t n_bytes) {
    if (panels->out == 0 || panels->inputs == 0 || panels->copies == 0 || panels->group_out == 0)
        return false;
    if (panels->out % panels->copies != 0 || panels->order > (panels->copies > 1)) return false;
    if (panels->element > ELEMENT_BYTES || panels->half > 4) return false;
    if (!are_nested(panels, (uint64_t)8 * n_bytes)) return false;
    if (panels->out % panels->group_out != 0 || panels->group_out > panels->group_capacity) return false;
    const uint64_t outputs = (uint64_t)(panels->out / panels->group_out) * panels->group_capacity;
    if (outputs > capacity(&panels->outputs) || panels->inputs > capacity(&panels->channels)) return false;
    if (panels->turned != NULL && panels->out % 8 != 0 &&
        panels->turned[panels->out / 8] >> panels->out % 8 != 0)
        return false;
    if (capacity(&panels->taps) != TAPS || (panels->half != 0 && !are_pairs(panels, n_bytes))) return false;
    for (unsigned i = 0; i < panels->copies; i++)
        if (bnnc_u16(panels->masks + 2 * i) >> TAPS != 0) return false;
    return bnnc_u16(panels->masks) == 0;
}

static enum bnnc_weights_status open_panels(struct panels *panels, struct bnnc_section *section) {
    const uint8_t *const header = bnnc_take(&section->payload, 18);
    if (header == NULL) return BNNC_WEIGHTS_CUT_OFF;
    panels->memory = section->memory;
    panels->out = bnnc_u16(header);
    panels->inputs = bnnc_u16(header + 2);
    panels->group_out = bnnc_u16(header + 4);
    panels->group_capacity = bnnc_u16(header + 6);
    panels->copies = bnnc_u16(header + 8);
    panels->element = header[10];
    panels->half = header[11];
    panels->order = header[12];
    if (!open_axis(&panels->outputs, header[13], &section->payload)) return BNNC_WEIGHTS_PANELS;
    if (!open_axis(&panels->taps, header[14], &section->payload)) return BNNC_WEIGHTS_PANELS;
    if (!open_axis(&panels->channels, header[15], &section->payload)) return BNNC_WEIGHTS_PANELS;
    panels->masks = bnnc_take(&section->payload, (size_t)2 * panels->copies);
    if (panels->masks == NULL) return BNNC_WEIGHTS_CUT_OFF;
    panels->turned = header[16] == 0 ? NULL : bnnc_take(&section->payload, (panels->out + 7) / 8);
    if (header[16] > 1 || header[17] != 0) return BNNC_WEIGHTS_PANELS;
    if (header[16] == 1 && panels->turned == NULL) return BNNC_WEIGHTS_CUT_OFF;
    if (!are_legal(panels, section->n_bytes)) return BNNC_WEIGHTS_PANELS;
    for (unsigned tap = 0; tap < TAPS; tap++) panels->tap_at[tap] = offset(&panels->taps, tap);
    return BNNC_WEIGHTS_OK;
}

/* Writes the kernel of input channel c, whose offset is known, to output channel o. */
static void put_kernel(const struct panels *panels, uint32_t o, uint64_t channel_at, unsigned kernel) {
    const uint64_t place = (uint64_t)(o / panels->group_out) * panels->group_capacity + o % panels->group_out;
    const uint64_t row = offset(&panels->outputs, place) + channel_at;
    const unsigned is_turned = panels->turned == NULL ? 0 : panels->turned[o / 8] >> o % 8 & 1;
    for (unsigned tap = 0; tap < TAPS; tap++) {
        const uint64_t at = row + panels->tap_at[tap];
        const bool is_positive = (kernel >> tap & 1) != is_turned;
        if (panels->element == ELEMENT_BYTES)
            panels->memory[at / 8] = is_positive ? 1 : 0xFF;
        else if (is_positive == (panels->element == ELEMENT_BITS))
            panels->memory[at / 8] |= (uint8_t)(1u << at % 8);
    }
}

/* The second word of every pair to ~(w1 ^ w2). */
static void pair_words(const struct panels *panels) {
    const uint64_t words = capacity(&panels->channels) / WORD_BITS, outputs = capacity(&panels->outputs);
    for (uint64_t o = 0; o < outputs; o++)
        for (unsigned tap = 0; tap < TAPS; tap++)
            for (uint64_t word = panels->half; word < words; word++) {
                if (word / panels->half % 2 == 0) continue;
                const uint64_t row = offset(&panels->outputs, o) + panels->tap_at[tap];
                const uint8_t *const first =
                    panels->memory + (row + offset(&panels->channels, (word - panels->half) * WORD_BITS)) / 8;
                uint8_t *const second =
                    panels->memory + (row + offset(&panels->channels, word * WORD_BITS)) / 8;
                bnnc_put_u32(second, ~(bnnc_u32(first) ^ bnnc_u32(second)));
            }
}

/* Writes all copies of a latent kernel. */
static void put_copies(const struct panels *panels, uint32_t latent, uint64_t channel_at, unsigned kernel) {
    for (unsigned copy = 0; copy < panels->copies; copy++) {
        const uint32_t o = panels->order == 0 ? latent * panels->copies + copy
                                              : copy * (panels->out / panels->copies) + latent;
        put_kernel(panels, o, channel_at, kernel ^ bnnc_u16(panels->masks + 2 * copy));
    }
}

enum bnnc_weights_status bnnc_decode_kernels(struct bnnc_section *section) {
    struct panels panels;
    struct bnnc_stream stream;
    enum bnnc_weights_status status = open_panels(&panels, section);
    if (status == BNNC_WEIGHTS_OK) status = bnnc_open_stream(&stream, section->payload);
    if (status != BNNC_WEIGHTS_OK) return status;
    const uint32_t latent = panels.out / panels.copies;
    if (stream.symbol_bits != TAPS || stream.n_symbols != (uint64_t)latent * panels.inputs)
        return BNNC_WEIGHTS_STREAM;
    for (uint32_t o = 0; o < latent; o++) {
        for (uint32_t c = 0; c < panels.inputs; c++) {
            const int kernel = bnnc_next_symbol(&stream);
            if (kernel < 0) return BNNC_WEIGHTS_STREAM;
            put_copies(&panels, o, offset(&panels.channels, c), (unsigned)kernel);
        }
    }
    if (panels.half != 0) pair_words(&panels);
    return bnnc_is_at_end(&stream) ? BNNC_WEIGHTS_OK : BNNC_WEIGHTS_STREAM;
}
