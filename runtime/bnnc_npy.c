#include "bnnc_npy.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "elements are copied as they are: a little-endian machine is needed"
#endif

#define MAGIC_BYTES 6
#define MAX_HEADER 4096 /* NumPy's own headers have 118 bytes at these ranks */

static const struct {
    const char *descr;
    const char *name;
    size_t bytes;
} types[] = {
    [BNNC_F32] = {"<f4", "float32", 4}, [BNNC_F64] = {"<f8", "float64", 8}, [BNNC_U8] = {"|u1", "uint8", 1},
    [BNNC_I8] = {"|i1", "int8", 1},     [BNNC_U16] = {"<u2", "uint16", 2},  [BNNC_I16] = {"<i2", "int16", 2},
    [BNNC_I32] = {"<i4", "int32", 4},   [BNNC_I64] = {"<i8", "int64", 8},
};

const char *bnnc_type_name(enum bnnc_type type) {
    return types[type].name;
}

size_t bnnc_type_bytes(enum bnnc_type type) {
    return types[type].bytes;
}

static const char *skip_spaces(const char *text) {
    while (*text == ' ' || *text == '\n') text++;
    return text;
}

/* What stands behind a key of the header's dictionary, or NULL. */
static const char *value_of(const char *header, const char *key) {
    const char *found = strstr(header, key);
    if (found == NULL) return NULL;
    found = skip_spaces(found + strlen(key));
    return *found == ':' ? skip_spaces(found + 1) : NULL;
}

static bool read_type(const char *text, struct bnnc_npy *npy) {
    if (*text != '\'' && *text != '"') return false;
    const char quote = text[0];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *descr = types[i].descr;
        if (strncmp(text + 1, descr, 3) == 0 && text[4] == quote) {
            npy->type = (enum bnnc_type)i;
            return true;
        }
    }
    return false;
}

/* A decimal number below 2^40; returns what follows it, or NULL. */
static const char *read_number(const char *text, uint64_t *number) {
    if (*text < '0' || *text > '9') return NULL;
    for (*number = 0; *text >= '0' && *text <= '9'; text++) {
        *number = *number * 10 + (uint64_t)(*text - '0');
        if (*number >> 40 != 0) return NULL;
    }
    return text;
}

static bool read_shape(const char *text, struct bnnc_npy *npy) {
    if (*text != '(') return false;
    text = skip_spaces(text + 1);
    for (npy->rank = 0; *text != ')'; npy->rank++) {
        if (npy->rank == BNNC_MAX_RANK) return false;
        text = read_number(text, &npy->shape[npy->rank]);
        if (text == NULL) return false;
        text = skip_spaces(text);
        if (*text == ',')
            text = skip_spaces(text + 1);
        else if (*text != ')')
            return false;
    }
    return true;
}

static const char *parse(const char *header, struct bnnc_npy *npy) {
    const char *descr = value_of(header, "'descr'");
    const char *order = value_of(header, "'fortran_order'");
    const char *shape = value_of(header, "'shape'");
    if (descr == NULL || order == NULL || shape == NULL) return "not a .npy file (its header is damaged)";
    if (!read_type(descr, npy))
        return "its dtype is none of float32, float64, (u)int8, (u)int16, int32, int64";
    if (!read_shape(shape, npy)) return "its shape is damaged or has too many dimensions";
    if (strncmp(order, "False", 5) != 0 && npy->rank > 1) return "it is in Fortran order; save it in C order";
    return NULL;
}

const char *bnnc_npy_read(FILE *file, struct bnnc_npy *npy) {
    unsigned char start[MAGIC_BYTES + 2 + 4];
    char header[MAX_HEADER + 1];
    if (fread(start, 1, MAGIC_BYTES + 2, file) != MAGIC_BYTES + 2) return "not a .npy file (too short)";
    if (memcmp(start, "\x93NUMPY", MAGIC_BYTES) != 0) return "not a .npy file";
    const unsigned version = start[MAGIC_BYTES];
    if (version < 1 || version > 3) return "a .npy file of an unknown version";
    const size_t length_bytes = version == 1 ? 2 : 4;
    unsigned char *const length_at = start + MAGIC_BYTES + 2;
    if (fread(length_at, 1, length_bytes, file) != length_bytes) return "not a .npy file (too short)";
    size_t length = 0;
    for (size_t i = length_bytes; i > 0; i--) length = length << 8 | length_at[i - 1];
    if (length > MAX_HEADER) return "its header is too long";
    if (fread(header, 1, length, file) != length) return "its header is cut off";
    header[length] = '\0';
    return parse(header, npy);
}

/* These return where the text ends. */
static char *append(char *to, const char *text) {
    while (*text != '\0') *to++ = *text++;
    return to;
}

static char *append_number(char *to, uint64_t number) {
    if (number >= 10) to = append_number(to, number / 10);
    *to++ = (char)('0' + number % 10);
    return to;
}

bool bnnc_npy_write(FILE *file, const struct bnnc_npy *npy) {
    char header[512], *end = append(header, "{'descr': '");
    end = append(append(end, types[npy->type].descr), "', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < npy->rank; i++) end = append(append_number(end, npy->shape[i]), ", ");
    const size_t length = (size_t)(append(end, "), }") - header);
    /* Magic, version and length take 10 bytes; spaces and a newline bring the data to a multiple of 64. */
    const size_t total = (length + 1 + 10 + 63) / 64 * 64 - 10;
    memset(header + length, ' ', total - length);
    header[total - 1] = '\n';
    const unsigned char start[] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(total & 255), (unsigned char)(total >> 8)};
    return fwrite(start, 1, sizeof start, file) == sizeof start && fwrite(header, 1, total, file) == total;
}
