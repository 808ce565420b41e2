/* x86 AVX-512 VNNI: vpdpbusd on 512 bits, exact u8 x s8 into s32. */
#ifndef BS_ISA_AVX512VNNI_H
#define BS_ISA_AVX512VNNI_H
#include "avxvnni.h"
#define BS_TILES_AVX512VNNI "dot_zmm dot_zmmseptet dot_zmmsextet dot_zmmquintet dot_zmmnibble dot_zmmtriplet dot_zmmcrumb bits_shuffle lut_zmmtables f32_zmm dw_zmm dw_zmmquad dwf_zmm table_zmmnibble table_zmmcrumb table_zmmbit table_zmmbyte int_zmm e4m3_zmm e5m2_zmm f16_zmm bf16_zmm"

#define avx512_mask(n) ((__mmask16)((1u << (n)) - 1))
/* of the first 16 of `n` lanes that are left */
#define avx512_rest(n) ((n) < 16 ? avx512_mask(n) : (__mmask16)0xFFFF)
/* the quarters of every 16 bytes in turns: what packing within 128-bit lanes leaves, and unpacking wants */
BS_WORD __m512i avx512_order(void) {
    return _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

/* ---- whole rows ---- */
BS_WORD void avx512_range(const float *x, int64_t n, float *low, float *high) {
    __m512 lo[4], hi[4];
    for (int j = 0; j < 4; j++) lo[j] = _mm512_set1_ps(*low), hi[j] = _mm512_set1_ps(*high);
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (int j = 0; j < 4; j++) {
            __m512 v = _mm512_loadu_ps(x + i + 16 * j);
            lo[j] = _mm512_min_ps(lo[j], v), hi[j] = _mm512_max_ps(hi[j], v);
        }
    for (; i < n; i += 16) {
        lo[0] = _mm512_min_ps(lo[0], _mm512_mask_loadu_ps(lo[0], avx512_rest(n - i), x + i));
        hi[0] = _mm512_max_ps(hi[0], _mm512_mask_loadu_ps(hi[0], avx512_rest(n - i), x + i));
    }
    *low = _mm512_reduce_min_ps(_mm512_min_ps(_mm512_min_ps(lo[0], lo[1]), _mm512_min_ps(lo[2], lo[3])));
    *high = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(hi[0], hi[1]), _mm512_max_ps(hi[2], hi[3])));
}
/* 32 codes as s16, 4 of each vector in turns, not yet clamped */
BS_WORD __m512i avx512_codes(const float *x, __m512 inverse, __m512i zero) {
    __m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse));
    __m512i b = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), inverse));
    return _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero);
}
BS_WORD void avx512_signs(uint8_t *to, const float *x, int64_t n) {
    const __m512i one = _mm512_set1_epi32(1);
    for (int64_t i = 0; i < n; i += 16) {
        __m512 v = _mm512_maskz_loadu_ps(avx512_rest(n - i), x + i);
        __m512i q = _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GE_OQ), one);
        _mm512_mask_cvtusepi32_storeu_epi8(to + i, avx512_rest(n - i), q);
    }
}
BS_WORD void avx512_quant_u8(uint8_t *to, const float *x, int64_t n, struct bs_grid g) {
    __m512 inverse = _mm512_set1_ps(g.inverse);
    __m512i zero = _mm512_set1_epi16((int16_t)g.zero), top = _mm512_set1_epi32(g.top);
    int64_t i = 0;
    if (g.shift) return avx512_signs(to, x, n);
    for (; i + 64 <= n; i += 64) {
        __m512i q = _mm512_packus_epi16(avx512_codes(x + i, inverse, zero), avx512_codes(x + i + 32, inverse, zero));
        q = _mm512_min_epu8(q, _mm512_set1_epi8((char)g.top));
        _mm512_storeu_si512(to + i, _mm512_permutexvar_epi32(avx512_order(), q));
    }
    for (; i < n; i += 16) {
        __m512 v = _mm512_maskz_loadu_ps(avx512_rest(n - i), x + i);
        __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(v, inverse)), _mm512_set1_epi32(g.zero));
        q = _mm512_min_epi32(_mm512_max_epi32(q, _mm512_setzero_si512()), top);
        _mm512_mask_cvtusepi32_storeu_epi8(to + i, avx512_rest(n - i), q);
    }
}

