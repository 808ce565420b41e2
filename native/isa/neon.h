/* ARM Advanced SIMD (NEON) of armv8-a: exact u8 x s8 by 8-bit products that meet in 16 bits, without the dot-product
 * instructions of later cores. There is no product of mixed signs: activations become s8 by turning their top bit
 * over, which takes 128 off, and 128 times the sum of the weights is added at the end. That sum is kept beside every
 * row's sums, is the same for all rows of a block, and compilers keep one of it. */
#ifndef BS_ISA_NEON_H
#define BS_ISA_NEON_H
#include "scalar.h"
#include <arm_neon.h>
#define BS_TILES_NEON "dot_pair dot_lane dot_pairseptet dot_pairsextet dot_pairquintet dot_pairnibble dot_pairtriplet dot_paircrumb chain_mlal chain_nibble chain_crumb f32_fma dw_mlal dwf_fma bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"

/* ---- whole rows ---- */
BS_WORD void neon_range(const float *x, int64_t n, float *low, float *high) {
    /* four chains hide the latency of min and max */
    float32x4_t lo[4], hi[4];
    for (int j = 0; j < 4; j++) lo[j] = vdupq_n_f32(*low), hi[j] = vdupq_n_f32(*high);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 4; j++) {
            float32x4_t v = vld1q_f32(x + i + 4 * j);
            lo[j] = vminq_f32(lo[j], v), hi[j] = vmaxq_f32(hi[j], v);
        }
    *low = vminvq_f32(vminq_f32(vminq_f32(lo[0], lo[1]), vminq_f32(lo[2], lo[3])));
    *high = vmaxvq_f32(vmaxq_f32(vmaxq_f32(hi[0], hi[1]), vmaxq_f32(hi[2], hi[3])));
    scalar_range(x + i, n - i, low, high);
}
BS_WORD void neon_stage_s16(int16_t *to, const uint8_t *x, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) vst1q_s16(to + i, vreinterpretq_s16_u16(vmovl_u8(vld1_u8(x + i))));
    scalar_stage_s16(to + i, x + i, n - i);
}
/* 8 codes; narrowing clamps them below */
BS_WORD uint8x8_t neon_codes(const float *x, struct bs_grid g) {
    int32x4_t a = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), g.inverse));
    int32x4_t b = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4), g.inverse));
    int32x4_t zero = vdupq_n_s32(g.zero);
    uint8x8_t q = vqmovun_s16(vcombine_s16(vqmovn_s32(vaddq_s32(a, zero)), vqmovn_s32(vaddq_s32(b, zero))));
    return vmin_u8(q, vdup_n_u8((uint8_t)g.top));
}
BS_WORD void neon_quant_u8(uint8_t *to, const float *x, int64_t n, struct bs_grid g) {
    int64_t i = 0;
    for (; i + 8 <= n && !g.shift; i += 8) vst1_u8(to + i, neon_codes(x + i, g));
    scalar_quant_u8(to + i, x + i, n - i, g);
}
BS_WORD void neon_quant_s16(int16_t *to, const float *x, int64_t n, struct bs_grid g) {
    int64_t i = 0;
    for (; i + 8 <= n && !g.shift; i += 8)
        vst1q_s16(to + i, vreinterpretq_s16_u16(vmovl_u8(neon_codes(x + i, g))));
    scalar_quant_s16(to + i, x + i, n - i, g);
}

