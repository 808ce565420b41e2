/* Tables of sums by NEON of AArch64: tbl looks up 16 bytes in a table of 16. */
#ifndef BS_ISA_NEON_LUT_H
#define BS_ISA_NEON_LUT_H

/* ---- rows ---- */
/* where entries of a table take code j of 4 from; tbl gives those without its bit, whose index is past the end, 0 */
BS_WORD uint8x16_t neon_taken(int j) {
    const uint8x16_t entry = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return vorrq_u8(vmvnq_u8(vtstq_u8(entry, vdupq_n_u8((uint8_t)(1 << j)))), vdupq_n_u8((uint8_t)j));
}
BS_WORD void neon_tables(struct bs_table *to, int64_t stride, const uint8_t *x, int64_t n, int parts) {
    for (int64_t i = 0; i < n; i += 16) {
        uint8_t last[16] = {0};
        const uint8_t *p = n - i < 16 ? memcpy(last, x + i, (size_t)(n - i)) : x + i;
        const uint8x16_t codes = vld1q_u8(p);
        for (int table = 0; table < 4; table++) {
            uint8x16_t low = vdupq_n_u8(0), high = vdupq_n_u8(0);
            for (int j = 0; j < 4; j++) {
                /* saturating: an index past the end stays there */
                uint8x16_t code = vqtbl1q_u8(codes, vqaddq_u8(neon_taken(j), vdupq_n_u8((uint8_t)(4 * table))));
                low = vaddq_u8(low, code);
                high = vsubq_u8(high, vcltq_u8(low, code)); /* -1: a carry */
            }
            vst1q_u8(to[i / 4 + table].entry, low);
            if (parts > 1) vst1q_u8(to[stride + i / 4 + table].entry, high);
        }
    }
}

/* ---- tile lut_tbl: 8 outputs, two planes of the weights of 16 inputs. A lane of 16 bits has the first plane in its low byte
 * and the second in its high one: `all` sums lanes as they are, modulo 2^16, `high` and `top` the second planes alone, without
 * a sign. Planes are summed apart, so they may come to 2^16 - 1: of e at most in each of four tables, n steps to 4 e n, which
 * is less where 3 e n < 2^15. That is the bound of one table and signed sums of both planes. Of `high` and `top` a
 * chain needs one; compilers see that the other stays 0. ---- */
enum { lut_tbl_N = 8, lut_tbl_K = 16, lut_tbl_PER = 4, lut_tbl_ELEM = 16, lut_tbl_BITS = 2, lut_tbl_REGS = 10, lut_tbl_LANES = 1 };
BS_TABLE_ROWS(lut_tbl, neon_range, neon_quant_u8, neon_tables)
BS_INT_WORDS(lut_tbl, s32x8, s32x8_sums)
typedef struct { uint8x16_t table[4]; } lut_tbl_lhs;
typedef struct { uint8x16_t index[4]; } lut_tbl_rhs;
typedef struct { uint16x8_t all, high, top; } lut_tbl_sum;
#define lut_tbl_opaque(x) __asm__ volatile("" : "+w"((x).table[0]), "+w"((x).table[1]), "+w"((x).table[2]), "+w"((x).table[3]))
BS_WORD lut_tbl_lhs lut_tbl_lhs_load(const struct bs_table *p) {
    return (lut_tbl_lhs){{vld1q_u8(p[0].entry), vld1q_u8(p[1].entry), vld1q_u8(p[2].entry), vld1q_u8(p[3].entry)}};
}
BS_WORD lut_tbl_rhs lut_tbl_rhs_load(const uint8_t *p) {
    const uint8x16_t even = vld1q_u8(p), odd = vld1q_u8(p + 16), mask = vdupq_n_u8(15);
    return (lut_tbl_rhs){{vandq_u8(even, mask), vandq_u8(odd, mask), vshrq_n_u8(even, 4), vshrq_n_u8(odd, 4)}};
}
BS_WORD lut_tbl_sum lut_tbl_none(void) { return (lut_tbl_sum){vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)}; }
BS_WORD uint16x8_t neon_looked_up(lut_tbl_lhs x, lut_tbl_rhs b, int i) {
    return vreinterpretq_u16_u8(vqtbl1q_u8(x.table[i], b.index[i]));
}
BS_WORD lut_tbl_sum lut_tbl_add(lut_tbl_sum s, lut_tbl_lhs x, lut_tbl_rhs b) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint16x8_t both = neon_looked_up(x, b, i);
        s.all = vaddq_u16(s.all, both), s.high = vsraq_n_u16(s.high, both, 8);
    }
    return s;
}
BS_WORD lut_tbl_sum lut_tbl_add_top(lut_tbl_sum s, lut_tbl_lhs x, lut_tbl_rhs b) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint16x8_t both = neon_looked_up(x, b, i);
        s.all = vaddq_u16(s.all, both), s.top = vsraq_n_u16(s.top, both, 8);
    }
    return s;
}
BS_WORD int32x4_t neon_planes_together(uint16x4_t low, uint16x4_t high, uint16x4_t top, int shift) {
    uint32x4_t v = vsubq_u32(vaddq_u32(vmovl_u16(low), vshll_n_u16(high, 1)), vshll_n_u16(top, 1));
    return vshlq_s32(vreinterpretq_s32_u32(v), vdupq_n_s32(shift));
}
BS_WORD s32x8_sums lut_tbl_widen(s32x8_sums c, lut_tbl_sum s, int shift) {
    uint16x8_t low = vsubq_u16(s.all, vshlq_n_u16(vaddq_u16(s.high, s.top), 8));
    c.a = vaddq_s32(c.a, neon_planes_together(vget_low_u16(low), vget_low_u16(s.high), vget_low_u16(s.top), shift));
    c.b = vaddq_s32(c.b, neon_planes_together(vget_high_u16(low), vget_high_u16(s.high), vget_high_u16(s.top), shift));
    return c;
}
#endif