/* ---- accumulators: 16 x s32 and 16 x f32 ---- */
#define avx512_opaque(x) __asm__ volatile("" : "+v"(x))
BS_WORD __m512i s32x16_zero(void) { return _mm512_setzero_si512(); }
BS_WORD __m512i s32x16_load(const int32_t *p) { return _mm512_loadu_si512(p); }
BS_WORD __m512i s32x16_plus(__m512i v, const int32_t *p) { return _mm512_add_epi32(v, s32x16_load(p)); }
BS_WORD __m512i s32x16_plus_n(__m512i v, const int32_t *p, int n) {
    return _mm512_add_epi32(v, _mm512_maskz_loadu_epi32(avx512_mask(n), p));
}
BS_WORD void s32x16_store(int32_t *p, __m512i v) { _mm512_storeu_si512(p, v); }
BS_WORD void s32x16_store_n(int32_t *p, __m512i v, int n) { _mm512_mask_storeu_epi32(p, avx512_mask(n), v); }
BS_WORD __m512 s32x16_dequant(__m512i c, struct bs_grid g, const float *scale, const int32_t *sum, const float *bias,
                              int relu) {
    c = _mm512_sll_epi32(c, _mm_cvtsi32_si128(g.shift));
    c = _mm512_sub_epi32(c, _mm512_mullo_epi32(_mm512_set1_epi32(g.zero), s32x16_load(sum)));
    __m512 s = _mm512_mul_ps(_mm512_set1_ps(g.scale), _mm512_loadu_ps(scale));
    __m512 y = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(c), s), _mm512_loadu_ps(bias));
    return relu ? _mm512_max_ps(y, _mm512_setzero_ps()) : y;
}
BS_WORD void s32x16_finish(float *p, __m512i c, struct bs_grid g, const float *scale, const int32_t *sum,
                           const float *bias, int relu) {
    _mm512_storeu_ps(p, s32x16_dequant(c, g, scale, sum, bias, relu));
}
BS_WORD void s32x16_finish_n(float *p, __m512i c, struct bs_grid g, const float *scale, const int32_t *sum,
                             const float *bias, int relu, int n) {
    _mm512_mask_storeu_ps(p, avx512_mask(n), s32x16_dequant(c, g, scale, sum, bias, relu));
}
BS_WORD __m128i s32x16_codes(__m512i c, const float *multiplier, int32_t zero, int32_t low) {
    __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(c), _mm512_loadu_ps(multiplier));
    y = _mm512_max_ps(y, _mm512_set1_ps((float)(low - zero)));
    y = _mm512_min_ps(y, _mm512_set1_ps((float)(255 - zero)));
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(y), _mm512_set1_epi32(zero)));
}
BS_WORD void s32x16_requant(uint8_t *p, __m512i c, const float *multiplier, int32_t zero, int32_t low) {
    _mm_storeu_si128((__m128i *)p, s32x16_codes(c, multiplier, zero, low));
}
BS_WORD __m512i s32x16_rounded(__m512i c, const float *multiplier, int32_t zero) {
    __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(c), _mm512_loadu_ps(multiplier));
    return _mm512_cvtps_epi32(_mm512_min_ps(y, _mm512_set1_ps((float)(255 - zero))));
}
BS_WORD void s32x16_requant_pair(uint8_t *p, __m512i a, __m512i b, const float *multiplier, int32_t zero, int32_t low) {
    __m512i q = _mm512_packs_epi32(s32x16_rounded(a, multiplier, zero), s32x16_rounded(b, multiplier + 16, zero));
    q = _mm512_adds_epi16(q, _mm512_set1_epi16((int16_t)zero));
    q = _mm512_permutexvar_epi32(avx512_order(), _mm512_packus_epi16(q, q));
    _mm256_storeu_si256((__m256i *)p, _mm256_max_epu8(_mm512_castsi512_si256(q), _mm256_set1_epi8((char)low)));
}
BS_WORD void s32x16_requant_n(uint8_t *p, __m512i c, const float *multiplier, int32_t zero, int32_t low, int n) {
    _mm_mask_storeu_epi8(p, avx512_mask(n), s32x16_codes(c, multiplier, zero, low));
}
BS_WORD __m512 s32x16_scales(const uint16_t *p, float unit) {
    return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)), _mm512_set1_ps(unit));
}
BS_WORD __m512 s32x16_scaled(__m512 f, __m512i c, __m512 scale) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(c), scale, f);
}
BS_WORD __m512 f32x16_zero(void) { return _mm512_setzero_ps(); }
BS_WORD __m512 f32x16_load(const float *p) { return _mm512_loadu_ps(p); }
BS_WORD __m512 f32x16_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(avx512_mask(n), p); }
BS_WORD __m512 f32x16_plus(__m512 v, const float *p) { return _mm512_add_ps(v, f32x16_load(p)); }
BS_WORD __m512 f32x16_plus_n(__m512 v, const float *p, int n) { return _mm512_add_ps(v, f32x16_load_n(p, n)); }
BS_WORD void f32x16_store(float *p, __m512 v) { _mm512_storeu_ps(p, v); }
BS_WORD void f32x16_store_n(float *p, __m512 v, int n) { _mm512_mask_storeu_ps(p, avx512_mask(n), v); }
BS_WORD __m512 f32x16_biased(__m512 c, const float *bias, int relu) {
    c = _mm512_add_ps(c, _mm512_loadu_ps(bias));
    return relu ? _mm512_max_ps(c, _mm512_setzero_ps()) : c;
}
BS_WORD void f32x16_finish(float *p, __m512 c, const float *bias, int relu) {
    _mm512_storeu_ps(p, f32x16_biased(c, bias, relu));
}
BS_WORD void f32x16_finish_n(float *p, __m512 c, const float *bias, int relu, int n) {
    _mm512_mask_storeu_ps(p, avx512_mask(n), f32x16_biased(c, bias, relu));
}

