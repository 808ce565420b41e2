/* The law every kernel is checked against: portable scalar C, no intrinsics, no -march. Plain loops that can be read
 * against the formula in kernel.h; the only concession to speed is that operands are gathered and widened first. */
#include "kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PADDING UINT64_MAX

static void *allocate(uint64_t count, size_t size) {
    void *memory = count < SIZE_MAX / size ? malloc((size_t)count * size + 1) : NULL; /* + 1: empty is not a failure */
    if (memory == NULL) {
        fputs("reference: out of memory\n", stderr);
        abort();
    }
    return memory;
}

/* The input pixel under tap (ky, kx) of the window at output (oy, ox), or PADDING. */
static uint64_t pixel_under(const struct bs_conv *s, uint64_t oy, uint64_t ox, uint64_t ky, uint64_t kx) {
    uint64_t y = oy * s->stride + ky - s->top; /* a negative coordinate wraps to a huge one */
    uint64_t x = ox * s->stride + kx - s->left;
    return y < s->h && x < s->w ? y * s->w + x : PADDING;
}

/* window[ky][kx][c] of one output pixel. `zero` is the zero point of u8 data, so it fits an int16_t. */
static void gather_int(const struct bs_conv *s, uint64_t row, const uint8_t *lhs, int32_t zero, int16_t *window) {
    for (uint64_t ky = 0; ky < s->kh; ky++)
        for (uint64_t kx = 0; kx < s->kw; kx++) {
            uint64_t pixel = pixel_under(s, row / s->ow, row % s->ow, ky, kx);
            for (uint64_t c = 0; c < s->c; c++)
                *window++ = pixel == PADDING ? (int16_t)zero : (int16_t)lhs[pixel * s->c + c];
        }
}

static void gather_f32(const struct bs_conv *s, uint64_t row, const float *lhs, float *window) {
    for (uint64_t ky = 0; ky < s->kh; ky++)
        for (uint64_t kx = 0; kx < s->kw; kx++) {
            uint64_t pixel = pixel_under(s, row / s->ow, row % s->ow, ky, kx);
            for (uint64_t c = 0; c < s->c; c++)
                *window++ = pixel == PADDING ? 0.0f : lhs[pixel * s->c + c];
        }
}

/* Products of two int16_t fit an int32_t; their sum wraps, hence unsigned. Compilers turn a contiguous dot product
 * (step 1) into multiply-add instructions that every x86-64 and aarch64 has. */
static uint32_t dot_int(const int16_t *window, const int16_t *weights, uint64_t taps) {
    uint32_t sum = 0;
    for (uint64_t t = 0; t < taps; t++)
        sum += (uint32_t)((int32_t)window[t] * (int32_t)weights[t]);
    return sum;
}

static uint32_t dot_int_strided(const int16_t *window, uint64_t step, const int16_t *weights, uint64_t taps) {
    uint32_t sum = 0;
    for (uint64_t t = 0; t < taps; t++)
        sum += (uint32_t)((int32_t)window[t * step] * (int32_t)weights[t]);
    return sum;
}

void bs_reference_int(const struct bs_conv *shape, const uint8_t *lhs, const int8_t *weights, const int32_t *init,
                      int32_t zero, int32_t *out) {
    const struct bs_conv *s = shape;
    uint64_t area = s->kh * s->kw, taps = s->depthwise ? area : area * s->c; /* taps that one output sums */
    int16_t *window = allocate(area * s->c, sizeof *window), *wide = allocate(s->f * taps, sizeof *wide);
    for (uint64_t i = 0; i < s->f * taps; i++)
        wide[i] = weights[i];
    for (uint64_t m = 0; m < s->oh * s->ow; m++) {
        gather_int(s, m, lhs, zero, window);
        for (uint64_t f = 0; f < s->f; f++) {
            uint32_t sum = s->depthwise ? dot_int_strided(window + f, s->c, wide + f * taps, taps)
                                        : dot_int(window, wide + f * taps, taps);
            out[m * s->f + f] = (int32_t)((uint32_t)init[f] + sum);
        }
    }
    free(wide);
    free(window);
}

void bs_reference_groups(const struct bs_conv *shape, const uint8_t *lhs, const int8_t *weights, const float *scales,
                         uint64_t group, int32_t zero, float *out) {
    const struct bs_conv *s = shape;
    uint64_t taps = s->kh * s->kw * s->c, groups = (taps + group - 1) / group;
    int16_t *window = allocate(taps, sizeof *window), *wide = allocate(s->f * taps, sizeof *wide);
    for (uint64_t i = 0; i < s->f * taps; i++)
        wide[i] = weights[i];
    for (uint64_t m = 0; m < s->oh * s->ow; m++) {
        gather_int(s, m, lhs, zero, window);
        for (uint64_t f = 0; f < s->f; f++) {
            float sum = 0;
            for (uint64_t g = 0, at = 0; g < groups; g++, at += group) {
                uint64_t length = taps - at < group ? taps - at : group;
                int32_t part = (int32_t)dot_int(window + at, wide + f * taps + at, length);
                sum = fmaf((float)part, scales[f * groups + g], sum);
            }
            out[m * s->f + f] = sum;
        }
    }
    free(wide);
    free(window);
}

void bs_reference_f64(const struct bs_conv *shape, const float *lhs, const float *weights, double *out,
                      double *magnitude) {
    const struct bs_conv *s = shape;
    uint64_t area = s->kh * s->kw, taps = s->depthwise ? area : area * s->c, step = s->depthwise ? s->c : 1;
    float *window = allocate(area * s->c, sizeof *window);
    for (uint64_t m = 0; m < s->oh * s->ow; m++) {
        gather_f32(s, m, lhs, window);
        for (uint64_t f = 0; f < s->f; f++) {
            const float *a = s->depthwise ? window + f : window, *b = weights + f * taps;
            double sum = 0.0, absolute = 0.0;
            for (uint64_t t = 0; t < taps; t++) {
                double product = (double)a[t * step] * (double)b[t]; /* exact: 24 + 24 bits fit in 53 */
                sum += product;
                absolute += fabs(product);
            }
            out[m * s->f + f] = sum;
            if (magnitude != NULL)
                magnitude[m * s->f + f] = absolute;
        }
    }
    free(window);
}
