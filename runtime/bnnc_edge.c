#include "bnnc_edge.h"

#include <math.h>

size_t bnnc_steps(const float *cuts, size_t n_cuts, float x) {
    size_t reached = 0;
    size_t left = n_cuts;
    while (left > 0) {
        const size_t half = left / 2;
        if (x >= cuts[reached + half]) {
            reached += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return reached;
}

float bnnc_clip(float x, float lo, float hi) {
    const float raised = x < lo ? lo : x;
    return raised > hi ? hi : raised;
}

float bnnc_hard_sigmoid(float x, float alpha, float beta) {
    const float scaled = alpha * x;
    return bnnc_clip(scaled + beta, 0.0f, 1.0f);
}

float bnnc_sign(float x) {
    if (isnan(x)) return x;
    return (float)((x > 0) - (x < 0));
}

double bnnc_exp64(double t) {
    if (isnan(t)) return t;
    if (t < -745.0) return 0.0;
    if (t > 709.0) return INFINITY;
    const double k = floor(t * 1.4426950408889634 + 0.5);
    /* The first constant ends in zero bits, so that its product with k is exact. */
    const double r = (t - k * 0.6931471803691238) - k * 1.9082149292705877e-10;
    double p = 1.0;
    for (int n = 13; n > 0; n--) p = 1.0 + (r * p) / n;
    return ldexp(p, (int)k);
}

double bnnc_log64(double v) {
    int k;
    double f = frexp(v, &k);
    if (f < 0.7071067811865476) {
        f *= 2;
        k -= 1;
    }
    const double z = (f - 1) / (f + 1);
    const double z2 = z * z;
    double p = 0.0;
    for (int n = 25; n > 0; n -= 2) p = p * z2 + 1.0 / n;
    return (2 * z) * p + k * 0.6931471805599453;
}

float bnnc_exp(float x) {
    return (float)bnnc_exp64(x);
}

float bnnc_sigmoid(float x) {
    return (float)(1.0 / (1.0 + bnnc_exp64(-(double)x)));
}

float bnnc_tanh(float x) {
    const double e = bnnc_exp64(-2.0 * fabs((double)x));
    return (float)copysign((1.0 - e) / (1.0 + e), x);
}

static double largest(const float *x, size_t n) {
    float max = x[0];
    for (size_t i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

static double exp_sum(const float *x, size_t n, double max) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += bnnc_exp64(x[i] - max);
    return sum;
}

void bnnc_softmax(float *x, size_t n) {
    const double max = largest(x, n);
    const double sum = exp_sum(x, n, max);
    for (size_t i = 0; i < n; i++) x[i] = (float)(bnnc_exp64(x[i] - max) / sum);
}

void bnnc_log_softmax(float *x, size_t n) {
    const double max = largest(x, n);
    const double log_sum = bnnc_log64(exp_sum(x, n, max));
    for (size_t i = 0; i < n; i++) x[i] = (float)((x[i] - max) - log_sum);
}
