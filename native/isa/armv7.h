/* 32-bit ARM with NEON (armv7-a, neon-vfpv4: Cortex-A7, A15, A17): the products of neon.h from half as many registers, and what
 * arm_neon.h has only for AArch64. NEON of armv7 takes subnormal f32 for zeros, and makes them zeros. */
#ifndef BS_ISA_ARMV7_H
#define BS_ISA_ARMV7_H
#include "scalar.h"
#include <arm_neon.h>
BS_WORD float vminvq_f32(float32x4_t v) {
    float32x2_t two = vpmin_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(vpmin_f32(two, two), 0);
}
BS_WORD float vmaxvq_f32(float32x4_t v) {
    float32x2_t two = vpmax_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(vpmax_f32(two, two), 0);
}
/* halves to even, within 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. What is beyond is beyond any code too. */
BS_WORD int32x4_t vcvtnq_s32_f32(float32x4_t v) {
    const float32x4_t whole = vdupq_n_f32(0x1.8p23f), most = vdupq_n_f32(0x1p21f);
    v = vminq_f32(vmaxq_f32(v, vnegq_f32(most)), most);
    return vcvtq_s32_f32(vsubq_f32(vaddq_f32(v, whole), whole));
}
BS_WORD int16x8_t vmlal_high_s8(int16x8_t c, int8x16_t a, int8x16_t b) {
    return vmlal_s8(c, vget_high_s8(a), vget_high_s8(b));
}
BS_WORD int16x8_t vmull_high_s8(int8x16_t a, int8x16_t b) { return vmull_s8(vget_high_s8(a), vget_high_s8(b)); }
BS_WORD int32x4_t vaddw_high_s16(int32x4_t a, int16x8_t b) { return vaddw_s16(a, vget_high_s16(b)); }
BS_WORD int32x4_t vmlal_high_s16(int32x4_t c, int16x8_t a, int16x8_t b) {
    return vmlal_s16(c, vget_high_s16(a), vget_high_s16(b));
}
#define vmlal_high_lane_s16(c, a, x, i) vmlal_lane_s16(c, vget_high_s16(a), x, i)
BS_WORD int32x4_t vpaddq_s32(int32x4_t a, int32x4_t b) {
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)), vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}
BS_WORD int32x4_t vzip1q_s32(int32x4_t a, int32x4_t b) { return vzipq_s32(a, b).val[0]; }
BS_WORD int32x4_t vzip2q_s32(int32x4_t a, int32x4_t b) { return vzipq_s32(a, b).val[1]; }
BS_WORD float32x4_t vfmaq_n_f32(float32x4_t c, float32x4_t a, float b) { return vfmaq_f32(c, a, vdupq_n_f32(b)); }
#include "neon.h"
#define BS_TILES_ARMV7 "dot_mull dot_mulllane dot_mullseptet dot_mullsextet dot_mullquintet dot_mullnibble dot_mulltriplet dot_mullcrumb chain_long chain_longnibble chain_longcrumb f32_quad dw_mull dwf_quad"

/* ---- tiles dot_mull*: as dot_pair* ---- */
enum { dot_mull_N = 4, dot_mull_K = 8, dot_mull_ELEM = 1, dot_mull_RHS = 1, dot_mull_REGS = 6, dot_mull_LANES = 2, dot_mull_OFF = 128, dot_mull_RUN = 4 };
NEON_DOT(dot_mull, pair, pair, 8, 1)
NEON_WHOLE(dot_mull)
#define dot_mull_opaque(x) NEON_OPAQUE(dot_mull, x)
enum { dot_mullseptet_N = 4, dot_mullseptet_K = 32, dot_mullseptet_ELEM = 1, dot_mullseptet_BITS = 7, dot_mullseptet_REGS = 4, dot_mullseptet_OFF = 128 };
#define dot_mullseptet_plain dot_mull
NEON_NARROW(dot_mullseptet, pair, pair, 7, 4)
enum { dot_mullsextet_N = 4, dot_mullsextet_K = 16, dot_mullsextet_ELEM = 1, dot_mullsextet_BITS = 6, dot_mullsextet_REGS = 4, dot_mullsextet_OFF = 128 };
#define dot_mullsextet_plain dot_mull
NEON_NARROW(dot_mullsextet, pair, pair, 6, 2)
enum { dot_mullquintet_N = 4, dot_mullquintet_K = 32, dot_mullquintet_ELEM = 1, dot_mullquintet_BITS = 5, dot_mullquintet_REGS = 4, dot_mullquintet_OFF = 128 };
#define dot_mullquintet_plain dot_mull
NEON_NARROW(dot_mullquintet, pair, pair, 5, 4)
enum { dot_mullnibble_N = 4, dot_mullnibble_K = 8, dot_mullnibble_ELEM = 1, dot_mullnibble_BITS = 4, dot_mullnibble_REGS = 5, dot_mullnibble_OFF = 128 };
#define dot_mullnibble_plain dot_mull
NEON_NARROW(dot_mullnibble, pair, pair, 4, 1)
enum { dot_mulltriplet_N = 4, dot_mulltriplet_K = 32, dot_mulltriplet_ELEM = 1, dot_mulltriplet_BITS = 3, dot_mulltriplet_REGS = 4, dot_mulltriplet_OFF = 128 };
#define dot_mulltriplet_plain dot_mull
NEON_NARROW(dot_mulltriplet, pair, pair, 3, 4)
enum { dot_mullcrumb_N = 4, dot_mullcrumb_K = 16, dot_mullcrumb_ELEM = 1, dot_mullcrumb_BITS = 2, dot_mullcrumb_REGS = 4, dot_mullcrumb_OFF = 128 };
#define dot_mullcrumb_plain dot_mull
NEON_NARROW(dot_mullcrumb, pair, pair, 2, 2)

