/* ARM SVE: the words of vectors whose length the CPU leaves open, compiled for one length (-msve-vector-bits). sdot: exact
 * s8 x s8 into s32; activations become s8 as in neon.h. What SVE cores have of NEON besides, except for the products of
 * bytes, is in neon.h. */
#ifndef BS_ISA_SVE_H
#define BS_ISA_SVE_H
#if __INCLUDE_LEVEL__ == 0
#error "not to be compiled ahead: GCC 12 ends with a fault where it reads vector types of stated length back"
#endif
#include "neon.h"
#include <arm_sve.h>
#if __ARM_FEATURE_SVE_BITS == 0
#error "the length of vectors is missing: -msve-vector-bits=N"
#endif
/* 32-bit lanes of a vector: what the tool reads in the name of the instruction set, sve-256 */
#define BS_LANES (__ARM_FEATURE_SVE_BITS / 32)
#define BS_TILES_SVE "dot_svdot dot_svdotseptet dot_svdotsextet dot_svdotquintet dot_svdotnibble dot_svdottriplet dot_svdotcrumb chain_mlal chain_nibble chain_crumb f32_sv dw_sv dwf_sv bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"
#define SVE_VECTOR __attribute__((arm_sve_vector_bits(__ARM_FEATURE_SVE_BITS)))
typedef svint32_t sve_s32 SVE_VECTOR;
typedef svfloat32_t sve_f32 SVE_VECTOR;
typedef svint8_t sve_s8 SVE_VECTOR;
typedef svuint8_t sve_u8 SVE_VECTOR;
#define SVE_ALL svptrue_b32()
#define SVE_FIRST(n) svwhilelt_b32((int64_t)0, (int64_t)(n))

/* ---- whole rows ---- */
BS_WORD void sve_range(const float *x, int64_t n, float *low, float *high) {
    /* four chains hide the latency of min and max */
    sve_f32 lo[4], hi[4];
    for (int j = 0; j < 4; j++) lo[j] = svdup_n_f32(*low), hi[j] = svdup_n_f32(*high);
    int64_t i = 0;
    for (; i + 4 * BS_LANES <= n; i += 4 * BS_LANES)
        for (int j = 0; j < 4; j++) {
            sve_f32 v = svld1_f32(SVE_ALL, x + i + BS_LANES * j);
            lo[j] = svmin_f32_x(SVE_ALL, lo[j], v), hi[j] = svmax_f32_x(SVE_ALL, hi[j], v);
        }
    for (; i < n; i += BS_LANES) {
        svbool_t some = SVE_FIRST(n - i);
        sve_f32 v = svld1_f32(some, x + i);
        lo[0] = svmin_f32_m(some, lo[0], v), hi[0] = svmax_f32_m(some, hi[0], v);
    }
    for (int j = 1; j < 4; j++) lo[0] = svmin_f32_x(SVE_ALL, lo[0], lo[j]), hi[0] = svmax_f32_x(SVE_ALL, hi[0], hi[j]);
    *low = svminv_f32(SVE_ALL, lo[0]), *high = svmaxv_f32(SVE_ALL, hi[0]);
}
/* codes less `off` */
BS_WORD void sve_quant(uint8_t *to, const float *x, int64_t n, struct bs_grid g, int32_t off) {
    for (int64_t i = 0; i < n; i += BS_LANES) {
        svbool_t some = SVE_FIRST(n - i);
        sve_f32 y = svrintn_f32_x(some, svmul_n_f32_x(some, svld1_f32(some, x + i), g.inverse));
        sve_s32 q = svadd_n_s32_x(some, svcvt_s32_f32_x(some, y), g.zero);
        q = svsub_n_s32_x(some, svmin_n_s32_x(some, svmax_n_s32_x(some, q, 0), g.top), off);
        svst1b_s32(some, (int8_t *)to + i, q);
    }
}
BS_WORD void sve_quant_u8(uint8_t *to, const float *x, int64_t n, struct bs_grid g) {
    if (g.shift) scalar_quant_u8(to, x, n, g);
    else sve_quant(to, x, n, g, 0);
}
BS_WORD void sve_quant_s8(int8_t *to, const float *x, int64_t n, struct bs_grid g) {
    if (g.shift) scalar_quant_s8(to, x, n, g);
    else sve_quant((uint8_t *)to, x, n, g, 128);
}