BS_WORD __m512 f32x16_dequant(__m512 f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    f = _mm512_mul_ps(f, _mm512_set1_ps((float)(1 << g.shift)));
    f = _mm512_sub_ps(f, _mm512_mul_ps(_mm512_set1_ps((float)g.zero), _mm512_loadu_ps(sum)));
    return f32x16_biased(_mm512_mul_ps(f, _mm512_set1_ps(g.scale)), bias, relu);
}
BS_WORD void f32x16_finish_groups(float *p, __m512 f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    _mm512_storeu_ps(p, f32x16_dequant(f, g, sum, bias, relu));
}
BS_WORD void f32x16_finish_groups_n(float *p, __m512 f, struct bs_grid g, const float *sum, const float *bias, int relu,
                                    int n) {
    _mm512_mask_storeu_ps(p, avx512_mask(n), f32x16_dequant(f, g, sum, bias, relu));
}

#define f32x16_stage_f16 f32x8_stage_f16
#define f32x16_stage_bf16 f32x8_stage_bf16

/* ---- tile dot_zmm: 16 outputs x 4 products a step ---- */
enum { dot_zmm_N = 16, dot_zmm_K = 4, dot_zmm_ELEM = 1, dot_zmm_RHS = 1, dot_zmm_REGS = 32 };
BS_U8_WORDS(dot_zmm, avx512_range, avx512_quant_u8)
BS_INT_WORDS(dot_zmm, s32x16, __m512i)
BS_GROUP_WORDS(dot_zmm, s32x16, __m512i, f32x16, __m512, 1)
typedef __m512i dot_zmm_lhs, dot_zmm_rhs;
#define dot_zmm_opaque avx512_opaque
BS_WORD __m512i dot_zmm_raw(const uint8_t *p) { return _mm512_set1_epi32(avx2_quad(p, 4)); }
BS_WORD __m512i dot_zmm_raw_tail(const uint8_t *p, int n) { return _mm512_set1_epi32(avx2_quad(p, n)); }
#define dot_zmm_lhs_load dot_zmm_raw
BS_WORD __m512i dot_zmm_rhs_load(const int8_t *p) { return _mm512_loadu_si512(p); }
BS_WORD __m512i dot_zmm_dot(__m512i c, __m512i a, __m512i b) { return _mm512_dpbusd_epi32(c, a, b); }

/* ---- tiles dot_zmm*: weights of fewer bits, unpacked in registers. A field of every byte is moved to the byte's top, so
 * that a weight of B bits reads as 2^(8 - B) times itself, sign and all; `settle` and the groups' scales undo that. ---- */