/* ---- accumulators: 4 x s32 and 4 x f32 ---- */
typedef int32x4_t s32x4_sums;
BS_WORD int32x4_t s32x4_settled(int32x4_t v) { return v; }
BS_WORD int32x4_t s32x4_of(int32x4_t v) { return v; }
BS_WORD void s32x4_sums_hide(int32x4_t *v) { __asm__ volatile("" : "+w"(*v)); }
BS_WORD int32x4_t s32x4_zero(void) { return vdupq_n_s32(0); }
BS_WORD int32x4_t s32x4_load_n(const int32_t *p, int n) {
    int32_t lanes[4] = {0};
    memcpy(lanes, p, (size_t)n * 4);
    return vld1q_s32(lanes);
}
BS_WORD int32x4_t s32x4_plus(int32x4_t v, const int32_t *p) { return vaddq_s32(v, vld1q_s32(p)); }
BS_WORD int32x4_t s32x4_plus_n(int32x4_t v, const int32_t *p, int n) { return vaddq_s32(v, s32x4_load_n(p, n)); }
BS_WORD void s32x4_store(int32_t *p, int32x4_t v) { vst1q_s32(p, v); }
BS_WORD void s32x4_store_n(int32_t *p, int32x4_t v, int n) {
    int32_t lanes[4];
    vst1q_s32(lanes, v);
    memcpy(p, lanes, (size_t)n * 4);
}
BS_WORD float32x4_t f32x4_zero(void) { return vdupq_n_f32(0); }
BS_WORD float32x4_t f32x4_load(const float *p) { return vld1q_f32(p); }
BS_WORD float32x4_t f32x4_load_n(const float *p, int n) {
    float lanes[4] = {0};
    memcpy(lanes, p, (size_t)n * 4);
    return vld1q_f32(lanes);
}
BS_WORD float32x4_t f32x4_plus(float32x4_t v, const float *p) { return vaddq_f32(v, vld1q_f32(p)); }
BS_WORD float32x4_t f32x4_plus_n(float32x4_t v, const float *p, int n) { return vaddq_f32(v, f32x4_load_n(p, n)); }
BS_WORD void f32x4_store(float *p, float32x4_t v) { vst1q_f32(p, v); }
BS_WORD void f32x4_store_n(float *p, float32x4_t v, int n) {
    float lanes[4];
    vst1q_f32(lanes, v);
    memcpy(p, lanes, (size_t)n * 4);
}
#define f32x4_stage_f16 scalar_stage_f16
#define f32x4_stage_bf16 scalar_stage_bf16
BS_WORD float32x4_t f32x4_biased(float32x4_t c, const float *bias, int relu) {
    c = vaddq_f32(c, vld1q_f32(bias));
    return relu ? vmaxq_f32(c, vdupq_n_f32(0)) : c;
}
BS_WORD void f32x4_finish(float *p, float32x4_t c, const float *bias, int relu) {
    vst1q_f32(p, f32x4_biased(c, bias, relu));
}
BS_WORD void f32x4_finish_n(float *p, float32x4_t c, const float *bias, int relu, int n) {
    f32x4_store_n(p, f32x4_biased(c, bias, relu), n);
}
BS_WORD float32x4_t f32x4_dequant(float32x4_t f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    f = vsubq_f32(vmulq_n_f32(f, (float)(1 << g.shift)), vmulq_n_f32(vld1q_f32(sum), (float)g.zero));
    return f32x4_biased(vmulq_n_f32(f, g.scale), bias, relu);
}
BS_WORD void f32x4_finish_groups(float *p, float32x4_t f, struct bs_grid g, const float *sum, const float *bias,
                                 int relu) {
    vst1q_f32(p, f32x4_dequant(f, g, sum, bias, relu));
}
BS_WORD void f32x4_finish_groups_n(float *p, float32x4_t f, struct bs_grid g, const float *sum, const float *bias,
                                   int relu, int n) {
    f32x4_store_n(p, f32x4_dequant(f, g, sum, bias, relu), n);
}
BS_WORD float32x4_t s32x4_dequant(int32x4_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                                  const float *bias, int relu) {
    c = vmlsq_n_s32(vshlq_s32(c, vdupq_n_s32(g.shift)), vld1q_s32(sum), g.zero);
    return f32x4_biased(vmulq_f32(vcvtq_f32_s32(c), vmulq_n_f32(vld1q_f32(scale), g.scale)), bias, relu);
}
BS_WORD void s32x4_finish(float *p, int32x4_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                          const float *bias, int relu) {
    vst1q_f32(p, s32x4_dequant(c, g, scale, sum, bias, relu));
}
BS_WORD void s32x4_finish_n(float *p, int32x4_t c, struct bs_grid g, const float *scale, const int32_t *sum,
                            const float *bias, int relu, int n) {
    f32x4_store_n(p, s32x4_dequant(c, g, scale, sum, bias, relu), n);
}
BS_WORD void s32x4_requant_n(uint8_t *p, int32x4_t c, const float *multiplier, int32_t zero, int32_t low, int n) {
    float32x4_t y = vmulq_f32(vcvtq_f32_s32(c), vld1q_f32(multiplier));
    y = vmaxq_f32(y, vdupq_n_f32((float)(low - zero)));
    y = vminq_f32(y, vdupq_n_f32((float)(255 - zero)));
    int16x4_t q = vqmovn_s32(vaddq_s32(vcvtnq_s32_f32(y), vdupq_n_s32(zero)));
    uint32_t codes = vget_lane_u32(vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(q, q))), 0);
    memcpy(p, &codes, (size_t)n);
}
BS_WORD void s32x4_requant(uint8_t *p, int32x4_t c, const float *multiplier, int32_t zero, int32_t low) {
    s32x4_requant_n(p, c, multiplier, zero, low, 4);
}
BS_WORD void s32x4_requant_pair(uint8_t *p, int32x4_t a, int32x4_t b, const float *multiplier, int32_t zero,
                                int32_t low) {
    s32x4_requant(p, a, multiplier, zero, low), s32x4_requant(p + 4, b, multiplier + 4, zero, low);
}
BS_WORD float32x4_t s32x4_scales(const uint16_t *p, float unit) {
    return vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))), unit);
}
BS_WORD float32x4_t s32x4_scaled(float32x4_t f, int32x4_t c, float32x4_t scale) {
    return vfmaq_f32(f, vcvtq_f32_s32(c), scale);
}