/* ---- accumulators: a vector of s32, and of f32 ---- */
typedef sve_s32 svs32_sums;
BS_WORD sve_s32 svs32_settled(sve_s32 v) { return v; }
BS_WORD sve_s32 svs32_of(sve_s32 v) { return v; }
BS_WORD sve_s32 svs32_restore(sve_s32 c, sve_s32 w) { return svadd_s32_x(SVE_ALL, c, svlsl_n_s32_x(SVE_ALL, w, 7)); }
BS_WORD void svs32_sums_hide(sve_s32 *v) { __asm__ volatile("" : "+w"(*v)); }
BS_WORD sve_s32 svs32_zero(void) { return svdup_n_s32(0); }
BS_WORD sve_s32 svs32_plus(sve_s32 v, const int32_t *p) { return svadd_s32_x(SVE_ALL, v, svld1_s32(SVE_ALL, p)); }
BS_WORD sve_s32 svs32_plus_n(sve_s32 v, const int32_t *p, int n) {
    return svadd_s32_x(SVE_ALL, v, svld1_s32(SVE_FIRST(n), p));
}
BS_WORD void svs32_store(int32_t *p, sve_s32 v) { svst1_s32(SVE_ALL, p, v); }
BS_WORD void svs32_store_n(int32_t *p, sve_s32 v, int n) { svst1_s32(SVE_FIRST(n), p, v); }
BS_WORD sve_f32 svf32_zero(void) { return svdup_n_f32(0); }
BS_WORD sve_f32 svf32_same(float x) { return svdup_n_f32(x); }
BS_WORD sve_f32 svf32_load(const float *p) { return svld1_f32(SVE_ALL, p); }
BS_WORD sve_f32 svf32_load_n(const float *p, int n) { return svld1_f32(SVE_FIRST(n), p); }
BS_WORD sve_f32 svf32_plus(sve_f32 v, const float *p) { return svadd_f32_x(SVE_ALL, v, svld1_f32(SVE_ALL, p)); }
BS_WORD sve_f32 svf32_plus_n(sve_f32 v, const float *p, int n) {
    return svadd_f32_m(SVE_FIRST(n), v, svld1_f32(SVE_FIRST(n), p));
}
BS_WORD void svf32_store(float *p, sve_f32 v) { svst1_f32(SVE_ALL, p, v); }
BS_WORD void svf32_store_n(float *p, sve_f32 v, int n) { svst1_f32(SVE_FIRST(n), p, v); }
#define svf32_stage_f16 scalar_stage_f16
#define svf32_stage_bf16 scalar_stage_bf16
BS_WORD sve_f32 svf32_biased(sve_f32 c, const float *bias, int relu) {
    c = svadd_f32_x(SVE_ALL, c, svld1_f32(SVE_ALL, bias));
    if (relu) c = svmax_n_f32_x(SVE_ALL, c, 0);
    return c;
}
BS_WORD void svf32_finish(float *p, sve_f32 c, const float *bias, int relu) {
    svf32_store(p, svf32_biased(c, bias, relu));
}
BS_WORD void svf32_finish_n(float *p, sve_f32 c, const float *bias, int relu, int n) {
    svf32_store_n(p, svf32_biased(c, bias, relu), n);
}
BS_WORD sve_f32 svf32_dequant(sve_f32 f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    sve_f32 points = svmul_n_f32_x(SVE_ALL, svld1_f32(SVE_ALL, sum), (float)g.zero);
    f = svsub_f32_x(SVE_ALL, svmul_n_f32_x(SVE_ALL, f, (float)(1 << g.shift)), points);
    return svf32_biased(svmul_n_f32_x(SVE_ALL, f, g.scale), bias, relu);
}
BS_WORD void svf32_finish_groups(float *p, sve_f32 f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    svf32_store(p, svf32_dequant(f, g, sum, bias, relu));
}
BS_WORD void svf32_finish_groups_n(float *p, sve_f32 f, struct bs_grid g, const float *sum, const float *bias, int relu,
                                   int n) {
    svf32_store_n(p, svf32_dequant(f, g, sum, bias, relu), n);
}
BS_WORD sve_f32 svs32_dequant(sve_s32 c, struct bs_grid g, const float *scale, const int32_t *sum, const float *bias,
                              int relu) {
    c = svlsl_n_s32_x(SVE_ALL, c, (uint32_t)g.shift);
    c = svmls_n_s32_x(SVE_ALL, c, svld1_s32(SVE_ALL, sum), g.zero);
    sve_f32 by = svmul_n_f32_x(SVE_ALL, svld1_f32(SVE_ALL, scale), g.scale);
    return svf32_biased(svmul_f32_x(SVE_ALL, svcvt_f32_s32_x(SVE_ALL, c), by), bias, relu);
}
BS_WORD void svs32_finish(float *p, sve_s32 c, struct bs_grid g, const float *scale, const int32_t *sum,
                          const float *bias, int relu) {
    svf32_store(p, svs32_dequant(c, g, scale, sum, bias, relu));
}
BS_WORD void svs32_finish_n(float *p, sve_s32 c, struct bs_grid g, const float *scale, const int32_t *sum,
                            const float *bias, int relu, int n) {
    svf32_store_n(p, svs32_dequant(c, g, scale, sum, bias, relu), n);
}
BS_WORD void svs32_requant_n(uint8_t *p, sve_s32 c, const float *multiplier, int32_t zero, int32_t low, int n) {
    sve_f32 y = svmul_f32_x(SVE_ALL, svcvt_f32_s32_x(SVE_ALL, c), svld1_f32(SVE_ALL, multiplier));
    y = svmax_n_f32_x(SVE_ALL, y, (float)(low - zero));
    y = svrintn_f32_x(SVE_ALL, svmin_n_f32_x(SVE_ALL, y, (float)(255 - zero)));
    svst1b_s32(SVE_FIRST(n), (int8_t *)p, svadd_n_s32_x(SVE_ALL, svcvt_s32_f32_x(SVE_ALL, y), zero));
}
BS_WORD void svs32_requant(uint8_t *p, sve_s32 c, const float *multiplier, int32_t zero, int32_t low) {
    svs32_requant_n(p, c, multiplier, zero, low, BS_LANES);
}
BS_WORD void svs32_requant_pair(uint8_t *p, sve_s32 a, sve_s32 b, const float *multiplier, int32_t zero, int32_t low) {
    svs32_requant(p, a, multiplier, zero, low);
    svs32_requant(p + BS_LANES, b, multiplier + BS_LANES, zero, low);
}
BS_WORD sve_f32 svs32_scales(const uint16_t *p, float unit) {
    svfloat16_t halves = svreinterpret_f16_u32(svld1uh_u32(SVE_ALL, p));
    return svmul_n_f32_x(SVE_ALL, svcvt_f32_f16_x(SVE_ALL, halves), unit);
}
BS_WORD sve_f32 svs32_scaled(sve_f32 f, sve_s32 c, sve_f32 scale) {
    return svmla_f32_x(SVE_ALL, f, svcvt_f32_s32_x(SVE_ALL, c), scale);
}

