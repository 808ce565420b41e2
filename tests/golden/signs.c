/* gemm.w1a1.avx512vpopcnt.bitserial.popcnt.b4x3.k2.d0.staged.mn.c0x0x0.p0: 4x33x100, f32io */
_Static_assert(bits_popcnt_N == 16, "tile");
static void gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0_4x3p1(const bits_popcnt_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const bits_popcnt_elem * a0 = lhs + (i + 0) * 4;
    const bits_popcnt_elem * a1 = lhs + (i + 1) * 4;
    const bits_popcnt_elem * a2 = lhs + (i + 2) * 4;
    const bits_popcnt_elem * a3 = lhs + (i + 3) * 4;
    bits_popcnt_acc c0_0 = bits_popcnt_zero();
    bits_popcnt_acc c0_1 = bits_popcnt_zero();
    bits_popcnt_acc c0_2 = bits_popcnt_zero();
    bits_popcnt_acc c1_0 = bits_popcnt_zero();
    bits_popcnt_acc c1_1 = bits_popcnt_zero();
    bits_popcnt_acc c1_2 = bits_popcnt_zero();
    bits_popcnt_acc c2_0 = bits_popcnt_zero();
    bits_popcnt_acc c2_1 = bits_popcnt_zero();
    bits_popcnt_acc c2_2 = bits_popcnt_zero();
    bits_popcnt_acc c3_0 = bits_popcnt_zero();
    bits_popcnt_acc c3_1 = bits_popcnt_zero();
    bits_popcnt_acc c3_2 = bits_popcnt_zero();
    for (int64_t plane = 0; plane < 1; plane += 1) {
        {
            bits_popcnt_sum s0_0 = bits_popcnt_none();
            bits_popcnt_sum s0_1 = bits_popcnt_none();
            bits_popcnt_sum s0_2 = bits_popcnt_none();
            bits_popcnt_sum s1_0 = bits_popcnt_none();
            bits_popcnt_sum s1_1 = bits_popcnt_none();
            bits_popcnt_sum s1_2 = bits_popcnt_none();
            bits_popcnt_sum s2_0 = bits_popcnt_none();
            bits_popcnt_sum s2_1 = bits_popcnt_none();
            bits_popcnt_sum s2_2 = bits_popcnt_none();
            bits_popcnt_sum s3_0 = bits_popcnt_none();
            bits_popcnt_sum s3_1 = bits_popcnt_none();
            bits_popcnt_sum s3_2 = bits_popcnt_none();
            for (int64_t j = 0; j < 4; j += 2) {
                bits_popcnt_rhs b0_0 = bits_popcnt_rhs_load((const void *)(rhs + ((0 + j + 0) * 3 + 0) * 64));
                bits_popcnt_rhs b1_0 = bits_popcnt_rhs_load((const void *)(rhs + ((0 + j + 0) * 3 + 1) * 64));
                bits_popcnt_rhs b2_0 = bits_popcnt_rhs_load((const void *)(rhs + ((0 + j + 0) * 3 + 2) * 64));
                bits_popcnt_lhs x0_0 = bits_popcnt_lhs_load(a0 + plane * 4 + (0 + j + 0));
                s0_0 = bits_popcnt_differ(s0_0, x0_0, b0_0);
                s0_1 = bits_popcnt_differ(s0_1, x0_0, b1_0);
                s0_2 = bits_popcnt_differ(s0_2, x0_0, b2_0);
                bits_popcnt_lhs x1_0 = bits_popcnt_lhs_load(a1 + plane * 4 + (0 + j + 0));
                s1_0 = bits_popcnt_differ(s1_0, x1_0, b0_0);
                s1_1 = bits_popcnt_differ(s1_1, x1_0, b1_0);
                s1_2 = bits_popcnt_differ(s1_2, x1_0, b2_0);
                bits_popcnt_lhs x2_0 = bits_popcnt_lhs_load(a2 + plane * 4 + (0 + j + 0));
                s2_0 = bits_popcnt_differ(s2_0, x2_0, b0_0);
                s2_1 = bits_popcnt_differ(s2_1, x2_0, b1_0);
                s2_2 = bits_popcnt_differ(s2_2, x2_0, b2_0);
                bits_popcnt_lhs x3_0 = bits_popcnt_lhs_load(a3 + plane * 4 + (0 + j + 0));
                s3_0 = bits_popcnt_differ(s3_0, x3_0, b0_0);
                s3_1 = bits_popcnt_differ(s3_1, x3_0, b1_0);
                s3_2 = bits_popcnt_differ(s3_2, x3_0, b2_0);
                bits_popcnt_rhs b0_1 = bits_popcnt_rhs_load((const void *)(rhs + ((0 + j + 1) * 3 + 0) * 64));
                bits_popcnt_rhs b1_1 = bits_popcnt_rhs_load((const void *)(rhs + ((0 + j + 1) * 3 + 1) * 64));
                bits_popcnt_rhs b2_1 = bits_popcnt_rhs_load((const void *)(rhs + ((0 + j + 1) * 3 + 2) * 64));
                bits_popcnt_lhs x0_1 = bits_popcnt_lhs_load(a0 + plane * 4 + (0 + j + 1));
                s0_0 = bits_popcnt_differ(s0_0, x0_1, b0_1);
                s0_1 = bits_popcnt_differ(s0_1, x0_1, b1_1);
                s0_2 = bits_popcnt_differ(s0_2, x0_1, b2_1);
                bits_popcnt_lhs x1_1 = bits_popcnt_lhs_load(a1 + plane * 4 + (0 + j + 1));
                s1_0 = bits_popcnt_differ(s1_0, x1_1, b0_1);
                s1_1 = bits_popcnt_differ(s1_1, x1_1, b1_1);
                s1_2 = bits_popcnt_differ(s1_2, x1_1, b2_1);
                bits_popcnt_lhs x2_1 = bits_popcnt_lhs_load(a2 + plane * 4 + (0 + j + 1));
                s2_0 = bits_popcnt_differ(s2_0, x2_1, b0_1);
                s2_1 = bits_popcnt_differ(s2_1, x2_1, b1_1);
                s2_2 = bits_popcnt_differ(s2_2, x2_1, b2_1);
                bits_popcnt_lhs x3_1 = bits_popcnt_lhs_load(a3 + plane * 4 + (0 + j + 1));
                s3_0 = bits_popcnt_differ(s3_0, x3_1, b0_1);
                s3_1 = bits_popcnt_differ(s3_1, x3_1, b1_1);
                s3_2 = bits_popcnt_differ(s3_2, x3_1, b2_1);
            }
            c0_0 = bits_popcnt_widen_minus(c0_0, s0_0, 0 + plane);
            c0_1 = bits_popcnt_widen_minus(c0_1, s0_1, 0 + plane);
            c0_2 = bits_popcnt_widen_minus(c0_2, s0_2, 0 + plane);
            c1_0 = bits_popcnt_widen_minus(c1_0, s1_0, 0 + plane);
            c1_1 = bits_popcnt_widen_minus(c1_1, s1_1, 0 + plane);
            c1_2 = bits_popcnt_widen_minus(c1_2, s1_2, 0 + plane);
            c2_0 = bits_popcnt_widen_minus(c2_0, s2_0, 0 + plane);
            c2_1 = bits_popcnt_widen_minus(c2_1, s2_1, 0 + plane);
            c2_2 = bits_popcnt_widen_minus(c2_2, s2_2, 0 + plane);
            c3_0 = bits_popcnt_widen_minus(c3_0, s3_0, 0 + plane);
            c3_1 = bits_popcnt_widen_minus(c3_1, s3_1, 0 + plane);
            c3_2 = bits_popcnt_widen_minus(c3_2, s3_2, 0 + plane);
        }
    }
    rhs = rhs + 768;
    c0_0 = bits_popcnt_plus(c0_0, (const void *)(rhs + (0) * 64));
    c0_1 = bits_popcnt_plus(c0_1, (const void *)(rhs + (1) * 64));
    c0_2 = bits_popcnt_plus(c0_2, (const void *)(rhs + (2) * 64));
    c1_0 = bits_popcnt_plus(c1_0, (const void *)(rhs + (0) * 64));
    c1_1 = bits_popcnt_plus(c1_1, (const void *)(rhs + (1) * 64));
    c1_2 = bits_popcnt_plus(c1_2, (const void *)(rhs + (2) * 64));
    c2_0 = bits_popcnt_plus(c2_0, (const void *)(rhs + (0) * 64));
    c2_1 = bits_popcnt_plus(c2_1, (const void *)(rhs + (1) * 64));
    c2_2 = bits_popcnt_plus(c2_2, (const void *)(rhs + (2) * 64));
    c3_0 = bits_popcnt_plus(c3_0, (const void *)(rhs + (0) * 64));
    c3_1 = bits_popcnt_plus(c3_1, (const void *)(rhs + (1) * 64));
    c3_2 = bits_popcnt_plus(c3_2, (const void *)(rhs + (2) * 64));
    bits_popcnt_finish(out + (i + 0) * 33 + column + 0, c0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    bits_popcnt_finish(out + (i + 0) * 33 + column + 16, c0_1, grids[i + 0], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1);
    bits_popcnt_finish_n(out + (i + 0) * 33 + column + 32, c0_2, grids[i + 0], (const float *)args->cols + 0 + column + 32, (const int32_t *)args->cols + 64 + column + 32, (const float *)args->cols + 128 + column + 32, 1, 1);
    bits_popcnt_finish(out + (i + 1) * 33 + column + 0, c1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    bits_popcnt_finish(out + (i + 1) * 33 + column + 16, c1_1, grids[i + 1], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1);
    bits_popcnt_finish_n(out + (i + 1) * 33 + column + 32, c1_2, grids[i + 1], (const float *)args->cols + 0 + column + 32, (const int32_t *)args->cols + 64 + column + 32, (const float *)args->cols + 128 + column + 32, 1, 1);
    bits_popcnt_finish(out + (i + 2) * 33 + column + 0, c2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    bits_popcnt_finish(out + (i + 2) * 33 + column + 16, c2_1, grids[i + 2], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1);
    bits_popcnt_finish_n(out + (i + 2) * 33 + column + 32, c2_2, grids[i + 2], (const float *)args->cols + 0 + column + 32, (const int32_t *)args->cols + 64 + column + 32, (const float *)args->cols + 128 + column + 32, 1, 1);
    bits_popcnt_finish(out + (i + 3) * 33 + column + 0, c3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    bits_popcnt_finish(out + (i + 3) * 33 + column + 16, c3_1, grids[i + 3], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1);
    bits_popcnt_finish_n(out + (i + 3) * 33 + column + 32, c3_2, grids[i + 3], (const float *)args->cols + 0 + column + 32, (const int32_t *)args->cols + 64 + column + 32, (const float *)args->cols + 128 + column + 32, 1, 1);
}
static void gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0_at(const bits_popcnt_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 960;
    if (rows - i >= 4) {
        gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0_4x3p1(lhs, out, args, grids, i, p * 48, rhs);
    }
}
static void gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0_stage(bits_popcnt_elem *to, const float *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    for (int64_t r = 0; r < lines; r += 1) {
        const float * x = in + (line + r) * 100;
        grids[r] = bs_grid_of_signs(x, 100);
        bits_popcnt_elem * row = to + r * 4;
        bits_popcnt_quant(row, x, 100, grids[r], 1);
    }
}
void gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)4;
    const int64_t line1 = (line0 + 4) < 4 ? (line0 + 4) : 4;
    const int64_t panel0 = 0 * (int64_t)1;
    const int64_t panel1 = (panel0 + 1) < 1 ? (panel0 + 1) : 1;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 4) {
        const int64_t lines = (line1 - line) < 4 ? (line1 - line) : 4;
        const int64_t rows = lines * 1;
        float * out = (float *)args->out + line * 33;
        bits_popcnt_elem * lhs = (bits_popcnt_elem *)((char *)args->work + 128);
        gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 1) {
            const int64_t group_end = (group + 1) < panel1 ? (group + 1) : panel1;
            for (int64_t i = 0; i < rows; i += 4) {
                for (int64_t p = group; p < group_end; p += 1) {
                    gemm_w1a1_avx512vpopcnt_bitserial_popcnt_b4x3_k2_d0_staged_mn_c0x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