/* ---- 8 x s32 and 8 x f32, as two of 4 ---- */
typedef struct { int32x4_t a, b; } s32x8_sums;
typedef struct { float32x4_t a, b; } f32x8_sums;
#define NEON_FIRST(n) ((n) < 4 ? (n) : 4)
BS_WORD s32x8_sums s32x8_zero(void) { return (s32x8_sums){s32x4_zero(), s32x4_zero()}; }
BS_WORD s32x8_sums s32x8_plus(s32x8_sums v, const int32_t *p) {
    return (s32x8_sums){s32x4_plus(v.a, p), s32x4_plus(v.b, p + 4)};
}
BS_WORD s32x8_sums s32x8_plus_n(s32x8_sums v, const int32_t *p, int n) {
    return (s32x8_sums){s32x4_plus_n(v.a, p, NEON_FIRST(n)), n > 4 ? s32x4_plus_n(v.b, p + 4, n - 4) : v.b};
}
BS_WORD void s32x8_store(int32_t *p, s32x8_sums v) { s32x4_store(p, v.a), s32x4_store(p + 4, v.b); }
BS_WORD void s32x8_store_n(int32_t *p, s32x8_sums v, int n) {
    s32x4_store_n(p, v.a, NEON_FIRST(n));
    if (n > 4) s32x4_store_n(p + 4, v.b, n - 4);
}
BS_WORD void s32x8_finish(float *p, s32x8_sums c, struct bs_grid g, const float *scale, const int32_t *sum,
                          const float *bias, int relu) {
    s32x4_finish(p, c.a, g, scale, sum, bias, relu);
    s32x4_finish(p + 4, c.b, g, scale + 4, sum + 4, bias + 4, relu);
}
BS_WORD void s32x8_finish_n(float *p, s32x8_sums c, struct bs_grid g, const float *scale, const int32_t *sum,
                            const float *bias, int relu, int n) {
    s32x4_finish_n(p, c.a, g, scale, sum, bias, relu, NEON_FIRST(n));
    if (n > 4) s32x4_finish_n(p + 4, c.b, g, scale + 4, sum + 4, bias + 4, relu, n - 4);
}
BS_WORD void s32x8_requant_n(uint8_t *p, s32x8_sums c, const float *multiplier, int32_t zero, int32_t low, int n) {
    s32x4_requant_n(p, c.a, multiplier, zero, low, NEON_FIRST(n));
    if (n > 4) s32x4_requant_n(p + 4, c.b, multiplier + 4, zero, low, n - 4);
}
BS_WORD void s32x8_requant(uint8_t *p, s32x8_sums c, const float *multiplier, int32_t zero, int32_t low) {
    s32x8_requant_n(p, c, multiplier, zero, low, 8);
}
BS_WORD void s32x8_requant_pair(uint8_t *p, s32x8_sums a, s32x8_sums b, const float *multiplier, int32_t zero,
                                int32_t low) {
    s32x8_requant(p, a, multiplier, zero, low), s32x8_requant(p + 8, b, multiplier + 8, zero, low);
}
BS_WORD f32x8_sums s32x8_scales(const uint16_t *p, float unit) {
    return (f32x8_sums){s32x4_scales(p, unit), s32x4_scales(p + 4, unit)};
}
BS_WORD f32x8_sums s32x8_scaled(f32x8_sums f, s32x8_sums c, f32x8_sums scale) {
    return (f32x8_sums){s32x4_scaled(f.a, c.a, scale.a), s32x4_scaled(f.b, c.b, scale.b)};
}
BS_WORD f32x8_sums f32x8_zero(void) { return (f32x8_sums){f32x4_zero(), f32x4_zero()}; }
BS_WORD void f32x8_finish_groups(float *p, f32x8_sums f, struct bs_grid g, const float *sum, const float *bias,
                                 int relu) {
    f32x4_finish_groups(p, f.a, g, sum, bias, relu), f32x4_finish_groups(p + 4, f.b, g, sum + 4, bias + 4, relu);
}
BS_WORD void f32x8_finish_groups_n(float *p, f32x8_sums f, struct bs_grid g, const float *sum, const float *bias,
                                   int relu, int n) {
    f32x4_finish_groups_n(p, f.a, g, sum, bias, relu, NEON_FIRST(n));
    if (n > 4) f32x4_finish_groups_n(p + 4, f.b, g, sum + 4, bias + 4, relu, n - 4);
}