/* ---- tiles whose weights lie in vectors of [output][4 of depth]. CORE says how they are multiplied: CORE_four is 4
 * activations, given to every lane, CORE_load and CORE_staged read them, CORE_one adds a vector's products to INT_sums,
 * CORE_weigh its weights, and CORE_ROWS is SVE_S8, or SVE_U8 where products are of mixed signs. ---- */
#define SVE_S8(T, CORE, INT, PARTS) \
    BS_S8_WORDS(T, sve_range, neon_stage_s8, sve_quant_s8) \
    BS_WORD INT##_sums T##_restore(INT##_sums c, INT##_sums w) { return INT##_restore(c, w); } \
    BS_WORD INT##_sums T##_weigh(INT##_sums w, T##_rhs b) { \
        for (int i = 0; i < PARTS; i++) w = CORE##_weigh(w, b.part[i]); \
        return w; \
    }
#define SVE_U8(T, CORE, INT, PARTS) BS_U8_WORDS(T, sve_range, sve_quant_u8)
#define SVE_DOT(T, CORE, INT, BITS, PARTS) \
    typedef struct { CORE##_four x[PARTS]; } T##_lhs; \
    typedef struct { sve_s8 part[PARTS]; } T##_rhs; \
    CORE##_ROWS(T, CORE, INT, PARTS) \
    BS_INT_WORDS(T, INT, INT##_sums) \
    BS_GROUP_WORDS(T, INT, INT##_sums, svf32, sve_f32, 1 << (8 - BITS)) \
    BS_WORD T##_lhs T##_raw(const uint8_t *p) { \
        T##_lhs x; \
        for (int i = 0; i < PARTS; i++) x.x[i] = CORE##_load(p + 4 * i); \
        return x; \
    } \
    BS_WORD T##_lhs T##_raw_tail(const uint8_t *p, int n) { \
        uint8_t all[4 * PARTS] = {0}; \
        memcpy(all, p, (size_t)n); \
        return T##_raw(all); \
    } \
    BS_WORD T##_lhs T##_lhs_load(const T##_elem *p) { \
        T##_lhs x; \
        for (int i = 0; i < PARTS; i++) x.x[i] = CORE##_staged(p + 4 * i); \
        return x; \
    } \
    BS_WORD INT##_sums T##_dot(INT##_sums c, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < PARTS; i++) c = CORE##_one(c, x.x[i], b.part[i]); \
        return c; \
    } \
    BS_WORD void T##_hide(T##_lhs *x) { \
        for (int i = 0; i < PARTS; i++) __asm__ volatile("" : "+w"(x->x[i])); \
    } \
    BS_WORD void T##_hide_sums(INT##_sums *v) { INT##_sums_hide(v); }
