/* ARM Advanced SIMD (NEON) of armv8-a: exact u8 x s8 by 8-bit products that meet in 16 bits, without the dot-product
 * instructions of later cores. There is no product of mixed signs: activations become s8 by turning their top bit
 * over, which takes 128 off (T_OFF). */
#ifndef BS_ISA_NEON_H
#define BS_ISA_NEON_H
#include "neon_sums.h"
#define BS_TILES_NEON "dot_pair dot_lane dot_pairseptet dot_pairsextet dot_pairquintet dot_pairnibble dot_pairtriplet dot_paircrumb chain_mlal chain_nibble chain_crumb f32_fma dw_mlal dwf_fma bits_cnt lut_tbl table_tblnibble table_tblcrumb table_tblbit table_ldbyte int_neon e4m3_neon e5m2_neon f16_neon bf16_neon"

/* ---- Tiles of 4 outputs whose weights lie in vectors of [output][4 of depth], two of which are multiplied at a time.
 * CORE says how: CORE_eight is 8 activations, CORE_load and CORE_staged read them, CORE_two adds two vectors' products to
 * INT_sums, CORE_weigh their weights, and CORE_ROWS is NEON_S8, or NEON_U8 where products are of mixed signs. ---- */
#define NEON_S8(T, CORE, INT, TWOS) \
    BS_S8_WORDS(T, neon_range, neon_stage_s8, neon_quant_s8) \
    BS_WORD INT##_sums T##_restore(INT##_sums c, INT##_sums w) { return INT##_restore(c, w); } \
    BS_WORD INT##_sums T##_weigh(INT##_sums w, T##_rhs b) { \
        for (int i = 0; i < TWOS; i++) w = CORE##_weigh(w, b.part[2 * i], b.part[2 * i + 1]); \
        return w; \
    }
#define NEON_U8(T, CORE, INT, TWOS) BS_U8_WORDS(T, neon_range, neon_quant_u8)
#define NEON_DOT(T, CORE, INT, BITS, TWOS) \
    typedef struct { CORE##_eight x[TWOS]; } T##_lhs; \
    typedef struct { int8x16_t part[2 * TWOS]; } T##_rhs; \
    CORE##_ROWS(T, CORE, INT, TWOS) \
    BS_INT_WORDS(T, INT, INT##_sums) \
    BS_GROUP_WORDS(T, INT, INT##_sums, f32x4, float32x4_t, 1 << (8 - BITS) >> CORE##_SPARE(BITS)) \
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
    BS_WORD T##_lhs T##_lhs_load(const T##_elem *p) { \
        T##_lhs x; \
        for (int i = 0; i < TWOS; i++) x.x[i] = CORE##_staged(p + 8 * i); \
        return x; \
    } \
    BS_WORD void T##_hide(T##_lhs *x) { \
        for (int i = 0; i < TWOS; i++) CORE##_hide(x->x + i); \
    }
#define NEON_OPAQUE(T, x) _Generic((x), T##_lhs: T##_hide, default: T##_hide_sums)(&(x))
#define NEON_WHOLE(T) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { return (T##_rhs){{vld1q_s8(p), vld1q_s8(p + 16)}}; }
/* Weights of fewer bits, unpacked in registers. A field of every byte is moved to the byte's top, so that a weight of B
 * bits reads as 2^(8 - B) times itself, sign and all; `settle` and the groups' scales undo that. */
BS_WORD uint8x16_t neon_field(uint8x16_t v, int from, int width, int to) {
    v = to >= from ? v << (to - from) : v >> (from - to);
    return from == 0 && to + width == 8 ? v : v & vdupq_n_u8((uint8_t)(((1 << width) - 1) << to));
}
/* part `i` of the `parts` that the planes of 4, 2 and 1 bits at `p` are put together to: the first 16 of its `bytes` */
BS_WORD int8x16_t neon_part_of(const int8_t *p, int bits, int parts, int i, int bytes) {
    uint8x16_t code = vdupq_n_u8(0);
    int top = 8;
#pragma GCC unroll 3
    for (int width = 4; width > 0; width /= 2) {
        if (!(bits & width)) continue;
        const int each = 8 / width;
        top -= width;
        code |= neon_field(vld1q_u8((const uint8_t *)p + i / each * bytes), i % each * width, width, top);
        p += parts / each * bytes;
    }
    return vreinterpretq_s8_u8(code);
}
BS_WORD int8x16_t neon_part(const int8_t *p, int bits, int parts, int i) { return neon_part_of(p, bits, parts, i, 16); }
#define NEON_NARROW(T, CORE, INT, BITS, TWOS) \
    NEON_DOT(T, CORE, INT, BITS, TWOS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < 2 * TWOS; i++) { \
            b.part[i] = neon_part(p, BITS, 2 * TWOS, i); \
            if (CORE##_SPARE(BITS)) b.part[i] = vshrq_n_s8(b.part[i], 1); \
        } \
        return b; \
    } \
    BS_WORD INT##_sums T##_settle(INT##_sums c) { \
        return INT##_of(INT##_settled(c) >> (8 - BITS - CORE##_SPARE(BITS))); \
    } \
    BS_WORD void T##_unpack(int8_t *to, int64_t next, const int8_t *p) { \
        T##_rhs b = T##_rhs_load(p); \
        for (int i = 0; i < 2 * TWOS; i++) vst1q_s8(to + i / 2 * next + i % 2 * 16, b.part[i]); \
    }

