/* Text for people, by much less code than the C library's printf. */
#ifndef BNNC_TEXT_H
#define BNNC_TEXT_H

#include <stdarg.h>
#include <stdio.h>

/* %s const char *, %u uint64_t, %d int64_t, %g double as %.9g has it; nothing else has a meaning. */
void bnnc_print(FILE *out, const char *format, ...);
void bnnc_print_list(FILE *out, const char *format, va_list values);

#endif
