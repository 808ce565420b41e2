/* x86 AVX-VNNI: vpdpbusd on 256 bits, exact u8 x s8 into s32. A compiler set to AVX-512 VNNI gets the same instruction in
 * its EVEX-256 encoding, so that this tile can be checked and measured where the VEX encoding has no hardware. */
#ifndef BS_ISA_AVXVNNI_H
#define BS_ISA_AVXVNNI_H
#include "avx2.h"
#define BS_TILES_AVXVNNI "dot_ymm dot_ymmseptet dot_ymmsextet dot_ymmquintet dot_ymmnibble dot_ymmtriplet dot_ymmcrumb bits_shuffle lut_ymmtables f32_fma dw_madd dw_quad dwf_fma table_ymmnibble table_ymmcrumb table_ymmbit table_ymmbyte int_ymm e4m3_ymm e5m2_ymm f16_ymm bf16_ymm"

/* ---- tile dot_ymm: 8 outputs x 4 products a step ---- */
enum { dot_ymm_N = 8, dot_ymm_K = 4, dot_ymm_ELEM = 1, dot_ymm_RHS = 1, dot_ymm_REGS = 16 };
BS_U8_WORDS(dot_ymm, avx2_range, avx2_quant_u8)
BS_INT_WORDS(dot_ymm, s32x8, __m256i)
BS_GROUP_WORDS(dot_ymm, s32x8, __m256i, f32x8, __m256, 1)
typedef __m256i dot_ymm_lhs, dot_ymm_rhs;
#define dot_ymm_opaque avx2_opaque
BS_WORD __m256i dot_ymm_raw(const uint8_t *p) { return _mm256_set1_epi32(avx2_quad(p, 4)); }
BS_WORD __m256i dot_ymm_raw_tail(const uint8_t *p, int n) { return _mm256_set1_epi32(avx2_quad(p, n)); }
#define dot_ymm_lhs_load dot_ymm_raw
BS_WORD __m256i dot_ymm_rhs_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
BS_WORD __m256i dot_ymm_dot(__m256i c, __m256i a, __m256i b) {
#ifdef __AVXVNNI__
    return _mm256_dpbusd_avx_epi32(c, a, b);
#else
    return _mm256_dpbusd_epi32(c, a, b);
#endif
}

/* ---- tiles dot_ymm*: weights of fewer bits, unpacked in registers. A field of every byte is moved to the byte's top, so
 * that a weight of B bits reads as 2^(8 - B) times itself, sign and all; `settle` and the groups' scales undo that. ---- */
BS_WORD __m256i avxvnni_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
typedef uint16_t avxvnni_words __attribute__((vector_size(32), may_alias));
BS_WORD __m256i avxvnni_field(__m256i v, int from, int width, int to) {
    avxvnni_words x = (avxvnni_words)v;
    x = to >= from ? x << (to - from) : x >> (from - to);
    return _mm256_and_si256((__m256i)x, _mm256_set1_epi8((char)(((1 << width) - 1) << to)));
}
/* part `i` of the `parts` that the planes of 4, 2 and 1 bits at `p` are put together to */
BS_WORD __m256i avxvnni_part(const int8_t *p, int bits, int parts, int i) {
    __m256i code = _mm256_setzero_si256();
    int top = 8;
#pragma GCC unroll 3
    for (int width = 4; width > 0; width /= 2) {
        if (!(bits & width)) continue;
        const int each = 8 / width;
        top -= width;
        code = _mm256_or_si256(code, avxvnni_field(avxvnni_load(p + i / each * 32), i % each * width, width, top));
        p += parts / each * 32;
    }
    return code;
}
#define AVXVNNI_NARROW(T, BITS, PARTS) \
    typedef struct { __m256i part[PARTS]; } T##_lhs, T##_rhs; \
    BS_U8_WORDS(T, avx2_range, avx2_quant_u8) \
    BS_INT_WORDS(T, s32x8, __m256i) \
    BS_GROUP_WORDS(T, s32x8, __m256i, f32x8, __m256, 1 << (8 - BITS)) \
    BS_WORD T##_lhs T##_raw(const uint8_t *p) { \
        T##_lhs x; \
        for (int i = 0; i < PARTS; i++) x.part[i] = _mm256_set1_epi32(avx2_quad(p + 4 * i, 4)); \
        return x; \
    } \
    BS_WORD T##_lhs T##_raw_tail(const uint8_t *p, int n) { \
        uint8_t all[4 * PARTS] = {0}; \
        memcpy(all, p, (size_t)n); \
        return T##_raw(all); \
    } \
    BS_WORD T##_lhs T##_lhs_load(const uint8_t *p) { return T##_raw(p); } \
    BS_WORD T##_rhs T##_rhs_load(const int8_t *p) { \
        T##_rhs b; \
        for (int i = 0; i < PARTS; i++) b.part[i] = avxvnni_part(p, BITS, PARTS, i); \
        return b; \
    } \
    BS_WORD __m256i T##_dot(__m256i c, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < PARTS; i++) c = dot_ymm_dot(c, x.part[i], b.part[i]); \
        return c; \
    } \
    BS_WORD void T##_unpack(int8_t *to, int64_t next, const int8_t *p) { \
        for (int i = 0; i < PARTS; i++) \
            _mm256_storeu_si256((__m256i *)(to + i * next), avxvnni_part(p, BITS, PARTS, i)); \
    } \
    BS_WORD __m256i T##_settle(__m256i c) { return _mm256_srai_epi32(c, 8 - BITS); }
