/* x86 AVX2 + FMA: exact u8 x s8 by widening to 16 bits and vpmaddwd (vpmaddubsw would saturate). */
#ifndef BS_ISA_AVX2_H
#define BS_ISA_AVX2_H
#include "scalar.h"
#include <immintrin.h>
#define BS_TILES_AVX2 "dot_wide dot_narrow chain_maddubs chain_nibble chain_crumb bits_shuffle lut_ymmtables f32_fma dw_madd dw_pair dwf_fma table_ymmnibble table_ymmcrumb table_ymmbit table_ymmbyte int_ymm e4m3_ymm e5m2_ymm f16_ymm bf16_ymm"

/* ---- whole rows ---- */
BS_WORD float avx2_least(__m256 v) {
    __m128 a = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_min_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_min_ss(a, _mm_shuffle_ps(a, a, 1)));
}
BS_WORD void avx2_range(const float *x, int64_t n, float *low, float *high) {
    /* four chains hide the latency of min and max */
    __m256 lo[4], hi[4];
    for (int j = 0; j < 4; j++) lo[j] = _mm256_set1_ps(*low), hi[j] = _mm256_set1_ps(*high);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 4; j++) {
            __m256 v = _mm256_loadu_ps(x + i + 8 * j);
            lo[j] = _mm256_min_ps(lo[j], v), hi[j] = _mm256_max_ps(hi[j], v);
        }
    __m256 l = _mm256_min_ps(_mm256_min_ps(lo[0], lo[1]), _mm256_min_ps(lo[2], lo[3]));
    __m256 h = _mm256_max_ps(_mm256_max_ps(hi[0], hi[1]), _mm256_max_ps(hi[2], hi[3]));
    *low = avx2_least(l), *high = -avx2_least(_mm256_sub_ps(_mm256_setzero_ps(), h));
    scalar_range(x + i, n - i, low, high);
}
BS_WORD void avx2_stage_s16(int16_t *to, const uint8_t *x, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(x + i))));
    scalar_stage_s16(to + i, x + i, n - i);
}
/* 16 codes as s16, 4 of each half in turns, not yet clamped */
BS_WORD __m256i avx2_codes(const float *x, __m256 inverse, __m256i zero) {
    __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), inverse));
    __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), inverse));
    return _mm256_adds_epi16(_mm256_packs_epi32(a, b), zero);
}
BS_WORD void avx2_quant_s16(int16_t *to, const float *x, int64_t n, struct bs_grid g) {
    __m256 inverse = _mm256_set1_ps(g.inverse);
    __m256i zero = _mm256_set1_epi16((int16_t)g.zero), top = _mm256_set1_epi16((int16_t)g.top);
    int64_t i = 0;
    for (; i + 16 <= n && !g.shift; i += 16) {
        __m256i q = _mm256_max_epi16(avx2_codes(x + i, inverse, zero), _mm256_setzero_si256());
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_permute4x64_epi64(_mm256_min_epi16(q, top), 0xD8));
    }
    scalar_quant_s16(to + i, x + i, n - i, g);
}
BS_WORD void avx2_quant_u8(uint8_t *to, const float *x, int64_t n, struct bs_grid g) {
    __m256 inverse = _mm256_set1_ps(g.inverse);
    __m256i zero = _mm256_set1_epi16((int16_t)g.zero), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i top = _mm256_set1_epi8((char)g.top);
    int64_t i = 0;
    for (; i + 32 <= n && !g.shift; i += 32) {
        __m256i q = _mm256_packus_epi16(avx2_codes(x + i, inverse, zero), avx2_codes(x + i + 16, inverse, zero));
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_permutevar8x32_epi32(_mm256_min_epu8(q, top), order));
    }
    for (; i + 16 <= n && !g.shift; i += 16) {
        __m256i q = _mm256_permute4x64_epi64(avx2_codes(x + i, inverse, zero), 0xD8);
        q = _mm256_min_epu8(_mm256_packus_epi16(q, q), top);
        _mm_storel_epi64((__m128i *)(to + i), _mm256_castsi256_si128(q));
        _mm_storel_epi64((__m128i *)(to + i + 8), _mm256_extracti128_si256(q, 1));
    }
    scalar_quant_u8(to + i, x + i, n - i, g);
}

