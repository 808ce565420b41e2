/* x86 AVX-512 BF16: vdpbf16ps on 512 bits, pairs of bf16 products onto f32. Everything else is that of VPOPCNTDQ. */
#ifndef BS_ISA_AVX512BF16_H
#define BS_ISA_AVX512BF16_H
#include "avx512vpopcnt.h"
#define BS_TILES_AVX512BF16 "dot_zmm dot_zmmseptet dot_zmmsextet dot_zmmquintet dot_zmmnibble dot_zmmtriplet dot_zmmcrumb bits_popcnt lut_zmmtables f32_zmm dw_zmm dw_zmmquad dwf_zmm table_zmmnibble table_zmmcrumb table_zmmbit table_zmmbyte int_zmm e4m3_zmm e5m2_zmm f16_zmm bf16_zmm bfdot_zmmpair"

/* ---- tile bfdot_zmmpair: 16 outputs x 2 products a step. The instruction takes subnormal numbers for zeros, and makes them
 * zeros. ---- */
enum { bfdot_zmmpair_N = 16, bfdot_zmmpair_K = 2, bfdot_zmmpair_ELEM = 2, bfdot_zmmpair_RHS = 2, bfdot_zmmpair_REGS = 32 };
BS_CODED_SUMS(bfdot_zmmpair, f32x16, __m512, 1)
typedef uint16_t bfdot_zmmpair_elem;
typedef __m512i bfdot_zmmpair_lhs, bfdot_zmmpair_rhs;
#define bfdot_zmmpair_opaque avx512_opaque
BS_WORD void bfdot_zmmpair_stage_bf16(uint16_t *to, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i a = _mm256_srli_epi32(avx2_to_bf16(x + i), 16), b = _mm256_srli_epi32(avx2_to_bf16(x + i + 8), 16);
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8));
    }
    for (; i < n; i++) to[i] = bs_to_bfloat(x[i]);
}
BS_WORD __m512i bfdot_zmmpair_lhs_load(const uint16_t *p) {
    int32_t pair;
    memcpy(&pair, p, 4);
    return _mm512_set1_epi32(pair);
}
BS_WORD __m512i bfdot_zmmpair_rhs_load(const void *p) { return _mm512_loadu_si512(p); }
BS_WORD __m512 bfdot_zmmpair_dot(__m512 c, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}
#endif