typedef uint16_t avx512_words __attribute__((vector_size(64), may_alias));
BS_WORD __m512i avx512_field(__m512i v, int from, int width, int to) {
    avx512_words x = (avx512_words)v;
    x = to >= from ? x << (to - from) : x >> (from - to);
    return _mm512_and_si512((__m512i)x, _mm512_set1_epi8((char)(((1 << width) - 1) << to)));
}
/* part `i` of the `parts` that the planes of 4, 2 and 1 bits at `p` are put together to */
BS_WORD __m512i avx512_part(const int8_t *p, int bits, int parts, int i) {
    __m512i code = _mm512_setzero_si512();
    int top = 8;
#pragma GCC unroll 3
    for (int width = 4; width > 0; width /= 2) {
        if (!(bits & width)) continue;
        const int each = 8 / width;
        top -= width;
        code = _mm512_or_si512(code, avx512_field(_mm512_loadu_si512(p + i / each * 64), i % each * width, width, top));
        p += parts / each * 64;
    }
    return code;
}
#define AVX512_NARROW(T, BITS, PARTS) \
    typedef struct { __m512i part[PARTS]; } T##_lhs, T##_rhs; \
    BS_U8_WORDS(T, avx512_range, avx512_quant_u8) \
    BS_INT_WORDS(T, s32x16, __m512i) \
    BS_GROUP_WORDS(T, s32x16, __m512i, f32x16, __m512, 1 << (8 - BITS)) \
    BS_WORD T##_lhs T##_raw(const uint8_t *p) { \
        T##_lhs x; \
        for (int i = 0; i < PARTS; i++) x.part[i] = _mm512_set1_epi32(avx2_quad(p + 4 * i, 4)); \
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
        for (int i = 0; i < PARTS; i++) b.part[i] = avx512_part(p, BITS, PARTS, i); \
        return b; \
    } \
    BS_WORD __m512i T##_dot(__m512i c, T##_lhs x, T##_rhs b) { \
        for (int i = 0; i < PARTS; i++) c = dot_zmm_dot(c, x.part[i], b.part[i]); \
        return c; \
    } \
    BS_WORD void T##_unpack(int8_t *to, int64_t next, const int8_t *p) { \
        for (int i = 0; i < PARTS; i++) _mm512_storeu_si512(to + i * next, avx512_part(p, BITS, PARTS, i)); \
    } \
    BS_WORD __m512i T##_settle(__m512i c) { return _mm512_srai_epi32(c, 8 - BITS); }
#define dot_zmmseptet_plain dot_zmm
enum { dot_zmmseptet_N = 16, dot_zmmseptet_K = 32, dot_zmmseptet_ELEM = 1, dot_zmmseptet_BITS = 7, dot_zmmseptet_REGS = 24 };
AVX512_NARROW(dot_zmmseptet, 7, 8)
#define dot_zmmsextet_plain dot_zmm
enum { dot_zmmsextet_N = 16, dot_zmmsextet_K = 16, dot_zmmsextet_ELEM = 1, dot_zmmsextet_BITS = 6, dot_zmmsextet_REGS = 26 };
AVX512_NARROW(dot_zmmsextet, 6, 4)
#define dot_zmmquintet_plain dot_zmm
enum { dot_zmmquintet_N = 16, dot_zmmquintet_K = 32, dot_zmmquintet_ELEM = 1, dot_zmmquintet_BITS = 5, dot_zmmquintet_REGS = 24 };
AVX512_NARROW(dot_zmmquintet, 5, 8)
#define dot_zmmnibble_plain dot_zmm
enum { dot_zmmnibble_N = 16, dot_zmmnibble_K = 8, dot_zmmnibble_ELEM = 1, dot_zmmnibble_BITS = 4, dot_zmmnibble_REGS = 30 };
AVX512_NARROW(dot_zmmnibble, 4, 2)
#define dot_zmmtriplet_plain dot_zmm
enum { dot_zmmtriplet_N = 16, dot_zmmtriplet_K = 32, dot_zmmtriplet_ELEM = 1, dot_zmmtriplet_BITS = 3, dot_zmmtriplet_REGS = 24 };
AVX512_NARROW(dot_zmmtriplet, 3, 8)
#define dot_zmmcrumb_plain dot_zmm
enum { dot_zmmcrumb_N = 16, dot_zmmcrumb_K = 16, dot_zmmcrumb_ELEM = 1, dot_zmmcrumb_BITS = 2, dot_zmmcrumb_REGS = 26 };
AVX512_NARROW(dot_zmmcrumb, 2, 4)

