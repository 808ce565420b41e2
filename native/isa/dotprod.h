/* ARM dot products (armv8.2-a with dotprod): sdot, exact s8 x s8 into s32. Activations become s8 as in neon.h. */
#ifndef BS_ISA_DOTPROD_H
#define BS_ISA_DOTPROD_H
#include "neon.h"
#define BS_TILES_DOTPROD "dot_sdot dot_sdotfour dot_sdotseptet dot_sdotsextet dot_sdotquintet dot_sdotnibble dot_sdottriplet dot_sdotcrumb f32_fma dw_mlal dw_sdot dwf_fma bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"

typedef int8x8_t sdot_eight;
#define sdot_ROWS NEON_S8
#define sdot_SPARE(BITS) 0
BS_WORD void sdot_hide(int8x8_t *x) { __asm__ volatile("" : "+w"(*x)); }
#define sdot_load neon_signed
#define sdot_staged vld1_s8
BS_WORD int32x4_t sdot_two(int32x4_t c, int8x8_t x, int8x16_t a, int8x16_t b) {
    return vdotq_lane_s32(vdotq_lane_s32(c, a, x, 0), b, x, 1);
}
BS_WORD int32x4_t sdot_weigh(int32x4_t w, int8x16_t a, int8x16_t b) {
    const int8x16_t one = vdupq_n_s8(1);
    return vdotq_s32(vdotq_s32(w, a, one), b, one);
}

/* ---- tile dot_sdot: 4 outputs x 8 products a step ---- */
enum { dot_sdot_N = 4, dot_sdot_K = 8, dot_sdot_ELEM = 1, dot_sdot_RHS = 1, dot_sdot_REGS = 30, dot_sdot_OFF = 128, dot_sdot_RUN = 4 };
NEON_DOT(dot_sdot, sdot, s32x4, 8, 1)
NEON_WHOLE(dot_sdot)
#define dot_sdot_opaque(x) NEON_OPAQUE(dot_sdot, x)
#define dot_sdotseptet_plain dot_sdot
enum { dot_sdotseptet_N = 4, dot_sdotseptet_K = 32, dot_sdotseptet_ELEM = 1, dot_sdotseptet_BITS = 7, dot_sdotseptet_REGS = 22, dot_sdotseptet_OFF = 128 };
NEON_NARROW(dot_sdotseptet, sdot, s32x4, 7, 4)
#define dot_sdotsextet_plain dot_sdot
enum { dot_sdotsextet_N = 4, dot_sdotsextet_K = 16, dot_sdotsextet_ELEM = 1, dot_sdotsextet_BITS = 6, dot_sdotsextet_REGS = 26, dot_sdotsextet_OFF = 128 };
NEON_NARROW(dot_sdotsextet, sdot, s32x4, 6, 2)
#define dot_sdotquintet_plain dot_sdot
enum { dot_sdotquintet_N = 4, dot_sdotquintet_K = 32, dot_sdotquintet_ELEM = 1, dot_sdotquintet_BITS = 5, dot_sdotquintet_REGS = 22, dot_sdotquintet_OFF = 128 };
NEON_NARROW(dot_sdotquintet, sdot, s32x4, 5, 4)
#define dot_sdotnibble_plain dot_sdot
enum { dot_sdotnibble_N = 4, dot_sdotnibble_K = 8, dot_sdotnibble_ELEM = 1, dot_sdotnibble_BITS = 4, dot_sdotnibble_REGS = 28, dot_sdotnibble_OFF = 128 };
NEON_NARROW(dot_sdotnibble, sdot, s32x4, 4, 1)
#define dot_sdottriplet_plain dot_sdot
enum { dot_sdottriplet_N = 4, dot_sdottriplet_K = 32, dot_sdottriplet_ELEM = 1, dot_sdottriplet_BITS = 3, dot_sdottriplet_REGS = 22, dot_sdottriplet_OFF = 128 };
NEON_NARROW(dot_sdottriplet, sdot, s32x4, 3, 4)
#define dot_sdotcrumb_plain dot_sdot
enum { dot_sdotcrumb_N = 4, dot_sdotcrumb_K = 16, dot_sdotcrumb_ELEM = 1, dot_sdotcrumb_BITS = 2, dot_sdotcrumb_REGS = 26, dot_sdotcrumb_OFF = 128 };
NEON_NARROW(dot_sdotcrumb, sdot, s32x4, 2, 2)

