/* Weights decoded by AVX-512: tables of up to 16 levels by one permutation, one of 256 by a gather. avx512vnni.h includes it. */
#ifndef BS_ISA_AVX512_DECODE_H
#define BS_ISA_AVX512_DECODE_H

/* ---- what 16 x f32 need besides ---- */
/* 16 numbers of 16 and 8 bits as f32; e4m3 times 2^-8 */
BS_WORD __m256i avx512_halves(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
BS_WORD __m512 avx512_f16(__m256i v) { return _mm512_cvtph_ps(v); }
BS_WORD __m512 avx512_bf16(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
BS_WORD __m512 avx512_s8(__m128i v) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(v)); }
BS_WORD __m512 avx512_e5m2(__m128i v) { return _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(v), 8)); }
BS_WORD __m512 avx512_e4m3(__m128i v) {
    return _mm512_cvtph_ps(
        _mm256_and_si256(_mm256_slli_epi16(_mm256_cvtepi8_epi16(v), 7), _mm256_set1_epi16((short)0xBF80)));
}
BS_WORD __m512 avx512_e8m0(__m128i v) {
    __m512i bits = _mm512_slli_epi32(_mm512_cvtepu8_epi32(v), 23);
    return _mm512_castsi512_ps(_mm512_max_epi32(bits, _mm512_set1_epi32(0x00400000)));
}
BS_WORD __m512 f32x16_scaled(__m512 f, __m512 c, __m512 scale) { return _mm512_fmadd_ps(c, scale, f); }
BS_WORD __m512 f32x16_scales(const void *p) { return avx512_f16(avx512_halves(p)); }
BS_WORD __m512 f32x16_scales_bf16(const void *p) { return avx512_bf16(avx512_halves(p)); }
BS_WORD __m512 f32x16_scales_e8m0(const void *p) { return avx512_e8m0(avx2_sixteen(p)); }
BS_WORD __m512 f32x16_scales_e4m3(const void *p) {
    return _mm512_mul_ps(avx512_e4m3(avx2_sixteen(p)), _mm512_set1_ps(0x1p8f));
}
BS_WORD __m512 f32x16_points(const void *p) { return avx512_s8(avx2_sixteen(p)); }
BS_WORD __m512 f32x16_minus(__m512 v, __m512 w) { return _mm512_sub_ps(v, w); }
BS_WORD __m512 f32x16_times(__m512 v, __m512 w) { return _mm512_mul_ps(v, w); }
BS_WORD __m512 f32x16_same(float x) { return _mm512_set1_ps(x); }
BS_WORD __m512 f32x16_weighed(__m512 c, const float *scale, const float *bias, int relu) {
    return f32x16_biased(_mm512_mul_ps(c, _mm512_loadu_ps(scale)), bias, relu);
}
BS_WORD void f32x16_finish_scaled(float *p, __m512 c, const float *scale, const float *bias, int relu) {
    _mm512_storeu_ps(p, f32x16_weighed(c, scale, bias, relu));
}
BS_WORD void f32x16_finish_scaled_n(float *p, __m512 c, const float *scale, const float *bias, int relu, int n) {
    _mm512_mask_storeu_ps(p, avx512_mask(n), f32x16_weighed(c, scale, bias, relu));
}

/* ---- tiles table_*: 16 outputs, codes of 4, 2 and 1 bits in 32 for each. Bits above an index do not matter: a permutation
 * looks at four, and smaller tables repeat. ---- */
typedef uint32_t avx512_doubles __attribute__((vector_size(64), may_alias));
#define AVX512_LUT(T, BITS) \
    BS_CODED_WORDS(T, f32x16, __m512, 1) \
    typedef __m512i T##_rhs; \
    typedef __m512 T##_table; \
    BS_WORD __m512 T##_table_load(const float *p) { return _mm512_loadu_ps(p); } \
    BS_WORD __m512i T##_rhs_load(const void *p) { return _mm512_loadu_si512(p); } \
    BS_WORD __m512 T##_level(__m512i b, __m512 t, int d) { \
        return _mm512_permutexvar_ps((__m512i)((avx512_doubles)b >> BITS * d), t); \
    }
enum { table_zmmnibble_N = 16, table_zmmnibble_K = 8, table_zmmnibble_ELEM = 4, table_zmmnibble_BITS = 4, table_zmmnibble_REGS = 30 };
AVX512_LUT(table_zmmnibble, 4)
enum { table_zmmcrumb_N = 16, table_zmmcrumb_K = 16, table_zmmcrumb_ELEM = 4, table_zmmcrumb_BITS = 2, table_zmmcrumb_REGS = 30 };
AVX512_LUT(table_zmmcrumb, 2)
enum { table_zmmbit_N = 16, table_zmmbit_K = 32, table_zmmbit_ELEM = 4, table_zmmbit_BITS = 1, table_zmmbit_REGS = 30 };
AVX512_LUT(table_zmmbit, 1)
/* a table of 256 stays in memory */
enum { table_zmmbyte_N = 16, table_zmmbyte_K = 1, table_zmmbyte_ELEM = 4, table_zmmbyte_RHS = 1, table_zmmbyte_REGS = 30 };
BS_CODED_WORDS(table_zmmbyte, f32x16, __m512, 1)
typedef __m512i table_zmmbyte_rhs;
typedef const float *table_zmmbyte_table;
BS_WORD table_zmmbyte_table table_zmmbyte_table_load(const float *p) { return p; }
BS_WORD __m512i table_zmmbyte_rhs_load(const void *p) { return _mm512_cvtepu8_epi32(avx2_sixteen(p)); }
BS_WORD __m512 table_zmmbyte_level(__m512i b, table_zmmbyte_table t, int d) { return (void)d, _mm512_i32gather_ps(b, t, 4); }

/* ---- tiles of codes that are numbers themselves, 16 outputs ---- */
enum { int_zmm_N = 16, int_zmm_K = 1, int_zmm_ELEM = 4, int_zmm_RHS = 1, int_zmm_REGS = 32 };
BS_NUMBERS(int_zmm, f32x16, __m512, 1, __m128i, avx2_sixteen, avx512_s8)
enum { e4m3_zmm_N = 16, e4m3_zmm_K = 1, e4m3_zmm_ELEM = 4, e4m3_zmm_RHS = 1, e4m3_zmm_REGS = 31 };
BS_NUMBERS(e4m3_zmm, f32x16, __m512, 0x1p8f, __m128i, avx2_sixteen, avx512_e4m3)
enum { e5m2_zmm_N = 16, e5m2_zmm_K = 1, e5m2_zmm_ELEM = 4, e5m2_zmm_RHS = 1, e5m2_zmm_REGS = 32 };
BS_NUMBERS(e5m2_zmm, f32x16, __m512, 1, __m128i, avx2_sixteen, avx512_e5m2)
enum { f16_zmm_N = 16, f16_zmm_K = 1, f16_zmm_ELEM = 4, f16_zmm_RHS = 2, f16_zmm_REGS = 32 };
BS_NUMBERS(f16_zmm, f32x16, __m512, 1, __m256i, avx512_halves, avx512_f16)
enum { bf16_zmm_N = 16, bf16_zmm_K = 1, bf16_zmm_ELEM = 4, bf16_zmm_RHS = 2, bf16_zmm_REGS = 32 };
BS_NUMBERS(bf16_zmm, f32x16, __m512, 1, __m256i, avx512_halves, avx512_bf16)
#endif