/* ---- tile dot_pair: 4 outputs x 8 products a step. Two products of s8 and s8 meet in 16 bits, which hold two of -128 x 127
 * and not two of -128 x -128 (T_LANES). So weights of fewer bits, which could be -128 at the top of a byte, stay a place
 * below it (CORE_SPARE). ---- */
typedef struct { int32x4_t low, high; } pair_sums; /* outputs 0, 0, 1, 1; 2, 2, 3, 3 */
typedef struct { int8x16_t a, b; } pair_eight;
#define pair_ROWS NEON_S8
#define pair_SPARE(BITS) ((BITS) < 8)
BS_WORD int32x4_t pair_settled(pair_sums v) { return vpaddq_s32(v.low, v.high); }
BS_WORD pair_sums pair_of(int32x4_t v) {
    const int32x4_t zero = vdupq_n_s32(0);
    return (pair_sums){vzip1q_s32(v, zero), vzip2q_s32(v, zero)};
}
BS_WORD pair_sums pair_restore(pair_sums c, pair_sums w) {
    return (pair_sums){s32x4_restore(c.low, w.low), s32x4_restore(c.high, w.high)};
}
BS_WORD void pair_sums_hide(pair_sums *v) { __asm__ volatile("" : "+w"(v->low), "+w"(v->high)); }
BS_WORD void pair_hide(pair_eight *x) { __asm__ volatile("" : "+w"(x->a), "+w"(x->b)); }
NEON_SETTLING_WORDS(pair, s32x4, float32x4_t)
BS_WORD pair_eight pair_of_eight(int8x8_t x) {
    int32x2_t v = vreinterpret_s32_s8(x);
    return (pair_eight){vreinterpretq_s8_s32(vdupq_lane_s32(v, 0)), vreinterpretq_s8_s32(vdupq_lane_s32(v, 1))};
}
BS_WORD pair_eight pair_load(const uint8_t *p) { return pair_of_eight(neon_signed(p)); }
BS_WORD pair_eight pair_staged(const int8_t *p) { return pair_of_eight(vld1_s8(p)); }
BS_WORD pair_sums pair_two(pair_sums c, pair_eight x, int8x16_t a, int8x16_t b) {
    int16x8_t low = vmull_s8(vget_low_s8(x.a), vget_low_s8(a)), high = vmull_high_s8(x.a, a);
    c.low = vpadalq_s16(c.low, vmlal_s8(low, vget_low_s8(x.b), vget_low_s8(b)));
    c.high = vpadalq_s16(c.high, vmlal_high_s8(high, x.b, b));
    return c;
}
BS_WORD pair_sums pair_weigh(pair_sums w, int8x16_t a, int8x16_t b) {
    int16x8_t two = vpadalq_s8(vpaddlq_s8(a), b);
    return (pair_sums){vaddw_s16(w.low, vget_low_s16(two)), vaddw_high_s16(w.high, two)};
}
enum { dot_pair_N = 4, dot_pair_K = 8, dot_pair_ELEM = 1, dot_pair_RHS = 1, dot_pair_REGS = 13, dot_pair_LANES = 2, dot_pair_OFF = 128, dot_pair_RUN = 4 };
NEON_DOT(dot_pair, pair, pair, 8, 1)
NEON_WHOLE(dot_pair)
#define dot_pair_opaque(x) NEON_OPAQUE(dot_pair, x)
#define dot_pairseptet_plain dot_pair
enum { dot_pairseptet_N = 4, dot_pairseptet_K = 32, dot_pairseptet_ELEM = 1, dot_pairseptet_BITS = 7, dot_pairseptet_REGS = 9, dot_pairseptet_OFF = 128 };
NEON_NARROW(dot_pairseptet, pair, pair, 7, 4)
#define dot_pairsextet_plain dot_pair
enum { dot_pairsextet_N = 4, dot_pairsextet_K = 16, dot_pairsextet_ELEM = 1, dot_pairsextet_BITS = 6, dot_pairsextet_REGS = 11, dot_pairsextet_OFF = 128 };
NEON_NARROW(dot_pairsextet, pair, pair, 6, 2)
#define dot_pairquintet_plain dot_pair
enum { dot_pairquintet_N = 4, dot_pairquintet_K = 32, dot_pairquintet_ELEM = 1, dot_pairquintet_BITS = 5, dot_pairquintet_REGS = 9, dot_pairquintet_OFF = 128 };
NEON_NARROW(dot_pairquintet, pair, pair, 5, 4)
#define dot_pairnibble_plain dot_pair
enum { dot_pairnibble_N = 4, dot_pairnibble_K = 8, dot_pairnibble_ELEM = 1, dot_pairnibble_BITS = 4, dot_pairnibble_REGS = 12, dot_pairnibble_OFF = 128 };
NEON_NARROW(dot_pairnibble, pair, pair, 4, 1)
#define dot_pairtriplet_plain dot_pair
enum { dot_pairtriplet_N = 4, dot_pairtriplet_K = 32, dot_pairtriplet_ELEM = 1, dot_pairtriplet_BITS = 3, dot_pairtriplet_REGS = 9, dot_pairtriplet_OFF = 128 };
NEON_NARROW(dot_pairtriplet, pair, pair, 3, 4)
#define dot_paircrumb_plain dot_pair
enum { dot_paircrumb_N = 4, dot_paircrumb_K = 16, dot_paircrumb_ELEM = 1, dot_paircrumb_BITS = 2, dot_paircrumb_REGS = 11, dot_paircrumb_OFF = 128 };
NEON_NARROW(dot_paircrumb, pair, pair, 2, 2)