/* ---- accumulators: 8 x s32 and 8 x f32 ---- */
BS_WORD __m256i avx2_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
BS_WORD __m256i s32x8_zero(void) { return _mm256_setzero_si256(); }
BS_WORD __m256i s32x8_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
BS_WORD __m256i s32x8_plus(__m256i v, const int32_t *p) { return _mm256_add_epi32(v, s32x8_load(p)); }
BS_WORD __m256i s32x8_plus_n(__m256i v, const int32_t *p, int n) {
    return _mm256_add_epi32(v, _mm256_maskload_epi32(p, avx2_mask(n)));
}
BS_WORD void s32x8_store(int32_t *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
BS_WORD void s32x8_store_n(int32_t *p, __m256i v, int n) { _mm256_maskstore_epi32(p, avx2_mask(n), v); }
BS_WORD __m256 s32x8_dequant(__m256i c, struct bs_grid g, const float *scale, const int32_t *sum, const float *bias,
                             int relu) {
    c = _mm256_sll_epi32(c, _mm_cvtsi32_si128(g.shift));
    c = _mm256_sub_epi32(c, _mm256_mullo_epi32(_mm256_set1_epi32(g.zero), s32x8_load(sum)));
    __m256 s = _mm256_mul_ps(_mm256_set1_ps(g.scale), _mm256_loadu_ps(scale));
    __m256 y = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(c), s), _mm256_loadu_ps(bias));
    return relu ? _mm256_max_ps(y, _mm256_setzero_ps()) : y;
}
BS_WORD void s32x8_finish(float *p, __m256i c, struct bs_grid g, const float *scale, const int32_t *sum,
                          const float *bias, int relu) {
    _mm256_storeu_ps(p, s32x8_dequant(c, g, scale, sum, bias, relu));
}
BS_WORD void s32x8_finish_n(float *p, __m256i c, struct bs_grid g, const float *scale, const int32_t *sum,
                            const float *bias, int relu, int n) {
    _mm256_maskstore_ps(p, avx2_mask(n), s32x8_dequant(c, g, scale, sum, bias, relu));
}
/* the low 4 bytes of either half hold the 8 codes */
BS_WORD __m256i s32x8_codes(__m256i c, const float *multiplier, int32_t zero, int32_t low) {
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(c), _mm256_loadu_ps(multiplier));
    y = _mm256_max_ps(y, _mm256_set1_ps((float)(low - zero)));
    y = _mm256_min_ps(y, _mm256_set1_ps((float)(255 - zero)));
    __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(y), _mm256_set1_epi32(zero));
    q = _mm256_packus_epi32(q, q);
    return _mm256_packus_epi16(q, q);
}
BS_WORD uint64_t s32x8_eight(__m256i q) {
    uint32_t a = (uint32_t)_mm256_cvtsi256_si32(q), b = (uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(q, 1));
    return a | (uint64_t)b << 32;
}
BS_WORD void s32x8_requant(uint8_t *p, __m256i c, const float *multiplier, int32_t zero, int32_t low) {
    uint64_t codes = s32x8_eight(s32x8_codes(c, multiplier, zero, low));
    memcpy(p, &codes, 8);
}
/* rounded and not yet clamped from below: what is too small for 32 bits becomes the least of them */
BS_WORD __m256i s32x8_rounded(__m256i c, const float *multiplier, int32_t zero) {
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(c), _mm256_loadu_ps(multiplier));
    return _mm256_cvtps_epi32(_mm256_min_ps(y, _mm256_set1_ps((float)(255 - zero))));
}
BS_WORD void s32x8_requant_pair(uint8_t *p, __m256i a, __m256i b, const float *multiplier, int32_t zero, int32_t low) {
    __m256i q = _mm256_packs_epi32(s32x8_rounded(a, multiplier, zero), s32x8_rounded(b, multiplier + 8, zero));
    q = _mm256_permute4x64_epi64(_mm256_adds_epi16(q, _mm256_set1_epi16((int16_t)zero)), 0xD8);
    __m128i codes = _mm_packus_epi16(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storeu_si128((__m128i *)p, _mm_max_epu8(codes, _mm_set1_epi8((char)low)));
}
BS_WORD void s32x8_requant_n(uint8_t *p, __m256i c, const float *multiplier, int32_t zero, int32_t low, int n) {
    uint64_t codes = s32x8_eight(s32x8_codes(c, multiplier, zero, low));
    memcpy(p, &codes, (size_t)n);
}
BS_WORD __m256 s32x8_scales(const uint16_t *p, float unit) {
    return _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)), _mm256_set1_ps(unit));
}
BS_WORD __m256 s32x8_scaled(__m256 f, __m256i c, __m256 scale) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(c), scale, f);
}
BS_WORD __m256 f32x8_zero(void) { return _mm256_setzero_ps(); }
BS_WORD __m256 f32x8_load(const float *p) { return _mm256_loadu_ps(p); }
BS_WORD __m256 f32x8_load_n(const float *p, int n) { return _mm256_maskload_ps(p, avx2_mask(n)); }
BS_WORD __m256 f32x8_plus(__m256 v, const float *p) { return _mm256_add_ps(v, f32x8_load(p)); }
BS_WORD __m256 f32x8_plus_n(__m256 v, const float *p, int n) { return _mm256_add_ps(v, f32x8_load_n(p, n)); }
BS_WORD void f32x8_store(float *p, __m256 v) { _mm256_storeu_ps(p, v); }
BS_WORD void f32x8_store_n(float *p, __m256 v, int n) { _mm256_maskstore_ps(p, avx2_mask(n), v); }
BS_WORD __m256 f32x8_biased(__m256 c, const float *bias, int relu) {
    c = _mm256_add_ps(c, _mm256_loadu_ps(bias));
    return relu ? _mm256_max_ps(c, _mm256_setzero_ps()) : c;
}
BS_WORD void f32x8_finish(float *p, __m256 c, const float *bias, int relu) {
    _mm256_storeu_ps(p, f32x8_biased(c, bias, relu));
}
BS_WORD void f32x8_finish_n(float *p, __m256 c, const float *bias, int relu, int n) {
    _mm256_maskstore_ps(p, avx2_mask(n), f32x8_biased(c, bias, relu));
}
BS_WORD __m256 f32x8_dequant(__m256 f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    f = _mm256_mul_ps(f, _mm256_set1_ps((float)(1 << g.shift)));
    f = _mm256_sub_ps(f, _mm256_mul_ps(_mm256_set1_ps((float)g.zero), _mm256_loadu_ps(sum)));
    return f32x8_biased(_mm256_mul_ps(f, _mm256_set1_ps(g.scale)), bias, relu);
}
BS_WORD void f32x8_finish_groups(float *p, __m256 f, struct bs_grid g, const float *sum, const float *bias, int relu) {
    _mm256_storeu_ps(p, f32x8_dequant(f, g, sum, bias, relu));
}
BS_WORD void f32x8_finish_groups_n(float *p, __m256 f, struct bs_grid g, const float *sum, const float *bias, int relu,
                                   int n) {
    _mm256_maskstore_ps(p, avx2_mask(n), f32x8_dequant(f, g, sum, bias, relu));
}
BS_WORD __m128i avx2_eight(const void *p) { return _mm_loadl_epi64((const __m128i *)p); }
BS_WORD void f32x8_stage_f16(float *to, const float *x, int64_t n) {
    const __m256 most = _mm256_set1_ps(65504.0f);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_min_ps(_mm256_max_ps(_mm256_loadu_ps(x + i), _mm256_sub_ps(_mm256_setzero_ps(), most)), most);
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)));
    }
    scalar_stage_f16(to + i, x + i, n - i);
}
/* bf16 in the high halves; the low halves are 0 */
BS_WORD __m256i avx2_to_bf16(const float *x) {
    const __m256i sign = _mm256_set1_epi32(INT32_MIN), most = _mm256_set1_epi32(0x7F7F0000);
    __m256i v = _mm256_castps_si256(_mm256_loadu_ps(x)), size = _mm256_andnot_si256(sign, v);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(v, 16), _mm256_set1_epi32(1));
    size = _mm256_add_epi32(_mm256_min_epi32(size, most), _mm256_add_epi32(even, _mm256_set1_epi32(0x7FFF)));
    return _mm256_or_si256(_mm256_and_si256(size, _mm256_set1_epi32(0x7FFF0000)), _mm256_and_si256(v, sign));
}
BS_WORD void f32x8_stage_bf16(float *to, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_si256((__m256i *)(to + i), avx2_to_bf16(x + i));
    scalar_stage_bf16(to + i, x + i, n - i);
}
#define avx2_opaque(x) __asm__ volatile("" : "+x"(x))

