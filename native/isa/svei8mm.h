/* ARM SVE with 8-bit matrix products (Neoverse V1; all cores with SVE2): usdot and usmmla on vectors of any length. Of SVE2's
 * own instructions these products need none. */
#ifndef BS_ISA_SVEI8MM_H
#define BS_ISA_SVEI8MM_H
#if __INCLUDE_LEVEL__ == 0
#error "not to be compiled ahead: GCC 12 ends with a fault where it reads vector types of stated length back"
#endif
#include "i8mm.h"
#include "sve.h"
#define BS_TILES_SVEI8MM "dot_svmmla dot_svmmlaseptet dot_svmmlasextet dot_svmmlaquintet dot_svmmlanibble dot_svmmlatriplet dot_svmmlacrumb dot_svusdot dot_svusdotseptet dot_svusdotsextet dot_svusdotquintet dot_svusdotnibble dot_svusdottriplet dot_svusdotcrumb f32_sv dw_usdot dw_sv dwf_sv bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"

/* ---- tiles dot_svusdot*: 4 products a lane ---- */
typedef sve_u8 svusdot_four;
#define svusdot_ROWS SVE_U8
BS_WORD sve_u8 svusdot_load(const uint8_t *p) { return sve_four(p); }
#define svusdot_staged svusdot_load
BS_WORD sve_s32 svusdot_one(sve_s32 c, sve_u8 x, sve_s8 b) { return svusdot_s32(c, x, b); }
enum { dot_svusdot_N = BS_LANES, dot_svusdot_K = 4, dot_svusdot_ELEM = 1, dot_svusdot_RHS = 1, dot_svusdot_REGS = 32 };
SVE_DOT(dot_svusdot, svusdot, svs32, 8, 1)
SVE_WHOLE(dot_svusdot)
#define dot_svusdot_opaque(x) NEON_OPAQUE(dot_svusdot, x)
enum { dot_svusdotseptet_N = BS_LANES, dot_svusdotseptet_K = 32, dot_svusdotseptet_ELEM = 1, dot_svusdotseptet_BITS = 7, dot_svusdotseptet_REGS = 22 };
#define dot_svusdotseptet_plain dot_svusdot
SVE_NARROW(dot_svusdotseptet, svusdot, svs32, 7, 8)
enum { dot_svusdotsextet_N = BS_LANES, dot_svusdotsextet_K = 16, dot_svusdotsextet_ELEM = 1, dot_svusdotsextet_BITS = 6, dot_svusdotsextet_REGS = 26 };
#define dot_svusdotsextet_plain dot_svusdot
SVE_NARROW(dot_svusdotsextet, svusdot, svs32, 6, 4)
enum { dot_svusdotquintet_N = BS_LANES, dot_svusdotquintet_K = 32, dot_svusdotquintet_ELEM = 1, dot_svusdotquintet_BITS = 5, dot_svusdotquintet_REGS = 22 };
#define dot_svusdotquintet_plain dot_svusdot
SVE_NARROW(dot_svusdotquintet, svusdot, svs32, 5, 8)
enum { dot_svusdotnibble_N = BS_LANES, dot_svusdotnibble_K = 8, dot_svusdotnibble_ELEM = 1, dot_svusdotnibble_BITS = 4, dot_svusdotnibble_REGS = 28 };
#define dot_svusdotnibble_plain dot_svusdot
SVE_NARROW(dot_svusdotnibble, svusdot, svs32, 4, 2)
enum { dot_svusdottriplet_N = BS_LANES, dot_svusdottriplet_K = 32, dot_svusdottriplet_ELEM = 1, dot_svusdottriplet_BITS = 3, dot_svusdottriplet_REGS = 22 };
#define dot_svusdottriplet_plain dot_svusdot
SVE_NARROW(dot_svusdottriplet, svusdot, svs32, 3, 8)
enum { dot_svusdotcrumb_N = BS_LANES, dot_svusdotcrumb_K = 16, dot_svusdotcrumb_ELEM = 1, dot_svusdotcrumb_BITS = 2, dot_svusdotcrumb_REGS = 26 };
#define dot_svusdotcrumb_plain dot_svusdot
SVE_NARROW(dot_svusdotcrumb, svusdot, svs32, 2, 4)

/* ---- tiles dot_svmmla*: 2 rows, 8 products a lane. As dot_usmmla in every 128 bits, which hold 8 weights of two outputs; one
 * vector the first half of the outputs, another the second. ---- */
