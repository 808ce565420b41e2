/* The law: what every word of the tile vocabulary means, in portable C. Other headers are checked against this one. */
#ifndef BS_ISA_SCALAR_H
#define BS_ISA_SCALAR_H
#include "../kernel.h"
#include <math.h>
#include <string.h>
/* what this instruction set offers to the emitter */
#define BS_TILES_SCALAR "dot_scalar chain_short f32_scalar dw_scalar dwf_scalar"
#ifndef BS_WORD
#define BS_WORD static inline __attribute__((always_inline, unused))
#endif

/* ---- dynamic quantization to u8, affine: x ~ scale * (q - zero); the range always contains 0 (as ONNX's
 * DynamicQuantizeLinear), inputs are finite. Products and sums round separately: build with -ffp-contract=off. ---- */
struct bs_grid {
    float scale, inverse;
    int32_t zero;
};
BS_WORD struct bs_grid bs_grid_of(float low, float high) {
    low = low < 0 ? low : 0, high = high > 0 ? high : 0;
    struct bs_grid g = {(high - low) / 255.0f, 0, 0};
    if (!(g.scale >= 0x1p-100f)) g.scale = 0x1p-100f; /* constant zero, or a range too small to invert */
    g.inverse = 1.0f / g.scale;
    g.zero = (int32_t)rintf(-low * g.inverse);
    g.zero = g.zero > 255 ? 255 : g.zero;
    return g;
}
BS_WORD uint8_t bs_quantize(float x, struct bs_grid g) {
    int32_t q = (int32_t)rintf(x * g.inverse) + g.zero;
    return (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
}
BS_WORD float bs_finish(int32_t acc, struct bs_grid g, float scale, int32_t sum, float bias, int relu) {
    float y = (float)(acc - g.zero * sum) * (g.scale * scale) + bias;
    return relu && !(y > 0) ? 0 : y;
}

/* ---- whole rows: staging copies or converts a row of activations into the tile's element type ---- */
BS_WORD void scalar_range(const float *x, int64_t n, float *low, float *high) {
    for (int64_t i = 0; i < n; i++) *low = x[i] < *low ? x[i] : *low, *high = x[i] > *high ? x[i] : *high;
}
BS_WORD void scalar_stage_u8(uint8_t *to, const uint8_t *x, int64_t n) { memcpy(to, x, (size_t)n); }
BS_WORD void scalar_stage_s16(int16_t *to, const uint8_t *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = x[i];
}
BS_WORD void scalar_stage_f32(float *to, const float *x, int64_t n) { memcpy(to, x, (size_t)n * 4); }
BS_WORD void scalar_quant_u8(uint8_t *to, const float *x, int64_t n, struct bs_grid g) {
    for (int64_t i = 0; i < n; i++) to[i] = bs_quantize(x[i], g);
}
BS_WORD void scalar_quant_s16(int16_t *to, const float *x, int64_t n, struct bs_grid g) {
    for (int64_t i = 0; i < n; i++) to[i] = bs_quantize(x[i], g);
}

/* ---- tile dot_scalar: one output, one product ---- */
enum { dot_scalar_N = 1, dot_scalar_K = 1, dot_scalar_ELEM = 1, dot_scalar_RHS = 1, dot_scalar_REGS = 16 };
typedef uint8_t dot_scalar_elem;
typedef int32_t dot_scalar_lhs, dot_scalar_rhs, dot_scalar_acc;
#define dot_scalar_range scalar_range
#define dot_scalar_stage scalar_stage_u8
#define dot_scalar_quant scalar_quant_u8
#define dot_scalar_opaque(x) __asm__ volatile("" : "+r"(x))
BS_WORD int32_t dot_scalar_zero(void) { return 0; }
BS_WORD int32_t dot_scalar_load(const int32_t *p) { return *p; }
BS_WORD int32_t dot_scalar_load_n(const int32_t *p, int n) { return n ? *p : 0; }
BS_WORD void dot_scalar_store(int32_t *p, int32_t v) { *p = v; }
BS_WORD void dot_scalar_store_n(int32_t *p, int32_t v, int n) {
    if (n) *p = v;
}
BS_WORD int32_t dot_scalar_raw(const uint8_t *p) { return *p; }
BS_WORD int32_t dot_scalar_raw_tail(const uint8_t *p, int n) { return n ? *p : 0; }
BS_WORD int32_t dot_scalar_lhs_load(const uint8_t *p) { return *p; }
BS_WORD int32_t dot_scalar_rhs_load(const int8_t *p) { return *p; }
BS_WORD int32_t dot_scalar_dot(int32_t c, int32_t a, int32_t b) { return (int32_t)((uint32_t)c + (uint32_t)(a * b)); }
BS_WORD void dot_scalar_finish(float *p, int32_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                               const float *bias, int relu) {
    *p = bs_finish(c, g, *scale, *sum, *bias, relu);
}
BS_WORD void dot_scalar_finish_n(float *p, int32_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                                 const float *bias, int relu, int n) {
    if (n) dot_scalar_finish(p, c, g, scale, sum, bias, relu);
}

/* ---- tile chain_short: a step adds to a 16-bit sum, which is widened before it could overflow ---- */
enum { chain_short_N = 1, chain_short_K = 1, chain_short_ELEM = 1, chain_short_RHS = 1, chain_short_REGS = 16, chain_short_LANES = 1 };
typedef uint8_t chain_short_elem;
typedef int32_t chain_short_lhs, chain_short_rhs, chain_short_acc;
typedef int16_t chain_short_sum;
#define chain_short_range scalar_range
#define chain_short_stage scalar_stage_u8
#define chain_short_quant scalar_quant_u8
#define chain_short_opaque dot_scalar_opaque
#define chain_short_zero dot_scalar_zero
#define chain_short_load dot_scalar_load
#define chain_short_load_n dot_scalar_load_n
#define chain_short_store dot_scalar_store
#define chain_short_store_n dot_scalar_store_n
#define chain_short_finish dot_scalar_finish
#define chain_short_finish_n dot_scalar_finish_n
#define chain_short_raw dot_scalar_raw
#define chain_short_raw_tail dot_scalar_raw_tail
#define chain_short_lhs_load dot_scalar_lhs_load
#define chain_short_rhs_load dot_scalar_rhs_load
BS_WORD int16_t chain_short_none(void) { return 0; }
BS_WORD int16_t chain_short_add(int16_t s, int32_t a, int32_t b) { return (int16_t)(s + a * b); }
BS_WORD int32_t chain_short_widen(int32_t c, int16_t s) { return (int32_t)((uint32_t)c + (uint32_t)s); }

/* ---- tile f32_scalar ---- */
enum { f32_scalar_N = 1, f32_scalar_K = 1, f32_scalar_ELEM = 4, f32_scalar_RHS = 4, f32_scalar_REGS = 16 };
typedef float f32_scalar_elem, f32_scalar_lhs, f32_scalar_rhs, f32_scalar_acc;
#define f32_scalar_stage scalar_stage_f32
#define f32_scalar_opaque(x) __asm__ volatile("" : "+m"(x))
BS_WORD float f32_scalar_zero(void) { return 0; }
BS_WORD float f32_scalar_load(const float *p) { return *p; }
BS_WORD float f32_scalar_load_n(const float *p, int n) { return n ? *p : 0; }
BS_WORD void f32_scalar_store(float *p, float v) { *p = v; }
BS_WORD void f32_scalar_store_n(float *p, float v, int n) {
    if (n) *p = v;
}
BS_WORD float f32_scalar_raw(const float *p) { return *p; }
BS_WORD float f32_scalar_lhs_load(const float *p) { return *p; }
BS_WORD float f32_scalar_rhs_load(const float *p) { return *p; }
BS_WORD float f32_scalar_dot(float c, float a, float b) { return a * b + c; }
BS_WORD void f32_scalar_finish(float *p, float c, const float *bias, int relu) {
    c += *bias;
    *p = relu && !(c > 0) ? 0 : c;
}
BS_WORD void f32_scalar_finish_n(float *p, float c, const float *bias, int relu, int n) {
    if (n) f32_scalar_finish(p, c, bias, relu);
}

/* ---- tiles dw_*: a vector of channels, each with its own weight; accumulators are those of the dot and f32 tiles ---- */
enum { dw_scalar_N = 1, dw_scalar_ELEM = 1, dw_scalar_RHS = 1, dw_scalar_REGS = 16 };
typedef uint8_t dw_scalar_elem;
typedef int32_t dw_scalar_lhs, dw_scalar_rhs, dw_scalar_acc;
#define dw_scalar_range scalar_range
#define dw_scalar_stage scalar_stage_u8
#define dw_scalar_quant scalar_quant_u8
#define dw_scalar_zero dot_scalar_zero
#define dw_scalar_load dot_scalar_load
#define dw_scalar_store dot_scalar_store
#define dw_scalar_store_n dot_scalar_store_n
#define dw_scalar_finish dot_scalar_finish
#define dw_scalar_finish_n dot_scalar_finish_n
#define dw_scalar_dot dot_scalar_dot
BS_WORD int32_t dw_scalar_lhs_load(const uint8_t *p) { return *p; }
BS_WORD int32_t dw_scalar_lhs_load_n(const uint8_t *p, int n) { return n ? *p : 0; }
BS_WORD int32_t dw_scalar_rhs_load(const int8_t *p) { return *p; }

enum { dwf_scalar_N = 1, dwf_scalar_ELEM = 4, dwf_scalar_RHS = 4, dwf_scalar_REGS = 16 };
typedef float dwf_scalar_elem, dwf_scalar_lhs, dwf_scalar_rhs, dwf_scalar_acc;
#define dwf_scalar_stage scalar_stage_f32
#define dwf_scalar_zero f32_scalar_zero
#define dwf_scalar_load f32_scalar_load
#define dwf_scalar_store f32_scalar_store
#define dwf_scalar_store_n f32_scalar_store_n
#define dwf_scalar_finish f32_scalar_finish
#define dwf_scalar_finish_n f32_scalar_finish_n
#define dwf_scalar_dot f32_scalar_dot
#define dwf_scalar_lhs_load f32_scalar_lhs_load
#define dwf_scalar_lhs_load_n f32_scalar_load_n
#define dwf_scalar_rhs_load f32_scalar_rhs_load
#endif
