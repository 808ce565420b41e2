/* Planes of bits by AVX2. avx2.h includes it. */
#ifndef BS_ISA_AVX2_BITS_H
#define BS_ISA_AVX2_BITS_H

/* ---- tile bits_shuffle: 8 outputs, a bit each of 32 inputs; bits are counted by look-up, in bytes ---- */
enum { bits_shuffle_N = 8, bits_shuffle_K = 32, bits_shuffle_PER = 32, bits_shuffle_ELEM = 4, bits_shuffle_BITS = 1, bits_shuffle_REGS = 12, bits_shuffle_LANES = 8 };
BS_WORD void avx2_planes(uint32_t *to, int64_t stride, const uint8_t *x, int64_t n, int planes) {
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(x + i));
        for (int j = 0; j < planes; j++) /* bit j to the top of every byte */
            to[j * stride + i / 32] = (uint32_t)_mm256_movemask_epi8(_mm256_sll_epi16(v, _mm_cvtsi32_si128(7 - j)));
    }
    scalar_planes(to + i / 32, stride, x + i, n - i, planes);
}
BS_BIT_ROWS(bits_shuffle, avx2_range, avx2_quant_u8, avx2_planes)
BS_INT_WORDS(bits_shuffle, s32x8, __m256i)
typedef __m256i bits_shuffle_lhs, bits_shuffle_rhs, bits_shuffle_sum;
#define bits_shuffle_opaque avx2_opaque
BS_WORD __m256i bits_shuffle_lhs_load(const uint32_t *p) { return _mm256_set1_epi32((int32_t)*p); }
BS_WORD __m256i bits_shuffle_rhs_load(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
BS_WORD __m256i bits_shuffle_none(void) { return _mm256_setzero_si256(); }
BS_WORD __m256i avx2_counted(__m256i s, __m256i v) {
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i count = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    s = _mm256_add_epi8(s, _mm256_shuffle_epi8(count, _mm256_and_si256(v, mask)));
    return _mm256_add_epi8(s, _mm256_shuffle_epi8(count, _mm256_and_si256(_mm256_srli_epi16(v, 4), mask)));
}
BS_WORD __m256i bits_shuffle_both(__m256i s, __m256i x, __m256i b) { return avx2_counted(s, _mm256_and_si256(x, b)); }
BS_WORD __m256i bits_shuffle_differ(__m256i s, __m256i x, __m256i b) { return avx2_counted(s, _mm256_xor_si256(x, b)); }
/* the four bytes of each lane together, times 2^shift */
BS_WORD __m256i avx2_bytes(__m256i s, int shift) {
    s = _mm256_madd_epi16(_mm256_maddubs_epi16(s, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
    return _mm256_sll_epi32(s, _mm_cvtsi32_si128(shift));
}
BS_WORD __m256i bits_shuffle_widen(__m256i c, __m256i s, int shift) { return _mm256_add_epi32(c, avx2_bytes(s, shift)); }
BS_WORD __m256i bits_shuffle_widen_minus(__m256i c, __m256i s, int shift) {
    return _mm256_sub_epi32(c, avx2_bytes(s, shift));
}
#endif
