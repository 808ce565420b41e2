/* Weights decoded by NEON of AArch64: tables by tbl, numbers of 8 bits by way of 16, f16 by fcvtl, bf16 by a shift. A vector of
 * codes holds 32 bits for each of 4 outputs, of which a step takes as many depths as there are. */
#ifndef BS_ISA_NEON_DECODE_H
#define BS_ISA_NEON_DECODE_H

/* ---- what 4 x f32 need besides ---- */
BS_WORD uint8x8_t neon_quad(const void *p) {
    uint32_t quad;
    memcpy(&quad, p, 4);
    return vcreate_u8(quad);
}
/* 4 numbers of 16 bits as f32 */
BS_WORD float32x4_t neon_f16(const void *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
BS_WORD float32x4_t neon_bf16(const void *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}
/* 8 numbers of 8 bits as f16; of e4m3 times 2^-8. Its sign comes out twice; the copy is where f16 has the high bit of the
 * exponent. */
BS_WORD float16x8_t neon_e4m3(int8x8_t v) {
    return vreinterpretq_f16_s16(vandq_s16(vshll_n_s8(v, 7), vdupq_n_s16((int16_t)0xBF80)));
}
BS_WORD float16x8_t neon_e5m2(int8x8_t v) { return vreinterpretq_f16_s16(vshll_n_s8(v, 8)); }
BS_WORD float32x4_t f32x4_scaled(float32x4_t f, float32x4_t c, float32x4_t scale) { return vfmaq_f32(f, c, scale); }
BS_WORD float32x4_t f32x4_scales(const void *p) { return neon_f16(p); }
BS_WORD float32x4_t f32x4_scales_bf16(const void *p) { return neon_bf16(p); }
BS_WORD float32x4_t f32x4_scales_e8m0(const void *p) {
    uint32x4_t bits = vshlq_n_u32(vmovl_u16(vget_low_u16(vmovl_u8(neon_quad(p)))), 23);
    return vreinterpretq_f32_u32(vmaxq_u32(bits, vdupq_n_u32(0x00400000)));
}
BS_WORD float32x4_t f32x4_scales_e4m3(const void *p) {
    return vmulq_n_f32(vcvt_f32_f16(vget_low_f16(neon_e4m3(vreinterpret_s8_u8(neon_quad(p))))), 0x1p8f);
}
BS_WORD float32x4_t f32x4_points(const void *p) {
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(neon_quad(p))))));
}
BS_WORD float32x4_t f32x4_minus(float32x4_t v, float32x4_t w) { return vsubq_f32(v, w); }
BS_WORD float32x4_t f32x4_times(float32x4_t v, float32x4_t w) { return vmulq_f32(v, w); }
BS_WORD float32x4_t f32x4_same(float x) { return vdupq_n_f32(x); }
BS_WORD void f32x4_finish_scaled(float *p, float32x4_t c, const float *scale, const float *bias, int relu) {
    f32x4_finish(p, vmulq_f32(c, vld1q_f32(scale)), bias, relu);
}
BS_WORD void f32x4_finish_scaled_n(float *p, float32x4_t c, const float *scale, const float *bias, int relu, int n) {
    f32x4_finish_n(p, vmulq_f32(c, vld1q_f32(scale)), bias, relu, n);
}

/* ---- tile table_tblnibble: 16 codes look up each byte of their levels in a register of its own, and the four bytes are
 * zipped together. Bytes of codes are turned first, so that 4 outputs of two depths are together. What depths share is left to
 * compilers to compute once. ---- */
