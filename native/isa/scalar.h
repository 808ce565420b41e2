/* The law: what every word of the tile vocabulary means, in portable C. Other headers are checked against this one. */
#ifndef BS_ISA_SCALAR_H
#define BS_ISA_SCALAR_H
#include "../kernel.h"
#include <math.h>
#include <string.h>
/* what this instruction set offers to the emitter */
#define BS_TILES_SCALAR "dot_scalar chain_short bits_word lut_tables f32_scalar dw_scalar dwf_scalar table_nibble table_crumb table_bit table_byte int_scalar e4m3_scalar e5m2_scalar f16_scalar bf16_scalar"
#ifndef BS_WORD
#define BS_WORD static inline __attribute__((always_inline, unused))
#endif

/* ---- dynamic quantization to codes of 0..top, at most 255: x ~ scale * ((q << shift) - zero); inputs are finite.
 * Products and sums round separately: build with -ffp-contract=off. ---- */
struct bs_grid {
    float scale, inverse;
    int32_t zero, top, shift;
};
/* affine; the range always contains 0 (as ONNX's DynamicQuantizeLinear) */
BS_WORD struct bs_grid bs_grid_of(float low, float high, int32_t top) {
    low = low < 0 ? low : 0, high = high > 0 ? high : 0;
    struct bs_grid g = {(high - low) / (float)top, 0, 0, top, 0};
    if (!(g.scale >= 0x1p-100f)) g.scale = 0x1p-100f; /* constant zero, or a range too small to invert */
    g.inverse = 1.0f / g.scale;
    g.zero = (int32_t)rintf(-low * g.inverse);
    g.zero = g.zero > top ? top : g.zero;
    return g;
}
/* one that was found beforehand: the words that bs_args has for it; numbers are within 2^31 steps of 0 */
BS_WORD struct bs_grid bs_grid_fixed(int32_t zero, int32_t scale, int32_t top, int32_t shift) {
    struct bs_grid g = {0, 0, zero, top, shift};
    memcpy(&g.scale, &scale, 4);
    if (!shift) g.inverse = 1.0f / g.scale;
    return g;
}
/* the mean size of n > 0 numbers: number i is added to sum i % 32, then sums 16, 8, 4, 2 and 1 apart are added up */
typedef float bs_eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t bs_eight_bits __attribute__((vector_size(32)));
BS_WORD float bs_mean_size(const float *x, int64_t n) {
    bs_eight sum[4] = {0};
    float last[32] = {0}; /* zeros change no sum */
    for (int64_t i = 0; i < n; i += 32) {
        const float *p = x + i;
        if (n - i < 32) p = memcpy(last, p, (size_t)(n - i) * 4);
        for (int j = 0; j < 4; j++) sum[j] += (bs_eight)((bs_eight_bits) * (const bs_eight *)(p + 8 * j) & 0x7FFFFFFF);
    }
    bs_eight s = (sum[0] + sum[2]) + (sum[1] + sum[3]);
    return (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) / (float)n;
}
/* signs, 1 for x >= 0: x ~ scale * (2q - 1) with the mean size as scale (XNOR-Net) */
BS_WORD struct bs_grid bs_grid_of_signs(const float *x, int64_t n) {
    struct bs_grid g = {bs_mean_size(x, n), 0, 1, 1, 1};
    if (!(g.scale >= 0x1p-100f)) g.scale = 0x1p-100f;
    return g;
}
/* the same grid for codes that are `off` less */
BS_WORD struct bs_grid bs_grid_less(struct bs_grid g, int32_t off) {
    g.zero -= off << g.shift;
    return g;
}
BS_WORD uint8_t bs_quantize(float x, struct bs_grid g) {
    if (g.shift) return x >= 0;
    int32_t q = (int32_t)rintf(x * g.inverse) + g.zero;
    return (uint8_t)(q < 0 ? 0 : q > g.top ? g.top : q);
}
BS_WORD float bs_relu(float y, int relu) { return relu && !(y > 0) ? 0 : y; }
BS_WORD float bs_finish(int32_t acc, struct bs_grid g, float scale, int32_t sum, float bias, int relu) {
    return bs_relu((float)((int32_t)((uint32_t)acc << g.shift) - g.zero * sum) * (g.scale * scale) + bias, relu);
}

