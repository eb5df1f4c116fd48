/* What compilers call without being asked to, for firmware without a C library; those of one win over these.
 */
#include <stdint.h>
#include <string.h>

#define WEAK __attribute__((weak))

/* Four bytes of anything. */
typedef uint32_t __attribute__((may_alias)) word;

WEAK void *memcpy(void *restrict to, const void *restrict from, size_t n_bytes) {
    uint8_t *a = to;
    const uint8_t *b = from;
    for (; n_bytes >= 4 && ((uintptr_t)a | (uintptr_t)b) % 4 == 0; n_bytes -= 4, a += 4, b += 4)
        *(word *)(void *)a = *(const word *)(const void *)b;
    for (size_t i = 0; i < n_bytes; i++) a[i] = b[i];
    return to;
}

WEAK void *memmove(void *to, const void *from, size_t n_bytes) {
    if ((uintptr_t)to <= (uintptr_t)from || (uintptr_t)to >= (uintptr_t)from + n_bytes)
        return memcpy(to, from, n_bytes);
    for (size_t i = n_bytes; i > 0; i--) ((uint8_t *)to)[i - 1] = ((const uint8_t *)from)[i - 1];
    return to;
}

WEAK void *memset(void *to, int value, size_t n_bytes) {
    uint8_t *a = to;
    const uint32_t four = (uint8_t)value * UINT32_C(0x01010101);
    for (; n_bytes >= 4 && (uintptr_t)a % 4 == 0; n_bytes -= 4, a += 4) *(word *)(void *)a = four;
    for (size_t i = 0; i < n_bytes; i++) a[i] = (uint8_t)value;
    return to;
}

WEAK int memcmp(const void *a, const void *b, size_t n_bytes) {
    const uint8_t *const x = a, *const y = b;
    for (size_t i = 0; i < n_bytes; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

#ifdef __ARM_EABI__
WEAK void __aeabi_memcpy(void *to, const void *from, size_t n_bytes) {
    memcpy(to, from, n_bytes);
}

WEAK void __aeabi_memcpy4(void *to, const void *from, size_t n_bytes) {
    memcpy(to, from, n_bytes);
}

WEAK void __aeabi_memcpy8(void *to, const void *from, size_t n_bytes) {
    memcpy(to, from, n_bytes);
}

WEAK void __aeabi_memmove(void *to, const void *from, size_t n_bytes) {
    memmove(to, from, n_bytes);
}

WEAK void __aeabi_memset(void *to, size_t n_bytes, int value) {
    memset(to, value, n_bytes);
}

WEAK void __aeabi_memclr(void *to, size_t n_bytes) {
    memset(to, 0, n_bytes);
}

WEAK void __aeabi_memclr4(void *to, size_t n_bytes) {
    memset(to, 0, n_bytes);
}

WEAK void __aeabi_memclr8(void *to, size_t n_bytes) {
    memset(to, 0, n_bytes);
}
#endif
