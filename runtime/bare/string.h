/* Where there is no C library: the functions of <string.h> that the runtime needs, out of bnnc_memory.c. */
#ifndef BNNC_BARE_STRING_H
#define BNNC_BARE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n_bytes);
void *memmove(void *to, const void *from, size_t n_bytes);
void *memset(void *to, int value, size_t n_bytes);
int memcmp(const void *a, const void *b, size_t n_bytes);

#endif
