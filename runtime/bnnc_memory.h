/* The functions of <string.h> that the library of a microcontroller needs. */
#ifndef BNNC_MEMORY_H
#define BNNC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Four bytes of anything. */
typedef uint32_t __attribute__((may_alias)) bnnc_word;

void *memcpy(void *restrict to, const void *restrict from, size_t n_bytes);
void *memmove(void *to, const void *from, size_t n_bytes);
void *memset(void *to, int value, size_t n_bytes);
int memcmp(const void *a, const void *b, size_t n_bytes);

#endif
