/* Tables of sums by AVX-512. avx512vnni.h includes it. */
#ifndef BS_ISA_AVX512_LUT_H
#define BS_ISA_AVX512_LUT_H

/* ---- tile lut_zmmtables: 16 outputs, 8 in either half, which are as those of lut_ymmtables ---- */
enum { lut_zmmtables_N = 16, lut_zmmtables_K = 16, lut_zmmtables_PER = 4, lut_zmmtables_ELEM = 16, lut_zmmtables_BITS = 2, lut_zmmtables_REGS = 27, lut_zmmtables_LANES = 2 };
BS_TABLE_ROWS(lut_zmmtables, avx512_range, avx512_quant_u8, avx2_tables)
BS_INT_WORDS(lut_zmmtables, s32x16, __m512i)
typedef struct { __m512i low, high; } lut_zmmtables_lhs, lut_zmmtables_rhs;
typedef __m512i lut_zmmtables_sum;
#define lut_zmmtables_opaque(x) __asm__ volatile("" : "+v"((x).low), "+v"((x).high))
BS_WORD __m512i avx512_twice(const struct bs_table *p) {
    return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)p));
}
BS_WORD lut_zmmtables_lhs lut_zmmtables_lhs_load(const struct bs_table *p) {
    return (lut_zmmtables_lhs){avx512_twice(p), avx512_twice(p + 2)};
}
BS_WORD lut_zmmtables_rhs lut_zmmtables_rhs_load(const uint8_t *p) {
    const __m512i v = _mm512_loadu_si512(p);
    return (lut_zmmtables_rhs){avx512_field(v, 0, 4, 0), avx512_field(v, 4, 4, 0)};
}
BS_WORD __m512i lut_zmmtables_none(void) { return _mm512_setzero_si512(); }
BS_WORD __m512i avx512_looked_up(__m512i s, lut_zmmtables_lhs x, lut_zmmtables_rhs b, __m512i planes) {
    s = _mm512_add_epi16(s, _mm512_maddubs_epi16(_mm512_shuffle_epi8(x.low, b.low), planes));
    return _mm512_add_epi16(s, _mm512_maddubs_epi16(_mm512_shuffle_epi8(x.high, b.high), planes));
}
BS_WORD __m512i lut_zmmtables_add(__m512i s, lut_zmmtables_lhs x, lut_zmmtables_rhs b) {
    return avx512_looked_up(s, x, b, _mm512_set1_epi16(0x0201));
}
BS_WORD __m512i lut_zmmtables_add_top(__m512i s, lut_zmmtables_lhs x, lut_zmmtables_rhs b) {
    return avx512_looked_up(s, x, b, _mm512_set1_epi16((short)0xFE01));
}
BS_WORD __m512i lut_zmmtables_widen(__m512i c, __m512i s, int shift) {
    /* even quarters are of the even tables, odd ones of the odd */
    __m512i even = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(_mm512_shuffle_i64x2(s, s, 0x08)));
    __m512i odd = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(_mm512_shuffle_i64x2(s, s, 0x0D)));
    return _mm512_add_epi32(c, _mm512_sll_epi32(_mm512_add_epi32(even, odd), _mm_cvtsi32_si128(shift)));
}
#endif
