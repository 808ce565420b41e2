/* The law of weights that are decoded. scalar.h includes it. */
#ifndef BS_ISA_SCALAR_DECODE_H
#define BS_ISA_SCALAR_DECODE_H

/* ---- what one lane of f32 needs besides ---- */
BS_WORD float f32x1_scaled(float f, float c, float scale) { return fmaf(c, scale, f); }
BS_WORD float f32x1_scales(const void *p) {
    uint16_t h;
    memcpy(&h, p, 2);
    return bs_half(h);
}
BS_WORD float f32x1_scales_bf16(const void *p) {
    uint16_t h;
    memcpy(&h, p, 2);
    return bs_bfloat(h);
}
BS_WORD float f32x1_scales_e8m0(const void *p) { return bs_e8m0(*(const uint8_t *)p); }
BS_WORD float f32x1_scales_e4m3(const void *p) { return bs_e4m3(*(const uint8_t *)p) * 0x1p8f; }
BS_WORD float f32x1_points(const void *p) { return *(const int8_t *)p; }
BS_WORD float f32x1_minus(float v, float w) { return v - w; }
BS_WORD float f32x1_times(float v, float w) { return v * w; }
BS_WORD float f32x1_same(float x) { return x; }
BS_WORD void f32x1_finish_scaled(float *p, float c, const float *scale, const float *bias, int relu) {
    *p = bs_relu(c * *scale + *bias, relu);
}
BS_WORD void f32x1_finish_scaled_n(float *p, float c, const float *scale, const float *bias, int relu, int n) {
    if (n) f32x1_finish_scaled(p, c, scale, bias, relu);
}

/* ---- tiles table_*: codes of 4, 2 and 1 bits, the first of 32 bits in the low ones, and of a byte, look up a table ---- */
#define SCALAR_LUT(T, BITS) \
    BS_CODED_WORDS(T, f32x1, float, 1) \
    typedef uint32_t T##_rhs; \
    typedef const float *T##_table; \
    BS_WORD T##_table T##_table_load(const float *p) { return p; } \
    BS_WORD uint32_t T##_rhs_load(const void *p) { \
        uint32_t codes; \
        memcpy(&codes, p, 4); \
        return codes; \
    } \
    BS_WORD float T##_level(uint32_t b, T##_table t, int d) { return t[b >> (BITS * d) & ((1 << BITS) - 1)]; }
enum { table_nibble_N = 1, table_nibble_K = 8, table_nibble_ELEM = 4, table_nibble_BITS = 4, table_nibble_REGS = 16 };
SCALAR_LUT(table_nibble, 4)
enum { table_crumb_N = 1, table_crumb_K = 16, table_crumb_ELEM = 4, table_crumb_BITS = 2, table_crumb_REGS = 16 };
SCALAR_LUT(table_crumb, 2)
enum { table_bit_N = 1, table_bit_K = 32, table_bit_ELEM = 4, table_bit_BITS = 1, table_bit_REGS = 16 };
SCALAR_LUT(table_bit, 1)
enum { table_byte_N = 1, table_byte_K = 1, table_byte_ELEM = 4, table_byte_RHS = 1, table_byte_REGS = 16 };
BS_CODED_WORDS(table_byte, f32x1, float, 1)
typedef uint8_t table_byte_rhs;
typedef const float *table_byte_table;
BS_WORD table_byte_table table_byte_table_load(const float *p) { return p; }
BS_WORD uint8_t table_byte_rhs_load(const void *p) { return *(const uint8_t *)p; }
BS_WORD float table_byte_level(uint8_t b, table_byte_table t, int d) { return (void)d, t[b]; }

/* ---- tiles of codes that are numbers themselves ---- */
BS_WORD uint8_t scalar_one(const void *p) { return *(const uint8_t *)p; }
BS_WORD uint16_t scalar_two(const void *p) {
    uint16_t two;
    memcpy(&two, p, 2);
    return two;
}
enum { int_scalar_N = 1, int_scalar_K = 1, int_scalar_ELEM = 4, int_scalar_RHS = 1, int_scalar_REGS = 16 };
BS_NUMBERS(int_scalar, f32x1, float, 1, int8_t, (int8_t)scalar_one, (float))
enum { e4m3_scalar_N = 1, e4m3_scalar_K = 1, e4m3_scalar_ELEM = 4, e4m3_scalar_RHS = 1, e4m3_scalar_REGS = 16 };
BS_NUMBERS(e4m3_scalar, f32x1, float, 0x1p8f, uint8_t, scalar_one, bs_e4m3)
enum { e5m2_scalar_N = 1, e5m2_scalar_K = 1, e5m2_scalar_ELEM = 4, e5m2_scalar_RHS = 1, e5m2_scalar_REGS = 16 };
BS_NUMBERS(e5m2_scalar, f32x1, float, 1, uint8_t, scalar_one, bs_e5m2)
enum { f16_scalar_N = 1, f16_scalar_K = 1, f16_scalar_ELEM = 4, f16_scalar_RHS = 2, f16_scalar_REGS = 16 };
BS_NUMBERS(f16_scalar, f32x1, float, 1, uint16_t, scalar_two, bs_half)
enum { bf16_scalar_N = 1, bf16_scalar_K = 1, bf16_scalar_ELEM = 4, bf16_scalar_RHS = 2, bf16_scalar_REGS = 16 };
BS_NUMBERS(bf16_scalar, f32x1, float, 1, uint16_t, scalar_two, bs_bfloat)
#endif
