/* What tiles of every instruction set define alike, as macros of the tile's name. scalar.h includes it. */
#ifndef BS_ISA_WORDS_H
#define BS_ISA_WORDS_H
/* The words that a tile T takes over from its accumulators: INT and REAL are prefixes as above, of C types INT_T and REAL_T. */
#define BS_INT_WORDS(T, INT, INT_T) \
    typedef INT_T T##_acc; \
    BS_WORD INT_T T##_zero(void) { return INT##_zero(); } \
    BS_WORD INT_T T##_plus(INT_T v, const int32_t *p) { return INT##_plus(v, p); } \
    BS_WORD INT_T T##_plus_n(INT_T v, const int32_t *p, int n) { return INT##_plus_n(v, p, n); } \
    BS_WORD void T##_store(int32_t *p, INT_T v) { INT##_store(p, v); } \
    BS_WORD void T##_store_n(int32_t *p, INT_T v, int n) { INT##_store_n(p, v, n); } \
    BS_WORD void T##_finish(float *p, INT_T c, struct bs_grid g, const float *scale, const int32_t *sum, \
                            const float *bias, int relu) { \
        INT##_finish(p, c, g, scale, sum, bias, relu); \
    } \
    BS_WORD void T##_finish_n(float *p, INT_T c, struct bs_grid g, const float *scale, const int32_t *sum, \
                              const float *bias, int relu, int n) { \
        INT##_finish_n(p, c, g, scale, sum, bias, relu, n); \
    } \
    BS_WORD void T##_requant(uint8_t *p, INT_T c, const float *multiplier, int32_t zero, int32_t low) { \
        INT##_requant(p, c, multiplier, zero, low); \
    } \
    BS_WORD void T##_requant_n(uint8_t *p, INT_T c, const float *multiplier, int32_t zero, int32_t low, int n) { \
        INT##_requant_n(p, c, multiplier, zero, low, n); \
    } \
    BS_WORD void T##_requant_pair(uint8_t *p, INT_T a, INT_T b, const float *multiplier, int32_t zero, int32_t low) { \
        INT##_requant_pair(p, a, b, multiplier, zero, low); \
    }
/* the sums of T come times UNIT, a power of two, which the scales undo exactly */
#define BS_GROUP_WORDS(T, INT, INT_T, REAL, REAL_T, UNIT) \
    typedef REAL_T T##_real; \
    BS_WORD REAL_T T##_real_zero(void) { return REAL##_zero(); } \
    BS_WORD REAL_T T##_scales(const uint16_t *p) { return INT##_scales(p, 1.0f / (UNIT)); } \
    BS_WORD REAL_T T##_scaled(REAL_T f, INT_T c, REAL_T scale) { return INT##_scaled(f, c, scale); } \
    BS_WORD void T##_finish_groups(float *p, REAL_T f, struct bs_grid g, const float *sum, const float *bias, int relu) { \
        REAL##_finish_groups(p, f, g, sum, bias, relu); \
    } \
    BS_WORD void T##_finish_groups_n(float *p, REAL_T f, struct bs_grid g, const float *sum, const float *bias, int relu, \
                                     int n) { \
        REAL##_finish_groups_n(p, f, g, sum, bias, relu, n); \
    }
#define BS_REAL_WORDS(T, REAL, REAL_T) \
    typedef REAL_T T##_lhs; \
    BS_REAL_SUMS(T, REAL, REAL_T)
