/* What the entry program knows of the model that it is linked with. */
#ifndef BNNC_MODEL_H
#define BNNC_MODEL_H

#include "bnnc_npy.h"

#define BNNC_MAGIC "bnnc-model-v1"

/* The shape of one sample; `type` of its elements. */
struct bnnc_sample {
    enum bnnc_type type;
    size_t rank;
    uint64_t shape[BNNC_MAX_RANK];
};

/* The functions work on the sample in the three buffers; see the model's own header for what they return. */
struct bnnc_model {
    char magic[16];    /* BNNC_MAGIC: an emulator finds this and the next three in a stripped program */
    int (*run)(void);  /* `codes` to `raw` */
    void *codes, *raw; /* of the device, in its order */
    const char *name;
    const char *domain;  /* what the codes are, for messages */
    bool takes_integers; /* whether an integer input holds codes without --codes saying so */
    struct bnnc_sample input, integers, output;
    void *input_data;    /* 8 bytes an element: numbers as they stand in the file */
    void *integers_data; /* `raw` in the order of the output */
    void *output_data;
    int (*encode)(const float *x);
    float (*nearest)(float x, size_t element); /* of the declared domain; NULL where there is none */
    int (*check_codes)(void);
    void (*decode)(void);
    void (*order)(void); /* `raw` to `integers_data` */
    int (*self_test)(void);
};

extern const struct bnnc_model bnnc_model;

#endif
