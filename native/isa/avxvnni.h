/* x86 AVX-VNNI: vpdpbusd on 256 bits, exact u8 x s8 into s32. A compiler set to AVX-512 VNNI gets the same instruction in
 * its EVEX-256 encoding, so that this tile can be checked and measured where the VEX encoding has no hardware. */
#ifndef BS_ISA_AVXVNNI_H
#define BS_ISA_AVXVNNI_H
#include "avx2.h"
#define BS_TILES_AVXVNNI "dot_ymm f32_fma dw_madd dwf_fma"

/* ---- tile dot_ymm: 8 outputs x 4 products a step ---- */
enum { dot_ymm_N = 8, dot_ymm_K = 4, dot_ymm_ELEM = 1, dot_ymm_RHS = 1, dot_ymm_REGS = 16 };
typedef uint8_t dot_ymm_elem;
typedef __m256i dot_ymm_lhs, dot_ymm_rhs, dot_ymm_acc;
#define dot_ymm_range avx2_range
#define dot_ymm_stage scalar_stage_u8
#define dot_ymm_quant avx2_quant_u8
#define dot_ymm_opaque avx2_opaque
#define dot_ymm_zero s32x8_zero
#define dot_ymm_load s32x8_load
#define dot_ymm_load_n s32x8_load_n
#define dot_ymm_store s32x8_store
#define dot_ymm_store_n s32x8_store_n
#define dot_ymm_finish s32x8_finish
#define dot_ymm_finish_n s32x8_finish_n
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
#endif