/* ---- tile dot_mulllane: as dot_lane ---- */
enum { dot_mulllane_N = 8, dot_mulllane_K = 4, dot_mulllane_ELEM = 2, dot_mulllane_RHS = 1, dot_mulllane_REGS = 6 };
NEON_LANES(dot_mulllane)
#define dot_mulllane_opaque(x) NEON_OPAQUE(dot_mulllane, x)

/* ---- tiles chain_long*: as chain_mlal, chain_nibble and chain_crumb ---- */
enum { chain_long_N = 4, chain_long_K = 8, chain_long_ELEM = 1, chain_long_RHS = 1, chain_long_REGS = 4, chain_long_LANES = 2, chain_long_OFF = 128, chain_long_RUN = 4 };
NEON_CHAIN(chain_long, 1)
NEON_WHOLE(chain_long)
#define chain_long_opaque(x) chain_long_hide(&(x))
enum { chain_longnibble_N = 4, chain_longnibble_K = 8, chain_longnibble_ELEM = 1, chain_longnibble_BITS = 4, chain_longnibble_REGS = 4, chain_longnibble_LANES = 2, chain_longnibble_OFF = 128 };
NEON_CHAIN_NARROW(chain_longnibble, 4, 1)
#define chain_longnibble_opaque(x) chain_longnibble_hide(&(x))
enum { chain_longcrumb_N = 4, chain_longcrumb_K = 16, chain_longcrumb_ELEM = 1, chain_longcrumb_BITS = 2, chain_longcrumb_REGS = 4, chain_longcrumb_LANES = 4, chain_longcrumb_OFF = 128 };
NEON_CHAIN_NARROW(chain_longcrumb, 2, 2)
#define chain_longcrumb_opaque(x) chain_longcrumb_hide(&(x))

/* ---- tile f32_quad: fused products take no activation out of a lane here ---- */
enum { f32_quad_N = 4, f32_quad_K = 1, f32_quad_ELEM = 4, f32_quad_RHS = 4, f32_quad_REGS = 14 };
BS_REAL_WORDS(f32_quad, f32x4, float32x4_t)
#define f32_quad_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD float32x4_t f32_quad_raw(const float *p) { return vld1q_dup_f32(p); }
BS_WORD float32x4_t f32_quad_lhs_load(const float *p) { return vld1q_dup_f32(p); }
BS_WORD float32x4_t f32_quad_dot(float32x4_t c, float32x4_t a, float32x4_t b) { return vfmaq_f32(c, a, b); }

/* ---- tiles of channels, as dw_mlal and dwf_fma ---- */
enum { dw_mull_N = 8, dw_mull_ELEM = 1, dw_mull_RHS = 1, dw_mull_REGS = 7 };
BS_U8_WORDS(dw_mull, neon_range, neon_quant_u8)
BS_INT_WORDS(dw_mull, s32x8, s32x8_sums)
typedef int16x8_t dw_mull_lhs, dw_mull_rhs;
#define dw_mull_lhs_load dw_mlal_lhs_load
#define dw_mull_lhs_load_n dw_mlal_lhs_load_n
#define dw_mull_rhs_load dw_mlal_rhs_load
#define dw_mull_dot dw_mlal_dot
enum { dwf_quad_N = 4, dwf_quad_ELEM = 4, dwf_quad_RHS = 4, dwf_quad_REGS = 15 };
BS_REAL_WORDS(dwf_quad, f32x4, float32x4_t)
#define dwf_quad_lhs_load f32x4_load
#define dwf_quad_lhs_load_n f32x4_load_n
#define dwf_quad_dot dwf_fma_dot
#endif