/* ---- tile f32_zmm ---- */
enum { f32_zmm_N = 16, f32_zmm_K = 1, f32_zmm_ELEM = 4, f32_zmm_RHS = 4, f32_zmm_REGS = 32 };
BS_REAL_WORDS(f32_zmm, f32x16, __m512)
#define f32_zmm_opaque avx512_opaque
BS_WORD __m512 f32_zmm_raw(const float *p) { return _mm512_set1_ps(*p); }
#define f32_zmm_lhs_load f32_zmm_raw
BS_WORD __m512 f32_zmm_dot(__m512 c, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, c); }

/* ---- tile dw_zmm: 16 channels in 32-bit lanes; vpmaddwd multiplies the low halves exactly, the high halves are zero ---- */
enum { dw_zmm_N = 16, dw_zmm_ELEM = 1, dw_zmm_RHS = 1, dw_zmm_REGS = 32 };
BS_U8_WORDS(dw_zmm, avx512_range, avx512_quant_u8)
BS_INT_WORDS(dw_zmm, s32x16, __m512i)
typedef __m512i dw_zmm_lhs, dw_zmm_rhs;
BS_WORD __m512i dw_zmm_lhs_load(const uint8_t *p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
BS_WORD __m512i dw_zmm_lhs_load_n(const uint8_t *p, int n) {
    uint8_t lanes[16] = {0};
    memcpy(lanes, p, (size_t)n);
    return dw_zmm_lhs_load(lanes);
}
BS_WORD __m512i dw_zmm_rhs_load(const int8_t *p) {
    return _mm512_and_si512(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)), _mm512_set1_epi32(0xFFFF));
}
BS_WORD __m512i dw_zmm_dot(__m512i c, __m512i a, __m512i b) { return _mm512_add_epi32(c, _mm512_madd_epi16(a, b)); }

/* ---- tile dw_zmmquad: four rows of the window in one vpdpbusd ---- */
enum { dw_zmmquad_N = 16, dw_zmmquad_K = 4, dw_zmmquad_ELEM = 1, dw_zmmquad_RHS = 1, dw_zmmquad_REGS = 26 };
BS_U8_WORDS(dw_zmmquad, avx512_range, avx512_quant_u8)
BS_INT_WORDS(dw_zmmquad, s32x16, __m512i)
typedef __m512i dw_zmmquad_lhs, dw_zmmquad_rhs;
BS_WORD __m512i dw_zmmquad_lhs_load(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)a));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)b), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)c), 2);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)d), 3);
    /* 4 channels of every row to each quarter, and the 4 rows of a channel together */
    v = _mm512_permutexvar_epi32(avx512_order(), v);
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(avx2_turn()));
}
BS_WORD __m512i dw_zmmquad_lhs_load_n(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, int n) {
    uint8_t rows[4][16] = {{0}};
    memcpy(rows[0], a, (size_t)n), memcpy(rows[1], b, (size_t)n);
    memcpy(rows[2], c, (size_t)n), memcpy(rows[3], d, (size_t)n);
    return dw_zmmquad_lhs_load(rows[0], rows[1], rows[2], rows[3]);
}
BS_WORD __m512i dw_zmmquad_rhs_load(const int8_t *p) { return _mm512_loadu_si512(p); }
#define dw_zmmquad_dot dot_zmm_dot

/* ---- tile dwf_zmm ---- */
enum { dwf_zmm_N = 16, dwf_zmm_ELEM = 4, dwf_zmm_RHS = 4, dwf_zmm_REGS = 32 };
BS_REAL_WORDS(dwf_zmm, f32x16, __m512)
#define dwf_zmm_lhs_load f32x16_load
#define dwf_zmm_lhs_load_n f32x16_load_n
#define dwf_zmm_dot f32_zmm_dot

#include "avx512_lut.h"
#include "avx512_decode.h"
#endif
