/* Weights decoded by AVX2, F16C and FMA: tables of up to 16 levels by permutations, one of 256 by a gather. avx2.h includes it. */
#ifndef BS_ISA_AVX2_DECODE_H
#define BS_ISA_AVX2_DECODE_H

/* ---- what 8 x f32 need besides ---- */
/* 8 numbers of 16 and 8 bits as f32; e4m3 times 2^-8 */
BS_WORD __m256 avx2_f16(__m128i v) { return _mm256_cvtph_ps(v); }
BS_WORD __m256 avx2_bf16(__m128i v) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16)); }
BS_WORD __m256 avx2_s8(__m128i v) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(v)); }
BS_WORD __m256 avx2_e5m2(__m128i v) { return _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(v), 8)); }
/* the sign comes out twice; its copy is where f16 has the high bit of the exponent */
BS_WORD __m256 avx2_e4m3(__m128i v) {
    return _mm256_cvtph_ps(_mm_and_si128(_mm_slli_epi16(_mm_cvtepi8_epi16(v), 7), _mm_set1_epi16((short)0xBF80)));
}
BS_WORD __m256 avx2_e8m0(__m128i v) {
    __m256i bits = _mm256_slli_epi32(_mm256_cvtepu8_epi32(v), 23);
    return _mm256_castsi256_ps(_mm256_max_epi32(bits, _mm256_set1_epi32(0x00400000)));
}
BS_WORD __m256 f32x8_scaled(__m256 f, __m256 c, __m256 scale) { return _mm256_fmadd_ps(c, scale, f); }
BS_WORD __m256 f32x8_scales(const void *p) { return avx2_f16(_mm_loadu_si128((const __m128i *)p)); }
BS_WORD __m256 f32x8_scales_bf16(const void *p) { return avx2_bf16(_mm_loadu_si128((const __m128i *)p)); }
BS_WORD __m256 f32x8_scales_e8m0(const void *p) { return avx2_e8m0(avx2_eight(p)); }
BS_WORD __m256 f32x8_scales_e4m3(const void *p) {
    return _mm256_mul_ps(avx2_e4m3(avx2_eight(p)), _mm256_set1_ps(0x1p8f));
}
BS_WORD __m256 f32x8_points(const void *p) { return avx2_s8(avx2_eight(p)); }
BS_WORD __m256 f32x8_minus(__m256 v, __m256 w) { return _mm256_sub_ps(v, w); }
BS_WORD __m256 f32x8_times(__m256 v, __m256 w) { return _mm256_mul_ps(v, w); }
BS_WORD __m256 f32x8_same(float x) { return _mm256_set1_ps(x); }
BS_WORD __m256 f32x8_weighed(__m256 c, const float *scale, const float *bias, int relu) {
    return f32x8_biased(_mm256_mul_ps(c, _mm256_loadu_ps(scale)), bias, relu);
}
BS_WORD void f32x8_finish_scaled(float *p, __m256 c, const float *scale, const float *bias, int relu) {
    _mm256_storeu_ps(p, f32x8_weighed(c, scale, bias, relu));
}
BS_WORD void f32x8_finish_scaled_n(float *p, __m256 c, const float *scale, const float *bias, int relu, int n) {
    _mm256_maskstore_ps(p, avx2_mask(n), f32x8_weighed(c, scale, bias, relu));
}

/* ---- tiles table_*: 8 outputs, codes of 4, 2 and 1 bits in 32 for each; a table of 16 is two permutations, of which bit 3 of
 * the code chooses one. Bits above an index do not matter: permutations look at three, and smaller tables repeat. ---- */
