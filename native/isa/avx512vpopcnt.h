/* x86 AVX-512 VNNI with VPOPCNTDQ: vpopcntd counts the bits of every lane. */
#ifndef BS_ISA_AVX512VPOPCNT_H
#define BS_ISA_AVX512VPOPCNT_H
#include "avx512vnni.h"
#define BS_TILES_AVX512VPOPCNT "dot_zmm dot_zmmseptet dot_zmmsextet dot_zmmquintet dot_zmmnibble dot_zmmtriplet dot_zmmcrumb bits_popcnt lut_zmmtables f32_zmm dw_zmm dw_zmmquad dwf_zmm table_zmmnibble table_zmmcrumb table_zmmbit table_zmmbyte int_zmm e4m3_zmm e5m2_zmm f16_zmm bf16_zmm"

/* ---- tile bits_popcnt: 16 outputs, a bit each of 32 inputs ---- */
enum { bits_popcnt_N = 16, bits_popcnt_K = 32, bits_popcnt_PER = 32, bits_popcnt_ELEM = 4, bits_popcnt_BITS = 1, bits_popcnt_REGS = 30, bits_popcnt_LANES = 0 };
BS_WORD void avx512_planes(uint32_t *to, int64_t stride, const uint8_t *x, int64_t n, int planes) {
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m512i v = _mm512_loadu_si512(x + i);
        for (int j = 0; j < planes; j++) {
            uint64_t words = _mm512_test_epi8_mask(v, _mm512_set1_epi8((char)(1 << j)));
            memcpy(to + j * stride + i / 32, &words, 8);
        }
    }
    avx2_planes(to + i / 32, stride, x + i, n - i, planes);
}
BS_BIT_ROWS(bits_popcnt, avx512_range, avx512_quant_u8, avx512_planes)
BS_INT_WORDS(bits_popcnt, s32x16, __m512i)
typedef __m512i bits_popcnt_lhs, bits_popcnt_rhs, bits_popcnt_sum;
#define bits_popcnt_opaque avx512_opaque
BS_WORD __m512i bits_popcnt_lhs_load(const uint32_t *p) { return _mm512_set1_epi32((int32_t)*p); }
BS_WORD __m512i bits_popcnt_rhs_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
BS_WORD __m512i bits_popcnt_none(void) { return _mm512_setzero_si512(); }
BS_WORD __m512i bits_popcnt_both(__m512i s, __m512i x, __m512i b) {
    return _mm512_add_epi32(s, _mm512_popcnt_epi32(_mm512_and_si512(x, b)));
}
BS_WORD __m512i bits_popcnt_differ(__m512i s, __m512i x, __m512i b) {
    return _mm512_add_epi32(s, _mm512_popcnt_epi32(_mm512_xor_si512(x, b)));
}
BS_WORD __m512i bits_popcnt_widen(__m512i c, __m512i s, int shift) {
    return _mm512_add_epi32(c, _mm512_sll_epi32(s, _mm_cvtsi32_si128(shift)));
}
BS_WORD __m512i bits_popcnt_widen_minus(__m512i c, __m512i s, int shift) {
    return _mm512_sub_epi32(c, _mm512_sll_epi32(s, _mm_cvtsi32_si128(shift)));
}
#endif