#define BS_S16_WORDS(T) \
    typedef int16_t T##_elem; \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { avx2_range(x, n, low, high); } \
    BS_WORD void T##_stage(int16_t *to, const uint8_t *x, int64_t n) { avx2_stage_s16(to, x, n); } \
    BS_WORD void T##_quant(int16_t *to, const float *x, int64_t n, struct bs_grid g) { avx2_quant_s16(to, x, n, g); }

/* ---- tile dot_wide: weights packed as s16, 8 outputs x 2 products a step ---- */
enum { dot_wide_N = 8, dot_wide_K = 2, dot_wide_ELEM = 2, dot_wide_RHS = 2, dot_wide_REGS = 16 };
BS_S16_WORDS(dot_wide)
BS_INT_WORDS(dot_wide, s32x8, __m256i)
BS_GROUP_WORDS(dot_wide, s32x8, __m256i, f32x8, __m256, 1)
typedef __m256i dot_wide_lhs, dot_wide_rhs;
#define dot_wide_opaque avx2_opaque
BS_WORD __m256i dot_wide_raw(const uint8_t *p) {
    int16_t pair;
    memcpy(&pair, p, 2);
    return _mm256_cvtepu8_epi16(_mm_set1_epi16(pair));
}
BS_WORD __m256i dot_wide_raw_tail(const uint8_t *p, int n) { return _mm256_set1_epi32(n ? *p : 0); }
BS_WORD __m256i dot_wide_lhs_load(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, 4);
    return _mm256_set1_epi32(pair);
}
BS_WORD __m256i dot_wide_rhs_load(const int16_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
/* as one statement: GCC would reassociate the sums of unrolled steps and spill what no longer fits the registers */
BS_WORD __m256i dot_wide_dot(__m256i c, __m256i a, __m256i b) {
    __m256i product;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(c), "=&x"(product) : "x"(a), "x"(b));
    return c;
}