typedef uint32_t avx2_words __attribute__((vector_size(32), may_alias));
BS_WORD __m256i avx2_codes_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
enum { table_ymmnibble_N = 8, table_ymmnibble_K = 8, table_ymmnibble_ELEM = 4, table_ymmnibble_BITS = 4, table_ymmnibble_REGS = 13 };
BS_CODED_WORDS(table_ymmnibble, f32x8, __m256, 1)
typedef __m256i table_ymmnibble_rhs;
typedef struct { __m256 low, high; } table_ymmnibble_table;
#define table_ymmnibble_rhs_load avx2_codes_load
BS_WORD table_ymmnibble_table table_ymmnibble_table_load(const float *p) {
    return (table_ymmnibble_table){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
BS_WORD __m256 table_ymmnibble_level(__m256i b, table_ymmnibble_table t, int d) {
    __m256i code = (__m256i)((avx2_words)b >> 4 * d), top = (__m256i)((avx2_words)b << (28 - 4 * d));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(t.low, code), _mm256_permutevar8x32_ps(t.high, code),
                            _mm256_castsi256_ps(top));
}
#define AVX2_LUT(T, BITS) \
    BS_CODED_WORDS(T, f32x8, __m256, 1) \
    typedef __m256i T##_rhs; \
    typedef __m256 T##_table; \
    BS_WORD __m256 T##_table_load(const float *p) { return _mm256_loadu_ps(p); } \
    BS_WORD __m256i T##_rhs_load(const void *p) { return avx2_codes_load(p); } \
    BS_WORD __m256 T##_level(__m256i b, __m256 t, int d) { \
        return _mm256_permutevar8x32_ps(t, (__m256i)((avx2_words)b >> BITS * d)); \
    }
enum { table_ymmcrumb_N = 8, table_ymmcrumb_K = 16, table_ymmcrumb_ELEM = 4, table_ymmcrumb_BITS = 2, table_ymmcrumb_REGS = 14 };
AVX2_LUT(table_ymmcrumb, 2)
enum { table_ymmbit_N = 8, table_ymmbit_K = 32, table_ymmbit_ELEM = 4, table_ymmbit_BITS = 1, table_ymmbit_REGS = 14 };
AVX2_LUT(table_ymmbit, 1)
/* a table of 256 stays in memory */
enum { table_ymmbyte_N = 8, table_ymmbyte_K = 1, table_ymmbyte_ELEM = 4, table_ymmbyte_RHS = 1, table_ymmbyte_REGS = 15 };
BS_CODED_WORDS(table_ymmbyte, f32x8, __m256, 1)
typedef __m256i table_ymmbyte_rhs;
typedef const float *table_ymmbyte_table;
BS_WORD table_ymmbyte_table table_ymmbyte_table_load(const float *p) { return p; }
BS_WORD __m256i table_ymmbyte_rhs_load(const void *p) { return _mm256_cvtepu8_epi32(avx2_eight(p)); }
BS_WORD __m256 table_ymmbyte_level(__m256i b, table_ymmbyte_table t, int d) { return (void)d, _mm256_i32gather_ps(t, b, 4); }

/* ---- tiles of codes that are numbers themselves, 8 outputs ---- */
BS_WORD __m128i avx2_sixteen(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
enum { int_ymm_N = 8, int_ymm_K = 1, int_ymm_ELEM = 4, int_ymm_RHS = 1, int_ymm_REGS = 16 };
BS_NUMBERS(int_ymm, f32x8, __m256, 1, __m128i, avx2_eight, avx2_s8)
enum { e4m3_ymm_N = 8, e4m3_ymm_K = 1, e4m3_ymm_ELEM = 4, e4m3_ymm_RHS = 1, e4m3_ymm_REGS = 15 };
BS_NUMBERS(e4m3_ymm, f32x8, __m256, 0x1p8f, __m128i, avx2_eight, avx2_e4m3)
enum { e5m2_ymm_N = 8, e5m2_ymm_K = 1, e5m2_ymm_ELEM = 4, e5m2_ymm_RHS = 1, e5m2_ymm_REGS = 16 };
BS_NUMBERS(e5m2_ymm, f32x8, __m256, 1, __m128i, avx2_eight, avx2_e5m2)
enum { f16_ymm_N = 8, f16_ymm_K = 1, f16_ymm_ELEM = 4, f16_ymm_RHS = 2, f16_ymm_REGS = 16 };
BS_NUMBERS(f16_ymm, f32x8, __m256, 1, __m128i, avx2_sixteen, avx2_f16)
enum { bf16_ymm_N = 8, bf16_ymm_K = 1, bf16_ymm_ELEM = 4, bf16_ymm_RHS = 2, bf16_ymm_REGS = 16 };
BS_NUMBERS(bf16_ymm, f32x8, __m256, 1, __m128i, avx2_sixteen, avx2_bf16)
#endif