#define BS_REAL_SUMS(T, REAL, REAL_T) \
    typedef float T##_elem; \
    typedef REAL_T T##_acc, T##_rhs; \
    BS_REAL_ROWS(T, REAL) \
    BS_WORD REAL_T T##_zero(void) { return REAL##_zero(); } \
    BS_WORD REAL_T T##_plus(REAL_T v, const float *p) { return REAL##_plus(v, p); } \
    BS_WORD REAL_T T##_plus_n(REAL_T v, const float *p, int n) { return REAL##_plus_n(v, p, n); } \
    BS_WORD REAL_T T##_rhs_load(const float *p) { return REAL##_load(p); } \
    BS_WORD void T##_store(float *p, REAL_T v) { REAL##_store(p, v); } \
    BS_WORD void T##_store_n(float *p, REAL_T v, int n) { REAL##_store_n(p, v, n); } \
    BS_WORD void T##_finish(float *p, REAL_T c, const float *bias, int relu) { REAL##_finish(p, c, bias, relu); } \
    BS_WORD void T##_finish_n(float *p, REAL_T c, const float *bias, int relu, int n) { \
        REAL##_finish_n(p, c, bias, relu, n); \
    }
#define BS_REAL_ROWS(T, REAL) \
    BS_WORD void T##_stage(float *to, const float *x, int64_t n) { scalar_stage_f32(to, x, n); } \
    BS_WORD void T##_stage_f16(float *to, const float *x, int64_t n) { REAL##_stage_f16(to, x, n); } \
    BS_WORD void T##_stage_bf16(float *to, const float *x, int64_t n) { REAL##_stage_bf16(to, x, n); }
/* of a tile that decodes weights: levels come times 1 / UNIT, a power of two, which the scales undo, or `settle` */
#define BS_CODED_WORDS(T, REAL, REAL_T, UNIT) \
    typedef float T##_elem; \
    BS_REAL_ROWS(T, REAL) \
    BS_CODED_SUMS(T, REAL, REAL_T, UNIT) \
    typedef REAL_T T##_lhs; \
    BS_WORD REAL_T T##_raw(const float *p) { return REAL##_same(*p); } \
    BS_WORD REAL_T T##_lhs_load(const float *p) { return REAL##_same(*p); } \
    BS_WORD REAL_T T##_dot(REAL_T c, REAL_T a, REAL_T b) { return REAL##_scaled(c, a, b); }
#define BS_CODED_SUMS(T, REAL, REAL_T, UNIT) \
    typedef REAL_T T##_acc, T##_real; \
    BS_WORD REAL_T T##_zero(void) { return REAL##_zero(); } \
    BS_WORD REAL_T T##_real_zero(void) { return REAL##_zero(); } \
    BS_WORD REAL_T T##_plus(REAL_T v, const float *p) { return REAL##_plus(v, p); } \
    BS_WORD REAL_T T##_plus_n(REAL_T v, const float *p, int n) { return REAL##_plus_n(v, p, n); } \
    BS_WORD void T##_store(float *p, REAL_T v) { REAL##_store(p, v); } \
    BS_WORD void T##_store_n(float *p, REAL_T v, int n) { REAL##_store_n(p, v, n); } \
    BS_WORD REAL_T T##_settle(REAL_T c) { return REAL##_times(c, REAL##_same(UNIT)); } \
    BS_WORD REAL_T T##_scales(const void *p) { return REAL##_times(REAL##_scales(p), REAL##_same(UNIT)); } \
    BS_WORD REAL_T T##_scales_bf16(const void *p) { return REAL##_times(REAL##_scales_bf16(p), REAL##_same(UNIT)); } \
    BS_WORD REAL_T T##_scales_e8m0(const void *p) { return REAL##_times(REAL##_scales_e8m0(p), REAL##_same(UNIT)); } \
    BS_WORD REAL_T T##_scales_e4m3(const void *p) { return REAL##_times(REAL##_scales_e4m3(p), REAL##_same(UNIT)); } \
    BS_WORD REAL_T T##_points(const void *p) { return REAL##_points(p); } \
    BS_WORD REAL_T T##_minus(REAL_T w, REAL_T point) { return REAL##_minus(w, point); } \
    BS_WORD REAL_T T##_scaled(REAL_T f, REAL_T c, REAL_T scale) { return REAL##_scaled(f, c, scale); } \
    BS_WORD void T##_finish(float *p, REAL_T c, const float *scale, const float *bias, int relu) { \
        REAL##_finish_scaled(p, c, scale, bias, relu); \
    } \
    BS_WORD void T##_finish_n(float *p, REAL_T c, const float *scale, const float *bias, int relu, int n) { \
        REAL##_finish_scaled_n(p, c, scale, bias, relu, n); \
    }
