/* gemm.f32.avx2.float.fma.b6x2.k2.raw.mn.c0x0x0.p0.tn: 9x33x17, f32io */
_Static_assert(f32_fma_N == 8, "tile");
static void gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_3x2(const float *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const float * a0 = lhs + (i + 0) * 17;
    const float * a1 = lhs + (i + 1) * 17;
    const float * a2 = lhs + (i + 2) * 17;
    f32_fma_acc c0_0 = f32_fma_zero();
    f32_fma_acc c0_1 = f32_fma_zero();
    f32_fma_acc c1_0 = f32_fma_zero();
    f32_fma_acc c1_1 = f32_fma_zero();
    f32_fma_acc c2_0 = f32_fma_zero();
    f32_fma_acc c2_1 = f32_fma_zero();
    for (int64_t k = 0; k < 16; k += 2) {
        f32_fma_rhs b0_0 = f32_fma_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
        f32_fma_rhs b1_0 = f32_fma_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
        f32_fma_lhs x0_0 = f32_fma_raw(a0 + (k + 0) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_0, b0_0);
        c0_1 = f32_fma_dot(c0_1, x0_0, b1_0);
        f32_fma_lhs x1_0 = f32_fma_raw(a1 + (k + 0) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_0, b0_0);
        c1_1 = f32_fma_dot(c1_1, x1_0, b1_0);
        f32_fma_lhs x2_0 = f32_fma_raw(a2 + (k + 0) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_0, b0_0);
        c2_1 = f32_fma_dot(c2_1, x2_0, b1_0);
        f32_fma_rhs b0_1 = f32_fma_rhs_load((const void *)(rhs + ((k + 1) * 2 + 0) * 32));
        f32_fma_rhs b1_1 = f32_fma_rhs_load((const void *)(rhs + ((k + 1) * 2 + 1) * 32));
        f32_fma_lhs x0_1 = f32_fma_raw(a0 + (k + 1) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_1, b0_1);
        c0_1 = f32_fma_dot(c0_1, x0_1, b1_1);
        f32_fma_lhs x1_1 = f32_fma_raw(a1 + (k + 1) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_1, b0_1);
        c1_1 = f32_fma_dot(c1_1, x1_1, b1_1);
        f32_fma_lhs x2_1 = f32_fma_raw(a2 + (k + 1) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_1, b0_1);
        c2_1 = f32_fma_dot(c2_1, x2_1, b1_1);
    }
    f32_fma_rhs b0_r16 = f32_fma_rhs_load((const void *)(rhs + ((16) * 2 + 0) * 32));
    f32_fma_rhs b1_r16 = f32_fma_rhs_load((const void *)(rhs + ((16) * 2 + 1) * 32));
    f32_fma_lhs x0_r16 = f32_fma_raw(a0 + (16) * 1);
    c0_0 = f32_fma_dot(c0_0, x0_r16, b0_r16);
    c0_1 = f32_fma_dot(c0_1, x0_r16, b1_r16);
    f32_fma_lhs x1_r16 = f32_fma_raw(a1 + (16) * 1);
    c1_0 = f32_fma_dot(c1_0, x1_r16, b0_r16);
    c1_1 = f32_fma_dot(c1_1, x1_r16, b1_r16);
    f32_fma_lhs x2_r16 = f32_fma_raw(a2 + (16) * 1);
    c2_0 = f32_fma_dot(c2_0, x2_r16, b0_r16);
    c2_1 = f32_fma_dot(c2_1, x2_r16, b1_r16);
    f32_fma_finish(out + (i + 0) * 33 + column + 0, c0_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 0) * 33 + column + 8, c0_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 1) * 33 + column + 0, c1_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 1) * 33 + column + 8, c1_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 2) * 33 + column + 0, c2_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 2) * 33 + column + 8, c2_1, (const float *)args->cols + 0 + column + 8, 1);
}
static void gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_3x1p1(const float *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const float * a0 = lhs + (i + 0) * 17;
    const float * a1 = lhs + (i + 1) * 17;
    const float * a2 = lhs + (i + 2) * 17;
    f32_fma_acc c0_0 = f32_fma_zero();
    f32_fma_acc c1_0 = f32_fma_zero();
    f32_fma_acc c2_0 = f32_fma_zero();
    for (int64_t k = 0; k < 16; k += 2) {
        f32_fma_rhs b0_0 = f32_fma_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 32));
        f32_fma_lhs x0_0 = f32_fma_raw(a0 + (k + 0) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_0, b0_0);
        f32_fma_lhs x1_0 = f32_fma_raw(a1 + (k + 0) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_0, b0_0);
        f32_fma_lhs x2_0 = f32_fma_raw(a2 + (k + 0) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_0, b0_0);
        f32_fma_rhs b0_1 = f32_fma_rhs_load((const void *)(rhs + ((k + 1) * 1 + 0) * 32));
        f32_fma_lhs x0_1 = f32_fma_raw(a0 + (k + 1) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_1, b0_1);
        f32_fma_lhs x1_1 = f32_fma_raw(a1 + (k + 1) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_1, b0_1);
        f32_fma_lhs x2_1 = f32_fma_raw(a2 + (k + 1) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_1, b0_1);
    }
    f32_fma_rhs b0_r16 = f32_fma_rhs_load((const void *)(rhs + ((16) * 1 + 0) * 32));
    f32_fma_lhs x0_r16 = f32_fma_raw(a0 + (16) * 1);
    c0_0 = f32_fma_dot(c0_0, x0_r16, b0_r16);
    f32_fma_lhs x1_r16 = f32_fma_raw(a1 + (16) * 1);
    c1_0 = f32_fma_dot(c1_0, x1_r16, b0_r16);
    f32_fma_lhs x2_r16 = f32_fma_raw(a2 + (16) * 1);
    c2_0 = f32_fma_dot(c2_0, x2_r16, b0_r16);
    f32_fma_finish_n(out + (i + 0) * 33 + column + 0, c0_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 1) * 33 + column + 0, c1_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 2) * 33 + column + 0, c2_0, (const float *)args->cols + 0 + column + 0, 1, 1);
}
static void gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_6x2(const float *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const float * a0 = lhs + (i + 0) * 17;
    const float * a1 = lhs + (i + 1) * 17;
    const float * a2 = lhs + (i + 2) * 17;
    const float * a3 = lhs + (i + 3) * 17;
    const float * a4 = lhs + (i + 4) * 17;
    const float * a5 = lhs + (i + 5) * 17;
    f32_fma_acc c0_0 = f32_fma_zero();
    f32_fma_acc c0_1 = f32_fma_zero();
    f32_fma_acc c1_0 = f32_fma_zero();
    f32_fma_acc c1_1 = f32_fma_zero();
    f32_fma_acc c2_0 = f32_fma_zero();
    f32_fma_acc c2_1 = f32_fma_zero();
    f32_fma_acc c3_0 = f32_fma_zero();
    f32_fma_acc c3_1 = f32_fma_zero();
    f32_fma_acc c4_0 = f32_fma_zero();
    f32_fma_acc c4_1 = f32_fma_zero();
    f32_fma_acc c5_0 = f32_fma_zero();
    f32_fma_acc c5_1 = f32_fma_zero();
    for (int64_t k = 0; k < 16; k += 2) {
        f32_fma_rhs b0_0 = f32_fma_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
        f32_fma_rhs b1_0 = f32_fma_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
        f32_fma_lhs x0_0 = f32_fma_raw(a0 + (k + 0) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_0, b0_0);
        c0_1 = f32_fma_dot(c0_1, x0_0, b1_0);
        f32_fma_lhs x1_0 = f32_fma_raw(a1 + (k + 0) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_0, b0_0);
        c1_1 = f32_fma_dot(c1_1, x1_0, b1_0);
        f32_fma_lhs x2_0 = f32_fma_raw(a2 + (k + 0) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_0, b0_0);
        c2_1 = f32_fma_dot(c2_1, x2_0, b1_0);
        f32_fma_lhs x3_0 = f32_fma_raw(a3 + (k + 0) * 1);
        c3_0 = f32_fma_dot(c3_0, x3_0, b0_0);
        c3_1 = f32_fma_dot(c3_1, x3_0, b1_0);
        f32_fma_lhs x4_0 = f32_fma_raw(a4 + (k + 0) * 1);
        c4_0 = f32_fma_dot(c4_0, x4_0, b0_0);
        c4_1 = f32_fma_dot(c4_1, x4_0, b1_0);
        f32_fma_lhs x5_0 = f32_fma_raw(a5 + (k + 0) * 1);
        c5_0 = f32_fma_dot(c5_0, x5_0, b0_0);
        c5_1 = f32_fma_dot(c5_1, x5_0, b1_0);
        f32_fma_rhs b0_1 = f32_fma_rhs_load((const void *)(rhs + ((k + 1) * 2 + 0) * 32));
        f32_fma_rhs b1_1 = f32_fma_rhs_load((const void *)(rhs + ((k + 1) * 2 + 1) * 32));
        f32_fma_lhs x0_1 = f32_fma_raw(a0 + (k + 1) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_1, b0_1);
        c0_1 = f32_fma_dot(c0_1, x0_1, b1_1);
        f32_fma_lhs x1_1 = f32_fma_raw(a1 + (k + 1) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_1, b0_1);
        c1_1 = f32_fma_dot(c1_1, x1_1, b1_1);
        f32_fma_lhs x2_1 = f32_fma_raw(a2 + (k + 1) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_1, b0_1);
        c2_1 = f32_fma_dot(c2_1, x2_1, b1_1);
        f32_fma_lhs x3_1 = f32_fma_raw(a3 + (k + 1) * 1);
        c3_0 = f32_fma_dot(c3_0, x3_1, b0_1);
        c3_1 = f32_fma_dot(c3_1, x3_1, b1_1);
        f32_fma_lhs x4_1 = f32_fma_raw(a4 + (k + 1) * 1);
        c4_0 = f32_fma_dot(c4_0, x4_1, b0_1);
        c4_1 = f32_fma_dot(c4_1, x4_1, b1_1);
        f32_fma_lhs x5_1 = f32_fma_raw(a5 + (k + 1) * 1);
        c5_0 = f32_fma_dot(c5_0, x5_1, b0_1);
        c5_1 = f32_fma_dot(c5_1, x5_1, b1_1);
    }
    f32_fma_rhs b0_r16 = f32_fma_rhs_load((const void *)(rhs + ((16) * 2 + 0) * 32));
    f32_fma_rhs b1_r16 = f32_fma_rhs_load((const void *)(rhs + ((16) * 2 + 1) * 32));
    f32_fma_lhs x0_r16 = f32_fma_raw(a0 + (16) * 1);
    c0_0 = f32_fma_dot(c0_0, x0_r16, b0_r16);
    c0_1 = f32_fma_dot(c0_1, x0_r16, b1_r16);
    f32_fma_lhs x1_r16 = f32_fma_raw(a1 + (16) * 1);
    c1_0 = f32_fma_dot(c1_0, x1_r16, b0_r16);
    c1_1 = f32_fma_dot(c1_1, x1_r16, b1_r16);
    f32_fma_lhs x2_r16 = f32_fma_raw(a2 + (16) * 1);
    c2_0 = f32_fma_dot(c2_0, x2_r16, b0_r16);
    c2_1 = f32_fma_dot(c2_1, x2_r16, b1_r16);
    f32_fma_lhs x3_r16 = f32_fma_raw(a3 + (16) * 1);
    c3_0 = f32_fma_dot(c3_0, x3_r16, b0_r16);
    c3_1 = f32_fma_dot(c3_1, x3_r16, b1_r16);
    f32_fma_lhs x4_r16 = f32_fma_raw(a4 + (16) * 1);
    c4_0 = f32_fma_dot(c4_0, x4_r16, b0_r16);
    c4_1 = f32_fma_dot(c4_1, x4_r16, b1_r16);
    f32_fma_lhs x5_r16 = f32_fma_raw(a5 + (16) * 1);
    c5_0 = f32_fma_dot(c5_0, x5_r16, b0_r16);
    c5_1 = f32_fma_dot(c5_1, x5_r16, b1_r16);
    f32_fma_finish(out + (i + 0) * 33 + column + 0, c0_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 0) * 33 + column + 8, c0_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 1) * 33 + column + 0, c1_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 1) * 33 + column + 8, c1_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 2) * 33 + column + 0, c2_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 2) * 33 + column + 8, c2_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 3) * 33 + column + 0, c3_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 3) * 33 + column + 8, c3_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 4) * 33 + column + 0, c4_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 4) * 33 + column + 8, c4_1, (const float *)args->cols + 0 + column + 8, 1);
    f32_fma_finish(out + (i + 5) * 33 + column + 0, c5_0, (const float *)args->cols + 0 + column + 0, 1);
    f32_fma_finish(out + (i + 5) * 33 + column + 8, c5_1, (const float *)args->cols + 0 + column + 8, 1);
}
static void gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_6x1p1(const float *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const float * a0 = lhs + (i + 0) * 17;
    const float * a1 = lhs + (i + 1) * 17;
    const float * a2 = lhs + (i + 2) * 17;
    const float * a3 = lhs + (i + 3) * 17;
    const float * a4 = lhs + (i + 4) * 17;
    const float * a5 = lhs + (i + 5) * 17;
    f32_fma_acc c0_0 = f32_fma_zero();
    f32_fma_acc c1_0 = f32_fma_zero();
    f32_fma_acc c2_0 = f32_fma_zero();
    f32_fma_acc c3_0 = f32_fma_zero();
    f32_fma_acc c4_0 = f32_fma_zero();
    f32_fma_acc c5_0 = f32_fma_zero();
    for (int64_t k = 0; k < 16; k += 2) {
        f32_fma_rhs b0_0 = f32_fma_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 32));
        f32_fma_lhs x0_0 = f32_fma_raw(a0 + (k + 0) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_0, b0_0);
        f32_fma_lhs x1_0 = f32_fma_raw(a1 + (k + 0) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_0, b0_0);
        f32_fma_lhs x2_0 = f32_fma_raw(a2 + (k + 0) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_0, b0_0);
        f32_fma_lhs x3_0 = f32_fma_raw(a3 + (k + 0) * 1);
        c3_0 = f32_fma_dot(c3_0, x3_0, b0_0);
        f32_fma_lhs x4_0 = f32_fma_raw(a4 + (k + 0) * 1);
        c4_0 = f32_fma_dot(c4_0, x4_0, b0_0);
        f32_fma_lhs x5_0 = f32_fma_raw(a5 + (k + 0) * 1);
        c5_0 = f32_fma_dot(c5_0, x5_0, b0_0);
        f32_fma_rhs b0_1 = f32_fma_rhs_load((const void *)(rhs + ((k + 1) * 1 + 0) * 32));
        f32_fma_lhs x0_1 = f32_fma_raw(a0 + (k + 1) * 1);
        c0_0 = f32_fma_dot(c0_0, x0_1, b0_1);
        f32_fma_lhs x1_1 = f32_fma_raw(a1 + (k + 1) * 1);
        c1_0 = f32_fma_dot(c1_0, x1_1, b0_1);
        f32_fma_lhs x2_1 = f32_fma_raw(a2 + (k + 1) * 1);
        c2_0 = f32_fma_dot(c2_0, x2_1, b0_1);
        f32_fma_lhs x3_1 = f32_fma_raw(a3 + (k + 1) * 1);
        c3_0 = f32_fma_dot(c3_0, x3_1, b0_1);
        f32_fma_lhs x4_1 = f32_fma_raw(a4 + (k + 1) * 1);
        c4_0 = f32_fma_dot(c4_0, x4_1, b0_1);
        f32_fma_lhs x5_1 = f32_fma_raw(a5 + (k + 1) * 1);
        c5_0 = f32_fma_dot(c5_0, x5_1, b0_1);
    }
    f32_fma_rhs b0_r16 = f32_fma_rhs_load((const void *)(rhs + ((16) * 1 + 0) * 32));
    f32_fma_lhs x0_r16 = f32_fma_raw(a0 + (16) * 1);
    c0_0 = f32_fma_dot(c0_0, x0_r16, b0_r16);
    f32_fma_lhs x1_r16 = f32_fma_raw(a1 + (16) * 1);
    c1_0 = f32_fma_dot(c1_0, x1_r16, b0_r16);
    f32_fma_lhs x2_r16 = f32_fma_raw(a2 + (16) * 1);
    c2_0 = f32_fma_dot(c2_0, x2_r16, b0_r16);
    f32_fma_lhs x3_r16 = f32_fma_raw(a3 + (16) * 1);
    c3_0 = f32_fma_dot(c3_0, x3_r16, b0_r16);
    f32_fma_lhs x4_r16 = f32_fma_raw(a4 + (16) * 1);
    c4_0 = f32_fma_dot(c4_0, x4_r16, b0_r16);
    f32_fma_lhs x5_r16 = f32_fma_raw(a5 + (16) * 1);
    c5_0 = f32_fma_dot(c5_0, x5_r16, b0_r16);
    f32_fma_finish_n(out + (i + 0) * 33 + column + 0, c0_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 1) * 33 + column + 0, c1_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 2) * 33 + column + 0, c2_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 3) * 33 + column + 0, c3_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 4) * 33 + column + 0, c4_0, (const float *)args->cols + 0 + column + 0, 1, 1);
    f32_fma_finish_n(out + (i + 5) * 33 + column + 0, c5_0, (const float *)args->cols + 0 + column + 0, 1, 1);
}
static void gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_at(const float *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 1088;
    if (p < 2) {
        if (rows - i >= 6) {
            gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_6x2(lhs, out, args, grids, i, p * 16, rhs);
        } else {
            if (rows - i == 3) {
                gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_3x2(lhs, out, args, grids, i, p * 16, rhs);
            }
        }
    } else {
        if (rows - i >= 6) {
            gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_6x1p1(lhs, out, args, grids, i, p * 16, rhs);
        } else {
            if (rows - i == 3) {
                gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_3x1p1(lhs, out, args, grids, i, p * 16, rhs);
            }
        }
    }
}
void gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = 0 * (int64_t)12;
    const int64_t line1 = (line0 + 12) < 9 ? (line0 + 12) : 9;
    const int64_t panel0 = thread * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 3 ? (panel0 + 2) : 3;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 9) {
        const int64_t lines = (line1 - line) < 9 ? (line1 - line) : 9;
        const int64_t rows = lines * 1;
        float * out = (float *)args->out + line * 33;
        const float * lhs = in + line * 17;
        for (int64_t group = panel0; group < panel1; group += 3) {
            const int64_t group_end = (group + 3) < panel1 ? (group + 3) : panel1;
            for (int64_t i = 0; i < rows; i += 6) {
                for (int64_t p = group; p < group_end; p += 1) {
                    gemm_f32_avx2_float_fma_b6x2_k2_raw_mn_c0x0x0_p0_tn_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