#define SVE_WHOLE(T) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { return (T##_rhs){{svld1_s8(svptrue_b8(), p)}}; }
/* part `i` of the `parts` that planes of vectors are put together to, at the top of every byte: as neon_part_of */
BS_WORD sve_u8 sve_field(sve_u8 v, int from, int width, int to) {
    if (to > from) v = svlsl_n_u8_x(svptrue_b8(), v, (uint8_t)(to - from));
    if (to < from) v = svlsr_n_u8_x(svptrue_b8(), v, (uint8_t)(from - to));
    if (from > 0 || to + width < 8) v = svand_n_u8_x(svptrue_b8(), v, (uint8_t)(((1 << width) - 1) << to));
    return v;
}
BS_WORD sve_s8 sve_part_of(const int8_t *p, int bits, int parts, int i, int bytes) {
    sve_u8 code = svdup_n_u8(0);
    int top = 8;
#pragma GCC unroll 3
    for (int width = 4; width > 0; width /= 2) {
        if (!(bits & width)) continue;
        const int each = 8 / width;
        top -= width;
        sve_u8 plane = svld1_u8(svptrue_b8(), (const uint8_t *)p + i / each * bytes);
        code = svorr_u8_x(svptrue_b8(), code, sve_field(plane, i % each * width, width, top));
        p += parts / each * bytes;
    }
    return svreinterpret_s8_u8(code);
}
#define SVE_NARROW(T, CORE, INT, BITS, PARTS) \
    SVE_DOT(T, CORE, INT, BITS, PARTS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < PARTS; i++) b.part[i] = sve_part_of(p, BITS, PARTS, i, 4 * BS_LANES); \
        return b; \
    } \
    BS_WORD INT##_sums T##_settle(INT##_sums c) { \
        return INT##_of(svasr_n_s32_x(SVE_ALL, INT##_settled(c), 8 - BITS)); \
    } \
    BS_WORD void T##_unpack(int8_t *to, int64_t next, const int8_t *p) { \
        for (int i = 0; i < PARTS; i++) \
            svst1_s8(svptrue_b8(), to + i * next, sve_part_of(p, BITS, PARTS, i, 4 * BS_LANES)); \
    }
BS_WORD sve_u8 sve_four(const void *p) {
    uint32_t four;
    memcpy(&four, p, 4);
    return svreinterpret_u8_u32(svdup_n_u32(four));
}

