/* Tables of sums by AVX2: vpshufb looks up bytes in a table of 16 in either half of a vector. avx2.h includes it. */
#ifndef BS_ISA_AVX2_LUT_H
#define BS_ISA_AVX2_LUT_H

/* ---- tile lut_ymmtables: 8 outputs, two planes of the weights of 16 inputs; either half of a vector looks up one table,
 * and vpmaddubsw puts the planes together, exactly: 255 + 2 x 255 is far from saturating ---- */
enum { lut_ymmtables_N = 8, lut_ymmtables_K = 16, lut_ymmtables_PER = 4, lut_ymmtables_ELEM = 16, lut_ymmtables_BITS = 2, lut_ymmtables_REGS = 11, lut_ymmtables_LANES = 2 };
/* where entries of a table take code j of 16 from; those without its bit take 0 */
BS_WORD __m256i avx2_taken(int j) {
    const __m128i entry = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i without = _mm_cmpeq_epi8(_mm_and_si128(entry, _mm_set1_epi8((char)(1 << j))), _mm_setzero_si128());
    return _mm256_broadcastsi128_si256(_mm_or_si128(_mm_and_si128(without, _mm_set1_epi8(-128)), _mm_set1_epi8((char)j)));
}
BS_WORD void avx2_tables(struct bs_table *to, int64_t stride, const uint8_t *x, int64_t n, int parts) {
    for (int64_t i = 0; i < n; i += 16) {
        uint8_t last[16] = {0};
        const uint8_t *p = n - i < 16 ? memcpy(last, x + i, (size_t)(n - i)) : x + i;
        const __m256i codes = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
        for (int two = 0; two < 4; two += 2) {
            const __m256i from = _mm256_set_m128i(_mm_set1_epi8((char)(4 * two + 4)), _mm_set1_epi8((char)(4 * two)));
            __m256i low = _mm256_setzero_si256(), high = _mm256_set1_epi8(4);
            for (int j = 0; j < 4; j++) {
                __m256i code = _mm256_shuffle_epi8(codes, _mm256_add_epi8(avx2_taken(j), from));
                low = _mm256_add_epi8(low, code);
                high = _mm256_add_epi8(high, _mm256_cmpeq_epi8(_mm256_min_epu8(low, code), code)); /* -1: no carry */
            }
            _mm256_storeu_si256((__m256i *)(to + i / 4 + two), low);
            if (parts > 1) _mm256_storeu_si256((__m256i *)(to + stride + i / 4 + two), high);
        }
    }
}
BS_TABLE_ROWS(lut_ymmtables, avx2_range, avx2_quant_u8, avx2_tables)
BS_INT_WORDS(lut_ymmtables, s32x8, __m256i)
typedef struct { __m256i low, high; } lut_ymmtables_lhs, lut_ymmtables_rhs;
typedef __m256i lut_ymmtables_sum;
#define lut_ymmtables_opaque(x) __asm__ volatile("" : "+x"((x).low), "+x"((x).high))
BS_WORD lut_ymmtables_lhs lut_ymmtables_lhs_load(const struct bs_table *p) {
    return (lut_ymmtables_lhs){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 2))};
}
BS_WORD lut_ymmtables_rhs lut_ymmtables_rhs_load(const uint8_t *p) {
    const __m256i v = _mm256_loadu_si256((const __m256i *)p), mask = _mm256_set1_epi8(15);
    return (lut_ymmtables_rhs){_mm256_and_si256(v, mask), _mm256_and_si256(_mm256_srli_epi16(v, 4), mask)};
}
BS_WORD __m256i lut_ymmtables_none(void) { return _mm256_setzero_si256(); }
/* `planes`: what the two planes count */
BS_WORD __m256i avx2_looked_up(__m256i s, lut_ymmtables_lhs x, lut_ymmtables_rhs b, __m256i planes) {
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(_mm256_shuffle_epi8(x.low, b.low), planes));
    return _mm256_add_epi16(s, _mm256_maddubs_epi16(_mm256_shuffle_epi8(x.high, b.high), planes));
}
BS_WORD __m256i lut_ymmtables_add(__m256i s, lut_ymmtables_lhs x, lut_ymmtables_rhs b) {
    return avx2_looked_up(s, x, b, _mm256_set1_epi16(0x0201)); /* 1 and 2 */
}
BS_WORD __m256i lut_ymmtables_add_top(__m256i s, lut_ymmtables_lhs x, lut_ymmtables_rhs b) {
    return avx2_looked_up(s, x, b, _mm256_set1_epi16((short)0xFE01)); /* 1 and -2 */
}
BS_WORD __m256i lut_ymmtables_widen(__m256i c, __m256i s, int shift) {
    __m256i even = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(s));
    __m256i odd = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(s, 1));
    return _mm256_add_epi32(c, _mm256_sll_epi32(_mm256_add_epi32(even, odd), _mm_cvtsi32_si128(shift)));
}
#endif
