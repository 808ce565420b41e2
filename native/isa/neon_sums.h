/* NEON: rows of activations, and accumulators of 4 and 8 lanes with their words, for all headers of ARM. */
#ifndef BS_ISA_NEON_SUMS_H
#define BS_ISA_NEON_SUMS_H
#include "scalar.h"
#include <arm_neon.h>

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
BS_WORD int8x8_t neon_signed(const uint8_t *p) { return vreinterpret_s8_u8(veor_u8(vld1_u8(p), vdup_n_u8(128))); }
BS_WORD void neon_stage_s8(int8_t *to, const uint8_t *x, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) vst1_s8(to + i, neon_signed(x + i));
    scalar_stage_s8(to + i, x + i, n - i);
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
BS_WORD void neon_quant_s8(int8_t *to, const float *x, int64_t n, struct bs_grid g) {
    int64_t i = 0;
    for (; i + 8 <= n && !g.shift; i += 8)
        vst1_s8(to + i, vreinterpret_s8_u8(veor_u8(neon_codes(x + i, g), vdup_n_u8(128))));
    scalar_quant_s8(to + i, x + i, n - i, g);
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
BS_WORD int32x4_t s32x4_restore(int32x4_t c, int32x4_t w) { return vaddq_s32(c, vshlq_n_s32(w, 7)); }
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
/* f32 rounded to bf16 in the high halves; the low halves are not cleared of what rounding leaves */
BS_WORD uint32x4_t neon_to_bf16(const float *x) {
    const uint32x4_t v = vreinterpretq_u32_f32(vld1q_f32(x)), sign = vdupq_n_u32(0x80000000);
    uint32x4_t size = vminq_u32(vbicq_u32(v, sign), vdupq_n_u32(0x7F7F0000));
    size = vaddq_u32(size, vaddq_u32(vandq_u32(vshrq_n_u32(v, 16), vdupq_n_u32(1)), vdupq_n_u32(0x7FFF)));
    return vorrq_u32(size, vandq_u32(v, sign));
}
#ifdef __aarch64__
BS_WORD void f32x4_stage_f16(float *to, const float *x, int64_t n) {
    const float32x4_t most = vdupq_n_f32(65504.0f);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t v = vminq_f32(vmaxq_f32(vld1q_f32(x + i), vnegq_f32(most)), most);
        vst1q_f32(to + i, vcvt_f32_f16(vcvt_f16_f32(v)));
    }
    scalar_stage_f16(to + i, x + i, n - i);
}
BS_WORD void f32x4_stage_bf16(float *to, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(to + i, vreinterpretq_f32_u32(vandq_u32(neon_to_bf16(x + i), vdupq_n_u32(0xFFFF0000))));
    scalar_stage_bf16(to + i, x + i, n - i);
}
#else /* which takes subnormal numbers for zeros */
#define f32x4_stage_f16 scalar_stage_f16
#define f32x4_stage_bf16 scalar_stage_bf16
#endif
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

/* Words of accumulators INT that only become those of S32 when they are read: INT_settled gives these, INT_of takes them. */
#define NEON_SETTLING_WORDS(INT, S32, REAL_T) \
    BS_WORD INT##_sums INT##_zero(void) { return (INT##_sums){0}; } \
    BS_WORD INT##_sums INT##_plus(INT##_sums v, const int32_t *p) { return INT##_of(S32##_plus(INT##_settled(v), p)); } \
    BS_WORD INT##_sums INT##_plus_n(INT##_sums v, const int32_t *p, int n) { \
        return INT##_of(S32##_plus_n(INT##_settled(v), p, n)); \
    } \
    BS_WORD void INT##_store(int32_t *p, INT##_sums v) { S32##_store(p, INT##_settled(v)); } \
    BS_WORD void INT##_store_n(int32_t *p, INT##_sums v, int n) { S32##_store_n(p, INT##_settled(v), n); } \
    BS_WORD void INT##_finish(float *p, INT##_sums c, struct bs_grid g, const float *scale, const int32_t *sum, \
                              const float *bias, int relu) { \
        S32##_finish(p, INT##_settled(c), g, scale, sum, bias, relu); \
    } \
    BS_WORD void INT##_finish_n(float *p, INT##_sums c, struct bs_grid g, const float *scale, const int32_t *sum, \
                                const float *bias, int relu, int n) { \
        S32##_finish_n(p, INT##_settled(c), g, scale, sum, bias, relu, n); \
    } \
    BS_WORD void INT##_requant(uint8_t *p, INT##_sums c, const float *multiplier, int32_t zero, int32_t low) { \
        S32##_requant(p, INT##_settled(c), multiplier, zero, low); \
    } \
    BS_WORD void INT##_requant_n(uint8_t *p, INT##_sums c, const float *multiplier, int32_t zero, int32_t low, int n) { \
        S32##_requant_n(p, INT##_settled(c), multiplier, zero, low, n); \
    } \
    BS_WORD void INT##_requant_pair(uint8_t *p, INT##_sums a, INT##_sums b, const float *multiplier, int32_t zero, \
                                    int32_t low) { \
        S32##_requant_pair(p, INT##_settled(a), INT##_settled(b), multiplier, zero, low); \
    } \
    BS_WORD REAL_T INT##_scales(const uint16_t *p, float unit) { return S32##_scales(p, unit); } \
    BS_WORD REAL_T INT##_scaled(REAL_T f, INT##_sums c, REAL_T scale) { \
        return S32##_scaled(f, INT##_settled(c), scale); \
    }
#endif