/* a tile whose codes say what they stand for: DECODE of RHS_T is all there is to a level */
#define BS_PLAIN_CODES(T, REAL_T, RHS_T, DECODE) \
    typedef RHS_T T##_rhs; \
    typedef const float *T##_table; \
    BS_WORD T##_table T##_table_load(const float *p) { return p; } \
    BS_WORD REAL_T T##_level(RHS_T b, T##_table t, int d) { \
        (void)t, (void)d; \
        return DECODE(b); \
    }
/* a tile whose codes are numbers: LOAD reads a vector of them */
#define BS_NUMBERS(T, REAL, REAL_T, UNIT, RHS_T, LOAD, DECODE) \
    BS_CODED_WORDS(T, REAL, REAL_T, UNIT) \
    BS_PLAIN_CODES(T, REAL_T, RHS_T, DECODE) \
    BS_WORD RHS_T T##_rhs_load(const void *p) { return LOAD(p); }
/* how rows become u8 codes */
#define BS_U8_WORDS(T, RANGE, QUANT) \
    typedef uint8_t T##_elem; \
    BS_U8_ROWS(T, RANGE, QUANT)
#define BS_U8_ROWS(T, RANGE, QUANT) \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { RANGE(x, n, low, high); } \
    BS_WORD void T##_stage(uint8_t *to, const uint8_t *x, int64_t n) { scalar_stage_u8(to, x, n); } \
    BS_WORD void T##_quant(uint8_t *to, const float *x, int64_t n, struct bs_grid g) { QUANT(to, x, n, g); }

/* how rows become s8, 128 less than codes */
#define BS_S8_WORDS(T, RANGE, STAGE, QUANT) \
    typedef int8_t T##_elem; \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { RANGE(x, n, low, high); } \
    BS_WORD void T##_stage(int8_t *to, const uint8_t *x, int64_t n) { STAGE(to, x, n); } \
    BS_WORD void T##_quant(int8_t *to, const float *x, int64_t n, struct bs_grid g) { QUANT(to, x, n, g); }

/* how rows become planes of bits, a few codes at a time */
#define BS_BIT_ROWS(T, RANGE, QUANT, PLANES) \
    typedef uint32_t T##_elem; \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { RANGE(x, n, low, high); } \
    BS_WORD void T##_stage(uint32_t *to, const uint8_t *x, int64_t n, int planes) { \
        PLANES(to, (n + 31) / 32, x, n, planes); \
    } \
    BS_WORD void T##_quant(uint32_t *to, const float *x, int64_t n, struct bs_grid g, int planes) { \
        uint8_t codes[512]; \
        for (int64_t i = 0; i < n; i += 512) { \
            int64_t some = n - i < 512 ? n - i : 512; \
            QUANT(codes, x + i, some, g); \
            PLANES(to + i / 32, (n + 31) / 32, codes, some, planes); \
        } \
    }

/* how rows become tables, a few codes at a time */
#define BS_TABLE_ROWS(T, RANGE, QUANT, TABLES) \
    typedef struct bs_table T##_elem; \
    BS_WORD void T##_range(const float *x, int64_t n, float *low, float *high) { RANGE(x, n, low, high); } \
    BS_WORD void T##_stage(struct bs_table *to, const uint8_t *x, int64_t n, int parts) { \
        TABLES(to, (n + 15) / 16 * 4, x, n, parts); \
    } \
    BS_WORD void T##_quant(struct bs_table *to, const float *x, int64_t n, struct bs_grid g, int parts) { \
        uint8_t codes[512]; \
        for (int64_t i = 0; i < n; i += 512) { \
            int64_t some = n - i < 512 ? n - i : 512; \
            QUANT(codes, x + i, some, g); \
            TABLES(to + i / 4, (n + 15) / 16 * 4, codes, some, parts); \
        } \
    }
#endif
