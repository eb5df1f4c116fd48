/* The entry program: samples from a .npy file or stream through the model into another. */
#include "bnnc_model.h"
#include "bnnc_text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    const char *input, *output; /* "-" is a standard stream */
    bool raw, codes, self_test;
    uint64_t repeat, limit;
};

struct timing {
    double seconds;
    uint64_t runs;
};

static const char usage[] =
    "usage: %s [--input X.npy] [--output Y.npy] [--raw] [--codes] [--limit N] [--repeat N] [--self-test]\n"
    "  --input X.npy   float32 or float64 samples, or integer codes, batch first; standard input when absent "
    "or -\n"
    "  --output Y.npy  where the results go; standard output when absent or -\n"
    "  --raw           write the integers of the last layer instead of the network's output\n"
    "  --codes         the input holds integer codes; needed where no integer domain was declared\n"
    "  --limit N       only the first N samples\n"
    "  --repeat N      run every sample N times and print the time of one run\n"
    "  --self-test     run samples of its own only; exit status 0 when every integer is right\n";

/* Print an error and return false. */
static bool fail(const char *format, ...) {
    va_list arguments;
    bnnc_print(stderr, "%s: error: ", bnnc_model.name);
    va_start(arguments, format);
    bnnc_print_list(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

static bool read_count(const char *option, const char *text, uint64_t *count) {
    const char *digit = text == NULL ? "" : text;
    for (*count = 0; *digit >= '0' && *digit <= '9' && *count <= (UINT64_MAX - 9) / 10; digit++)
        *count = *count * 10 + (uint64_t)(*digit - '0');
    if (*digit == '\0' && *count != 0) return true;
    return fail("%s needs a positive number, not '%s'", option, text == NULL ? "" : text);
}

static bool read_path(const char *option, const char *text, const char **path) {
    if (text == NULL) return fail("%s needs a file name", option);
    *path = text;
    return true;
}

static bool read_options(int argc, char **argv, struct options *options) {
    for (int i = 1; i < argc; i++) {
        const char *const next = argv[i + 1]; /* NULL behind the last */
        bool good = true;
        if (strcmp(argv[i], "--raw") == 0)
            options->raw = true;
        else if (strcmp(argv[i], "--codes") == 0)
            options->codes = true;
        else if (strcmp(argv[i], "--self-test") == 0)
            options->self_test = true;
        else if (strcmp(argv[i], "--input") == 0)
            good = read_path(argv[i++], next, &options->input);
        else if (strcmp(argv[i], "--output") == 0)
            good = read_path(argv[i++], next, &options->output);
        else if (strcmp(argv[i], "--limit") == 0)
            good = read_count(argv[i++], next, &options->limit);
        else if (strcmp(argv[i], "--repeat") == 0)
            good = read_count(argv[i++], next, &options->repeat);
        else
            return fail("unknown option '%s'; --help lists them", argv[i]);
        if (!good) return false;
    }
    return true;
}

static bool is_stream(const char *path) {
    return strcmp(path, "-") == 0;
}

static bool is_float(enum bnnc_type type) {
    return type == BNNC_F32 || type == BNNC_F64;
}

static void print_shape(const struct bnnc_sample *sample) {
    fputs("(N", stderr);
    for (size_t i = 0; i < sample->rank; i++) bnnc_print(stderr, ", %u", sample->shape[i]);
    fputs(") is needed\n", stderr);
}

static size_t elements(const struct bnnc_sample *sample) {
    size_t product = 1;
    for (size_t i = 0; i < sample->rank; i++) product *= (size_t)sample->shape[i];
    return product;
}

/* Whether the array in `npy` is a batch of the model's inputs. */
static bool check_shape(const char *path, const struct bnnc_npy *npy) {
    const struct bnnc_sample *const input = &bnnc_model.input;
    bool same = npy->rank == input->rank + 1;
    for (size_t i = 0; same && i < input->rank; i++) same = npy->shape[i + 1] == input->shape[i];
    if (same) return true;
    bnnc_print(stderr, "%s: error: %s: shape (", bnnc_model.name, path);
    for (size_t i = 0; i < npy->rank; i++) bnnc_print(stderr, "%s%u", i == 0 ? "" : ", ", npy->shape[i]);
    fputs(") where ", stderr);
    print_shape(input);
    return false;
}

static bool check_type(const struct options *options, enum bnnc_type type) {
    if (is_float(type) && options->codes)
        return fail("%s: %s where integer codes are needed", options->input, bnnc_type_name(type));
    if (is_float(type) || options->codes || bnnc_model.takes_integers) return true;
    return fail("%s: %s where float32 is needed; convert it, or say --codes", options->input,
                bnnc_type_name(type));
}

static int64_t integer_at(const void *data, enum bnnc_type type, size_t i) {
    switch (type) {
    case BNNC_U8:
        return ((const uint8_t *)data)[i];
    case BNNC_I8:
        return ((const int8_t *)data)[i];
    case BNNC_U16:
        return ((const uint16_t *)data)[i];
    case BNNC_I16:
        return ((const int16_t *)data)[i];
    case BNNC_I32:
        return ((const int32_t *)data)[i];
    case BNNC_I64:
        return ((const int64_t *)data)[i];
    default:
        return 0;
    }
}

/* Write `value` as element i of `data`; false when its type does not hold it. */
static bool put_integer(void *data, enum bnnc_type type, size_t i, int64_t value) {
    switch (type) {
    case BNNC_U8:
        ((uint8_t *)data)[i] = (uint8_t)value;
        break;
    case BNNC_I8:
        ((int8_t *)data)[i] = (int8_t)value;
        break;
    case BNNC_U16:
        ((uint16_t *)data)[i] = (uint16_t)value;
        break;
    case BNNC_I16:
        ((int16_t *)data)[i] = (int16_t)value;
        break;
    case BNNC_I32:
        ((int32_t *)data)[i] = (int32_t)value;
        break;
    default:
        return false;
    }
    return integer_at(data, type, i) == value;
}

/* Integers of the input buffer to codes: 0, or 1 + the index of the first that is no code. */
static int take_codes(enum bnnc_type type) {
    const size_t n = elements(&bnnc_model.input);
    for (size_t i = 0; i < n; i++) {
        const int64_t value = integer_at(bnnc_model.input_data, type, i);
        if (!put_integer(bnnc_model.codes, bnnc_model.input.type, i, value)) return (int)i + 1;
    }
    return bnnc_model.check_codes();
}

/* Real numbers of the input buffer, rounded to float32 in place, to codes. */
static int take_reals(enum bnnc_type type) {
    float *const x = (float *)bnnc_model.input_data;
    const size_t n = elements(&bnnc_model.input);
    for (size_t i = 0; type == BNNC_F64 && i < n; i++) {
        double wide;
        memcpy(&wide, (const char *)bnnc_model.input_data + i * sizeof wide, sizeof wide);
        x[i] = (float)wide;
    }
    return bnnc_model.encode(x);
}

static bool bad_element(const char *path, uint64_t sample, int element, enum bnnc_type type) {
    const uint64_t at = (uint64_t)element;
    if (!is_float(type)) {
        const int64_t code = integer_at(bnnc_model.input_data, type, (size_t)element);
        return fail("%s: sample %u, element %u: %d is no code; %s", path, sample, at, code,
                    bnnc_model.domain);
    }
    const float x = ((const float *)bnnc_model.input_data)[element];
    if (isnan(x)) return fail("%s: sample %u, element %u: not a number (NaN)", path, sample, at);
    if (bnnc_model.nearest != NULL)
        return fail("%s: sample %u, element %u: %g is not a value of the declared input domain; "
                    "the nearest is %g",
                    path, sample, at, x, bnnc_model.nearest(x, (size_t)element));
    return fail("%s: sample %u, element %u: %g has no code; %s", path, sample, at, x, bnnc_model.domain);
}

static bool read_sample(FILE *in, const char *path, enum bnnc_type type, uint64_t sample) {
    const size_t n = elements(&bnnc_model.input);
    if (fread(bnnc_model.input_data, bnnc_type_bytes(type), n, in) != n)
        return fail("%s: cut off in sample %u", path, sample);
    const int bad = is_float(type) ? take_reals(type) : take_codes(type);
    return bad == 0 || bad_element(path, sample, bad - 1, type);
}

static double now(void) {
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool run(const struct options *options, struct timing *timing) {
    const double start = now();
    for (uint64_t i = 0; i < options->repeat; i++)
        if (bnnc_model.run() != 0) return fail("the arena is not aligned");
    timing->seconds += now() - start;
    timing->runs += options->repeat;
    return true;
}

static bool write_header(FILE *out, const struct bnnc_sample *sample, uint64_t count) {
    struct bnnc_npy npy = {.type = sample->type, .rank = sample->rank + 1, .shape = {count}};
    memcpy(npy.shape + 1, sample->shape, sample->rank * sizeof npy.shape[0]);
    return bnnc_npy_write(out, &npy);
}

static bool write_sample(FILE *out, bool raw) {
    const struct bnnc_sample *const sample = raw ? &bnnc_model.integers : &bnnc_model.output;
    const void *const data = raw ? bnnc_model.integers_data : bnnc_model.output_data;
    const size_t n = elements(sample);
    if (raw)
        bnnc_model.order();
    else
        bnnc_model.decode();
    return fwrite(data, bnnc_type_bytes(sample->type), n, out) == n;
}

static void print_time(uint64_t count, const struct timing *timing) {
    const uint64_t ns = (uint64_t)(timing->seconds * 1e9 / (double)timing->runs + 0.5);
    bnnc_print(stderr, "%u samples, %u.%u%u%u us a run\n", count, ns / 1000, ns / 100 % 10, ns / 10 % 10,
               ns % 10);
}

static bool stream(FILE *in, const struct bnnc_npy *npy, FILE *out, const struct options *options) {
    const uint64_t count = npy->shape[0] < options->limit ? npy->shape[0] : options->limit;
    struct timing timing = {0};
    bool written = write_header(out, options->raw ? &bnnc_model.integers : &bnnc_model.output, count);
    for (uint64_t i = 0; written && i < count; i++) {
        if (!read_sample(in, options->input, npy->type, i) || !run(options, &timing)) return false;
        written = write_sample(out, options->raw);
    }
    if (!written || fflush(out) != 0 || ferror(out))
        return fail("%s: cannot write (%s)", options->output, strerror(errno));
    if (options->repeat > 1 && timing.runs > 0) print_time(count, &timing);
    return true;
}

/* `is_new`: the file was not there before. */
static FILE *open_output(const char *path, bool *is_new) {
    FILE *const out = fopen(path, "wbx");
    *is_new = out != NULL;
    return *is_new ? out : fopen(path, "wb");
}

static bool to_output(FILE *in, const struct bnnc_npy *npy, const struct options *options) {
    if (is_stream(options->output)) return stream(in, npy, stdout, options);
    if (strcmp(options->input, options->output) == 0)
        return fail("%s: the output would replace the input", options->output);
    bool is_new;
    FILE *const out = open_output(options->output, &is_new);
    if (out == NULL) return fail("%s: cannot write (%s)", options->output, strerror(errno));
    bool good = stream(in, npy, out, options);
    if (fclose(out) != 0 && good) good = fail("%s: cannot write (%s)", options->output, strerror(errno));
    if (!good && is_new) remove(options->output); /* not a device */
    return good;
}

static bool convert(FILE *in, const struct options *options) {
    struct bnnc_npy npy;
    const char *const wrong = bnnc_npy_read(in, &npy);
    if (wrong != NULL) return fail("%s: %s", options->input, wrong);
    return check_shape(options->input, &npy) && check_type(options, npy.type) && to_output(in, &npy, options);
}

static bool process(const struct options *options) {
    if (is_stream(options->input)) return convert(stdin, options);
    FILE *const in = fopen(options->input, "rb");
    if (in == NULL) return fail("%s: %s", options->input, strerror(errno));
    const bool good = convert(in, options);
    fclose(in);
    return good;
}

static bool self_test(void) {
    const int bad = bnnc_model.self_test();
    if (bad != 0) return fail("self-test: sample %u gives other integers", (uint64_t)bad - 1);
    bnnc_print(stderr, "%s: self-test passed\n", bnnc_model.name);
    return true;
}

static bool print_usage(void) {
    bnnc_print(stdout, usage, bnnc_model.name);
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    return fail("cannot write (%s)", strerror(errno));
}

int main(int argc, char **argv) {
    struct options options = {.input = "-", .output = "-", .repeat = 1, .limit = UINT64_MAX};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) return !print_usage();
    if (!read_options(argc, argv, &options)) return 1;
    return options.self_test ? !self_test() : !process(&options);
}
