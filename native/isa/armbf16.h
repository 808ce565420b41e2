/* ARM bf16 (armv8.6-a, or earlier with bf16): bfdot and bfmmla, pairs of bf16 products onto f32. Everything else is that of i8mm. */
#ifndef BS_ISA_ARMBF16_H
#define BS_ISA_ARMBF16_H
#include "i8mm.h"
#define BS_TILES_ARMBF16 "dot_usmmla dot_usmmlaseptet dot_usmmlasextet dot_usmmlaquintet dot_usmmlanibble dot_usmmlatriplet dot_usmmlacrumb dot_usdot dot_usdotfour dot_usdotseptet dot_usdotsextet dot_usdotquintet dot_usdotnibble dot_usdottriplet dot_usdotcrumb f32_fma dw_mlal dw_usdot dwf_fma bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon bfdot_bfmmla bfdot_bfpair"

/* ---- tile bfdot_bfpair: 4 outputs x 4 products a step. The instruction takes subnormal numbers for zeros and makes them zeros;
 * it adds the two products of a pair, then the sum, both times rounding to odd: off by less than twice what nearest is. ---- */
enum { bfdot_bfpair_N = 4, bfdot_bfpair_K = 4, bfdot_bfpair_ELEM = 2, bfdot_bfpair_RHS = 2, bfdot_bfpair_REGS = 30 };
BS_CODED_SUMS(bfdot_bfpair, f32x4, float32x4_t, 1)
typedef uint16_t bfdot_bfpair_elem;
typedef bfloat16x4_t bfdot_bfpair_lhs;
typedef struct { bfloat16x8_t a, b; } bfdot_bfpair_rhs;
#define bfdot_bfpair_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD void bfdot_bfpair_stage_bf16(uint16_t *to, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1_u16(to + i, vshrn_n_u32(neon_to_bf16(x + i), 16));
    for (; i < n; i++) to[i] = bs_to_bfloat(x[i]);
}
BS_WORD bfloat16x4_t bfdot_bfpair_lhs_load(const uint16_t *p) { return vreinterpret_bf16_u16(vld1_u16(p)); }
/* 4 of depth of each output lie together: every other 2 of them to either vector */
BS_WORD bfdot_bfpair_rhs bfdot_bfpair_rhs_load(const void *p) {
    int32x4x2_t v = vld2q_s32(p);
    return (bfdot_bfpair_rhs){vreinterpretq_bf16_s32(v.val[0]), vreinterpretq_bf16_s32(v.val[1])};
}
BS_WORD float32x4_t bfdot_bfpair_dot(float32x4_t c, bfloat16x4_t x, bfdot_bfpair_rhs b) {
    return vbfdotq_lane_f32(vbfdotq_lane_f32(c, b.a, x, 0), b.b, x, 1);
}

/* ---- tile bfdot_bfmmla: 2 rows x 4 outputs x 4 products a step, as dot_usmmla; each sum is made as that of bfdot ---- */
enum { bfdot_bfmmla_M = 2, bfdot_bfmmla_N = 4, bfdot_bfmmla_K = 4, bfdot_bfmmla_ELEM = 2, bfdot_bfmmla_RHS = 2, bfdot_bfmmla_REGS = 14 };
BS_CODED_SUMS(bfdot_bfmmla, f32x4, float32x4_t, 1)
typedef uint16_t bfdot_bfmmla_elem;
typedef bfloat16x8_t bfdot_bfmmla_lhs; /* 4 of either row */
typedef struct { bfloat16x8_t two[2]; } bfdot_bfmmla_rhs; /* 4 of depth of two outputs each */
typedef struct { float32x4_t two[2]; } bfdot_bfmmla_sum;  /* as usmmla_sums */
#define bfdot_bfmmla_stage_bf16 bfdot_bfpair_stage_bf16
#define bfdot_bfmmla_opaque(x) NEON_OPAQUE(bfdot_bfmmla, x)
BS_WORD void bfdot_bfmmla_hide(bfloat16x8_t *x) { __asm__ volatile("" : "+w"(*x)); }
BS_WORD void bfdot_bfmmla_hide_sums(bfdot_bfmmla_sum *s) { __asm__ volatile("" : "+w"(s->two[0]), "+w"(s->two[1])); }
BS_WORD bfloat16x8_t bfdot_bfmmla_lhs_load(const uint16_t *p, const uint16_t *q) {
    return vreinterpretq_bf16_u16(vcombine_u16(vld1_u16(p), vld1_u16(q)));
}
BS_WORD bfloat16x8_t bfdot_bfmmla_lhs_packed(const uint16_t *p) { return vreinterpretq_bf16_u16(vld1q_u16(p)); }
BS_WORD bfdot_bfmmla_rhs bfdot_bfmmla_rhs_load(const void *p) {
    const uint16_t *codes = p;
    return (bfdot_bfmmla_rhs){{vreinterpretq_bf16_u16(vld1q_u16(codes)), vreinterpretq_bf16_u16(vld1q_u16(codes + 8))}};
}
BS_WORD bfdot_bfmmla_sum bfdot_bfmmla_none(void) { return (bfdot_bfmmla_sum){{vdupq_n_f32(0), vdupq_n_f32(0)}}; }
BS_WORD bfdot_bfmmla_sum bfdot_bfmmla_dot(bfdot_bfmmla_sum s, bfloat16x8_t x, bfdot_bfmmla_rhs b) {
    return (bfdot_bfmmla_sum){{vbfmmlaq_f32(s.two[0], x, b.two[0]), vbfmmlaq_f32(s.two[1], x, b.two[1])}};
}
BS_WORD float32x4_t bfdot_bfmmla_row(bfdot_bfmmla_sum s, int r) {
    int64x2_t a = vreinterpretq_s64_f32(s.two[0]), b = vreinterpretq_s64_f32(s.two[1]);
    return vreinterpretq_f32_s64(r ? vzip2q_s64(a, b) : vzip1q_s64(a, b));
}
#endif