/* ---- tile dot_lane: 8 outputs x 4 products a step, widened to 16 bits; for depths that fill no 8 products ---- */
#define NEON_LANES(T) \
    typedef int16_t T##_elem; \
    typedef int16x4_t T##_lhs; \
    typedef struct { int16x8_t depth[4]; } T##_rhs; \
    BS_INT_WORDS(T, s32x8, s32x8_sums) \
    BS_GROUP_WORDS(T, s32x8, s32x8_sums, f32x8, f32x8_sums, 1) \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { neon_range(x, n, low, high); } \
    BS_WORD void T##_stage(int16_t *to, const uint8_t *x, int64_t n) { neon_stage_s16(to, x, n); } \
    BS_WORD void T##_quant(int16_t *to, const float *x, int64_t n, struct bs_grid g) { neon_quant_s16(to, x, n, g); } \
    BS_WORD void T##_hide(int16x4_t *x) { __asm__ volatile("" : "+w"(*x)); } \
    BS_WORD void T##_hide_sums(s32x8_sums *v) { __asm__ volatile("" : "+w"(v->a), "+w"(v->b)); } \
    BS_WORD int16x4_t T##_raw_tail(const uint8_t *p, int n) { \
        uint32_t four = 0; \
        memcpy(&four, p, (size_t)n); \
        return vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(four)))); \
    } \
    BS_WORD int16x4_t T##_raw(const uint8_t *p) { return T##_raw_tail(p, 4); } \
    BS_WORD int16x4_t T##_lhs_load(const int16_t *p) { return vld1_s16(p); } \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        int8x8x4_t v = vld4_s8(p); \
        return (T##_rhs){{vmovl_s8(v.val[0]), vmovl_s8(v.val[1]), vmovl_s8(v.val[2]), vmovl_s8(v.val[3])}}; \
    } \
    BS_WORD s32x8_sums T##_dot(s32x8_sums c, int16x4_t x, T##_rhs b) { \
        c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[0]), x, 0), c.b = vmlal_high_lane_s16(c.b, b.depth[0], x, 0); \
        c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[1]), x, 1), c.b = vmlal_high_lane_s16(c.b, b.depth[1], x, 1); \
        c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[2]), x, 2), c.b = vmlal_high_lane_s16(c.b, b.depth[2], x, 2); \
        c.a = vmlal_lane_s16(c.a, vget_low_s16(b.depth[3]), x, 3), c.b = vmlal_high_lane_s16(c.b, b.depth[3], x, 3); \
        return c; \
    }
