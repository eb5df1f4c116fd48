/* Headers of .npy files, read and written as streams. */
#ifndef BNNC_NPY_H
#define BNNC_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if __has_include("bnnc_file.h")
#include "bnnc_file.h" /* where files are not those of the C library */
#endif

#define BNNC_MAX_RANK 8

enum bnnc_type { BNNC_F32, BNNC_F64, BNNC_U8, BNNC_I8, BNNC_U16, BNNC_I16, BNNC_I32, BNNC_I64 };

/* An array in C order, little-endian. */
struct bnnc_npy {
    enum bnnc_type type;
    size_t rank;
    uint64_t shape[BNNC_MAX_RANK];
};

/* Name and size in bytes of one element. */
const char *bnnc_type_name(enum bnnc_type type);
size_t bnnc_type_bytes(enum bnnc_type type);

/* Read a header of version 1, 2 or 3; the data follow in the stream. Returns NULL, or what is wrong. */
const char *bnnc_npy_read(FILE *file, struct bnnc_npy *npy);

/* Write a header of version 1. Returns false when the stream does not take it. */
bool bnnc_npy_write(FILE *file, const struct bnnc_npy *npy);

#endif
