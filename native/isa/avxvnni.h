/* x86 AVX-VNNI: vpdpbusd on 256 bits, exact u8 x s8 into s32. A compiler set to AVX-512 VNNI gets the same instruction in
 * its EVEX-256 encoding, so that this tile can be checked and measured where the VEX encoding has no hardware. */
#ifndef BS_ISA_AVXVNNI_H
#define BS_ISA_AVXVNNI_H
#include "avx2.h"
#define BS_TILES_AVXVNNI "dot_ymm dot_ymmseptet dot_ymmsextet dot_ymmquintet dot_ymmnibble dot_ymmtriplet dot_ymmcrumb f32_fma dw_madd dw_quad dwf_fma lut_ymmnibble lut_ymmcrumb lut_ymmbit lut_ymmbyte int_ymm e4m3_ymm e5m2_ymm f16_ymm bf16_ymm"

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
    BS_WORD __m256i T##_settle(__m256i c) { return _mm256_srai_epi32(c, 8 - BITS); }
enum { dot_ymmseptet_N = 8, dot_ymmseptet_K = 32, dot_ymmseptet_ELEM = 1, dot_ymmseptet_BITS = 7, dot_ymmseptet_REGS = 10 };
AVXVNNI_NARROW(dot_ymmseptet, 7, 8)
enum { dot_ymmsextet_N = 8, dot_ymmsextet_K = 16, dot_ymmsextet_ELEM = 1, dot_ymmsextet_BITS = 6, dot_ymmsextet_REGS = 11 };
AVXVNNI_NARROW(dot_ymmsextet, 6, 4)
enum { dot_ymmquintet_N = 8, dot_ymmquintet_K = 32, dot_ymmquintet_ELEM = 1, dot_ymmquintet_BITS = 5, dot_ymmquintet_REGS = 10 };
AVXVNNI_NARROW(dot_ymmquintet, 5, 8)
enum { dot_ymmnibble_N = 8, dot_ymmnibble_K = 8, dot_ymmnibble_ELEM = 1, dot_ymmnibble_BITS = 4, dot_ymmnibble_REGS = 14 };
AVXVNNI_NARROW(dot_ymmnibble, 4, 2)
enum { dot_ymmtriplet_N = 8, dot_ymmtriplet_K = 32, dot_ymmtriplet_ELEM = 1, dot_ymmtriplet_BITS = 3, dot_ymmtriplet_REGS = 10 };
AVXVNNI_NARROW(dot_ymmtriplet, 3, 8)
enum { dot_ymmcrumb_N = 8, dot_ymmcrumb_K = 16, dot_ymmcrumb_ELEM = 1, dot_ymmcrumb_BITS = 2, dot_ymmcrumb_REGS = 12 };
AVXVNNI_NARROW(dot_ymmcrumb, 2, 4)

/* ---- tile dw_quad: four rows of the window, interleaved, in one vpdpbusd ---- */
enum { dw_quad_N = 8, dw_quad_K = 4, dw_quad_ELEM = 4, dw_quad_RHS = 1, dw_quad_REGS = 16 };
BS_U8_ROWS(dw_quad, avx2_range, avx2_quant_u8)
BS_INT_WORDS(dw_quad, s32x8, __m256i)
typedef uint32_t dw_quad_elem;
typedef __m256i dw_quad_lhs, dw_quad_rhs;
BS_WORD void dw_quad_interleave(uint32_t *to, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
                                int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(a + i)), x = _mm_loadu_si128((const __m128i *)(b + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(c + i)), z = _mm_loadu_si128((const __m128i *)(d + i));
        __m128i wx = _mm_unpacklo_epi8(w, x), yz = _mm_unpacklo_epi8(y, z);
        _mm_storeu_si128((__m128i *)(to + i), _mm_unpacklo_epi16(wx, yz));
        _mm_storeu_si128((__m128i *)(to + i + 4), _mm_unpackhi_epi16(wx, yz));
        wx = _mm_unpackhi_epi8(w, x), yz = _mm_unpackhi_epi8(y, z);
        _mm_storeu_si128((__m128i *)(to + i + 8), _mm_unpacklo_epi16(wx, yz));
        _mm_storeu_si128((__m128i *)(to + i + 12), _mm_unpackhi_epi16(wx, yz));
    }
    for (; i < n; i++) to[i] = a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16 | (uint32_t)d[i] << 24;
}
BS_WORD __m256i dw_quad_lhs_load(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
BS_WORD __m256i dw_quad_rhs_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
#define dw_quad_dot dot_ymm_dot
#endif
