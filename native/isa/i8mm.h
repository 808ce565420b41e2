/* ARM 8-bit matrix products (armv8.6-a, or earlier with i8mm): usdot and usmmla, exact u8 x s8 into s32, without any
 * correction. (smmla and ummla take no mixed signs, and do no more.) */
#ifndef BS_ISA_I8MM_H
#define BS_ISA_I8MM_H
#include "dotprod.h"
#define BS_TILES_I8MM "dot_usmmla dot_usmmlaseptet dot_usmmlasextet dot_usmmlaquintet dot_usmmlanibble dot_usmmlatriplet dot_usmmlacrumb dot_usdot dot_usdotfour dot_usdotseptet dot_usdotsextet dot_usdotquintet dot_usdotnibble dot_usdottriplet dot_usdotcrumb f32_fma dw_mlal dw_usdot dwf_fma bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"

typedef uint8x8_t usdot_eight;
#define usdot_ROWS NEON_U8
#define usdot_SPARE(BITS) 0
BS_WORD void usdot_hide(uint8x8_t *x) { __asm__ volatile("" : "+w"(*x)); }
#define usdot_load vld1_u8
#define usdot_staged vld1_u8
BS_WORD int32x4_t usdot_two(int32x4_t c, uint8x8_t x, int8x16_t a, int8x16_t b) {
    return vsudotq_lane_s32(vsudotq_lane_s32(c, a, x, 0), b, x, 1);
}

/* ---- tile dot_usdot: 4 outputs x 8 products a step ---- */
enum { dot_usdot_N = 4, dot_usdot_K = 8, dot_usdot_ELEM = 1, dot_usdot_RHS = 1, dot_usdot_REGS = 30, dot_usdot_RUN = 4 };
NEON_DOT(dot_usdot, usdot, s32x4, 8, 1)
NEON_WHOLE(dot_usdot)
#define dot_usdot_opaque(x) NEON_OPAQUE(dot_usdot, x)
#define dot_usdotseptet_plain dot_usdot
enum { dot_usdotseptet_N = 4, dot_usdotseptet_K = 32, dot_usdotseptet_ELEM = 1, dot_usdotseptet_BITS = 7, dot_usdotseptet_REGS = 22 };
NEON_NARROW(dot_usdotseptet, usdot, s32x4, 7, 4)
#define dot_usdotsextet_plain dot_usdot
enum { dot_usdotsextet_N = 4, dot_usdotsextet_K = 16, dot_usdotsextet_ELEM = 1, dot_usdotsextet_BITS = 6, dot_usdotsextet_REGS = 26 };
NEON_NARROW(dot_usdotsextet, usdot, s32x4, 6, 2)
#define dot_usdotquintet_plain dot_usdot
enum { dot_usdotquintet_N = 4, dot_usdotquintet_K = 32, dot_usdotquintet_ELEM = 1, dot_usdotquintet_BITS = 5, dot_usdotquintet_REGS = 22 };
NEON_NARROW(dot_usdotquintet, usdot, s32x4, 5, 4)
#define dot_usdotnibble_plain dot_usdot
enum { dot_usdotnibble_N = 4, dot_usdotnibble_K = 8, dot_usdotnibble_ELEM = 1, dot_usdotnibble_BITS = 4, dot_usdotnibble_REGS = 28 };
NEON_NARROW(dot_usdotnibble, usdot, s32x4, 4, 1)
#define dot_usdottriplet_plain dot_usdot
enum { dot_usdottriplet_N = 4, dot_usdottriplet_K = 32, dot_usdottriplet_ELEM = 1, dot_usdottriplet_BITS = 3, dot_usdottriplet_REGS = 22 };
NEON_NARROW(dot_usdottriplet, usdot, s32x4, 3, 4)
#define dot_usdotcrumb_plain dot_usdot
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

/* ---- tiles dot_usmmla*: 2 rows x 4 outputs. A register holds 8 activations of either row, another 8 weights of two outputs;
 * usmmla multiplies each row with each output. ---- */
typedef struct { int32x4_t two[2]; } usmmla_sums; /* row 0 with outputs 0 and 1, row 1 with them; the same of outputs 2 and 3 */
#define I8MM_ROWS(T, BITS, EIGHTS) \
    typedef struct { uint8x16_t x[EIGHTS]; } T##_lhs; \
    typedef struct { int8x16_t part[2 * EIGHTS]; } T##_rhs; \
    typedef usmmla_sums T##_sum; \
    BS_U8_WORDS(T, neon_range, neon_quant_u8) \
    BS_INT_WORDS(T, s32x4, int32x4_t) \
    BS_GROUP_WORDS(T, s32x4, int32x4_t, f32x4, float32x4_t, 1 << (8 - BITS)) \
    BS_WORD T##_lhs T##_raw(const uint8_t *p, const uint8_t *q) { \
        T##_lhs x; \
        for (int i = 0; i + 1 < EIGHTS; i += 2) { \
            uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(p + 8 * i)), b = vreinterpretq_u64_u8(vld1q_u8(q + 8 * i)); \
            x.x[i] = vreinterpretq_u8_u64(vzip1q_u64(a, b)), x.x[i + 1] = vreinterpretq_u8_u64(vzip2q_u64(a, b)); \
        } \
        if (EIGHTS == 1) x.x[0] = vcombine_u8(vld1_u8(p), vld1_u8(q)); \
        return x; \
    } \
    BS_WORD T##_lhs T##_raw_tail(const uint8_t *p, const uint8_t *q, int n) { \
        uint8_t rows[2][8 * EIGHTS] = {{0}}; \
        memcpy(rows[0], p, (size_t)n), memcpy(rows[1], q, (size_t)n); \
        return T##_raw(rows[0], rows[1]); \
    } \
    BS_WORD T##_lhs T##_lhs_load(const uint8_t *p, const uint8_t *q) { return T##_raw(p, q); } \
    BS_WORD T##_lhs T##_lhs_packed(const uint8_t *p) { \
        T##_lhs x; \
        for (int i = 0; i < EIGHTS; i++) x.x[i] = vld1q_u8(p + 16 * i); \
        return x; \
    } \
    BS_WORD T##_sum T##_none(void) { return (T##_sum){{vdupq_n_s32(0), vdupq_n_s32(0)}}; } \
    BS_WORD T##_sum T##_dot(T##_sum s, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < EIGHTS; i++) { \
            s.two[0] = vusmmlaq_s32(s.two[0], x.x[i], b.part[2 * i]); \
            s.two[1] = vusmmlaq_s32(s.two[1], x.x[i], b.part[2 * i + 1]); \
        } \
        return s; \
    } \
    BS_WORD int32x4_t T##_row(T##_sum s, int r) { \
        int64x2_t a = vreinterpretq_s64_s32(s.two[0]), b = vreinterpretq_s64_s32(s.two[1]); \
        return vreinterpretq_s32_s64(r ? vzip2q_s64(a, b) : vzip1q_s64(a, b)); \
    } \
    BS_WORD void T##_hide(T##_lhs *x) { \
        for (int i = 0; i < EIGHTS; i++) __asm__ volatile("" : "+w"(x->x[i])); \
    } \
    BS_WORD void T##_hide_sums(T##_sum *s) { __asm__ volatile("" : "+w"(s->two[0]), "+w"(s->two[1])); }
