/* gemm.w4a8g32.i8mm.dot.usmmlanibble.b2x3.k1.staged.mn.c0x0x0.p0: 13x20x70, f32io */
_Static_assert(dot_usmmlanibble_N == 4, "tile");
static void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_1x3(const dot_usmmlanibble_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_usmmlanibble_elem * a0 = lhs + (i + 0) * 80;
    dot_usmmlanibble_real f0_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f0_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f0_2 = dot_usmmlanibble_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_2 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 1) * 32));
            dot_usmmlanibble_rhs b2_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 2) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
            s0_2 = dot_usmmlanibble_dot(s0_2, x0_0, b2_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        dot_usmmlanibble_acc c0_2 = dot_usmmlanibble_row(s0_2, 0);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 192));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 200));
        const dot_usmmlanibble_real scale2 = dot_usmmlanibble_scales((const void *)(rhs + 208));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        f0_2 = dot_usmmlanibble_scaled(f0_2, c0_2, scale2);
        a0 = a0 + 64;
        rhs = rhs + 216;
    }
    {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_2 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 1; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 1) * 32));
            dot_usmmlanibble_rhs b2_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 2) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
            s0_2 = dot_usmmlanibble_dot(s0_2, x0_0, b2_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        dot_usmmlanibble_acc c0_2 = dot_usmmlanibble_row(s0_2, 0);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 96));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 104));
        const dot_usmmlanibble_real scale2 = dot_usmmlanibble_scales((const void *)(rhs + 112));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        f0_2 = dot_usmmlanibble_scaled(f0_2, c0_2, scale2);
        a0 = a0 + 64;
        rhs = rhs + 120;
    }
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 4, f0_1, grids[i + 0], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 8, f0_2, grids[i + 0], (const float *)args->cols + 0 + column + 8, (const float *)args->cols + 64 + column + 8, 1);
}
static void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_1x2(const dot_usmmlanibble_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_usmmlanibble_elem * a0 = lhs + (i + 0) * 80;
    dot_usmmlanibble_real f0_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f0_1 = dot_usmmlanibble_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 128));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 136));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        a0 = a0 + 64;
        rhs = rhs + 144;
    }
    {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 1; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 64));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 72));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        a0 = a0 + 64;
        rhs = rhs + 80;
    }
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 4, f0_1, grids[i + 0], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
}
static void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_4x3(const dot_usmmlanibble_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_usmmlanibble_elem * a0 = lhs + (i + 0) * 80;
    const dot_usmmlanibble_elem * a1 = lhs + (i + 2) * 80;
    dot_usmmlanibble_real f0_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f0_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f0_2 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f1_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f1_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f1_2 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f2_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f2_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f2_2 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f3_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f3_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f3_2 = dot_usmmlanibble_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_2 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_2 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 1) * 32));
            dot_usmmlanibble_rhs b2_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 2) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
            s0_2 = dot_usmmlanibble_dot(s0_2, x0_0, b2_0);
            dot_usmmlanibble_lhs x1_0 = dot_usmmlanibble_lhs_packed(a1 + (k + 0) * 32);
            s1_0 = dot_usmmlanibble_dot(s1_0, x1_0, b0_0);
            s1_1 = dot_usmmlanibble_dot(s1_1, x1_0, b1_0);
            s1_2 = dot_usmmlanibble_dot(s1_2, x1_0, b2_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        dot_usmmlanibble_acc c0_2 = dot_usmmlanibble_row(s0_2, 0);
        dot_usmmlanibble_acc c1_0 = dot_usmmlanibble_row(s0_0, 1);
        dot_usmmlanibble_acc c1_1 = dot_usmmlanibble_row(s0_1, 1);
        dot_usmmlanibble_acc c1_2 = dot_usmmlanibble_row(s0_2, 1);
        dot_usmmlanibble_acc c2_0 = dot_usmmlanibble_row(s1_0, 0);
        dot_usmmlanibble_acc c2_1 = dot_usmmlanibble_row(s1_1, 0);
        dot_usmmlanibble_acc c2_2 = dot_usmmlanibble_row(s1_2, 0);
        dot_usmmlanibble_acc c3_0 = dot_usmmlanibble_row(s1_0, 1);
        dot_usmmlanibble_acc c3_1 = dot_usmmlanibble_row(s1_1, 1);
        dot_usmmlanibble_acc c3_2 = dot_usmmlanibble_row(s1_2, 1);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 192));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 200));
        const dot_usmmlanibble_real scale2 = dot_usmmlanibble_scales((const void *)(rhs + 208));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        f0_2 = dot_usmmlanibble_scaled(f0_2, c0_2, scale2);
        f1_0 = dot_usmmlanibble_scaled(f1_0, c1_0, scale0);
        f1_1 = dot_usmmlanibble_scaled(f1_1, c1_1, scale1);
        f1_2 = dot_usmmlanibble_scaled(f1_2, c1_2, scale2);
        f2_0 = dot_usmmlanibble_scaled(f2_0, c2_0, scale0);
        f2_1 = dot_usmmlanibble_scaled(f2_1, c2_1, scale1);
        f2_2 = dot_usmmlanibble_scaled(f2_2, c2_2, scale2);
        f3_0 = dot_usmmlanibble_scaled(f3_0, c3_0, scale0);
        f3_1 = dot_usmmlanibble_scaled(f3_1, c3_1, scale1);
        f3_2 = dot_usmmlanibble_scaled(f3_2, c3_2, scale2);
        a0 = a0 + 64;
        a1 = a1 + 64;
        rhs = rhs + 216;
    }
    {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_2 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_2 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 1; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 1) * 32));
            dot_usmmlanibble_rhs b2_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 3 + 2) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
            s0_2 = dot_usmmlanibble_dot(s0_2, x0_0, b2_0);
            dot_usmmlanibble_lhs x1_0 = dot_usmmlanibble_lhs_packed(a1 + (k + 0) * 32);
            s1_0 = dot_usmmlanibble_dot(s1_0, x1_0, b0_0);
            s1_1 = dot_usmmlanibble_dot(s1_1, x1_0, b1_0);
            s1_2 = dot_usmmlanibble_dot(s1_2, x1_0, b2_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        dot_usmmlanibble_acc c0_2 = dot_usmmlanibble_row(s0_2, 0);
        dot_usmmlanibble_acc c1_0 = dot_usmmlanibble_row(s0_0, 1);
        dot_usmmlanibble_acc c1_1 = dot_usmmlanibble_row(s0_1, 1);
        dot_usmmlanibble_acc c1_2 = dot_usmmlanibble_row(s0_2, 1);
        dot_usmmlanibble_acc c2_0 = dot_usmmlanibble_row(s1_0, 0);
        dot_usmmlanibble_acc c2_1 = dot_usmmlanibble_row(s1_1, 0);
        dot_usmmlanibble_acc c2_2 = dot_usmmlanibble_row(s1_2, 0);
        dot_usmmlanibble_acc c3_0 = dot_usmmlanibble_row(s1_0, 1);
        dot_usmmlanibble_acc c3_1 = dot_usmmlanibble_row(s1_1, 1);
        dot_usmmlanibble_acc c3_2 = dot_usmmlanibble_row(s1_2, 1);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 96));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 104));
        const dot_usmmlanibble_real scale2 = dot_usmmlanibble_scales((const void *)(rhs + 112));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        f0_2 = dot_usmmlanibble_scaled(f0_2, c0_2, scale2);
        f1_0 = dot_usmmlanibble_scaled(f1_0, c1_0, scale0);
        f1_1 = dot_usmmlanibble_scaled(f1_1, c1_1, scale1);
        f1_2 = dot_usmmlanibble_scaled(f1_2, c1_2, scale2);
        f2_0 = dot_usmmlanibble_scaled(f2_0, c2_0, scale0);
        f2_1 = dot_usmmlanibble_scaled(f2_1, c2_1, scale1);
        f2_2 = dot_usmmlanibble_scaled(f2_2, c2_2, scale2);
        f3_0 = dot_usmmlanibble_scaled(f3_0, c3_0, scale0);
        f3_1 = dot_usmmlanibble_scaled(f3_1, c3_1, scale1);
        f3_2 = dot_usmmlanibble_scaled(f3_2, c3_2, scale2);
        a0 = a0 + 64;
        a1 = a1 + 64;
        rhs = rhs + 120;
    }
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 4, f0_1, grids[i + 0], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 8, f0_2, grids[i + 0], (const float *)args->cols + 0 + column + 8, (const float *)args->cols + 64 + column + 8, 1);
    dot_usmmlanibble_finish_groups(out + (i + 1) * 20 + column + 0, f1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 1) * 20 + column + 4, f1_1, grids[i + 1], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 1) * 20 + column + 8, f1_2, grids[i + 1], (const float *)args->cols + 0 + column + 8, (const float *)args->cols + 64 + column + 8, 1);
    dot_usmmlanibble_finish_groups(out + (i + 2) * 20 + column + 0, f2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 2) * 20 + column + 4, f2_1, grids[i + 2], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 2) * 20 + column + 8, f2_2, grids[i + 2], (const float *)args->cols + 0 + column + 8, (const float *)args->cols + 64 + column + 8, 1);
    dot_usmmlanibble_finish_groups(out + (i + 3) * 20 + column + 0, f3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 3) * 20 + column + 4, f3_1, grids[i + 3], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 3) * 20 + column + 8, f3_2, grids[i + 3], (const float *)args->cols + 0 + column + 8, (const float *)args->cols + 64 + column + 8, 1);
}
static void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_4x2(const dot_usmmlanibble_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_usmmlanibble_elem * a0 = lhs + (i + 0) * 80;
    const dot_usmmlanibble_elem * a1 = lhs + (i + 2) * 80;
    dot_usmmlanibble_real f0_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f0_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f1_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f1_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f2_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f2_1 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f3_0 = dot_usmmlanibble_real_zero();
    dot_usmmlanibble_real f3_1 = dot_usmmlanibble_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_1 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
            dot_usmmlanibble_lhs x1_0 = dot_usmmlanibble_lhs_packed(a1 + (k + 0) * 32);
            s1_0 = dot_usmmlanibble_dot(s1_0, x1_0, b0_0);
            s1_1 = dot_usmmlanibble_dot(s1_1, x1_0, b1_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        dot_usmmlanibble_acc c1_0 = dot_usmmlanibble_row(s0_0, 1);
        dot_usmmlanibble_acc c1_1 = dot_usmmlanibble_row(s0_1, 1);
        dot_usmmlanibble_acc c2_0 = dot_usmmlanibble_row(s1_0, 0);
        dot_usmmlanibble_acc c2_1 = dot_usmmlanibble_row(s1_1, 0);
        dot_usmmlanibble_acc c3_0 = dot_usmmlanibble_row(s1_0, 1);
        dot_usmmlanibble_acc c3_1 = dot_usmmlanibble_row(s1_1, 1);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 128));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 136));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        f1_0 = dot_usmmlanibble_scaled(f1_0, c1_0, scale0);
        f1_1 = dot_usmmlanibble_scaled(f1_1, c1_1, scale1);
        f2_0 = dot_usmmlanibble_scaled(f2_0, c2_0, scale0);
        f2_1 = dot_usmmlanibble_scaled(f2_1, c2_1, scale1);
        f3_0 = dot_usmmlanibble_scaled(f3_0, c3_0, scale0);
        f3_1 = dot_usmmlanibble_scaled(f3_1, c3_1, scale1);
        a0 = a0 + 64;
        a1 = a1 + 64;
        rhs = rhs + 144;
    }
    {
        dot_usmmlanibble_sum s0_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s0_1 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_0 = dot_usmmlanibble_none();
        dot_usmmlanibble_sum s1_1 = dot_usmmlanibble_none();
        for (int64_t k = 0; k < 1; k += 1) {
            dot_usmmlanibble_rhs b0_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
            dot_usmmlanibble_rhs b1_0 = dot_usmmlanibble_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
            dot_usmmlanibble_lhs x0_0 = dot_usmmlanibble_lhs_packed(a0 + (k + 0) * 32);
            s0_0 = dot_usmmlanibble_dot(s0_0, x0_0, b0_0);
            s0_1 = dot_usmmlanibble_dot(s0_1, x0_0, b1_0);
            dot_usmmlanibble_lhs x1_0 = dot_usmmlanibble_lhs_packed(a1 + (k + 0) * 32);
            s1_0 = dot_usmmlanibble_dot(s1_0, x1_0, b0_0);
            s1_1 = dot_usmmlanibble_dot(s1_1, x1_0, b1_0);
        }
        dot_usmmlanibble_acc c0_0 = dot_usmmlanibble_row(s0_0, 0);
        dot_usmmlanibble_acc c0_1 = dot_usmmlanibble_row(s0_1, 0);
        dot_usmmlanibble_acc c1_0 = dot_usmmlanibble_row(s0_0, 1);
        dot_usmmlanibble_acc c1_1 = dot_usmmlanibble_row(s0_1, 1);
        dot_usmmlanibble_acc c2_0 = dot_usmmlanibble_row(s1_0, 0);
        dot_usmmlanibble_acc c2_1 = dot_usmmlanibble_row(s1_1, 0);
        dot_usmmlanibble_acc c3_0 = dot_usmmlanibble_row(s1_0, 1);
        dot_usmmlanibble_acc c3_1 = dot_usmmlanibble_row(s1_1, 1);
        const dot_usmmlanibble_real scale0 = dot_usmmlanibble_scales((const void *)(rhs + 64));
        const dot_usmmlanibble_real scale1 = dot_usmmlanibble_scales((const void *)(rhs + 72));
        f0_0 = dot_usmmlanibble_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_usmmlanibble_scaled(f0_1, c0_1, scale1);
        f1_0 = dot_usmmlanibble_scaled(f1_0, c1_0, scale0);
        f1_1 = dot_usmmlanibble_scaled(f1_1, c1_1, scale1);
        f2_0 = dot_usmmlanibble_scaled(f2_0, c2_0, scale0);
        f2_1 = dot_usmmlanibble_scaled(f2_1, c2_1, scale1);
        f3_0 = dot_usmmlanibble_scaled(f3_0, c3_0, scale0);
        f3_1 = dot_usmmlanibble_scaled(f3_1, c3_1, scale1);
        a0 = a0 + 64;
        a1 = a1 + 64;
        rhs = rhs + 80;
    }
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 0) * 20 + column + 4, f0_1, grids[i + 0], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 1) * 20 + column + 0, f1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 1) * 20 + column + 4, f1_1, grids[i + 1], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 2) * 20 + column + 0, f2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 2) * 20 + column + 4, f2_1, grids[i + 2], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
    dot_usmmlanibble_finish_groups(out + (i + 3) * 20 + column + 0, f3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_usmmlanibble_finish_groups(out + (i + 3) * 20 + column + 4, f3_1, grids[i + 3], (const float *)args->cols + 0 + column + 4, (const float *)args->cols + 64 + column + 4, 1);
}
static void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_at(const dot_usmmlanibble_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 552;
    if (p < 1) {
        if (rows - i >= 4) {
            gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_4x3(lhs, out, args, grids, i, p * 12, rhs);
        } else {
            if (rows - i == 1) {
                gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_1x3(lhs, out, args, grids, i, p * 12, rhs);
            }
        }
    } else {
        if (rows - i >= 4) {
            gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_4x2(lhs, out, args, grids, i, p * 12, rhs);
        } else {
            if (rows - i == 1) {
                gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_1x2(lhs, out, args, grids, i, p * 12, rhs);
            }
        }
    }
}
static void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_stage(dot_usmmlanibble_elem *to, const float *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    for (int64_t r = 0; r < lines; r += 1) {
        const float * x = in + (line + r) * 70;
        float low = 0, high = 0;
        dot_usmmlanibble_range(x, 70, &low, &high);
        grids[r] = bs_grid_of(low, high, 255);
        dot_usmmlanibble_elem * row = to + 14 * 80;
        dot_usmmlanibble_quant(row, x, 70, grids[r]);
        dot_usmmlanibble_elem * rows = to + (r - r % 2) * 80 + r % 2 * 8;
        for (int64_t i = 0; i < 80; i += 8) {
            memcpy(rows + i * 2, row + i, 8);
        }
    }
}
void gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)16;
    const int64_t line1 = (line0 + 16) < 13 ? (line0 + 16) : 13;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 13) {
        const int64_t lines = (line1 - line) < 13 ? (line1 - line) : 13;
        const int64_t rows = lines * 1;
        float * out = (float *)args->out + line * 20;
        dot_usmmlanibble_elem * lhs = (dot_usmmlanibble_elem *)((char *)args->work + 320);
        gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t i = 0; i < rows; i += 4) {
                for (int64_t p = group; p < group_end; p += 1) {
                    gemm_w4a8g32_i8mm_dot_usmmlanibble_b2x3_k1_staged_mn_c0x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