/* Words of accumulators INT that only become 4 x s32 when they are read: INT_settled gives these, INT_of takes them. */
#define NEON_SETTLING_WORDS(INT) \
    BS_WORD INT##_sums INT##_zero(void) { return (INT##_sums){0}; } \
    BS_WORD INT##_sums INT##_plus(INT##_sums v, const int32_t *p) { return INT##_of(s32x4_plus(INT##_settled(v), p)); } \
    BS_WORD INT##_sums INT##_plus_n(INT##_sums v, const int32_t *p, int n) { \
        return INT##_of(s32x4_plus_n(INT##_settled(v), p, n)); \
    } \
    BS_WORD void INT##_store(int32_t *p, INT##_sums v) { s32x4_store(p, INT##_settled(v)); } \
    BS_WORD void INT##_store_n(int32_t *p, INT##_sums v, int n) { s32x4_store_n(p, INT##_settled(v), n); } \
    BS_WORD void INT##_finish(float *p, INT##_sums c, struct bs_grid g, const float *scale, const int32_t *sum, \
                              const float *bias, int relu) { \
        s32x4_finish(p, INT##_settled(c), g, scale, sum, bias, relu); \
    } \
    BS_WORD void INT##_finish_n(float *p, INT##_sums c, struct bs_grid g, const float *scale, const int32_t *sum, \
                                const float *bias, int relu, int n) { \
        s32x4_finish_n(p, INT##_settled(c), g, scale, sum, bias, relu, n); \
    } \
    BS_WORD void INT##_requant(uint8_t *p, INT##_sums c, const float *multiplier, int32_t zero, int32_t low) { \
        s32x4_requant(p, INT##_settled(c), multiplier, zero, low); \
    } \
    BS_WORD void INT##_requant_n(uint8_t *p, INT##_sums c, const float *multiplier, int32_t zero, int32_t low, int n) { \
        s32x4_requant_n(p, INT##_settled(c), multiplier, zero, low, n); \
    } \
    BS_WORD void INT##_requant_pair(uint8_t *p, INT##_sums a, INT##_sums b, const float *multiplier, int32_t zero, \
                                    int32_t low) { \
        s32x4_requant_pair(p, INT##_settled(a), INT##_settled(b), multiplier, zero, low); \
    } \
    BS_WORD float32x4_t INT##_scales(const uint16_t *p, float unit) { return s32x4_scales(p, unit); } \
    BS_WORD float32x4_t INT##_scaled(float32x4_t f, INT##_sums c, float32x4_t scale) { \
        return s32x4_scaled(f, INT##_settled(c), scale); \
    }

/* ---- Tiles of 4 outputs whose weights lie in vectors of [output][4 of depth], two of which are multiplied at a time.
 * CORE says how: CORE_eight is 8 activations, CORE_load reads them, CORE_two adds two vectors' products to INT_sums. ---- */
#define NEON_DOT(T, CORE, INT, BITS, TWOS) \
    typedef struct { CORE##_eight x[TWOS]; } T##_lhs; \
    typedef struct { int8x16_t part[2 * TWOS]; } T##_rhs; \
    BS_U8_WORDS(T, neon_range, neon_quant_u8) \
    BS_INT_WORDS(T, INT, INT##_sums) \
    BS_GROUP_WORDS(T, INT, INT##_sums, f32x4, float32x4_t, 1 << (8 - BITS)) \
    NEON_EIGHTS(T, CORE, TWOS) \
    BS_WORD INT##_sums T##_dot(INT##_sums c, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < TWOS; i++) c = CORE##_two(c, x.x[i], b.part[2 * i], b.part[2 * i + 1]); \
        return c; \
    } \
    BS_WORD void T##_hide_sums(INT##_sums *v) { INT##_sums_hide(v); }
#define NEON_EIGHTS(T, CORE, TWOS) \
    BS_WORD T##_lhs T##_raw(const uint8_t *p) { \
        T##_lhs x; \
        for (int i = 0; i < TWOS; i++) x.x[i] = CORE##_load(p + 8 * i); \
        return x; \
    } \
    BS_WORD T##_lhs T##_raw_tail(const uint8_t *p, int n) { \
        uint8_t all[8 * TWOS] = {0}; \
        memcpy(all, p, (size_t)n); \
        return T##_raw(all); \
    } \
    BS_WORD T##_lhs T##_lhs_load(const uint8_t *p) { return T##_raw(p); } \
    BS_WORD void T##_hide(T##_lhs *x) { \
        for (int i = 0; i < TWOS; i++) CORE##_hide(x->x + i); \
    }