#define I8MM_NARROW_ROWS(T, BITS, EIGHTS) \
    I8MM_ROWS(T, BITS, EIGHTS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < 2 * EIGHTS; i++) b.part[i] = neon_part_of(p + i % 2 * 16, BITS, EIGHTS, i / 2, 32); \
        return b; \
    } \
    BS_WORD int32x4_t T##_settle(int32x4_t c) { return vshrq_n_s32(c, 8 - BITS); } \
    BS_WORD void T##_unpack(int8_t *to, int64_t next, const int8_t *p) { \
        T##_rhs b = T##_rhs_load(p); \
        for (int i = 0; i < 2 * EIGHTS; i++) vst1q_s8(to + i / 2 * next + i % 2 * 16, b.part[i]); \
    }
enum { dot_usmmla_M = 2, dot_usmmla_N = 4, dot_usmmla_K = 8, dot_usmmla_ELEM = 1, dot_usmmla_RHS = 1, dot_usmmla_REGS = 14 };
I8MM_ROWS(dot_usmmla, 8, 1)
#define dot_usmmla_opaque(x) NEON_OPAQUE(dot_usmmla, x)
BS_WORD dot_usmmla_rhs dot_usmmla_rhs_load(const int8_t *p) { return (dot_usmmla_rhs){{vld1q_s8(p), vld1q_s8(p + 16)}}; }
enum { dot_usmmlaseptet_M = 2, dot_usmmlaseptet_N = 4, dot_usmmlaseptet_K = 64, dot_usmmlaseptet_ELEM = 1, dot_usmmlaseptet_BITS = 7, dot_usmmlaseptet_REGS = 8, dot_usmmlaseptet_RUN = 8 };
#define dot_usmmlaseptet_plain dot_usmmla
I8MM_NARROW_ROWS(dot_usmmlaseptet, 7, 8)
enum { dot_usmmlasextet_M = 2, dot_usmmlasextet_N = 4, dot_usmmlasextet_K = 32, dot_usmmlasextet_ELEM = 1, dot_usmmlasextet_BITS = 6, dot_usmmlasextet_REGS = 10, dot_usmmlasextet_RUN = 8 };
#define dot_usmmlasextet_plain dot_usmmla
I8MM_NARROW_ROWS(dot_usmmlasextet, 6, 4)
enum { dot_usmmlaquintet_M = 2, dot_usmmlaquintet_N = 4, dot_usmmlaquintet_K = 64, dot_usmmlaquintet_ELEM = 1, dot_usmmlaquintet_BITS = 5, dot_usmmlaquintet_REGS = 8, dot_usmmlaquintet_RUN = 8 };
#define dot_usmmlaquintet_plain dot_usmmla
I8MM_NARROW_ROWS(dot_usmmlaquintet, 5, 8)
enum { dot_usmmlanibble_M = 2, dot_usmmlanibble_N = 4, dot_usmmlanibble_K = 16, dot_usmmlanibble_ELEM = 1, dot_usmmlanibble_BITS = 4, dot_usmmlanibble_REGS = 12, dot_usmmlanibble_RUN = 8 };
#define dot_usmmlanibble_plain dot_usmmla
I8MM_NARROW_ROWS(dot_usmmlanibble, 4, 2)
enum { dot_usmmlatriplet_M = 2, dot_usmmlatriplet_N = 4, dot_usmmlatriplet_K = 64, dot_usmmlatriplet_ELEM = 1, dot_usmmlatriplet_BITS = 3, dot_usmmlatriplet_REGS = 8, dot_usmmlatriplet_RUN = 8 };
#define dot_usmmlatriplet_plain dot_usmmla
I8MM_NARROW_ROWS(dot_usmmlatriplet, 3, 8)
enum { dot_usmmlacrumb_M = 2, dot_usmmlacrumb_N = 4, dot_usmmlacrumb_K = 32, dot_usmmlacrumb_ELEM = 1, dot_usmmlacrumb_BITS = 2, dot_usmmlacrumb_REGS = 10, dot_usmmlacrumb_RUN = 8 };
#define dot_usmmlacrumb_plain dot_usmmla
I8MM_NARROW_ROWS(dot_usmmlacrumb, 2, 4)

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
