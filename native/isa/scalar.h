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
BS_WORD float bs_relu(float y, int relu) { return relu && !(y > 0) ? 0 : y; }
BS_WORD float bs_finish(int32_t acc, struct bs_grid g, float scale, int32_t sum, float bias, int relu) {
    return bs_relu((float)(acc - g.zero * sum) * (g.scale * scale) + bias, relu);
}

/* ---- groups: every group's exact sum times its scale, added up in f32 by fused multiply-adds, group after group ---- */
/* IEEE binary16 to binary32, exactly; finite */
BS_WORD float bs_half(uint16_t h) {
    uint32_t bits = (uint32_t)(h & 0x7FFF) << 13;
    float f;
    memcpy(&f, &bits, 4);
    return (h & 0x8000 ? -0x1p112f : 0x1p112f) * f;
}
/* `sum` is the sum over all weights as numbers (code times scale): what the zero point is multiplied with */
BS_WORD float bs_finish_groups(float acc, struct bs_grid g, float sum, float bias, int relu) {
    return bs_relu((acc - (float)g.zero * sum) * g.scale + bias, relu);
}

/* ---- requantization to u8, as ONNX's QLinearMatMul and QLinearConv: round half to even, then the zero point ---- */
BS_WORD uint8_t bs_requantize(int32_t acc, float multiplier, int32_t zero, int32_t low) {
    float y = (float)acc * multiplier, least = (float)(low - zero), most = (float)(255 - zero);
    y = y < least ? least : y > most ? most : y;
    return (uint8_t)((int32_t)rintf(y) + zero);
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

/* ---- accumulators: one lane ---- */
BS_WORD int32_t s32x1_zero(void) { return 0; }
BS_WORD int32_t s32x1_plus(int32_t v, const int32_t *p) { return (int32_t)((uint32_t)v + (uint32_t)*p); }
BS_WORD int32_t s32x1_plus_n(int32_t v, const int32_t *p, int n) { return n ? s32x1_plus(v, p) : v; }
BS_WORD void s32x1_store(int32_t *p, int32_t v) { *p = v; }
BS_WORD void s32x1_store_n(int32_t *p, int32_t v, int n) {
    if (n) *p = v;
}
BS_WORD void s32x1_finish(float *p, int32_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                          const float *bias, int relu) {
    *p = bs_finish(c, g, *scale, *sum, *bias, relu);
}
BS_WORD void s32x1_finish_n(float *p, int32_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                            const float *bias, int relu, int n) {
    if (n) s32x1_finish(p, c, g, scale, sum, bias, relu);
}
BS_WORD void s32x1_requant(uint8_t *p, int32_t c, const float *multiplier, int32_t zero, int32_t low) {
    *p = bs_requantize(c, *multiplier, zero, low);
}
BS_WORD void s32x1_requant_n(uint8_t *p, int32_t c, const float *multiplier, int32_t zero, int32_t low, int n) {
    if (n) s32x1_requant(p, c, multiplier, zero, low);
}
BS_WORD float s32x1_scales(const uint16_t *p, float unit) { return bs_half(*p) * unit; }
BS_WORD float s32x1_scaled(float f, int32_t c, float scale) { return fmaf((float)c, scale, f); }
BS_WORD float f32x1_zero(void) { return 0; }
BS_WORD float f32x1_load(const float *p) { return *p; }
BS_WORD float f32x1_load_n(const float *p, int n) { return n ? *p : 0; }
BS_WORD float f32x1_plus(float v, const float *p) { return v + *p; }
BS_WORD float f32x1_plus_n(float v, const float *p, int n) { return n ? v + *p : v; }
BS_WORD void f32x1_store(float *p, float v) { *p = v; }
BS_WORD void f32x1_store_n(float *p, float v, int n) {
    if (n) *p = v;
}
BS_WORD void f32x1_finish(float *p, float c, const float *bias, int relu) { *p = bs_relu(c + *bias, relu); }
BS_WORD void f32x1_finish_n(float *p, float c, const float *bias, int relu, int n) {
    if (n) f32x1_finish(p, c, bias, relu);
}
BS_WORD void f32x1_finish_groups(float *p, float f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    *p = bs_finish_groups(f, g, *sum, *bias, relu);
}
BS_WORD void f32x1_finish_groups_n(float *p, float f, struct bs_grid g, const float *sum, const float *bias, int relu,
                                   int n) {
    if (n) f32x1_finish_groups(p, f, g, sum, bias, relu);
}

/* The words that a tile T takes over from its accumulators: INT and REAL are prefixes as above, of C types INT_T and REAL_T. */
#define BS_INT_WORDS(T, INT, INT_T) \
    typedef INT_T T##_acc; \
    BS_WORD INT_T T##_zero(void) { return INT##_zero(); } \
    BS_WORD INT_T T##_plus(INT_T v, const int32_t *p) { return INT##_plus(v, p); } \
    BS_WORD INT_T T##_plus_n(INT_T v, const int32_t *p, int n) { return INT##_plus_n(v, p, n); } \
    BS_WORD void T##_store(int32_t *p, INT_T v) { INT##_store(p, v); } \
    BS_WORD void T##_store_n(int32_t *p, INT_T v, int n) { INT##_store_n(p, v, n); } \
    BS_WORD void T##_finish(float *p, INT_T c, struct bs_grid g, const float *scale, const int32_t *sum, \
                            const float *bias, int relu) { \
        INT##_finish(p, c, g, scale, sum, bias, relu); \
    } \
    BS_WORD void T##_finish_n(float *p, INT_T c, struct bs_grid g, const float *scale, const int32_t *sum, \
                              const float *bias, int relu, int n) { \
        INT##_finish_n(p, c, g, scale, sum, bias, relu, n); \
    } \
    BS_WORD void T##_requant(uint8_t *p, INT_T c, const float *multiplier, int32_t zero, int32_t low) { \
        INT##_requant(p, c, multiplier, zero, low); \
    } \
    BS_WORD void T##_requant_n(uint8_t *p, INT_T c, const float *multiplier, int32_t zero, int32_t low, int n) { \
        INT##_requant_n(p, c, multiplier, zero, low, n); \
    }