#define NEON_OPAQUE(T, x) _Generic((x), T##_lhs: T##_hide, default: T##_hide_sums)(&(x))
/* 8 of depth of each output lie together: every other 4 of them to either vector */
#define NEON_WHOLE(T) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        int32x4x2_t v = vld2q_s32((const void *)p); \
        return (T##_rhs){{vreinterpretq_s8_s32(v.val[0]), vreinterpretq_s8_s32(v.val[1])}}; \
    }
/* Weights of fewer bits, unpacked in registers. A field of every byte is moved to the byte's top, so that a weight of B
 * bits reads as 2^(8 - B) times itself, sign and all; `settle` and the groups' scales undo that. */
BS_WORD uint8x16_t neon_field(uint8x16_t v, int from, int width, int to) {
    v = to >= from ? v << (to - from) : v >> (from - to);
    return from == 0 && to + width == 8 ? v : v & vdupq_n_u8((uint8_t)(((1 << width) - 1) << to));
}
/* part `i` of the `parts` that the planes of 4, 2 and 1 bits at `p` are put together to */
BS_WORD int8x16_t neon_part(const int8_t *p, int bits, int parts, int i) {
    uint8x16_t code = vdupq_n_u8(0);
    int top = 8;
#pragma GCC unroll 3
    for (int width = 4; width > 0; width /= 2) {
        if (!(bits & width)) continue;
        const int each = 8 / width;
        top -= width;
        code |= neon_field(vld1q_u8((const uint8_t *)p + i / each * 16), i % each * width, width, top);
        p += parts / each * 16;
    }
    return vreinterpretq_s8_u8(code);
}
#define NEON_NARROW(T, CORE, INT, BITS, TWOS) \
    NEON_DOT(T, CORE, INT, BITS, TWOS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < 2 * TWOS; i++) b.part[i] = neon_part(p, BITS, 2 * TWOS, i); \
        return b; \
    } \
    BS_WORD INT##_sums T##_settle(INT##_sums c) { return INT##_of(vshrq_n_s32(INT##_settled(c), 8 - BITS)); }

/* ---- tile dot_pair: 4 outputs x 8 products a step. Two products of s8 and s8 meet in 16 bits, where they come to
 * -32512..32768: one too many, so that every pair begins at -32. An output's four pairs then lack 128, which one more
 * in the sum of its weights makes up for. ---- */
