/* gemm.w8a8.svei8mm-256.dot.svmmla.b2x3.k1.raw.mn.c0x0x0.p0: 5x20x30, qdq */
_Static_assert(dot_svmmla_N == 8, "tile");
static void gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0_1x3p4(const uint8_t *lhs, uint8_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const uint8_t * a0 = lhs + (i + 0) * 30;
    dot_svmmla_sum s0_0 = dot_svmmla_none();
    dot_svmmla_sum s0_1 = dot_svmmla_none();
    dot_svmmla_sum s0_2 = dot_svmmla_none();
    for (int64_t k = 0; k < 3; k += 1) {
        dot_svmmla_rhs b0_0 = dot_svmmla_rhs_load((const void *)(rhs + ((k + 0) * 3 + 0) * 64));
        dot_svmmla_rhs b1_0 = dot_svmmla_rhs_load((const void *)(rhs + ((k + 0) * 3 + 1) * 64));
        dot_svmmla_rhs b2_0 = dot_svmmla_rhs_load((const void *)(rhs + ((k + 0) * 3 + 2) * 64));
        dot_svmmla_lhs x0_0 = dot_svmmla_raw(a0 + (k + 0) * 8, a0 + (k + 0) * 8);
        s0_0 = dot_svmmla_dot(s0_0, x0_0, b0_0);
        s0_1 = dot_svmmla_dot(s0_1, x0_0, b1_0);
        s0_2 = dot_svmmla_dot(s0_2, x0_0, b2_0);
    }
    /* the last 6 of 30 */
    dot_svmmla_rhs b0_t = dot_svmmla_rhs_load((const void *)(rhs + ((3) * 3 + 0) * 64));
    dot_svmmla_rhs b1_t = dot_svmmla_rhs_load((const void *)(rhs + ((3) * 3 + 1) * 64));
    dot_svmmla_rhs b2_t = dot_svmmla_rhs_load((const void *)(rhs + ((3) * 3 + 2) * 64));
    dot_svmmla_lhs x0_t = dot_svmmla_raw_tail(a0 + 24, a0 + 24, 6);
    s0_0 = dot_svmmla_dot(s0_0, x0_t, b0_t);
    s0_1 = dot_svmmla_dot(s0_1, x0_t, b1_t);
    s0_2 = dot_svmmla_dot(s0_2, x0_t, b2_t);
    dot_svmmla_acc c0_0 = dot_svmmla_row(s0_0, 0);
    dot_svmmla_acc c0_1 = dot_svmmla_row(s0_1, 0);
    dot_svmmla_acc c0_2 = dot_svmmla_row(s0_2, 0);
    c0_0 = dot_svmmla_plus(c0_0, (const int32_t *)args->cols + 0 + column + 0);
    c0_1 = dot_svmmla_plus(c0_1, (const int32_t *)args->cols + 0 + column + 8);
    dot_svmmla_requant_pair(out + (i + 0) * 20 + column + 0, c0_0, c0_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
    c0_2 = dot_svmmla_plus_n(c0_2, (const int32_t *)args->cols + 0 + column + 16, 4);
    dot_svmmla_requant_n(out + (i + 0) * 20 + column + 16, c0_2, (const float *)args->cols + 64 + column + 16, args->out_zero, args->out_zero, 4);
}
static void gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0_4x3p4(const uint8_t *lhs, uint8_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const uint8_t * a0 = lhs + (i + 0) * 30;
    const uint8_t * a1 = lhs + (i + 1) * 30;
    const uint8_t * a2 = lhs + (i + 2) * 30;
    const uint8_t * a3 = lhs + (i + 3) * 30;
    dot_svmmla_sum s0_0 = dot_svmmla_none();
    dot_svmmla_sum s0_1 = dot_svmmla_none();
    dot_svmmla_sum s0_2 = dot_svmmla_none();
    dot_svmmla_sum s1_0 = dot_svmmla_none();
    dot_svmmla_sum s1_1 = dot_svmmla_none();
    dot_svmmla_sum s1_2 = dot_svmmla_none();
    for (int64_t k = 0; k < 3; k += 1) {
        dot_svmmla_rhs b0_0 = dot_svmmla_rhs_load((const void *)(rhs + ((k + 0) * 3 + 0) * 64));
        dot_svmmla_rhs b1_0 = dot_svmmla_rhs_load((const void *)(rhs + ((k + 0) * 3 + 1) * 64));
        dot_svmmla_rhs b2_0 = dot_svmmla_rhs_load((const void *)(rhs + ((k + 0) * 3 + 2) * 64));
        dot_svmmla_lhs x0_0 = dot_svmmla_raw(a0 + (k + 0) * 8, a1 + (k + 0) * 8);
        s0_0 = dot_svmmla_dot(s0_0, x0_0, b0_0);
        s0_1 = dot_svmmla_dot(s0_1, x0_0, b1_0);
        s0_2 = dot_svmmla_dot(s0_2, x0_0, b2_0);
        dot_svmmla_lhs x1_0 = dot_svmmla_raw(a2 + (k + 0) * 8, a3 + (k + 0) * 8);
        s1_0 = dot_svmmla_dot(s1_0, x1_0, b0_0);
        s1_1 = dot_svmmla_dot(s1_1, x1_0, b1_0);
        s1_2 = dot_svmmla_dot(s1_2, x1_0, b2_0);
    }
    /* the last 6 of 30 */
    dot_svmmla_rhs b0_t = dot_svmmla_rhs_load((const void *)(rhs + ((3) * 3 + 0) * 64));
    dot_svmmla_rhs b1_t = dot_svmmla_rhs_load((const void *)(rhs + ((3) * 3 + 1) * 64));
    dot_svmmla_rhs b2_t = dot_svmmla_rhs_load((const void *)(rhs + ((3) * 3 + 2) * 64));
    dot_svmmla_lhs x0_t = dot_svmmla_raw_tail(a0 + 24, a1 + 24, 6);
    s0_0 = dot_svmmla_dot(s0_0, x0_t, b0_t);
    s0_1 = dot_svmmla_dot(s0_1, x0_t, b1_t);
    s0_2 = dot_svmmla_dot(s0_2, x0_t, b2_t);
    dot_svmmla_lhs x1_t = dot_svmmla_raw_tail(a2 + 24, a3 + 24, 6);
    s1_0 = dot_svmmla_dot(s1_0, x1_t, b0_t);
    s1_1 = dot_svmmla_dot(s1_1, x1_t, b1_t);
    s1_2 = dot_svmmla_dot(s1_2, x1_t, b2_t);
    dot_svmmla_acc c0_0 = dot_svmmla_row(s0_0, 0);
    dot_svmmla_acc c0_1 = dot_svmmla_row(s0_1, 0);
    dot_svmmla_acc c0_2 = dot_svmmla_row(s0_2, 0);
    dot_svmmla_acc c1_0 = dot_svmmla_row(s0_0, 1);
    dot_svmmla_acc c1_1 = dot_svmmla_row(s0_1, 1);
    dot_svmmla_acc c1_2 = dot_svmmla_row(s0_2, 1);
    dot_svmmla_acc c2_0 = dot_svmmla_row(s1_0, 0);
    dot_svmmla_acc c2_1 = dot_svmmla_row(s1_1, 0);
    dot_svmmla_acc c2_2 = dot_svmmla_row(s1_2, 0);
    dot_svmmla_acc c3_0 = dot_svmmla_row(s1_0, 1);
    dot_svmmla_acc c3_1 = dot_svmmla_row(s1_1, 1);
    dot_svmmla_acc c3_2 = dot_svmmla_row(s1_2, 1);
    c0_0 = dot_svmmla_plus(c0_0, (const int32_t *)args->cols + 0 + column + 0);
    c0_1 = dot_svmmla_plus(c0_1, (const int32_t *)args->cols + 0 + column + 8);
    dot_svmmla_requant_pair(out + (i + 0) * 20 + column + 0, c0_0, c0_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
    c0_2 = dot_svmmla_plus_n(c0_2, (const int32_t *)args->cols + 0 + column + 16, 4);
    dot_svmmla_requant_n(out + (i + 0) * 20 + column + 16, c0_2, (const float *)args->cols + 64 + column + 16, args->out_zero, args->out_zero, 4);
    c1_0 = dot_svmmla_plus(c1_0, (const int32_t *)args->cols + 0 + column + 0);
    c1_1 = dot_svmmla_plus(c1_1, (const int32_t *)args->cols + 0 + column + 8);
    dot_svmmla_requant_pair(out + (i + 1) * 20 + column + 0, c1_0, c1_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
    c1_2 = dot_svmmla_plus_n(c1_2, (const int32_t *)args->cols + 0 + column + 16, 4);
    dot_svmmla_requant_n(out + (i + 1) * 20 + column + 16, c1_2, (const float *)args->cols + 64 + column + 16, args->out_zero, args->out_zero, 4);
    c2_0 = dot_svmmla_plus(c2_0, (const int32_t *)args->cols + 0 + column + 0);
    c2_1 = dot_svmmla_plus(c2_1, (const int32_t *)args->cols + 0 + column + 8);
    dot_svmmla_requant_pair(out + (i + 2) * 20 + column + 0, c2_0, c2_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
    c2_2 = dot_svmmla_plus_n(c2_2, (const int32_t *)args->cols + 0 + column + 16, 4);
    dot_svmmla_requant_n(out + (i + 2) * 20 + column + 16, c2_2, (const float *)args->cols + 64 + column + 16, args->out_zero, args->out_zero, 4);
    c3_0 = dot_svmmla_plus(c3_0, (const int32_t *)args->cols + 0 + column + 0);
    c3_1 = dot_svmmla_plus(c3_1, (const int32_t *)args->cols + 0 + column + 8);
    dot_svmmla_requant_pair(out + (i + 3) * 20 + column + 0, c3_0, c3_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
    c3_2 = dot_svmmla_plus_n(c3_2, (const int32_t *)args->cols + 0 + column + 16, 4);
    dot_svmmla_requant_n(out + (i + 3) * 20 + column + 16, c3_2, (const float *)args->cols + 64 + column + 16, args->out_zero, args->out_zero, 4);
}
static void gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0_at(const uint8_t *lhs, uint8_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 768;
    if (rows - i >= 4) {
        gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0_4x3p4(lhs, out, args, grids, i, p * 24, rhs);
    } else {
        if (rows - i == 1) {
            gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0_1x3p4(lhs, out, args, grids, i, p * 24, rhs);
        }
    }
}
void gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)8;
    const int64_t line1 = (line0 + 8) < 5 ? (line0 + 8) : 5;
    const int64_t panel0 = 0 * (int64_t)1;
    const int64_t panel1 = (panel0 + 1) < 1 ? (panel0 + 1) : 1;
    const uint8_t * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 5) {
        const int64_t lines = (line1 - line) < 5 ? (line1 - line) : 5;
        const int64_t rows = lines * 1;
        uint8_t * out = (uint8_t *)args->out + line * 20;
        const uint8_t * lhs = in + line * 30;
        for (int64_t group = panel0; group < panel1; group += 1) {
            const int64_t group_end = (group + 1) < panel1 ? (group + 1) : panel1;
            for (int64_t i = 0; i < rows; i += 4) {
                for (int64_t p = group; p < group_end; p += 1) {
                    gemm_w8a8_svei8mm_256_dot_svmmla_b2x3_k1_raw_mn_c0x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