BS_WORD uint8x16_t neon_turned(const void *p) {
    const uint8x16_t turn = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    return vqtbl1q_u8(vld1q_u8(p), turn);
}
enum { table_tblnibble_N = 4, table_tblnibble_K = 8, table_tblnibble_ELEM = 4, table_tblnibble_BITS = 4, table_tblnibble_REGS = 14 };
BS_CODED_WORDS(table_tblnibble, f32x4, float32x4_t, 1)
typedef uint8x16_t table_tblnibble_rhs;
typedef struct { uint8x16_t byte[4]; } table_tblnibble_table;
#define table_tblnibble_rhs_load neon_turned
BS_WORD table_tblnibble_table table_tblnibble_table_load(const float *p) {
    uint8x16x4_t v = vld4q_u8((const uint8_t *)p);
    return (table_tblnibble_table){{v.val[0], v.val[1], v.val[2], v.val[3]}};
}
BS_WORD float32x4_t table_tblnibble_level(uint8x16_t b, table_tblnibble_table t, int d) {
    const uint8x16_t code = d % 2 ? vshrq_n_u8(b, 4) : vandq_u8(b, vdupq_n_u8(15));
    const uint8x16_t v = vqtbl1q_u8(t.byte[0], code), w = vqtbl1q_u8(t.byte[1], code);
    const uint8x16_t x = vqtbl1q_u8(t.byte[2], code), y = vqtbl1q_u8(t.byte[3], code);
    const uint16x8_t low = vreinterpretq_u16_u8(d < 4 ? vzip1q_u8(v, w) : vzip2q_u8(v, w));
    const uint16x8_t high = vreinterpretq_u16_u8(d < 4 ? vzip1q_u8(x, y) : vzip2q_u8(x, y));
    return vreinterpretq_f32_u16(d / 2 % 2 ? vzip2q_u16(low, high) : vzip1q_u16(low, high));
}

/* ---- tiles of 2 and 1 bits: the whole table is one register, in which 4 code + i is where byte i of a level lies ---- */
#define NEON_TABLE(T, BITS) \
    BS_CODED_WORDS(T, f32x4, float32x4_t, 1) \
    typedef uint32x4_t T##_rhs; \
    typedef uint8x16_t T##_table; \
    BS_WORD uint8x16_t T##_table_load(const float *p) { return vld1q_u8((const uint8_t *)p); } \
    BS_WORD uint32x4_t T##_rhs_load(const void *p) { return vreinterpretq_u32_u8(vld1q_u8(p)); } \
    BS_WORD float32x4_t T##_level(uint32x4_t b, uint8x16_t t, int d) { \
        uint32x4_t code = vandq_u32(b >> BITS * d, vdupq_n_u32((1 << BITS) - 1)); \
        uint32x4_t at = vmlaq_u32(vdupq_n_u32(0x03020100), code, vdupq_n_u32(0x04040404)); \
        return vreinterpretq_f32_u8(vqtbl1q_u8(t, vreinterpretq_u8_u32(at))); \
    }
enum { table_tblcrumb_N = 4, table_tblcrumb_K = 16, table_tblcrumb_ELEM = 4, table_tblcrumb_BITS = 2, table_tblcrumb_REGS = 26 };
NEON_TABLE(table_tblcrumb, 2)
enum { table_tblbit_N = 4, table_tblbit_K = 32, table_tblbit_ELEM = 4, table_tblbit_BITS = 1, table_tblbit_REGS = 26 };
NEON_TABLE(table_tblbit, 1)

/* ---- a table of 256 stays in memory, and each level is loaded by itself ---- */
enum { table_ldbyte_N = 4, table_ldbyte_K = 1, table_ldbyte_ELEM = 4, table_ldbyte_RHS = 1, table_ldbyte_REGS = 30 };
BS_CODED_WORDS(table_ldbyte, f32x4, float32x4_t, 1)
typedef const uint8_t *table_ldbyte_rhs;
typedef const float *table_ldbyte_table;
BS_WORD table_ldbyte_table table_ldbyte_table_load(const float *p) { return p; }
BS_WORD table_ldbyte_rhs table_ldbyte_rhs_load(const void *p) { return p; }
BS_WORD float32x4_t table_ldbyte_level(const uint8_t *b, table_ldbyte_table t, int d) {
    (void)d;
    return (float32x4_t){t[b[0]], t[b[1]], t[b[2]], t[b[3]]};
}