typedef struct { int32x4_t low, high, sum; } pair_sums; /* outputs 0, 0, 1, 1; 2, 2, 3, 3; sums of weights */
typedef struct { int8x16_t a, b; } pair_eight;
BS_WORD int32x4_t pair_settled(pair_sums v) { return vaddq_s32(vpaddq_s32(v.low, v.high), vshlq_n_s32(v.sum, 7)); }
BS_WORD pair_sums pair_of(int32x4_t v) {
    const int32x4_t zero = vdupq_n_s32(0);
    return (pair_sums){vzip1q_s32(v, zero), vzip2q_s32(v, zero), zero};
}
/* not `sum`, which all rows of a block share */
BS_WORD void pair_sums_hide(pair_sums *v) { __asm__ volatile("" : "+w"(v->low), "+w"(v->high)); }
BS_WORD void pair_hide(pair_eight *x) { __asm__ volatile("" : "+w"(x->a), "+w"(x->b)); }
NEON_SETTLING_WORDS(pair)
BS_WORD int8x8_t neon_signed(const uint8_t *p) { return vreinterpret_s8_u8(veor_u8(vld1_u8(p), vdup_n_u8(128))); }
BS_WORD pair_eight pair_load(const uint8_t *p) {
    int32x2_t x = vreinterpret_s32_s8(neon_signed(p));
    return (pair_eight){vreinterpretq_s8_s32(vdupq_lane_s32(x, 0)), vreinterpretq_s8_s32(vdupq_lane_s32(x, 1))};
}
BS_WORD pair_sums pair_two(pair_sums c, pair_eight x, int8x16_t a, int8x16_t b) {
    const int16x8_t begin = vdupq_n_s16(-32), more = vreinterpretq_s16_s32(vdupq_n_s32(1));
    int16x8_t low = vmlal_s8(begin, vget_low_s8(x.a), vget_low_s8(a)), high = vmlal_high_s8(begin, x.a, a);
    c.low = vpadalq_s16(c.low, vmlal_s8(low, vget_low_s8(x.b), vget_low_s8(b)));
    c.high = vpadalq_s16(c.high, vmlal_high_s8(high, x.b, b));
    c.sum = vpadalq_s16(c.sum, vpadalq_s8(vpadalq_s8(more, a), b));
    return c;
}
enum { dot_pair_N = 4, dot_pair_K = 8, dot_pair_ELEM = 1, dot_pair_RHS = 1, dot_pair_REGS = 13 };
NEON_DOT(dot_pair, pair, pair, 8, 1)
NEON_WHOLE(dot_pair)
#define dot_pair_opaque(x) NEON_OPAQUE(dot_pair, x)
enum { dot_pairseptet_N = 4, dot_pairseptet_K = 32, dot_pairseptet_ELEM = 1, dot_pairseptet_BITS = 7, dot_pairseptet_REGS = 9 };
NEON_NARROW(dot_pairseptet, pair, pair, 7, 4)
enum { dot_pairsextet_N = 4, dot_pairsextet_K = 16, dot_pairsextet_ELEM = 1, dot_pairsextet_BITS = 6, dot_pairsextet_REGS = 11 };
NEON_NARROW(dot_pairsextet, pair, pair, 6, 2)
enum { dot_pairquintet_N = 4, dot_pairquintet_K = 32, dot_pairquintet_ELEM = 1, dot_pairquintet_BITS = 5, dot_pairquintet_REGS = 9 };
NEON_NARROW(dot_pairquintet, pair, pair, 5, 4)
enum { dot_pairnibble_N = 4, dot_pairnibble_K = 8, dot_pairnibble_ELEM = 1, dot_pairnibble_BITS = 4, dot_pairnibble_REGS = 12 };
NEON_NARROW(dot_pairnibble, pair, pair, 4, 1)
enum { dot_pairtriplet_N = 4, dot_pairtriplet_K = 32, dot_pairtriplet_ELEM = 1, dot_pairtriplet_BITS = 3, dot_pairtriplet_REGS = 9 };
NEON_NARROW(dot_pairtriplet, pair, pair, 3, 4)
enum { dot_paircrumb_N = 4, dot_paircrumb_K = 16, dot_paircrumb_ELEM = 1, dot_paircrumb_BITS = 2, dot_paircrumb_REGS = 11 };
NEON_NARROW(dot_paircrumb, pair, pair, 2, 2)