#define dot_ymmseptet_plain dot_ymm
enum { dot_ymmseptet_N = 8, dot_ymmseptet_K = 32, dot_ymmseptet_ELEM = 1, dot_ymmseptet_BITS = 7, dot_ymmseptet_REGS = 10 };
AVXVNNI_NARROW(dot_ymmseptet, 7, 8)
#define dot_ymmsextet_plain dot_ymm
enum { dot_ymmsextet_N = 8, dot_ymmsextet_K = 16, dot_ymmsextet_ELEM = 1, dot_ymmsextet_BITS = 6, dot_ymmsextet_REGS = 11 };
AVXVNNI_NARROW(dot_ymmsextet, 6, 4)
#define dot_ymmquintet_plain dot_ymm
enum { dot_ymmquintet_N = 8, dot_ymmquintet_K = 32, dot_ymmquintet_ELEM = 1, dot_ymmquintet_BITS = 5, dot_ymmquintet_REGS = 10 };
AVXVNNI_NARROW(dot_ymmquintet, 5, 8)
#define dot_ymmnibble_plain dot_ymm
enum { dot_ymmnibble_N = 8, dot_ymmnibble_K = 8, dot_ymmnibble_ELEM = 1, dot_ymmnibble_BITS = 4, dot_ymmnibble_REGS = 14 };
AVXVNNI_NARROW(dot_ymmnibble, 4, 2)
#define dot_ymmtriplet_plain dot_ymm
enum { dot_ymmtriplet_N = 8, dot_ymmtriplet_K = 32, dot_ymmtriplet_ELEM = 1, dot_ymmtriplet_BITS = 3, dot_ymmtriplet_REGS = 10 };
AVXVNNI_NARROW(dot_ymmtriplet, 3, 8)
#define dot_ymmcrumb_plain dot_ymm
enum { dot_ymmcrumb_N = 8, dot_ymmcrumb_K = 16, dot_ymmcrumb_ELEM = 1, dot_ymmcrumb_BITS = 2, dot_ymmcrumb_REGS = 12 };
AVXVNNI_NARROW(dot_ymmcrumb, 2, 4)

/* ---- tile dw_quad: four rows of the window in one vpdpbusd ---- */
enum { dw_quad_N = 8, dw_quad_K = 4, dw_quad_ELEM = 1, dw_quad_RHS = 1, dw_quad_REGS = 14 };
BS_U8_WORDS(dw_quad, avx2_range, avx2_quant_u8)
BS_INT_WORDS(dw_quad, s32x8, __m256i)
typedef __m256i dw_quad_lhs, dw_quad_rhs;
BS_WORD __m256i dw_quad_lhs_load(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    __m256i v = _mm256_set_m128i(_mm_unpacklo_epi64(avx2_eight(c), avx2_eight(d)),
                                 _mm_unpacklo_epi64(avx2_eight(a), avx2_eight(b)));
    /* 4 channels of every row to each half, and the 4 rows of a channel together */
    v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(avx2_turn()));
}
BS_WORD __m256i dw_quad_lhs_load_n(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, int n) {
    uint8_t rows[4][8] = {{0}};
    memcpy(rows[0], a, (size_t)n), memcpy(rows[1], b, (size_t)n);
    memcpy(rows[2], c, (size_t)n), memcpy(rows[3], d, (size_t)n);
    return dw_quad_lhs_load(rows[0], rows[1], rows[2], rows[3]);
}
BS_WORD __m256i dw_quad_rhs_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
#define dw_quad_dot dot_ymm_dot
#endif