/* ---- tiles of codes of a byte that are numbers themselves: 4 outputs of 4 depths. WIDE makes 8 codes numbers of 16 bits,
 * LOW and HIGH f32 of 4 of these. ---- */
#define NEON_CODES(T, UNIT, WIDE, LOW, HIGH) \
    BS_CODED_WORDS(T, f32x4, float32x4_t, UNIT) \
    typedef int8x16_t T##_rhs; \
    typedef const float *T##_table; \
    BS_WORD T##_table T##_table_load(const float *p) { return p; } \
    BS_WORD int8x16_t T##_rhs_load(const void *p) { return vreinterpretq_s8_u8(neon_turned(p)); } \
    BS_WORD float32x4_t T##_level(int8x16_t b, T##_table t, int d) { \
        (void)t; \
        return d % 2 ? HIGH(WIDE(d < 2 ? vget_low_s8(b) : vget_high_s8(b))) \
                     : LOW(WIDE(d < 2 ? vget_low_s8(b) : vget_high_s8(b))); \
    }
BS_WORD float32x4_t neon_low_s16(int16x8_t v) { return vcvtq_f32_s32(vmovl_s16(vget_low_s16(v))); }
BS_WORD float32x4_t neon_high_s16(int16x8_t v) { return vcvtq_f32_s32(vmovl_high_s16(v)); }
BS_WORD float32x4_t neon_low_f16(float16x8_t v) { return vcvt_f32_f16(vget_low_f16(v)); }
BS_WORD float32x4_t neon_high_f16(float16x8_t v) { return vcvt_high_f32_f16(v); }
enum { int_neon_N = 4, int_neon_K = 4, int_neon_ELEM = 4, int_neon_RHS = 1, int_neon_REGS = 28 };
NEON_CODES(int_neon, 1, vmovl_s8, neon_low_s16, neon_high_s16)
enum { e4m3_neon_N = 4, e4m3_neon_K = 4, e4m3_neon_ELEM = 4, e4m3_neon_RHS = 1, e4m3_neon_REGS = 28 };
NEON_CODES(e4m3_neon, 0x1p8f, neon_e4m3, neon_low_f16, neon_high_f16)
enum { e5m2_neon_N = 4, e5m2_neon_K = 4, e5m2_neon_ELEM = 4, e5m2_neon_RHS = 1, e5m2_neon_REGS = 28 };
NEON_CODES(e5m2_neon, 1, neon_e5m2, neon_low_f16, neon_high_f16)

/* ---- tiles f16_neon, which fcvtl takes out of memory depth by depth, and bf16_neon: two depths in the halves of a word ---- */
enum { f16_neon_N = 4, f16_neon_K = 1, f16_neon_ELEM = 4, f16_neon_RHS = 2, f16_neon_REGS = 30 };
BS_NUMBERS(f16_neon, f32x4, float32x4_t, 1, float32x4_t, neon_f16, )
enum { bf16_neon_N = 4, bf16_neon_K = 2, bf16_neon_ELEM = 4, bf16_neon_RHS = 2, bf16_neon_REGS = 30 };
BS_CODED_WORDS(bf16_neon, f32x4, float32x4_t, 1)
typedef uint32x4_t bf16_neon_rhs;
typedef const float *bf16_neon_table;
BS_WORD bf16_neon_table bf16_neon_table_load(const float *p) { return p; }
BS_WORD uint32x4_t bf16_neon_rhs_load(const void *p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
BS_WORD float32x4_t bf16_neon_level(uint32x4_t b, bf16_neon_table t, int d) {
    (void)t;
    return vreinterpretq_f32_u32(d ? vandq_u32(b, vdupq_n_u32(0xFFFF0000)) : vshlq_n_u32(b, 16));
}
#endif
