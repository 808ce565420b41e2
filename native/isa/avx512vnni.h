/* x86 AVX-512 VNNI: vpdpbusd on 512 bits, exact u8 x s8 into s32. */
#ifndef BS_ISA_AVX512VNNI_H
#define BS_ISA_AVX512VNNI_H
#include "avxvnni.h"
#define BS_TILES_AVX512VNNI "dot_zmm f32_zmm dw_zmm dwf_zmm"

/* ---- accumulators: 16 x s32 and 16 x f32 ---- */
#define avx512_mask(n) ((__mmask16)((1u << (n)) - 1))
#define avx512_opaque(x) __asm__ volatile("" : "+v"(x))
BS_WORD __m512i s32x16_zero(void) { return _mm512_setzero_si512(); }
BS_WORD __m512i s32x16_load(const int32_t *p) { return _mm512_loadu_si512(p); }
BS_WORD __m512i s32x16_load_n(const int32_t *p, int n) { return _mm512_maskz_loadu_epi32(avx512_mask(n), p); }
BS_WORD void s32x16_store(int32_t *p, __m512i v) { _mm512_storeu_si512(p, v); }
BS_WORD void s32x16_store_n(int32_t *p, __m512i v, int n) { _mm512_mask_storeu_epi32(p, avx512_mask(n), v); }
BS_WORD __m512 s32x16_dequant(__m512i c, struct bs_grid g, const float *scale, const int32_t *sum, const float *bias,
                              int relu) {
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
BS_WORD __m512 f32x16_zero(void) { return _mm512_setzero_ps(); }
BS_WORD __m512 f32x16_load(const float *p) { return _mm512_loadu_ps(p); }
BS_WORD __m512 f32x16_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(avx512_mask(n), p); }
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

/* ---- tile dot_zmm: 16 outputs x 4 products a step ---- */
enum { dot_zmm_N = 16, dot_zmm_K = 4, dot_zmm_ELEM = 1, dot_zmm_RHS = 1, dot_zmm_REGS = 32 };
typedef uint8_t dot_zmm_elem;
typedef __m512i dot_zmm_lhs, dot_zmm_rhs, dot_zmm_acc;
#define dot_zmm_range avx2_range
#define dot_zmm_stage scalar_stage_u8
#define dot_zmm_quant avx2_quant_u8
#define dot_zmm_opaque avx512_opaque
#define dot_zmm_zero s32x16_zero
#define dot_zmm_load s32x16_load
#define dot_zmm_load_n s32x16_load_n
#define dot_zmm_store s32x16_store
#define dot_zmm_store_n s32x16_store_n
#define dot_zmm_finish s32x16_finish
#define dot_zmm_finish_n s32x16_finish_n
BS_WORD __m512i dot_zmm_raw(const uint8_t *p) { return _mm512_set1_epi32(avx2_quad(p, 4)); }
BS_WORD __m512i dot_zmm_raw_tail(const uint8_t *p, int n) { return _mm512_set1_epi32(avx2_quad(p, n)); }
#define dot_zmm_lhs_load dot_zmm_raw
BS_WORD __m512i dot_zmm_rhs_load(const int8_t *p) { return _mm512_loadu_si512(p); }
BS_WORD __m512i dot_zmm_dot(__m512i c, __m512i a, __m512i b) { return _mm512_dpbusd_epi32(c, a, b); }

/* ---- tile f32_zmm ---- */
enum { f32_zmm_N = 16, f32_zmm_K = 1, f32_zmm_ELEM = 4, f32_zmm_RHS = 4, f32_zmm_REGS = 32 };
typedef float f32_zmm_elem;
typedef __m512 f32_zmm_lhs, f32_zmm_rhs, f32_zmm_acc;
#define f32_zmm_stage scalar_stage_f32
#define f32_zmm_opaque avx512_opaque
#define f32_zmm_zero f32x16_zero
#define f32_zmm_load f32x16_load
#define f32_zmm_load_n f32x16_load_n
#define f32_zmm_store f32x16_store
#define f32_zmm_store_n f32x16_store_n
#define f32_zmm_finish f32x16_finish
#define f32_zmm_finish_n f32x16_finish_n
BS_WORD __m512 f32_zmm_raw(const float *p) { return _mm512_set1_ps(*p); }
#define f32_zmm_lhs_load f32_zmm_raw
#define f32_zmm_rhs_load f32x16_load
BS_WORD __m512 f32_zmm_dot(__m512 c, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, c); }

/* ---- tile dw_zmm: 16 channels in 32-bit lanes; vpmaddwd multiplies the low halves exactly, the high halves are zero ---- */
enum { dw_zmm_N = 16, dw_zmm_ELEM = 1, dw_zmm_RHS = 1, dw_zmm_REGS = 32 };
typedef uint8_t dw_zmm_elem;
typedef __m512i dw_zmm_lhs, dw_zmm_rhs, dw_zmm_acc;
#define dw_zmm_range avx2_range
#define dw_zmm_stage scalar_stage_u8
#define dw_zmm_quant avx2_quant_u8
#define dw_zmm_zero s32x16_zero
#define dw_zmm_load s32x16_load
#define dw_zmm_store s32x16_store
#define dw_zmm_store_n s32x16_store_n
#define dw_zmm_finish s32x16_finish
#define dw_zmm_finish_n s32x16_finish_n
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

/* ---- tile dwf_zmm ---- */
enum { dwf_zmm_N = 16, dwf_zmm_ELEM = 4, dwf_zmm_RHS = 4, dwf_zmm_REGS = 32 };
typedef float dwf_zmm_elem;
typedef __m512 dwf_zmm_lhs, dwf_zmm_rhs, dwf_zmm_acc;
#define dwf_zmm_stage scalar_stage_f32
#define dwf_zmm_zero f32x16_zero
#define dwf_zmm_load f32x16_load
#define dwf_zmm_store f32x16_store
#define dwf_zmm_store_n f32x16_store_n
#define dwf_zmm_finish f32x16_finish
#define dwf_zmm_finish_n f32x16_finish_n
#define dwf_zmm_lhs_load f32x16_load
#define dwf_zmm_lhs_load_n f32x16_load_n
#define dwf_zmm_rhs_load f32x16_load
#define dwf_zmm_dot f32_zmm_dot
#endif