/* ---- tile dot_narrow: the same with weights packed as s8, widened as they are loaded: half the bytes ---- */
enum { dot_narrow_N = 8, dot_narrow_K = 2, dot_narrow_ELEM = 2, dot_narrow_RHS = 1, dot_narrow_REGS = 16 };
BS_S16_WORDS(dot_narrow)
BS_INT_WORDS(dot_narrow, s32x8, __m256i)
BS_GROUP_WORDS(dot_narrow, s32x8, __m256i, f32x8, __m256, 1)
typedef __m256i dot_narrow_lhs, dot_narrow_rhs;
#define dot_narrow_opaque avx2_opaque
#define dot_narrow_raw dot_wide_raw
#define dot_narrow_raw_tail dot_wide_raw_tail
#define dot_narrow_lhs_load dot_wide_lhs_load
BS_WORD __m256i dot_narrow_rhs_load(const int8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}
#define dot_narrow_dot dot_wide_dot

/* ---- tile f32_fma ---- */
enum { f32_fma_N = 8, f32_fma_K = 1, f32_fma_ELEM = 4, f32_fma_RHS = 4, f32_fma_REGS = 16 };
BS_REAL_WORDS(f32_fma, f32x8, __m256)
#define f32_fma_opaque avx2_opaque
BS_WORD __m256 f32_fma_raw(const float *p) { return _mm256_broadcast_ss(p); }
#define f32_fma_lhs_load f32_fma_raw
BS_WORD __m256 f32_fma_dot(__m256 c, __m256 a, __m256 b) { return _mm256_fmadd_ps(a, b, c); }

/* ---- tile dw_madd: 8 channels in 32-bit lanes; vpmaddwd multiplies the low halves exactly, the high halves are zero ---- */
enum { dw_madd_N = 8, dw_madd_ELEM = 1, dw_madd_RHS = 1, dw_madd_REGS = 16 };
BS_U8_WORDS(dw_madd, avx2_range, avx2_quant_u8)
BS_INT_WORDS(dw_madd, s32x8, __m256i)
typedef __m256i dw_madd_lhs, dw_madd_rhs;
BS_WORD __m256i dw_madd_lhs_load(const uint8_t *p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
BS_WORD __m256i dw_madd_lhs_load_n(const uint8_t *p, int n) {
    uint8_t lanes[8] = {0};
    memcpy(lanes, p, (size_t)n);
    return dw_madd_lhs_load(lanes);
}
BS_WORD __m256i dw_madd_rhs_load(const int8_t *p) {
    return _mm256_and_si256(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)), _mm256_set1_epi32(0xFFFF));
}
#define dw_madd_dot dot_wide_dot

