#include "bnnc_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { DIGITS = 9, MAX_DIGITS = 20 };

static void print_unsigned(FILE *out, uint64_t value) {
    char digits[MAX_DIGITS];
    size_t n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    while (n > 0) fputc(digits[--n], out);
}

static void print_signed(FILE *out, int64_t value) {
    if (value < 0) fputc('-', out);
    print_unsigned(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* x = digits * 10^(exponent - DIGITS + 1), halves rounded to even. Powers up to 10^22 are exact. */
static uint32_t decimal(double x, int *exponent) {
    *exponent = DIGITS - 1;
    for (; x >= 1e22; *exponent += 22) x /= 1e22;
    for (; x < 1e-13; *exponent -= 22) x *= 1e22;
    double scaled = x;
    for (double power = 10; scaled < 1e8; power *= 10, --*exponent) scaled = x * power;
    for (double power = 10; scaled >= 1e9; power *= 10, ++*exponent) scaled = x / power;
    uint32_t digits = (uint32_t)scaled;
    const double rest = scaled - digits;
    if (rest > 0.5 || (rest == 0.5 && digits % 2 == 1)) digits++;
    if (digits < 1000000000) return digits;
    ++*exponent;
    return digits / 10;
}

/* The first `n` digits, a point behind `before` of them; zeros are left out at the end and added in front. */
static void print_digits(FILE *out, const char *digits, int n, int before) {
    if (before <= 0) fputs("0.", out);
    for (int i = before; i < 0; i++) fputc('0', out);
    for (int i = 0; i < n || i < before; i++) {
        if (i == before && i > 0) fputc('.', out);
        fputc(digits[i], out);
    }
}

static void print_real(FILE *out, double x) {
    if (signbit(x)) fputc('-', out);
    if (x == 0 || isinf(x)) {
        fputs(x == 0 ? "0" : "inf", out);
        return;
    }
    char text[DIGITS];
    int exponent, n = 0;
    uint32_t digits = decimal(fabs(x), &exponent);
    for (int i = DIGITS; i > 0; digits /= 10) {
        text[--i] = (char)('0' + digits % 10);
        if (n == 0 && text[i] != '0') n = i + 1;
    }
    if (exponent >= -4 && exponent < DIGITS) {
        print_digits(out, text, n, exponent + 1);
        return;
    }
    print_digits(out, text, n, 1);
    bnnc_print(out, exponent < 0 ? "e-%s%u" : "e+%s%u", exponent > -10 && exponent < 10 ? "0" : "",
               (uint64_t)(exponent < 0 ? -exponent : exponent));
}

void bnnc_print_list(FILE *out, const char *format, va_list values) {
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            fputc(*format, out);
            continue;
        }
        switch (*++format) {
        case 's':
            fputs(va_arg(values, const char *), out);
            break;
        case 'u':
            print_unsigned(out, va_arg(values, uint64_t));
            break;
        case 'd':
            print_signed(out, va_arg(values, int64_t));
            break;
        default:
            print_real(out, va_arg(values, double));
        }
    }
}

void bnnc_print(FILE *out, const char *format, ...) {
    va_list values;
    va_start(values, format);
    bnnc_print_list(out, format, values);
    va_end(values);
}
