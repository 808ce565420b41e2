/* For checking only, never for timing: x86 intrinsics that this CPU lacks, emulated by SIMDe (Debian: libsimde-dev). */
#ifndef BS_ISA_SIMDE_H
#define BS_ISA_SIMDE_H
/* emulated words are long: one copy of each is enough */
#define BS_WORD static __attribute__((noinline, unused))
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <immintrin.h>
#include <simde/x86/avx512.h>
/* SIMDe 0.7.4 gives this alias the masked form's arity */
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)
/* and lacks these */
#include <stdint.h>
#include <string.h>
static inline void bs_masked_copy(void *to, const void *from, unsigned mask) {
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) memcpy((char *)to + 4 * i, (const char *)from + 4 * i, 4);
}
static inline __m512i bs_masked_load(unsigned mask, const void *from) {
    int32_t lanes[16] = {0};
    bs_masked_copy(lanes, from, mask);
    return _mm512_loadu_si512(lanes);
}
static inline void bs_masked_store(void *to, unsigned mask, __m512i v) {
    int32_t lanes[16];
    _mm512_storeu_si512(lanes, v);
    bs_masked_copy(to, lanes, mask);
}
static inline void bs_store_u8(void *to, unsigned mask, __m512i v) {
    uint32_t lanes[16];
    _mm512_storeu_si512(lanes, v);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) ((uint8_t *)to)[i] = (uint8_t)(lanes[i] > 255 ? 255 : lanes[i]);
}
static inline __m512 bs_masked_floats(__m512 v, unsigned mask, const void *from) {
    float lanes[16];
    _mm512_storeu_ps(lanes, v);
    bs_masked_copy(lanes, from, mask);
    return _mm512_loadu_ps(lanes);
}
static inline float bs_least(__m512 v, float sign) {
    float lanes[16], least;
    _mm512_storeu_ps(lanes, v);
    least = sign * lanes[0];
    for (int i = 1; i < 16; i++) least = sign * lanes[i] < least ? sign * lanes[i] : least;
    return sign * least;
}
/* NAME makes VALUE of every lane x of 16 */
#define BS_EACH(NAME, TO, TO_LANE, LOAD, FROM, FROM_LANE, STORE, VALUE) \
    static inline TO NAME(FROM v) { \
        FROM_LANE from[16]; \
        TO_LANE to[16]; \
        STORE((void *)from, v); \
        for (int i = 0; i < 16; i++) { \
            FROM_LANE x = from[i]; \
            to[i] = VALUE; \
        } \
        return LOAD((const void *)to); \
    }
BS_EACH(bs_to_floats, __m512, float, _mm512_loadu_ps, __m512i, int32_t, _mm512_storeu_si512, (float)x)
BS_EACH(bs_rounded, __m512i, int32_t, _mm512_loadu_si512, __m512, float, _mm512_storeu_ps, _mm_cvtss_si32(_mm_set_ss(x)))
BS_EACH(bs_low_bytes, __m128i, uint8_t, _mm_loadu_si128, __m512i, int32_t, _mm512_storeu_si512, (uint8_t)x)
BS_EACH(bs_widen_u8, __m512i, int32_t, _mm512_loadu_si512, __m128i, uint8_t, _mm_storeu_si128, x)
BS_EACH(bs_widen_s8, __m512i, int32_t, _mm512_loadu_si512, __m128i, int8_t, _mm_storeu_si128, x)
BS_EACH(bs_widen_u16, __m512i, int32_t, _mm512_loadu_si512, __m256i, uint16_t, _mm256_storeu_si256, x)
BS_EACH(bs_widen_s16, __m512i, int32_t, _mm512_loadu_si512, __m256i, int16_t, _mm256_storeu_si256, x)
static inline void bs_masked_bytes(void *to, unsigned mask, __m128i v) {
    uint8_t bytes[16];
    _mm_storeu_si128((__m128i *)bytes, v);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) ((uint8_t *)to)[i] = bytes[i];
}
static inline __m512 bs_of_halves(__m256i v) {
    float floats[16];
    _mm256_storeu_ps(floats, _mm256_cvtph_ps(_mm256_castsi256_si128(v)));
    _mm256_storeu_ps(floats + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)));
    return _mm512_loadu_ps(floats);
}
typedef int32_t bs_lanes __attribute__((vector_size(64)));
static inline __m512 bs_gather(__m512i index, const float *from) {
    int32_t lanes[16];
    float floats[16];
    _mm512_storeu_si512(lanes, index);
    for (int i = 0; i < 16; i++) floats[i] = from[lanes[i]];
    return _mm512_loadu_ps(floats);
}
#define _mm512_cvtepu16_epi32(v) bs_widen_u16(v)
#define _mm512_cvtepi16_epi32(v) bs_widen_s16(v)
#define _mm512_shuffle_i64x2(a, b, order) simde_mm512_shuffle_i32x4(a, b, order)
#define _mm512_i32gather_ps(index, from, scale) bs_gather(index, from)
#define _mm_mask_storeu_epi8(to, mask, v) bs_masked_bytes(to, mask, v)
#define _mm512_srai_epi32(v, by) ((__m512i)((bs_lanes)(v) >> (by)))
#define _mm512_cvtph_ps(v) bs_of_halves(v)
#define _mm512_cvtepi32_epi8(v) bs_low_bytes(v)
#define _mm512_cvtps_epi32(v) bs_rounded(v)
#define _mm512_cvtepi32_ps(v) bs_to_floats(v)
#define _mm512_cvtepu8_epi32(v) bs_widen_u8(v)
#define _mm512_cvtepi8_epi32(v) bs_widen_s8(v)
#define _mm512_maskz_loadu_epi32(mask, from) bs_masked_load(mask, from)
#define _mm512_maskz_loadu_ps(mask, from) _mm512_castsi512_ps(bs_masked_load(mask, from))
#define _mm512_reduce_min_ps(v) bs_least(v, 1)
#define _mm512_reduce_max_ps(v) bs_least(v, -1)
#define _mm512_mask_loadu_ps(v, mask, from) bs_masked_floats(v, mask, from)
#define _mm512_mask_cvtusepi32_storeu_epi8(to, mask, v) bs_store_u8(to, mask, v)
#define _mm512_mask_storeu_epi32(to, mask, v) bs_masked_store(to, mask, v)
#define _mm512_mask_storeu_ps(to, mask, v) bs_masked_store(to, mask, _mm512_castps_si512(v))
#endif