/* ---- tile dot_lane: 8 outputs x 4 products a step, widened to 16 bits; for depths that fill no 8 products ---- */
enum { dot_lane_N = 8, dot_lane_K = 4, dot_lane_ELEM = 2, dot_lane_RHS = 1, dot_lane_REGS = 13 };
typedef int16_t dot_lane_elem;
typedef int16x4_t dot_lane_lhs;
typedef struct { int16x8_t depth[4]; } dot_lane_rhs;
BS_INT_WORDS(dot_lane, s32x8, s32x8_sums)
BS_GROUP_WORDS(dot_lane, s32x8, s32x8_sums, f32x8, f32x8_sums, 1)
BS_WORD void dot_lane_range(const float *x, int64_t n, float *low, float *high) { neon_range(x, n, low, high); }
BS_WORD void dot_lane_stage(int16_t *to, const uint8_t *x, int64_t n) { neon_stage_s16(to, x, n); }
BS_WORD void dot_lane_quant(int16_t *to, const float *x, int64_t n, struct bs_grid g) { neon_quant_s16(to, x, n, g); }
BS_WORD void dot_lane_hide(int16x4_t *x) { __asm__ volatile("" : "+w"(*x)); }
BS_WORD void dot_lane_hide_sums(s32x8_sums *v) { __asm__ volatile("" : "+w"(v->a), "+w"(v->b)); }
#define dot_lane_opaque(x) NEON_OPAQUE(dot_lane, x)
BS_WORD int16x4_t dot_lane_raw_tail(const uint8_t *p, int n) {
    uint32_t four = 0;
    memcpy(&four, p, (size_t)n);
    return vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(four))));
}
BS_WORD int16x4_t dot_lane_raw(const uint8_t *p) { return dot_lane_raw_tail(p, 4); }
BS_WORD int16x4_t dot_lane_lhs_load(const int16_t *p) { return vld1_s16(p); }
BS_WORD dot_lane_rhs dot_lane_rhs_load(const int8_t *p) {
    int8x8x4_t v = vld4_s8(p);
    return (dot_lane_rhs){{vmovl_s8(v.val[0]), vmovl_s8(v.val[1]), vmovl_s8(v.val[2]), vmovl_s8(v.val[3])}};
}
BS_WORD s32x8_sums dot_lane_dot(s32x8_sums c, int16x4_t x, dot_lane_rhs b) {
    c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[0]), x, 0), c.b = vmlal_high_lane_s16(c.b, b.depth[0], x, 0);
    c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[1]), x, 1), c.b = vmlal_high_lane_s16(c.b, b.depth[1], x, 1);
    c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[2]), x, 2), c.b = vmlal_high_lane_s16(c.b, b.depth[2], x, 2);
    c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[3]), x, 3), c.b = vmlal_high_lane_s16(c.b, b.depth[3], x, 3);
    return c;
}

/* ---- tiles chain_*: as dot_pair, but products of narrow weights add up in 16 bits until they are widened. Activations are
 * s8, so that a chain comes to no more than half of what the law allows for. ---- */
#define NEON_CHAIN(T, TWOS) \
    typedef struct { pair_eight x[TWOS]; } T##_lhs; \
    typedef struct { int8x16_t part[2 * TWOS]; } T##_rhs; \
    typedef struct { int16x8_t low, high, sum; } T##_sum; \
    BS_U8_WORDS(T, neon_range, neon_quant_u8) \
    BS_INT_WORDS(T, pair, pair_sums) \
    BS_GROUP_WORDS(T, pair, pair_sums, f32x4, float32x4_t, 1) \
    NEON_EIGHTS(T, pair, TWOS) \
    BS_WORD T##_sum T##_none(void) { return (T##_sum){0}; } \
    BS_WORD T##_sum T##_add(T##_sum s, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < 2 * TWOS; i++) { \
            int8x16_t a = i % 2 ? x.x[i / 2].b : x.x[i / 2].a; \
            s.low = vmlal_s8(s.low, vget_low_s8(a), vget_low_s8(b.part[i])); \
            s.high = vmlal_high_s8(s.high, a, b.part[i]); \
            s.sum = vpadalq_s8(s.sum, b.part[i]); \
        } \
        return s; \
    } \
    BS_WORD pair_sums T##_widen(pair_sums c, T##_sum s) { \
        return (pair_sums){vpadalq_s16(c.low, s.low), vpadalq_s16(c.high, s.high), vpadalq_s16(c.sum, s.sum)}; \
    }
