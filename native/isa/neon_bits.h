/* Planes of bits by NEON of AArch64: cnt counts the bits of every byte. */
#ifndef BS_ISA_NEON_BITS_H
#define BS_ISA_NEON_BITS_H

/* ---- rows: bit j of every code becomes all ones, of which each keeps the bit of its place in a byte; three pairwise sums put
 * the eight of a byte together ---- */
BS_WORD uint8x16_t neon_placed(const uint8_t *x, int j) {
    const uint8x16_t place = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    return vandq_u8(vtstq_u8(vld1q_u8(x), vdupq_n_u8((uint8_t)(1 << j))), place);
}
BS_WORD void neon_planes(uint32_t *to, int64_t stride, const uint8_t *x, int64_t n, int planes) {
    int64_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < planes; j++) {
            uint8x16_t v = vpaddq_u8(neon_placed(x + i, j), neon_placed(x + i + 16, j));
            v = vpaddq_u8(v, v), v = vpaddq_u8(v, v);
            to[j * stride + i / 32] = vgetq_lane_u32(vreinterpretq_u32_u8(v), 0);
        }
    scalar_planes(to + i / 32, stride, x + i, n - i, planes);
}

/* ---- tile bits_cnt: 4 outputs, a bit each of 32 inputs, counted in bytes. Accumulators wait in memory while a chain runs. ---- */
enum { bits_cnt_N = 4, bits_cnt_K = 32, bits_cnt_PER = 32, bits_cnt_ELEM = 4, bits_cnt_BITS = 1, bits_cnt_REGS = 28, bits_cnt_LANES = 8 };
BS_BIT_ROWS(bits_cnt, neon_range, neon_quant_u8, neon_planes)
BS_INT_WORDS(bits_cnt, s32x4, int32x4_t)
typedef uint8x16_t bits_cnt_lhs, bits_cnt_rhs, bits_cnt_sum;
#define bits_cnt_opaque(x) __asm__ volatile("" : "+w"(x))
BS_WORD uint8x16_t bits_cnt_lhs_load(const uint32_t *p) { return vreinterpretq_u8_u32(vdupq_n_u32(*p)); }
BS_WORD uint8x16_t bits_cnt_rhs_load(const uint32_t *p) { return vld1q_u8((const uint8_t *)p); }
BS_WORD uint8x16_t bits_cnt_none(void) { return vdupq_n_u8(0); }
BS_WORD uint8x16_t bits_cnt_both(uint8x16_t s, uint8x16_t x, uint8x16_t b) {
    return vaddq_u8(s, vcntq_u8(vandq_u8(x, b)));
}
BS_WORD uint8x16_t bits_cnt_differ(uint8x16_t s, uint8x16_t x, uint8x16_t b) {
    return vaddq_u8(s, vcntq_u8(veorq_u8(x, b)));
}
/* the four bytes of each lane together, times 2^shift */
BS_WORD int32x4_t neon_bytes(uint8x16_t s, int shift) {
    return vshlq_s32(vreinterpretq_s32_u32(vpaddlq_u16(vpaddlq_u8(s))), vdupq_n_s32(shift));
}
BS_WORD int32x4_t bits_cnt_widen(int32x4_t c, uint8x16_t s, int shift) { return vaddq_s32(c, neon_bytes(s, shift)); }
BS_WORD int32x4_t bits_cnt_widen_minus(int32x4_t c, uint8x16_t s, int shift) {
    return vsubq_s32(c, neon_bytes(s, shift));
}
#endif