/* ---- tile dw_pair: two rows of the window, as s16, in one vpmaddwd ---- */
enum { dw_pair_N = 8, dw_pair_K = 2, dw_pair_ELEM = 1, dw_pair_RHS = 2, dw_pair_REGS = 14 };
BS_U8_WORDS(dw_pair, avx2_range, avx2_quant_u8)
BS_INT_WORDS(dw_pair, s32x8, __m256i)
typedef __m256i dw_pair_lhs, dw_pair_rhs;
/* turns 4 x 4 bytes */
BS_WORD __m128i avx2_turn(void) { return _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15); }
BS_WORD __m256i dw_pair_lhs_load(const uint8_t *a, const uint8_t *b) {
    return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(avx2_eight(a), avx2_eight(b)));
}
BS_WORD __m256i dw_pair_lhs_load_n(const uint8_t *a, const uint8_t *b, int n) {
    uint8_t rows[2][8] = {{0}};
    memcpy(rows[0], a, (size_t)n), memcpy(rows[1], b, (size_t)n);
    return dw_pair_lhs_load(rows[0], rows[1]);
}
BS_WORD __m256i dw_pair_rhs_load(const int16_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
#define dw_pair_dot dot_wide_dot

/* ---- tile chain_maddubs: narrow weights, 8 outputs x 4 products a step, summed in 16 bits until they are widened ---- */
enum { chain_maddubs_N = 8, chain_maddubs_K = 4, chain_maddubs_ELEM = 1, chain_maddubs_RHS = 1, chain_maddubs_REGS = 16, chain_maddubs_LANES = 2 };
BS_U8_WORDS(chain_maddubs, avx2_range, avx2_quant_u8)
BS_INT_WORDS(chain_maddubs, s32x8, __m256i)
BS_GROUP_WORDS(chain_maddubs, s32x8, __m256i, f32x8, __m256, 1)
typedef __m256i chain_maddubs_lhs, chain_maddubs_rhs, chain_maddubs_sum;
#define chain_maddubs_opaque avx2_opaque
BS_WORD int32_t avx2_quad(const uint8_t *p, int n) {
    int32_t quad = 0;
    memcpy(&quad, p, (size_t)n);
    return quad;
}
BS_WORD __m256i chain_maddubs_raw(const uint8_t *p) { return _mm256_set1_epi32(avx2_quad(p, 4)); }
BS_WORD __m256i chain_maddubs_raw_tail(const uint8_t *p, int n) { return _mm256_set1_epi32(avx2_quad(p, n)); }
#define chain_maddubs_lhs_load chain_maddubs_raw
BS_WORD __m256i chain_maddubs_rhs_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
BS_WORD __m256i chain_maddubs_none(void) { return _mm256_setzero_si256(); }
/* one statement, for the reason given at dot_wide_dot */
BS_WORD __m256i chain_maddubs_add(__m256i s, __m256i a, __m256i b) {
    __m256i product;
    __asm__("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0" : "+x"(s), "=&x"(product) : "x"(a), "x"(b));
    return s;
}
BS_WORD __m256i chain_maddubs_widen(__m256i c, __m256i s) {
    return _mm256_add_epi32(c, _mm256_madd_epi16(s, _mm256_set1_epi16(1)));
}

/* ---- tile chain_nibble: the same with weights stored as 4 bits: 8 outputs x 8 products a step ---- */
#define chain_nibble_plain chain_maddubs
enum { chain_nibble_N = 8, chain_nibble_K = 8, chain_nibble_ELEM = 1, chain_nibble_BITS = 4, chain_nibble_REGS = 14, chain_nibble_LANES = 4 };
BS_U8_WORDS(chain_nibble, avx2_range, avx2_quant_u8)
BS_INT_WORDS(chain_nibble, s32x8, __m256i)
BS_GROUP_WORDS(chain_nibble, s32x8, __m256i, f32x8, __m256, 1)
typedef struct { __m256i a, b; } chain_nibble_lhs, chain_nibble_rhs;
typedef __m256i chain_nibble_sum;
#define chain_nibble_none chain_maddubs_none
#define chain_nibble_widen chain_maddubs_widen
BS_WORD chain_nibble_lhs chain_nibble_raw(const uint8_t *p) {
    return (chain_nibble_lhs){_mm256_set1_epi32(avx2_quad(p, 4)), _mm256_set1_epi32(avx2_quad(p + 4, 4))};
}
BS_WORD chain_nibble_lhs chain_nibble_raw_tail(const uint8_t *p, int n) {
    uint8_t all[8] = {0};
    memcpy(all, p, (size_t)n);
    return chain_nibble_raw(all);
}
#define chain_nibble_lhs_load chain_nibble_raw
BS_WORD chain_nibble_rhs chain_nibble_rhs_load(const int8_t *p) {
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i value = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    return (chain_nibble_rhs){_mm256_shuffle_epi8(value, _mm256_and_si256(v, mask)),
                              _mm256_shuffle_epi8(value, _mm256_and_si256(_mm256_srli_epi16(v, 4), mask))};
}
BS_WORD void chain_nibble_unpack(int8_t *to, int64_t next, const int8_t *p) {
    chain_nibble_rhs b = chain_nibble_rhs_load(p);
    _mm256_storeu_si256((__m256i *)to, b.a), _mm256_storeu_si256((__m256i *)(to + next), b.b);
}
BS_WORD __m256i chain_nibble_add(__m256i s, chain_nibble_lhs x, chain_nibble_rhs b) {
    return chain_maddubs_add(chain_maddubs_add(s, x.a, b.a), x.b, b.b);
}
#define chain_nibble_opaque(x) __asm__ volatile("" : "+x"((x).a), "+x"((x).b))

/* ---- tile chain_crumb: the same with weights stored as 2 bits: 8 outputs x 16 products a step ---- */
#define chain_crumb_plain chain_maddubs
enum { chain_crumb_N = 8, chain_crumb_K = 16, chain_crumb_ELEM = 1, chain_crumb_BITS = 2, chain_crumb_REGS = 12, chain_crumb_LANES = 8 };
BS_U8_WORDS(chain_crumb, avx2_range, avx2_quant_u8)
BS_INT_WORDS(chain_crumb, s32x8, __m256i)
BS_GROUP_WORDS(chain_crumb, s32x8, __m256i, f32x8, __m256, 1)
typedef struct { chain_nibble_lhs a, b; } chain_crumb_lhs;
typedef struct { chain_nibble_rhs a, b; } chain_crumb_rhs;
typedef __m256i chain_crumb_sum;
#define chain_crumb_none chain_maddubs_none
#define chain_crumb_widen chain_maddubs_widen
BS_WORD chain_crumb_lhs chain_crumb_raw(const uint8_t *p) {
    return (chain_crumb_lhs){chain_nibble_raw(p), chain_nibble_raw(p + 8)};
}
BS_WORD chain_crumb_lhs chain_crumb_raw_tail(const uint8_t *p, int n) {
    uint8_t all[16] = {0};
    memcpy(all, p, (size_t)n);
    return chain_crumb_raw(all);
}
#define chain_crumb_lhs_load chain_crumb_raw
BS_WORD chain_crumb_rhs chain_crumb_rhs_load(const int8_t *p) {
    const __m256i mask = _mm256_set1_epi8(3);
    const __m256i value = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, -2, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    return (chain_crumb_rhs){{_mm256_shuffle_epi8(value, _mm256_and_si256(v, mask)),
                              _mm256_shuffle_epi8(value, _mm256_and_si256(_mm256_srli_epi16(v, 2), mask))},
                             {_mm256_shuffle_epi8(value, _mm256_and_si256(_mm256_srli_epi16(v, 4), mask)),
                              _mm256_shuffle_epi8(value, _mm256_and_si256(_mm256_srli_epi16(v, 6), mask))}};
}
BS_WORD void chain_crumb_unpack(int8_t *to, int64_t next, const int8_t *p) {
    chain_crumb_rhs b = chain_crumb_rhs_load(p);
    _mm256_storeu_si256((__m256i *)to, b.a.a), _mm256_storeu_si256((__m256i *)(to + next), b.a.b);
    _mm256_storeu_si256((__m256i *)(to + 2 * next), b.b.a), _mm256_storeu_si256((__m256i *)(to + 3 * next), b.b.b);
}
BS_WORD __m256i chain_crumb_add(__m256i s, chain_crumb_lhs x, chain_crumb_rhs b) {
    return chain_nibble_add(chain_nibble_add(s, x.a, b.a), x.b, b.b);
}
#define chain_crumb_opaque(x) __asm__ volatile("" : "+x"((x).a.a), "+x"((x).a.b), "+x"((x).b.a), "+x"((x).b.b))

/* ---- tile dwf_fma ---- */
enum { dwf_fma_N = 8, dwf_fma_ELEM = 4, dwf_fma_RHS = 4, dwf_fma_REGS = 16 };
BS_REAL_WORDS(dwf_fma, f32x8, __m256)
#define dwf_fma_lhs_load f32x8_load
#define dwf_fma_lhs_load_n f32x8_load_n
#define dwf_fma_dot f32_fma_dot

#include "avx2_bits.h"
#include "avx2_lut.h"
#include "avx2_decode.h"
#endif