/* ---- tiles dot_svdot*: 4 products a lane ---- */
typedef sve_s8 svdot_four;
#define svdot_ROWS SVE_S8
BS_WORD sve_s8 svdot_load(const uint8_t *p) {
    return svreinterpret_s8_u8(sveor_n_u8_x(svptrue_b8(), sve_four(p), 128));
}
BS_WORD sve_s8 svdot_staged(const int8_t *p) { return svreinterpret_s8_u8(sve_four(p)); }
BS_WORD sve_s32 svdot_one(sve_s32 c, sve_s8 x, sve_s8 b) { return svdot_s32(c, x, b); }
BS_WORD sve_s32 svdot_weigh(sve_s32 w, sve_s8 b) { return svdot_s32(w, b, svdup_n_s8(1)); }
enum { dot_svdot_N = BS_LANES, dot_svdot_K = 4, dot_svdot_ELEM = 1, dot_svdot_RHS = 1, dot_svdot_REGS = 32, dot_svdot_OFF = 128 };
SVE_DOT(dot_svdot, svdot, svs32, 8, 1)
SVE_WHOLE(dot_svdot)
#define dot_svdot_opaque(x) NEON_OPAQUE(dot_svdot, x)
enum { dot_svdotseptet_N = BS_LANES, dot_svdotseptet_K = 32, dot_svdotseptet_ELEM = 1, dot_svdotseptet_BITS = 7, dot_svdotseptet_REGS = 22, dot_svdotseptet_OFF = 128 };
#define dot_svdotseptet_plain dot_svdot
SVE_NARROW(dot_svdotseptet, svdot, svs32, 7, 8)
enum { dot_svdotsextet_N = BS_LANES, dot_svdotsextet_K = 16, dot_svdotsextet_ELEM = 1, dot_svdotsextet_BITS = 6, dot_svdotsextet_REGS = 26, dot_svdotsextet_OFF = 128 };
#define dot_svdotsextet_plain dot_svdot
SVE_NARROW(dot_svdotsextet, svdot, svs32, 6, 4)
enum { dot_svdotquintet_N = BS_LANES, dot_svdotquintet_K = 32, dot_svdotquintet_ELEM = 1, dot_svdotquintet_BITS = 5, dot_svdotquintet_REGS = 22, dot_svdotquintet_OFF = 128 };
#define dot_svdotquintet_plain dot_svdot
SVE_NARROW(dot_svdotquintet, svdot, svs32, 5, 8)
enum { dot_svdotnibble_N = BS_LANES, dot_svdotnibble_K = 8, dot_svdotnibble_ELEM = 1, dot_svdotnibble_BITS = 4, dot_svdotnibble_REGS = 28, dot_svdotnibble_OFF = 128 };
#define dot_svdotnibble_plain dot_svdot
SVE_NARROW(dot_svdotnibble, svdot, svs32, 4, 2)
enum { dot_svdottriplet_N = BS_LANES, dot_svdottriplet_K = 32, dot_svdottriplet_ELEM = 1, dot_svdottriplet_BITS = 3, dot_svdottriplet_REGS = 22, dot_svdottriplet_OFF = 128 };
#define dot_svdottriplet_plain dot_svdot
SVE_NARROW(dot_svdottriplet, svdot, svs32, 3, 8)
enum { dot_svdotcrumb_N = BS_LANES, dot_svdotcrumb_K = 16, dot_svdotcrumb_ELEM = 1, dot_svdotcrumb_BITS = 2, dot_svdotcrumb_REGS = 26, dot_svdotcrumb_OFF = 128 };
#define dot_svdotcrumb_plain dot_svdot
SVE_NARROW(dot_svdotcrumb, svdot, svs32, 2, 4)

/* ---- tile f32_sv ---- */
enum { f32_sv_N = BS_LANES, f32_sv_K = 1, f32_sv_ELEM = 4, f32_sv_RHS = 4, f32_sv_REGS = 32 };
BS_REAL_WORDS(f32_sv, svf32, sve_f32)
#define f32_sv_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD sve_f32 f32_sv_raw(const float *p) { return svdup_n_f32(*p); }
BS_WORD sve_f32 f32_sv_lhs_load(const float *p) { return svdup_n_f32(*p); }
BS_WORD sve_f32 f32_sv_dot(sve_f32 c, sve_f32 a, sve_f32 b) { return svmla_f32_x(SVE_ALL, c, a, b); }

/* ---- tiles of channels: loads widen ---- */
enum { dw_sv_N = BS_LANES, dw_sv_ELEM = 1, dw_sv_RHS = 1, dw_sv_REGS = 31 };
BS_U8_WORDS(dw_sv, sve_range, sve_quant_u8)
BS_INT_WORDS(dw_sv, svs32, sve_s32)
typedef sve_s32 dw_sv_lhs, dw_sv_rhs;
BS_WORD sve_s32 dw_sv_lhs_load(const uint8_t *p) { return svld1ub_s32(SVE_ALL, p); }
BS_WORD sve_s32 dw_sv_lhs_load_n(const uint8_t *p, int n) { return svld1ub_s32(SVE_FIRST(n), p); }
BS_WORD sve_s32 dw_sv_rhs_load(const int8_t *p) { return svld1sb_s32(SVE_ALL, p); }
BS_WORD sve_s32 dw_sv_dot(sve_s32 c, sve_s32 a, sve_s32 b) { return svmla_s32_x(SVE_ALL, c, a, b); }
enum { dwf_sv_N = BS_LANES, dwf_sv_ELEM = 4, dwf_sv_RHS = 4, dwf_sv_REGS = 32 };
BS_REAL_WORDS(dwf_sv, svf32, sve_f32)
#define dwf_sv_lhs_load svf32_load
#define dwf_sv_lhs_load_n svf32_load_n
BS_WORD sve_f32 dwf_sv_dot(sve_f32 c, sve_f32 a, sve_f32 b) { return svmla_f32_x(SVE_ALL, c, a, b); }
#endif
