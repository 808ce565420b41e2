/* gemm.w8a8.avx512vnni.dot.zmm.b6x2.k2.raw.mn.c0x0x0.p16: 13x40x30, int8 */
_Static_assert(dot_zmm_N == 16, "tile");
static void gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_1x2(const uint8_t *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const uint8_t * a0 = lhs + (i + 0) * 30;
    dot_zmm_acc c0_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c0_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    for (int64_t k = 0; k < 6; k += 2) {
        __builtin_prefetch(rhs + k * 128 + 1024);
        __builtin_prefetch(rhs + k * 128 + 1088);
        __builtin_prefetch(rhs + k * 128 + 1152);
        __builtin_prefetch(rhs + k * 128 + 1216);
        dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 64));
        dot_zmm_rhs b1_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 64));
        dot_zmm_lhs x0_0 = dot_zmm_raw(a0 + (k + 0) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
        c0_1 = dot_zmm_dot(c0_1, x0_0, b1_0);
        dot_zmm_rhs b0_1 = dot_zmm_rhs_load((const void *)(rhs + ((k + 1) * 2 + 0) * 64));
        dot_zmm_rhs b1_1 = dot_zmm_rhs_load((const void *)(rhs + ((k + 1) * 2 + 1) * 64));
        dot_zmm_lhs x0_1 = dot_zmm_raw(a0 + (k + 1) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_1, b0_1);
        c0_1 = dot_zmm_dot(c0_1, x0_1, b1_1);
    }
    dot_zmm_rhs b0_r6 = dot_zmm_rhs_load((const void *)(rhs + ((6) * 2 + 0) * 64));
    dot_zmm_rhs b1_r6 = dot_zmm_rhs_load((const void *)(rhs + ((6) * 2 + 1) * 64));
    dot_zmm_lhs x0_r6 = dot_zmm_raw(a0 + (6) * 4);
    c0_0 = dot_zmm_dot(c0_0, x0_r6, b0_r6);
    c0_1 = dot_zmm_dot(c0_1, x0_r6, b1_r6);
    /* the last 2 of 30 */
    dot_zmm_rhs b0_t = dot_zmm_rhs_load((const void *)(rhs + ((7) * 2 + 0) * 64));
    dot_zmm_rhs b1_t = dot_zmm_rhs_load((const void *)(rhs + ((7) * 2 + 1) * 64));
    dot_zmm_lhs x0_t = dot_zmm_raw_tail(a0 + 28, 2);
    c0_0 = dot_zmm_dot(c0_0, x0_t, b0_t);
    c0_1 = dot_zmm_dot(c0_1, x0_t, b1_t);
    dot_zmm_store(out + (i + 0) * 40 + column + 0, c0_0);
    dot_zmm_store(out + (i + 0) * 40 + column + 16, c0_1);
}
static void gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_1x1p8(const uint8_t *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const uint8_t * a0 = lhs + (i + 0) * 30;
    dot_zmm_acc c0_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    for (int64_t k = 0; k < 6; k += 2) {
        __builtin_prefetch(rhs + k * 64 + 1024);
        __builtin_prefetch(rhs + k * 64 + 1088);
        dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 64));
        dot_zmm_lhs x0_0 = dot_zmm_raw(a0 + (k + 0) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
        dot_zmm_rhs b0_1 = dot_zmm_rhs_load((const void *)(rhs + ((k + 1) * 1 + 0) * 64));
        dot_zmm_lhs x0_1 = dot_zmm_raw(a0 + (k + 1) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_1, b0_1);
    }
    dot_zmm_rhs b0_r6 = dot_zmm_rhs_load((const void *)(rhs + ((6) * 1 + 0) * 64));
    dot_zmm_lhs x0_r6 = dot_zmm_raw(a0 + (6) * 4);
    c0_0 = dot_zmm_dot(c0_0, x0_r6, b0_r6);
    /* the last 2 of 30 */
    dot_zmm_rhs b0_t = dot_zmm_rhs_load((const void *)(rhs + ((7) * 1 + 0) * 64));
    dot_zmm_lhs x0_t = dot_zmm_raw_tail(a0 + 28, 2);
    c0_0 = dot_zmm_dot(c0_0, x0_t, b0_t);
    dot_zmm_store_n(out + (i + 0) * 40 + column + 0, c0_0, 8);
}
static void gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_6x2(const uint8_t *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const uint8_t * a0 = lhs + (i + 0) * 30;
    const uint8_t * a1 = lhs + (i + 1) * 30;
    const uint8_t * a2 = lhs + (i + 2) * 30;
    const uint8_t * a3 = lhs + (i + 3) * 30;
    const uint8_t * a4 = lhs + (i + 4) * 30;
    const uint8_t * a5 = lhs + (i + 5) * 30;
    dot_zmm_acc c0_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c0_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    dot_zmm_acc c1_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c1_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    dot_zmm_acc c2_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c2_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    dot_zmm_acc c3_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c3_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    dot_zmm_acc c4_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c4_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    dot_zmm_acc c5_0 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dot_zmm_acc c5_1 = dot_zmm_plus(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 16);
    for (int64_t k = 0; k < 6; k += 2) {
        __builtin_prefetch(rhs + k * 128 + 1024);
        __builtin_prefetch(rhs + k * 128 + 1088);
        __builtin_prefetch(rhs + k * 128 + 1152);
        __builtin_prefetch(rhs + k * 128 + 1216);
        dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 64));
        dot_zmm_rhs b1_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 64));
        dot_zmm_lhs x0_0 = dot_zmm_raw(a0 + (k + 0) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
        c0_1 = dot_zmm_dot(c0_1, x0_0, b1_0);
        dot_zmm_lhs x1_0 = dot_zmm_raw(a1 + (k + 0) * 4);
        c1_0 = dot_zmm_dot(c1_0, x1_0, b0_0);
        c1_1 = dot_zmm_dot(c1_1, x1_0, b1_0);
        dot_zmm_lhs x2_0 = dot_zmm_raw(a2 + (k + 0) * 4);
        c2_0 = dot_zmm_dot(c2_0, x2_0, b0_0);
        c2_1 = dot_zmm_dot(c2_1, x2_0, b1_0);
        dot_zmm_lhs x3_0 = dot_zmm_raw(a3 + (k + 0) * 4);
        c3_0 = dot_zmm_dot(c3_0, x3_0, b0_0);
        c3_1 = dot_zmm_dot(c3_1, x3_0, b1_0);
        dot_zmm_lhs x4_0 = dot_zmm_raw(a4 + (k + 0) * 4);
        c4_0 = dot_zmm_dot(c4_0, x4_0, b0_0);
        c4_1 = dot_zmm_dot(c4_1, x4_0, b1_0);
        dot_zmm_lhs x5_0 = dot_zmm_raw(a5 + (k + 0) * 4);
        c5_0 = dot_zmm_dot(c5_0, x5_0, b0_0);
        c5_1 = dot_zmm_dot(c5_1, x5_0, b1_0);
        dot_zmm_rhs b0_1 = dot_zmm_rhs_load((const void *)(rhs + ((k + 1) * 2 + 0) * 64));
        dot_zmm_rhs b1_1 = dot_zmm_rhs_load((const void *)(rhs + ((k + 1) * 2 + 1) * 64));
        dot_zmm_lhs x0_1 = dot_zmm_raw(a0 + (k + 1) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_1, b0_1);
        c0_1 = dot_zmm_dot(c0_1, x0_1, b1_1);
        dot_zmm_lhs x1_1 = dot_zmm_raw(a1 + (k + 1) * 4);
        c1_0 = dot_zmm_dot(c1_0, x1_1, b0_1);
        c1_1 = dot_zmm_dot(c1_1, x1_1, b1_1);
        dot_zmm_lhs x2_1 = dot_zmm_raw(a2 + (k + 1) * 4);
        c2_0 = dot_zmm_dot(c2_0, x2_1, b0_1);
        c2_1 = dot_zmm_dot(c2_1, x2_1, b1_1);
        dot_zmm_lhs x3_1 = dot_zmm_raw(a3 + (k + 1) * 4);
        c3_0 = dot_zmm_dot(c3_0, x3_1, b0_1);
        c3_1 = dot_zmm_dot(c3_1, x3_1, b1_1);
        dot_zmm_lhs x4_1 = dot_zmm_raw(a4 + (k + 1) * 4);
        c4_0 = dot_zmm_dot(c4_0, x4_1, b0_1);
        c4_1 = dot_zmm_dot(c4_1, x4_1, b1_1);
        dot_zmm_lhs x5_1 = dot_zmm_raw(a5 + (k + 1) * 4);
        c5_0 = dot_zmm_dot(c5_0, x5_1, b0_1);
        c5_1 = dot_zmm_dot(c5_1, x5_1, b1_1);
    }
    dot_zmm_rhs b0_r6 = dot_zmm_rhs_load((const void *)(rhs + ((6) * 2 + 0) * 64));
    dot_zmm_rhs b1_r6 = dot_zmm_rhs_load((const void *)(rhs + ((6) * 2 + 1) * 64));
    dot_zmm_lhs x0_r6 = dot_zmm_raw(a0 + (6) * 4);
    c0_0 = dot_zmm_dot(c0_0, x0_r6, b0_r6);
    c0_1 = dot_zmm_dot(c0_1, x0_r6, b1_r6);
    dot_zmm_lhs x1_r6 = dot_zmm_raw(a1 + (6) * 4);
    c1_0 = dot_zmm_dot(c1_0, x1_r6, b0_r6);
    c1_1 = dot_zmm_dot(c1_1, x1_r6, b1_r6);
    dot_zmm_lhs x2_r6 = dot_zmm_raw(a2 + (6) * 4);
    c2_0 = dot_zmm_dot(c2_0, x2_r6, b0_r6);
    c2_1 = dot_zmm_dot(c2_1, x2_r6, b1_r6);
    dot_zmm_lhs x3_r6 = dot_zmm_raw(a3 + (6) * 4);
    c3_0 = dot_zmm_dot(c3_0, x3_r6, b0_r6);
    c3_1 = dot_zmm_dot(c3_1, x3_r6, b1_r6);
    dot_zmm_lhs x4_r6 = dot_zmm_raw(a4 + (6) * 4);
    c4_0 = dot_zmm_dot(c4_0, x4_r6, b0_r6);
    c4_1 = dot_zmm_dot(c4_1, x4_r6, b1_r6);
    dot_zmm_lhs x5_r6 = dot_zmm_raw(a5 + (6) * 4);
    c5_0 = dot_zmm_dot(c5_0, x5_r6, b0_r6);
    c5_1 = dot_zmm_dot(c5_1, x5_r6, b1_r6);
    /* the last 2 of 30 */
    dot_zmm_rhs b0_t = dot_zmm_rhs_load((const void *)(rhs + ((7) * 2 + 0) * 64));
    dot_zmm_rhs b1_t = dot_zmm_rhs_load((const void *)(rhs + ((7) * 2 + 1) * 64));
    dot_zmm_lhs x0_t = dot_zmm_raw_tail(a0 + 28, 2);
    c0_0 = dot_zmm_dot(c0_0, x0_t, b0_t);
    c0_1 = dot_zmm_dot(c0_1, x0_t, b1_t);
    dot_zmm_lhs x1_t = dot_zmm_raw_tail(a1 + 28, 2);
    c1_0 = dot_zmm_dot(c1_0, x1_t, b0_t);
    c1_1 = dot_zmm_dot(c1_1, x1_t, b1_t);
    dot_zmm_lhs x2_t = dot_zmm_raw_tail(a2 + 28, 2);
    c2_0 = dot_zmm_dot(c2_0, x2_t, b0_t);
    c2_1 = dot_zmm_dot(c2_1, x2_t, b1_t);
    dot_zmm_lhs x3_t = dot_zmm_raw_tail(a3 + 28, 2);
    c3_0 = dot_zmm_dot(c3_0, x3_t, b0_t);
    c3_1 = dot_zmm_dot(c3_1, x3_t, b1_t);
    dot_zmm_lhs x4_t = dot_zmm_raw_tail(a4 + 28, 2);
    c4_0 = dot_zmm_dot(c4_0, x4_t, b0_t);
    c4_1 = dot_zmm_dot(c4_1, x4_t, b1_t);
    dot_zmm_lhs x5_t = dot_zmm_raw_tail(a5 + 28, 2);
    c5_0 = dot_zmm_dot(c5_0, x5_t, b0_t);
    c5_1 = dot_zmm_dot(c5_1, x5_t, b1_t);
    dot_zmm_store(out + (i + 0) * 40 + column + 0, c0_0);
    dot_zmm_store(out + (i + 0) * 40 + column + 16, c0_1);
    dot_zmm_store(out + (i + 1) * 40 + column + 0, c1_0);
    dot_zmm_store(out + (i + 1) * 40 + column + 16, c1_1);
    dot_zmm_store(out + (i + 2) * 40 + column + 0, c2_0);
    dot_zmm_store(out + (i + 2) * 40 + column + 16, c2_1);
    dot_zmm_store(out + (i + 3) * 40 + column + 0, c3_0);
    dot_zmm_store(out + (i + 3) * 40 + column + 16, c3_1);
    dot_zmm_store(out + (i + 4) * 40 + column + 0, c4_0);
    dot_zmm_store(out + (i + 4) * 40 + column + 16, c4_1);
    dot_zmm_store(out + (i + 5) * 40 + column + 0, c5_0);
    dot_zmm_store(out + (i + 5) * 40 + column + 16, c5_1);
}
static void gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_6x1p8(const uint8_t *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const uint8_t * a0 = lhs + (i + 0) * 30;
    const uint8_t * a1 = lhs + (i + 1) * 30;
    const uint8_t * a2 = lhs + (i + 2) * 30;
    const uint8_t * a3 = lhs + (i + 3) * 30;
    const uint8_t * a4 = lhs + (i + 4) * 30;
    const uint8_t * a5 = lhs + (i + 5) * 30;
    dot_zmm_acc c0_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    dot_zmm_acc c1_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    dot_zmm_acc c2_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    dot_zmm_acc c3_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    dot_zmm_acc c4_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    dot_zmm_acc c5_0 = dot_zmm_plus_n(dot_zmm_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    for (int64_t k = 0; k < 6; k += 2) {
        __builtin_prefetch(rhs + k * 64 + 1024);
        __builtin_prefetch(rhs + k * 64 + 1088);
        dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 64));
        dot_zmm_lhs x0_0 = dot_zmm_raw(a0 + (k + 0) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
        dot_zmm_lhs x1_0 = dot_zmm_raw(a1 + (k + 0) * 4);
        c1_0 = dot_zmm_dot(c1_0, x1_0, b0_0);
        dot_zmm_lhs x2_0 = dot_zmm_raw(a2 + (k + 0) * 4);
        c2_0 = dot_zmm_dot(c2_0, x2_0, b0_0);
        dot_zmm_lhs x3_0 = dot_zmm_raw(a3 + (k + 0) * 4);
        c3_0 = dot_zmm_dot(c3_0, x3_0, b0_0);
        dot_zmm_lhs x4_0 = dot_zmm_raw(a4 + (k + 0) * 4);
        c4_0 = dot_zmm_dot(c4_0, x4_0, b0_0);
        dot_zmm_lhs x5_0 = dot_zmm_raw(a5 + (k + 0) * 4);
        c5_0 = dot_zmm_dot(c5_0, x5_0, b0_0);
        dot_zmm_rhs b0_1 = dot_zmm_rhs_load((const void *)(rhs + ((k + 1) * 1 + 0) * 64));
        dot_zmm_lhs x0_1 = dot_zmm_raw(a0 + (k + 1) * 4);
        c0_0 = dot_zmm_dot(c0_0, x0_1, b0_1);
        dot_zmm_lhs x1_1 = dot_zmm_raw(a1 + (k + 1) * 4);
        c1_0 = dot_zmm_dot(c1_0, x1_1, b0_1);
        dot_zmm_lhs x2_1 = dot_zmm_raw(a2 + (k + 1) * 4);
        c2_0 = dot_zmm_dot(c2_0, x2_1, b0_1);
        dot_zmm_lhs x3_1 = dot_zmm_raw(a3 + (k + 1) * 4);
        c3_0 = dot_zmm_dot(c3_0, x3_1, b0_1);
        dot_zmm_lhs x4_1 = dot_zmm_raw(a4 + (k + 1) * 4);
        c4_0 = dot_zmm_dot(c4_0, x4_1, b0_1);
        dot_zmm_lhs x5_1 = dot_zmm_raw(a5 + (k + 1) * 4);
        c5_0 = dot_zmm_dot(c5_0, x5_1, b0_1);
    }
    dot_zmm_rhs b0_r6 = dot_zmm_rhs_load((const void *)(rhs + ((6) * 1 + 0) * 64));
    dot_zmm_lhs x0_r6 = dot_zmm_raw(a0 + (6) * 4);
    c0_0 = dot_zmm_dot(c0_0, x0_r6, b0_r6);
    dot_zmm_lhs x1_r6 = dot_zmm_raw(a1 + (6) * 4);
    c1_0 = dot_zmm_dot(c1_0, x1_r6, b0_r6);
    dot_zmm_lhs x2_r6 = dot_zmm_raw(a2 + (6) * 4);
    c2_0 = dot_zmm_dot(c2_0, x2_r6, b0_r6);
    dot_zmm_lhs x3_r6 = dot_zmm_raw(a3 + (6) * 4);
    c3_0 = dot_zmm_dot(c3_0, x3_r6, b0_r6);
    dot_zmm_lhs x4_r6 = dot_zmm_raw(a4 + (6) * 4);
    c4_0 = dot_zmm_dot(c4_0, x4_r6, b0_r6);
    dot_zmm_lhs x5_r6 = dot_zmm_raw(a5 + (6) * 4);
    c5_0 = dot_zmm_dot(c5_0, x5_r6, b0_r6);
    /* the last 2 of 30 */
    dot_zmm_rhs b0_t = dot_zmm_rhs_load((const void *)(rhs + ((7) * 1 + 0) * 64));
    dot_zmm_lhs x0_t = dot_zmm_raw_tail(a0 + 28, 2);
    c0_0 = dot_zmm_dot(c0_0, x0_t, b0_t);
    dot_zmm_lhs x1_t = dot_zmm_raw_tail(a1 + 28, 2);
    c1_0 = dot_zmm_dot(c1_0, x1_t, b0_t);
    dot_zmm_lhs x2_t = dot_zmm_raw_tail(a2 + 28, 2);
    c2_0 = dot_zmm_dot(c2_0, x2_t, b0_t);
    dot_zmm_lhs x3_t = dot_zmm_raw_tail(a3 + 28, 2);
    c3_0 = dot_zmm_dot(c3_0, x3_t, b0_t);
    dot_zmm_lhs x4_t = dot_zmm_raw_tail(a4 + 28, 2);
    c4_0 = dot_zmm_dot(c4_0, x4_t, b0_t);
    dot_zmm_lhs x5_t = dot_zmm_raw_tail(a5 + 28, 2);
    c5_0 = dot_zmm_dot(c5_0, x5_t, b0_t);
    dot_zmm_store_n(out + (i + 0) * 40 + column + 0, c0_0, 8);
    dot_zmm_store_n(out + (i + 1) * 40 + column + 0, c1_0, 8);
    dot_zmm_store_n(out + (i + 2) * 40 + column + 0, c2_0, 8);
    dot_zmm_store_n(out + (i + 3) * 40 + column + 0, c3_0, 8);
    dot_zmm_store_n(out + (i + 4) * 40 + column + 0, c4_0, 8);
    dot_zmm_store_n(out + (i + 5) * 40 + column + 0, c5_0, 8);
}
static void gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_at(const uint8_t *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 1024;
    if (p < 1) {
        if (rows - i >= 6) {
            gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_6x2(lhs, out, args, grids, i, p * 32, rhs);
        } else {
            if (rows - i == 1) {
                gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_1x2(lhs, out, args, grids, i, p * 32, rhs);
            }
        }
    } else {
        if (rows - i >= 6) {
            gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_6x1p8(lhs, out, args, grids, i, p * 32, rhs);
        } else {
            if (rows - i == 1) {
                gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_1x1p8(lhs, out, args, grids, i, p * 32, rhs);
            }
        }
    }
}
void gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)18;
    const int64_t line1 = (line0 + 18) < 13 ? (line0 + 18) : 13;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const uint8_t * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 13) {
        const int64_t lines = (line1 - line) < 13 ? (line1 - line) : 13;
        const int64_t rows = lines * 1;
        int32_t * out = (int32_t *)args->out + line * 40;
        const uint8_t * lhs = in + line * 30;
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t i = 0; i < rows; i += 6) {
                for (int64_t p = group; p < group_end; p += 1) {
                    gemm_w8a8_avx512vnni_dot_zmm_b6x2_k2_raw_mn_c0x0x0_p16_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
