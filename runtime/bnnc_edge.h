/* The float edges of a model: helpers of the generated encoders and decoders. */
#ifndef BNNC_EDGE_H
#define BNNC_EDGE_H

#include <stdbool.h>
#include <stddef.h>

/* How many of the ascending cuts x has reached (x >= cut). */
size_t bnnc_steps(const float *cuts, size_t n_cuts, float x);

/* Elementwise functions with the rounding that the compiler's simulator defines; the inputs pass NaN on. */
float bnnc_clip(float x, float lo, float hi);
float bnnc_hard_sigmoid(float x, float alpha, float beta);
float bnnc_sign(float x);
float bnnc_exp(float x);
float bnnc_sigmoid(float x);
float bnnc_tanh(float x);

/* In place over n > 0 elements; sums run from index 0 upwards. */
void bnnc_softmax(float *x, size_t n);
void bnnc_log_softmax(float *x, size_t n);

/* Fixed sequences of IEEE double operations: the same bits on every machine. log64 takes positive finite
 * numbers. */
double bnnc_exp64(double t);
double bnnc_log64(double v);

#endif