/* the sums of T come times UNIT, a power of two, which the scales undo exactly */
#define BS_GROUP_WORDS(T, INT, INT_T, REAL, REAL_T, UNIT) \
    typedef REAL_T T##_real; \
    BS_WORD REAL_T T##_real_zero(void) { return REAL##_zero(); } \
    BS_WORD REAL_T T##_scales(const uint16_t *p) { return INT##_scales(p, 1.0f / (UNIT)); } \
    BS_WORD REAL_T T##_scaled(REAL_T f, INT_T c, REAL_T scale) { return INT##_scaled(f, c, scale); } \
    BS_WORD void T##_finish_groups(float *p, REAL_T f, struct bs_grid g, const float *sum, const float *bias, int relu) { \
        REAL##_finish_groups(p, f, g, sum, bias, relu); \
    } \
    BS_WORD void T##_finish_groups_n(float *p, REAL_T f, struct bs_grid g, const float *sum, const float *bias, int relu, \
                                     int n) { \
        REAL##_finish_groups_n(p, f, g, sum, bias, relu, n); \
    }
#define BS_REAL_WORDS(T, REAL, REAL_T) \
    typedef REAL_T T##_lhs; \
    BS_REAL_SUMS(T, REAL, REAL_T)
#define BS_REAL_SUMS(T, REAL, REAL_T) \
    typedef float T##_elem; \
    typedef REAL_T T##_acc, T##_rhs; \
    BS_WORD void T##_stage(float *to, const float *x, int64_t n) { scalar_stage_f32(to, x, n); } \
    BS_WORD REAL_T T##_zero(void) { return REAL##_zero(); } \
    BS_WORD REAL_T T##_plus(REAL_T v, const float *p) { return REAL##_plus(v, p); } \
    BS_WORD REAL_T T##_plus_n(REAL_T v, const float *p, int n) { return REAL##_plus_n(v, p, n); } \
    BS_WORD REAL_T T##_rhs_load(const float *p) { return REAL##_load(p); } \
    BS_WORD void T##_store(float *p, REAL_T v) { REAL##_store(p, v); } \
    BS_WORD void T##_store_n(float *p, REAL_T v, int n) { REAL##_store_n(p, v, n); } \
    BS_WORD void T##_finish(float *p, REAL_T c, const float *bias, int relu) { REAL##_finish(p, c, bias, relu); } \
    BS_WORD void T##_finish_n(float *p, REAL_T c, const float *bias, int relu, int n) { \
        REAL##_finish_n(p, c, bias, relu, n); \
    }
/* how rows become u8 codes */
#define BS_U8_WORDS(T, RANGE, QUANT) \
    typedef uint8_t T##_elem; \
    BS_U8_ROWS(T, RANGE, QUANT)
#define BS_U8_ROWS(T, RANGE, QUANT) \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { RANGE(x, n, low, high); } \
    BS_WORD void T##_stage(uint8_t *to, const uint8_t *x, int64_t n) { scalar_stage_u8(to, x, n); } \
    BS_WORD void T##_quant(uint8_t *to, const float *x, int64_t n, struct bs_grid g) { QUANT(to, x, n, g); }