/* ---- tile dot_sdotfour: 4 outputs x 4 products a step, for depths that fill no 8 products ---- */
enum { dot_sdotfour_N = 4, dot_sdotfour_K = 4, dot_sdotfour_ELEM = 1, dot_sdotfour_RHS = 1, dot_sdotfour_REGS = 32, dot_sdotfour_OFF = 128,  };
typedef int8x8_t dot_sdotfour_lhs;
typedef int8x16_t dot_sdotfour_rhs;
BS_S8_WORDS(dot_sdotfour, neon_range, neon_stage_s8, neon_quant_s8)
BS_INT_WORDS(dot_sdotfour, s32x4, int32x4_t)
BS_GROUP_WORDS(dot_sdotfour, s32x4, int32x4_t, f32x4, float32x4_t, 1)
#define dot_sdotfour_restore s32x4_restore
#define dot_sdotfour_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD uint8x8_t neon_four(const void *p, int n) {
    uint32_t four = 0;
    memcpy(&four, p, (size_t)n);
    return vcreate_u8(four);
}
BS_WORD int8x8_t dot_sdotfour_raw_tail(const uint8_t *p, int n) {
    return vreinterpret_s8_u8(veor_u8(neon_four(p, n), vdup_n_u8(128)));
}
BS_WORD int8x8_t dot_sdotfour_raw(const uint8_t *p) { return dot_sdotfour_raw_tail(p, 4); }
BS_WORD int8x8_t dot_sdotfour_lhs_load(const int8_t *p) { return vreinterpret_s8_u8(neon_four(p, 4)); }
BS_WORD int8x16_t dot_sdotfour_rhs_load(const int8_t *p) { return vld1q_s8(p); }
BS_WORD int32x4_t dot_sdotfour_dot(int32x4_t c, int8x8_t x, int8x16_t b) { return vdotq_lane_s32(c, b, x, 0); }
BS_WORD int32x4_t dot_sdotfour_weigh(int32x4_t w, int8x16_t b) { return vdotq_s32(w, b, vdupq_n_s8(1)); }

/* ---- four rows of a depthwise window: the 4 bytes of each, turned so that a channel's four are together ---- */
BS_WORD uint8x16_t neon_rows_n(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, int n) {
    const uint8x16_t turn = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    uint32_t rows[4] = {0};
    memcpy(rows, a, (size_t)n), memcpy(rows + 1, b, (size_t)n);
    memcpy(rows + 2, c, (size_t)n), memcpy(rows + 3, d, (size_t)n);
    return vqtbl1q_u8(vreinterpretq_u8_u32(vld1q_u32(rows)), turn);
}

/* ---- tile dw_sdot: 4 channels x 4 taps ---- */
enum { dw_sdot_N = 4, dw_sdot_K = 4, dw_sdot_ELEM = 1, dw_sdot_RHS = 1, dw_sdot_REGS = 30, dw_sdot_OFF = 128 };
BS_U8_WORDS(dw_sdot, neon_range, neon_quant_u8)
BS_INT_WORDS(dw_sdot, s32x4, int32x4_t)
#define dw_sdot_restore s32x4_restore
typedef int8x16_t dw_sdot_lhs, dw_sdot_rhs;
BS_WORD int8x16_t dw_sdot_rhs_load(const int8_t *p) { return vld1q_s8(p); }
BS_WORD int8x16_t dw_sdot_lhs_load_n(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, int n) {
    return vreinterpretq_s8_u8(veorq_u8(neon_rows_n(a, b, c, d, n), vdupq_n_u8(128)));
}
BS_WORD int8x16_t dw_sdot_lhs_load(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    return dw_sdot_lhs_load_n(a, b, c, d, 4);
}
BS_WORD int32x4_t dw_sdot_dot(int32x4_t c, int8x16_t a, int8x16_t b) { return vdotq_s32(c, a, b); }
#endif