/* ---- groups: every group's exact sum times its scale, added up in f32 by fused multiply-adds, group after group ---- */
/* IEEE binary16 to binary32, exactly; finite */
BS_WORD float bs_half(uint16_t h) {
    uint32_t bits = (uint32_t)(h & 0x7FFF) << 13;
    float f;
    memcpy(&f, &bits, 4);
    return (h & 0x8000 ? -0x1p112f : 0x1p112f) * f;
}
/* numbers of 16 and 8 bits to binary32, exactly; finite */
BS_WORD float bs_bfloat(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
BS_WORD float bs_e5m2(uint8_t b) { return bs_half((uint16_t)(b << 8)); }
/* times 2^-8: with the bias of f16 */
BS_WORD float bs_e4m3(uint8_t b) { return bs_half((uint16_t)((b & 0x80) << 8 | (b & 0x7F) << 7)); }
BS_WORD float bs_e8m0(uint8_t b) {
    uint32_t bits = b ? (uint32_t)b << 23 : 0x00400000; /* 2^-127 is subnormal */
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
/* finite binary32 rounded to binary16 and bfloat16, halves to even; what is too large becomes the largest finite number */
BS_WORD float bs_round_f16(float x) {
    float size = fabsf(x);
    size = size > 65504.0f ? 65504.0f : size;
    if (size < 0x1p-14f) return copysignf((size + 0.5f) - 0.5f, x); /* subnormal: multiples of 2^-24 */
    uint32_t bits;
    memcpy(&bits, &size, 4);
    bits = (bits + 0xFFF + (bits >> 13 & 1)) & ~0x1FFFu;
    memcpy(&size, &bits, 4);
    return copysignf(size, x);
}
BS_WORD uint16_t bs_to_bfloat(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t size = bits & 0x7FFFFFFF;
    size = (size > 0x7F7F0000 ? 0x7F7F0000 : size + 0x7FFF + (size >> 16 & 1)) >> 16;
    return (uint16_t)(size | (bits >> 16 & 0x8000));
}

/* `sum` is the sum over all weights as numbers (code times scale): what the zero point is multiplied with */
BS_WORD float bs_finish_groups(float acc, struct bs_grid g, float sum, float bias, int relu) {
    return bs_relu((acc * (float)(1 << g.shift) - (float)g.zero * sum) * g.scale + bias, relu);
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
/* 128 less */
BS_WORD void scalar_stage_s8(int8_t *to, const uint8_t *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = (int8_t)(x[i] - 128);
}
BS_WORD void scalar_stage_s16(int16_t *to, const uint8_t *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = x[i];
}
BS_WORD void scalar_stage_f32(float *to, const float *x, int64_t n) { memcpy(to, x, (size_t)n * 4); }
BS_WORD void scalar_stage_f16(float *to, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = bs_round_f16(x[i]);
}
BS_WORD void scalar_stage_bf16(float *to, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = bs_bfloat(bs_to_bfloat(x[i]));
}
BS_WORD void scalar_quant_u8(uint8_t *to, const float *x, int64_t n, struct bs_grid g) {
    for (int64_t i = 0; i < n; i++) to[i] = bs_quantize(x[i], g);
}
BS_WORD void scalar_quant_s8(int8_t *to, const float *x, int64_t n, struct bs_grid g) {
    for (int64_t i = 0; i < n; i++) to[i] = (int8_t)(bs_quantize(x[i], g) - 128);
}
BS_WORD void scalar_quant_s16(int16_t *to, const float *x, int64_t n, struct bs_grid g) {
    for (int64_t i = 0; i < n; i++) to[i] = bs_quantize(x[i], g);
}

/* a row of codes as planes of bits, `stride` words apart: bit j of code i is bit i % 32 of word i / 32 of plane j; zeros
 * past the last code */
BS_WORD void scalar_planes(uint32_t *to, int64_t stride, const uint8_t *x, int64_t n, int planes) {
    for (int j = 0; j < planes; j++)
        for (int64_t first = 0; first < n; first += 32) {
            uint32_t word = 0;
            for (int64_t i = first; i < n && i < first + 32; i++) word |= (uint32_t)(x[i] >> j & 1) << (i - first);
            to[j * stride + first / 32] = word;
        }
}

/* the sums that 4 codes can come to: entry i of those at the bits of i */
struct bs_table {
    uint8_t entry[16];
};
/* a row of codes as tables, filled up with zeros to 16 codes: the low bytes and, of two parts, the high bytes `stride`
 * tables further */
BS_WORD void scalar_tables(struct bs_table *to, int64_t stride, const uint8_t *x, int64_t n, int parts) {
    for (int64_t first = 0; first < (n + 15) / 16 * 16; first += 4)
        for (int i = 0; i < 16; i++) {
            int sum = 0;
            for (int j = 0; j < 4; j++) sum += (i >> j & 1) && first + j < n ? x[first + j] : 0;
            to[first / 4].entry[i] = (uint8_t)sum;
            if (parts > 1) to[stride + first / 4].entry[i] = (uint8_t)(sum >> 8);
        }
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
BS_WORD void s32x1_requant_pair(uint8_t *p, int32_t a, int32_t b, const float *multiplier, int32_t zero, int32_t low) {
    s32x1_requant(p, a, multiplier, zero, low), s32x1_requant(p + 1, b, multiplier + 1, zero, low);
}
BS_WORD float s32x1_scales(const uint16_t *p, float unit) { return bs_half(*p) * unit; }
BS_WORD float s32x1_scaled(float f, int32_t c, float scale) { return fmaf((float)c, scale, f); }
BS_WORD void f32x1_stage_f16(float *to, const float *x, int64_t n) { scalar_stage_f16(to, x, n); }
BS_WORD void f32x1_stage_bf16(float *to, const float *x, int64_t n) { scalar_stage_bf16(to, x, n); }
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

#include "words.h"

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

/* ---- tile bits_word: one output, a bit each of 32 inputs ---- */
enum { bits_word_N = 1, bits_word_K = 32, bits_word_PER = 32, bits_word_ELEM = 4, bits_word_BITS = 1, bits_word_REGS = 14, bits_word_LANES = 0 };
typedef uint32_t bits_word_lhs, bits_word_rhs;
typedef int32_t bits_word_sum;
BS_BIT_ROWS(bits_word, scalar_range, scalar_quant_u8, scalar_planes)
BS_INT_WORDS(bits_word, s32x1, int32_t)
#define bits_word_opaque dot_scalar_opaque
BS_WORD uint32_t bits_word_lhs_load(const uint32_t *p) { return *p; }
BS_WORD uint32_t bits_word_rhs_load(const uint32_t *p) { return *p; }
BS_WORD int32_t bits_word_none(void) { return 0; }
BS_WORD int32_t bits_word_both(int32_t s, uint32_t x, uint32_t b) { return s + __builtin_popcount(x & b); }
BS_WORD int32_t bits_word_differ(int32_t s, uint32_t x, uint32_t b) { return s + __builtin_popcount(x ^ b); }
BS_WORD int32_t bits_word_widen(int32_t c, int32_t s, int shift) { return (int32_t)((uint32_t)c + ((uint32_t)s << shift)); }
BS_WORD int32_t bits_word_widen_minus(int32_t c, int32_t s, int shift) {
    return (int32_t)((uint32_t)c - ((uint32_t)s << shift));
}

/* ---- tile lut_tables: one output, two planes of the weights of 16 inputs ---- */
enum { lut_tables_N = 1, lut_tables_K = 16, lut_tables_PER = 4, lut_tables_ELEM = 16, lut_tables_BITS = 2, lut_tables_REGS = 10, lut_tables_LANES = 4 };
BS_TABLE_ROWS(lut_tables, scalar_range, scalar_quant_u8, scalar_tables)
BS_INT_WORDS(lut_tables, s32x1, int32_t)
typedef const struct bs_table *lut_tables_lhs;
typedef const uint8_t *lut_tables_rhs;
typedef int16_t lut_tables_sum;
#define lut_tables_opaque dot_scalar_opaque
BS_WORD lut_tables_lhs lut_tables_lhs_load(const struct bs_table *p) { return p; }
BS_WORD lut_tables_rhs lut_tables_rhs_load(const uint8_t *p) { return p; }
BS_WORD int16_t lut_tables_none(void) { return 0; }
/* what tables 0 and 1, then 2 and 3, give for both planes of their weights */
BS_WORD int16_t scalar_looked_up(int16_t s, lut_tables_lhs x, lut_tables_rhs b, int high) {
    for (int i = 0; i < 4; i++) {
        const uint8_t *index = b + 2 * (i & 1);
        int from = i < 2 ? 0 : 4;
        s = (int16_t)(s + x[i].entry[index[0] >> from & 15] + high * x[i].entry[index[1] >> from & 15]);
    }
    return s;
}
BS_WORD int16_t lut_tables_add(int16_t s, lut_tables_lhs x, lut_tables_rhs b) { return scalar_looked_up(s, x, b, 2); }
BS_WORD int16_t lut_tables_add_top(int16_t s, lut_tables_lhs x, lut_tables_rhs b) { return scalar_looked_up(s, x, b, -2); }
BS_WORD int32_t lut_tables_widen(int32_t c, int16_t s, int shift) {
    return (int32_t)((uint32_t)c + ((uint32_t)(int32_t)s << shift));
}

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

#include "scalar_decode.h"
#endif