enum { dot_lane_N = 8, dot_lane_K = 4, dot_lane_ELEM = 2, dot_lane_RHS = 1, dot_lane_REGS = 13 };
NEON_LANES(dot_lane)
#define dot_lane_opaque(x) NEON_OPAQUE(dot_lane, x)

/* ---- tiles chain_*: as dot_pair, but products of narrow weights add up in 16 bits until they are widened. ---- */
#define NEON_CHAIN(T, TWOS) \
    typedef struct { pair_eight x[TWOS]; } T##_lhs; \
    typedef struct { int8x16_t part[2 * TWOS]; } T##_rhs; \
    typedef struct { int16x8_t low, high; } T##_sum; \
    NEON_S8(T, pair, pair, TWOS) \
    BS_INT_WORDS(T, pair, pair_sums) \
    BS_GROUP_WORDS(T, pair, pair_sums, f32x4, float32x4_t, 1) \
    NEON_EIGHTS(T, pair, TWOS) \
    BS_WORD T##_sum T##_none(void) { return (T##_sum){0}; } \
    BS_WORD T##_sum T##_add(T##_sum s, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < 2 * TWOS; i++) { \
            int8x16_t a = i % 2 ? x.x[i / 2].b : x.x[i / 2].a; \
            s.low = vmlal_s8(s.low, vget_low_s8(a), vget_low_s8(b.part[i])); \
            s.high = vmlal_high_s8(s.high, a, b.part[i]); \
        } \
        return s; \
    } \
    BS_WORD pair_sums T##_widen(pair_sums c, T##_sum s) { \
        return (pair_sums){vpadalq_s16(c.low, s.low), vpadalq_s16(c.high, s.high)}; \
    }
#define NEON_CHAIN_NARROW(T, BITS, TWOS) \
    NEON_CHAIN(T, TWOS) \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < 2 * TWOS; i++) b.part[i] = vshrq_n_s8(neon_part(p, BITS, 2 * TWOS, i), 8 - BITS); \
        return b; \
    }
enum { chain_mlal_N = 4, chain_mlal_K = 8, chain_mlal_ELEM = 1, chain_mlal_RHS = 1, chain_mlal_REGS = 9, chain_mlal_LANES = 2, chain_mlal_OFF = 128, chain_mlal_RUN = 4 };
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