typedef struct { sve_s32 half[2]; } svmmla_sums; /* in every 128 bits row 0 with two outputs, then row 1 with them */
BS_WORD sve_u8 sve_two_rows(const uint8_t *p, const uint8_t *q) {
    uint64_t rows[2];
    memcpy(rows, p, 8), memcpy(rows + 1, q, 8);
    return svreinterpret_u8_u64(svzip1_u64(svdup_n_u64(rows[0]), svdup_n_u64(rows[1])));
}
#define SVE_ROWS(T, BITS, EIGHTS) \
    typedef struct { sve_u8 x[EIGHTS]; } T##_lhs; \
    typedef struct { sve_s8 part[2 * EIGHTS]; } T##_rhs; \
    typedef svmmla_sums T##_sum; \
    BS_U8_WORDS(T, sve_range, sve_quant_u8) \
    BS_INT_WORDS(T, svs32, sve_s32) \
    BS_GROUP_WORDS(T, svs32, sve_s32, svf32, sve_f32, 1 << (8 - BITS)) \
    BS_WORD T##_lhs T##_raw(const uint8_t *p, const uint8_t *q) { \
        T##_lhs x; \
        for (int i = 0; i < EIGHTS; i++) x.x[i] = sve_two_rows(p + 8 * i, q + 8 * i); \
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
        for (int i = 0; i < EIGHTS; i++) x.x[i] = svld1rq_u8(svptrue_b8(), p + 16 * i); \
        return x; \
    } \
    BS_WORD T##_sum T##_none(void) { return (T##_sum){{svdup_n_s32(0), svdup_n_s32(0)}}; } \
    BS_WORD T##_sum T##_dot(T##_sum s, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < EIGHTS; i++) { \
            s.half[0] = svusmmla_s32(s.half[0], x.x[i], b.part[2 * i]); \
            s.half[1] = svusmmla_s32(s.half[1], x.x[i], b.part[2 * i + 1]); \
        } \
        return s; \
    } \
    BS_WORD sve_s32 T##_row(T##_sum s, int r) { \
        svint64_t a = svreinterpret_s64_s32(s.half[0]), b = svreinterpret_s64_s32(s.half[1]); \
        if (r) return svreinterpret_s32_s64(svuzp2_s64(a, b)); \
        return svreinterpret_s32_s64(svuzp1_s64(a, b)); \
    } \
    BS_WORD void T##_hide(T##_lhs *x) { \
        for (int i = 0; i < EIGHTS; i++) __asm__ volatile("" : "+w"(x->x[i])); \
    } \
    BS_WORD void T##_hide_sums(T##_sum *s) { __asm__ volatile("" : "+w"(s->half[0]), "+w"(s->half[1])); }
#define SVE_NARROW_ROWS(T, BITS, EIGHTS) \
    SVE_ROWS(T, BITS, EIGHTS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < 2 * EIGHTS; i++) \
            b.part[i] = sve_part_of(p + i % 2 * 4 * BS_LANES, BITS, EIGHTS, i / 2, 8 * BS_LANES); \
        return b; \
    } \
    BS_WORD sve_s32 T##_settle(sve_s32 c) { return svasr_n_s32_x(SVE_ALL, c, 8 - BITS); } \
    BS_WORD void T##_unpack(int8_t *to, int64_t next, const int8_t *p) { \
        T##_rhs b = T##_rhs_load(p); \
        for (int i = 0; i < 2 * EIGHTS; i++) \
            svst1_s8(svptrue_b8(), to + i / 2 * next + i % 2 * 4 * BS_LANES, b.part[i]); \
    }
enum { dot_svmmla_M = 2, dot_svmmla_N = BS_LANES, dot_svmmla_K = 8, dot_svmmla_ELEM = 1, dot_svmmla_RHS = 1, dot_svmmla_REGS = 14 };
SVE_ROWS(dot_svmmla, 8, 1)
#define dot_svmmla_opaque(x) NEON_OPAQUE(dot_svmmla, x)
BS_WORD dot_svmmla_rhs dot_svmmla_rhs_load(const int8_t *p) {
    return (dot_svmmla_rhs){{svld1_s8(svptrue_b8(), p), svld1_s8(svptrue_b8(), p + 4 * BS_LANES)}};
}
enum { dot_svmmlaseptet_M = 2, dot_svmmlaseptet_N = BS_LANES, dot_svmmlaseptet_K = 64, dot_svmmlaseptet_ELEM = 1, dot_svmmlaseptet_BITS = 7, dot_svmmlaseptet_REGS = 8, dot_svmmlaseptet_RUN = 8 };
#define dot_svmmlaseptet_plain dot_svmmla
SVE_NARROW_ROWS(dot_svmmlaseptet, 7, 8)
enum { dot_svmmlasextet_M = 2, dot_svmmlasextet_N = BS_LANES, dot_svmmlasextet_K = 32, dot_svmmlasextet_ELEM = 1, dot_svmmlasextet_BITS = 6, dot_svmmlasextet_REGS = 10, dot_svmmlasextet_RUN = 8 };
#define dot_svmmlasextet_plain dot_svmmla
SVE_NARROW_ROWS(dot_svmmlasextet, 6, 4)
enum { dot_svmmlaquintet_M = 2, dot_svmmlaquintet_N = BS_LANES, dot_svmmlaquintet_K = 64, dot_svmmlaquintet_ELEM = 1, dot_svmmlaquintet_BITS = 5, dot_svmmlaquintet_REGS = 8, dot_svmmlaquintet_RUN = 8 };
#define dot_svmmlaquintet_plain dot_svmmla
SVE_NARROW_ROWS(dot_svmmlaquintet, 5, 8)
enum { dot_svmmlanibble_M = 2, dot_svmmlanibble_N = BS_LANES, dot_svmmlanibble_K = 16, dot_svmmlanibble_ELEM = 1, dot_svmmlanibble_BITS = 4, dot_svmmlanibble_REGS = 12, dot_svmmlanibble_RUN = 8 };
#define dot_svmmlanibble_plain dot_svmmla
SVE_NARROW_ROWS(dot_svmmlanibble, 4, 2)
enum { dot_svmmlatriplet_M = 2, dot_svmmlatriplet_N = BS_LANES, dot_svmmlatriplet_K = 64, dot_svmmlatriplet_ELEM = 1, dot_svmmlatriplet_BITS = 3, dot_svmmlatriplet_REGS = 8, dot_svmmlatriplet_RUN = 8 };
#define dot_svmmlatriplet_plain dot_svmmla
SVE_NARROW_ROWS(dot_svmmlatriplet, 3, 8)
enum { dot_svmmlacrumb_M = 2, dot_svmmlacrumb_N = BS_LANES, dot_svmmlacrumb_K = 32, dot_svmmlacrumb_ELEM = 1, dot_svmmlacrumb_BITS = 2, dot_svmmlacrumb_REGS = 10, dot_svmmlacrumb_RUN = 8 };
#define dot_svmmlacrumb_plain dot_svmmla
SVE_NARROW_ROWS(dot_svmmlacrumb, 2, 4)
#endif