/* ---- tile dot_scalar: one output, one product ---- */
enum { dot_scalar_N = 1, dot_scalar_K = 1, dot_scalar_ELEM = 1, dot_scalar_RHS = 1, dot_scalar_REGS = 16 };
typedef int32_t dot_scalar_lhs, dot_scalar_rhs;
BS_U8_WORDS(dot_scalar, scalar_range, scalar_quant_u8)
BS_INT_WORDS(dot_scalar, s32x1, int32_t)
BS_GROUP_WORDS(dot_scalar, s32x1, int32_t, f32x1, float, 1)
#define dot_scalar_opaque(x) __asm__ volatile("" : "+r"(x))
BS_WORD int32_t dot_scalar_raw(const uint8_t *p) { return *p; }
BS_WORD int32_t dot_scalar_raw_tail(const uint8_t *p, int n) { return n ? *p : 0; }
BS_WORD int32_t dot_scalar_lhs_load(const uint8_t *p) { return *p; }
BS_WORD int32_t dot_scalar_rhs_load(const int8_t *p) { return *p; }
BS_WORD int32_t dot_scalar_dot(int32_t c, int32_t a, int32_t b) { return (int32_t)((uint32_t)c + (uint32_t)(a * b)); }

/* ---- tile chain_short: a step adds to a 16-bit sum, which is widened before it could overflow ---- */
enum { chain_short_N = 1, chain_short_K = 1, chain_short_ELEM = 1, chain_short_RHS = 1, chain_short_REGS = 16, chain_short_LANES = 1 };
typedef int32_t chain_short_lhs, chain_short_rhs;
typedef int16_t chain_short_sum;
BS_U8_WORDS(chain_short, scalar_range, scalar_quant_u8)
BS_INT_WORDS(chain_short, s32x1, int32_t)
BS_GROUP_WORDS(chain_short, s32x1, int32_t, f32x1, float, 1)
#define chain_short_opaque dot_scalar_opaque
#define chain_short_raw dot_scalar_raw
#define chain_short_raw_tail dot_scalar_raw_tail
#define chain_short_lhs_load dot_scalar_lhs_load
#define chain_short_rhs_load dot_scalar_rhs_load
BS_WORD int16_t chain_short_none(void) { return 0; }
BS_WORD int16_t chain_short_add(int16_t s, int32_t a, int32_t b) { return (int16_t)(s + a * b); }
BS_WORD int32_t chain_short_widen(int32_t c, int16_t s) { return (int32_t)((uint32_t)c + (uint32_t)s); }

/* ---- tile f32_scalar ---- */
enum { f32_scalar_N = 1, f32_scalar_K = 1, f32_scalar_ELEM = 4, f32_scalar_RHS = 4, f32_scalar_REGS = 16 };
BS_REAL_WORDS(f32_scalar, f32x1, float)
#define f32_scalar_opaque(x) __asm__ volatile("" : "+m"(x))
BS_WORD float f32_scalar_raw(const float *p) { return *p; }
BS_WORD float f32_scalar_lhs_load(const float *p) { return *p; }
BS_WORD float f32_scalar_dot(float c, float a, float b) { return a * b + c; }

/* ---- tiles dw_*: a vector of channels, each with its own weight; accumulators are those of the dot and f32 tiles ---- */
enum { dw_scalar_N = 1, dw_scalar_ELEM = 1, dw_scalar_RHS = 1, dw_scalar_REGS = 16 };
typedef int32_t dw_scalar_lhs, dw_scalar_rhs;
BS_U8_WORDS(dw_scalar, scalar_range, scalar_quant_u8)
BS_INT_WORDS(dw_scalar, s32x1, int32_t)
#define dw_scalar_dot dot_scalar_dot
BS_WORD int32_t dw_scalar_lhs_load(const uint8_t *p) { return *p; }
BS_WORD int32_t dw_scalar_lhs_load_n(const uint8_t *p, int n) { return n ? *p : 0; }
BS_WORD int32_t dw_scalar_rhs_load(const int8_t *p) { return *p; }

enum { dwf_scalar_N = 1, dwf_scalar_ELEM = 4, dwf_scalar_RHS = 4, dwf_scalar_REGS = 16 };
BS_REAL_WORDS(dwf_scalar, f32x1, float)
#define dwf_scalar_dot f32_scalar_dot
#define dwf_scalar_lhs_load f32x1_load
#define dwf_scalar_lhs_load_n f32x1_load_n
#endif
