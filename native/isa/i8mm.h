/* ARM 8-bit matrix products (armv8.6-a, or earlier with i8mm): usdot, exact u8 x s8 into s32, without any correction.
 * The 2 x 2 products of usmmla are no words of a tile, whose sums are those of one row. */
#ifndef BS_ISA_I8MM_H
#define BS_ISA_I8MM_H
#include "dotprod.h"
#define BS_TILES_I8MM "dot_usdot dot_usdotfour dot_usdotseptet dot_usdotsextet dot_usdotquintet dot_usdotnibble dot_usdottriplet dot_usdotcrumb f32_fma dw_mlal dw_usdot dwf_fma bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"

typedef uint8x8_t usdot_eight;
BS_WORD void usdot_hide(uint8x8_t *x) { __asm__ volatile("" : "+w"(*x)); }
BS_WORD uint8x8_t usdot_load(const uint8_t *p) { return vld1_u8(p); }
BS_WORD int32x4_t usdot_two(int32x4_t c, uint8x8_t x, int8x16_t a, int8x16_t b) {
    return vsudotq_lane_s32(vsudotq_lane_s32(c, a, x, 0), b, x, 1);
}

/* ---- tile dot_usdot: 4 outputs x 8 products a step ---- */
enum { dot_usdot_N = 4, dot_usdot_K = 8, dot_usdot_ELEM = 1, dot_usdot_RHS = 1, dot_usdot_REGS = 30 };
NEON_DOT(dot_usdot, usdot, s32x4, 8, 1)
NEON_WHOLE(dot_usdot)
#define dot_usdot_opaque(x) NEON_OPAQUE(dot_usdot, x)
enum { dot_usdotseptet_N = 4, dot_usdotseptet_K = 32, dot_usdotseptet_ELEM = 1, dot_usdotseptet_BITS = 7, dot_usdotseptet_REGS = 22 };
NEON_NARROW(dot_usdotseptet, usdot, s32x4, 7, 4)
enum { dot_usdotsextet_N = 4, dot_usdotsextet_K = 16, dot_usdotsextet_ELEM = 1, dot_usdotsextet_BITS = 6, dot_usdotsextet_REGS = 26 };
NEON_NARROW(dot_usdotsextet, usdot, s32x4, 6, 2)
enum { dot_usdotquintet_N = 4, dot_usdotquintet_K = 32, dot_usdotquintet_ELEM = 1, dot_usdotquintet_BITS = 5, dot_usdotquintet_REGS = 22 };
NEON_NARROW(dot_usdotquintet, usdot, s32x4, 5, 4)
enum { dot_usdotnibble_N = 4, dot_usdotnibble_K = 8, dot_usdotnibble_ELEM = 1, dot_usdotnibble_BITS = 4, dot_usdotnibble_REGS = 28 };
NEON_NARROW(dot_usdotnibble, usdot, s32x4, 4, 1)
enum { dot_usdottriplet_N = 4, dot_usdottriplet_K = 32, dot_usdottriplet_ELEM = 1, dot_usdottriplet_BITS = 3, dot_usdottriplet_REGS = 22 };
NEON_NARROW(dot_usdottriplet, usdot, s32x4, 3, 4)
enum { dot_usdotcrumb_N = 4, dot_usdotcrumb_K = 16, dot_usdotcrumb_ELEM = 1, dot_usdotcrumb_BITS = 2, dot_usdotcrumb_REGS = 26 };
NEON_NARROW(dot_usdotcrumb, usdot, s32x4, 2, 2)

/* ---- tile dot_usdotfour: 4 outputs x 4 products a step, for depths that fill no 8 products ---- */
enum { dot_usdotfour_N = 4, dot_usdotfour_K = 4, dot_usdotfour_ELEM = 1, dot_usdotfour_RHS = 1, dot_usdotfour_REGS = 32 };
BS_U8_WORDS(dot_usdotfour, neon_range, neon_quant_u8)
BS_INT_WORDS(dot_usdotfour, s32x4, int32x4_t)
BS_GROUP_WORDS(dot_usdotfour, s32x4, int32x4_t, f32x4, float32x4_t, 1)
typedef uint8x8_t dot_usdotfour_lhs;
typedef int8x16_t dot_usdotfour_rhs;
#define dot_usdotfour_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD uint8x8_t dot_usdotfour_raw(const uint8_t *p) { return neon_four(p, 4); }
#define dot_usdotfour_raw_tail neon_four
#define dot_usdotfour_lhs_load dot_usdotfour_raw
BS_WORD int8x16_t dot_usdotfour_rhs_load(const int8_t *p) { return vld1q_s8(p); }
BS_WORD int32x4_t dot_usdotfour_dot(int32x4_t c, uint8x8_t x, int8x16_t b) { return vsudotq_lane_s32(c, b, x, 0); }

/* ---- tile dw_usdot: 4 channels x 4 taps ---- */
enum { dw_usdot_N = 4, dw_usdot_K = 4, dw_usdot_ELEM = 1, dw_usdot_RHS = 1, dw_usdot_REGS = 30 };
BS_U8_WORDS(dw_usdot, neon_range, neon_quant_u8)
BS_INT_WORDS(dw_usdot, s32x4, int32x4_t)
typedef uint8x16_t dw_usdot_lhs;
typedef int8x16_t dw_usdot_rhs;
BS_WORD int8x16_t dw_usdot_rhs_load(const int8_t *p) { return vld1q_s8(p); }
#define dw_usdot_lhs_load_n neon_rows_n
BS_WORD uint8x16_t dw_usdot_lhs_load(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    return neon_rows_n(a, b, c, d, 4);
}
BS_WORD int32x4_t dw_usdot_dot(int32x4_t c, uint8x16_t a, int8x16_t b) { return vusdotq_s32(c, a, b); }
#endif
