/* The C ABI between an emitted kernel, the harness that runs it, and the tool. bindgen reads only this file.
 * docs/design.md explains the contracts; native/README.md the line protocol and the tile vocabulary. */
#ifndef BS_KERNEL_H
#define BS_KERNEL_H
#include <stdint.h>

/* Version of this file and of the harness's line protocol. */
#define BS_PROTOCOL 3

/* One call of a kernel. All matrices are row-major; convolutions are NHWC with a batch of one. */
struct bs_args {
    const void *lhs;  /* activations: u8 (int8 and qdq contracts) or f32 (f32io contract) */
    const void *rhs;  /* weights, packed as the kernel's family says */
    const void *cols; /* parameters of each output column, every array padded to a multiple of 64 words:
                         int8: s32 init; qdq: s32 init, f32 multiplier; f32io of floats: f32 bias; f32io of integers:
                         f32 scale, s32 sum, f32 bias; with a scale for every group: f32 sum, f32 bias; f32io
                         of decoded weights: f32 scale, f32 bias, table */
    void *out;        /* [m, n]: s32 (int8), u8 (qdq) or f32 (f32io) */
    void *work;       /* scratch of the calling thread, 64-byte aligned, bs_entry.work_bytes long */
    int32_t zero;     /* zero point of u8 activations: what padding reads as; f32io with a static grid: its zero point */
    int32_t out_zero; /* qdq: zero point of the u8 output; f32io with a static grid: the bits of its f32 scale */
};

/* Thread `thread` of `threads` computes its own share of the output; no thread waits for another. */
typedef void bs_kernel(const struct bs_args *args, int32_t thread, int32_t threads);

/* One row of the table that ends an emitted batch. */
struct bs_entry {
    const char *name;    /* the C symbol */
    bs_kernel *run;
    uint64_t work_bytes; /* scratch per thread */
};
extern const struct bs_entry bs_entries[];
extern const uint32_t bs_entry_count;

/* The law: portable scalar arithmetic that every kernel is checked against (native/reference.c).
 * A convolution as a matrix product: row (oy, ox) of the left side is the window at that output pixel. */
struct bs_conv {
    uint64_t h, w, c;        /* input, NHWC */
    uint64_t f;              /* output channels; for depthwise f = c */
    uint64_t kh, kw;         /* window */
    uint64_t stride;         /* the same in both directions */
    uint64_t top, left;      /* padding before the first row and column; what follows the last is implied by oh, ow */
    uint64_t oh, ow;         /* output */
    uint64_t depthwise;      /* 0 or 1 */
};

/* out[m][f] = init[f] + sum over taps of lhs * weights[f][tap], where padding reads as `zero`. 32-bit wrap-around. */
void bs_reference_int(const struct bs_conv *shape, const uint8_t *lhs, const int8_t *weights, const int32_t *init,
                      int32_t zero, int32_t *out);

/* out[m][f] = the sums of groups of `group` consecutive taps, each exact, converted to f32, times scales[f][group], added
 * up in f32 by fused multiply-adds from the first group on. Not for depthwise. */
void bs_reference_groups(const struct bs_conv *shape, const uint8_t *lhs, const int8_t *weights, const float *scales,
                         uint64_t group, int32_t zero, float *out);

/* The same in floating point with f64 accumulation; padding reads as 0. Where `magnitude` is not NULL it receives the
 * sum of absolute products, from which rounding bounds are derived. */
void bs_reference_f64(const struct bs_conv *shape, const float *lhs, const float *weights, double *out,
                      double *magnitude);
#endif