#define NEON_CHAIN_NARROW(T, BITS, TWOS) \
    NEON_CHAIN(T, TWOS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < 2 * TWOS; i++) b.part[i] = vshrq_n_s8(neon_part(p, BITS, 2 * TWOS, i), 8 - BITS); \
        return b; \
    }
enum { chain_mlal_N = 4, chain_mlal_K = 8, chain_mlal_ELEM = 1, chain_mlal_RHS = 1, chain_mlal_REGS = 9, chain_mlal_LANES = 2, chain_mlal_OFF = 128 };
NEON_CHAIN(chain_mlal, 1)
NEON_WHOLE(chain_mlal)
#define chain_mlal_opaque(x) chain_mlal_hide(&(x))
enum { chain_nibble_N = 4, chain_nibble_K = 8, chain_nibble_ELEM = 1, chain_nibble_BITS = 4, chain_nibble_REGS = 8, chain_nibble_LANES = 2, chain_nibble_OFF = 128 };
NEON_CHAIN_NARROW(chain_nibble, 4, 1)
#define chain_nibble_opaque(x) chain_nibble_hide(&(x))
enum { chain_crumb_N = 4, chain_crumb_K = 16, chain_crumb_ELEM = 1, chain_crumb_BITS = 2, chain_crumb_REGS = 8, chain_crumb_LANES = 4, chain_crumb_OFF = 128 };
NEON_CHAIN_NARROW(chain_crumb, 2, 2)
#define chain_crumb_opaque(x) chain_crumb_hide(&(x))

/* ---- tile f32_fma: the activation stays in one lane, which the product takes it from ---- */
enum { f32_fma_N = 4, f32_fma_K = 1, f32_fma_ELEM = 4, f32_fma_RHS = 4, f32_fma_REGS = 32 };
typedef float f32_fma_lhs;
BS_REAL_SUMS(f32_fma, f32x4, float32x4_t)
#define f32_fma_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD float f32_fma_raw(const float *p) { return *p; }
BS_WORD float f32_fma_lhs_load(const float *p) { return *p; }
BS_WORD float32x4_t f32_fma_dot(float32x4_t c, float a, float32x4_t b) { return vfmaq_n_f32(c, b, a); }

/* ---- tile dw_mlal: 8 channels, widened to 16 bits ---- */
enum { dw_mlal_N = 8, dw_mlal_ELEM = 1, dw_mlal_RHS = 1, dw_mlal_REGS = 15 };
BS_U8_WORDS(dw_mlal, neon_range, neon_quant_u8)
BS_INT_WORDS(dw_mlal, s32x8, s32x8_sums)
typedef int16x8_t dw_mlal_lhs, dw_mlal_rhs;
BS_WORD int16x8_t dw_mlal_lhs_load(const uint8_t *p) { return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p))); }
BS_WORD int16x8_t dw_mlal_lhs_load_n(const uint8_t *p, int n) {
    uint8_t lanes[8] = {0};
    memcpy(lanes, p, (size_t)n);
    return dw_mlal_lhs_load(lanes);
}
BS_WORD int16x8_t dw_mlal_rhs_load(const int8_t *p) { return vmovl_s8(vld1_s8(p)); }
BS_WORD s32x8_sums dw_mlal_dot(s32x8_sums c, int16x8_t a, int16x8_t b) {
    return (s32x8_sums){vmlal_s16(c.a, vget_low_s16(a), vget_low_s16(b)), vmlal_high_s16(c.b, a, b)};
}

/* ---- tile dwf_fma ---- */
enum { dwf_fma_N = 4, dwf_fma_ELEM = 4, dwf_fma_RHS = 4, dwf_fma_REGS = 32 };
BS_REAL_WORDS(dwf_fma, f32x4, float32x4_t)
#define dwf_fma_lhs_load f32x4_load
#define dwf_fma_lhs_load_n f32x4_load_n
BS_WORD float32x4_t dwf_fma_dot(float32x4_t c, float32x4_t a, float32x4_t b) { return vfmaq_f32(c, a, b); }

#ifdef __aarch64__ /* tbl of 16 bytes, and sums across vectors */
#include "neon_bits.h"
#include "neon_lut.h"
#include "neon_decode.h"
#endif
#endif
