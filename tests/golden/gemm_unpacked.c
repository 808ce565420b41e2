/* gemm.w4a8g32.avx512vnni.dot.zmmnibble.b4x2.k1.staged.un.c0x0x0.p0: 9x40x70, f32io */
_Static_assert(dot_zmm_N == 16, "tile");
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_1x2(const dot_zmm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_zmm_elem * a0 = lhs + (i + 0) * 72;
    dot_zmm_real f0_0 = dot_zmm_real_zero();
    dot_zmm_real f0_1 = dot_zmm_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        dot_zmm_acc c0_1 = dot_zmm_zero();
        for (int64_t k = 0; k < 8; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 64));
            dot_zmm_rhs b1_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
            c0_1 = dot_zmm_dot(c0_1, x0_0, b1_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 1024));
        const dot_zmm_real scale1 = dot_zmmnibble_scales((const void *)(rhs + 1056));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_zmm_scaled(f0_1, c0_1, scale1);
        a0 = a0 + 32;
        rhs = rhs + 1088;
    }
    {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        dot_zmm_acc c0_1 = dot_zmm_zero();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 64));
            dot_zmm_rhs b1_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
            c0_1 = dot_zmm_dot(c0_1, x0_0, b1_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 256));
        const dot_zmm_real scale1 = dot_zmmnibble_scales((const void *)(rhs + 288));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_zmm_scaled(f0_1, c0_1, scale1);
        a0 = a0 + 32;
        rhs = rhs + 320;
    }
    dot_zmm_finish_groups(out + (i + 0) * 40 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_zmm_finish_groups(out + (i + 0) * 40 + column + 16, f0_1, grids[i + 0], (const float *)args->cols + 0 + column + 16, (const float *)args->cols + 64 + column + 16, 1);
}
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_1x1p8(const dot_zmm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_zmm_elem * a0 = lhs + (i + 0) * 72;
    dot_zmm_real f0_0 = dot_zmm_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        for (int64_t k = 0; k < 8; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 512));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        a0 = a0 + 32;
        rhs = rhs + 544;
    }
    {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 128));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        a0 = a0 + 32;
        rhs = rhs + 160;
    }
    dot_zmm_finish_groups_n(out + (i + 0) * 40 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1, 8);
}
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_4x2(const dot_zmm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_zmm_elem * a0 = lhs + (i + 0) * 72;
    const dot_zmm_elem * a1 = lhs + (i + 1) * 72;
    const dot_zmm_elem * a2 = lhs + (i + 2) * 72;
    const dot_zmm_elem * a3 = lhs + (i + 3) * 72;
    dot_zmm_real f0_0 = dot_zmm_real_zero();
    dot_zmm_real f0_1 = dot_zmm_real_zero();
    dot_zmm_real f1_0 = dot_zmm_real_zero();
    dot_zmm_real f1_1 = dot_zmm_real_zero();
    dot_zmm_real f2_0 = dot_zmm_real_zero();
    dot_zmm_real f2_1 = dot_zmm_real_zero();
    dot_zmm_real f3_0 = dot_zmm_real_zero();
    dot_zmm_real f3_1 = dot_zmm_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        dot_zmm_acc c0_1 = dot_zmm_zero();
        dot_zmm_acc c1_0 = dot_zmm_zero();
        dot_zmm_acc c1_1 = dot_zmm_zero();
        dot_zmm_acc c2_0 = dot_zmm_zero();
        dot_zmm_acc c2_1 = dot_zmm_zero();
        dot_zmm_acc c3_0 = dot_zmm_zero();
        dot_zmm_acc c3_1 = dot_zmm_zero();
        for (int64_t k = 0; k < 8; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 64));
            dot_zmm_rhs b1_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
            c0_1 = dot_zmm_dot(c0_1, x0_0, b1_0);
            dot_zmm_lhs x1_0 = dot_zmm_lhs_load(a1 + (k + 0) * 4);
            c1_0 = dot_zmm_dot(c1_0, x1_0, b0_0);
            c1_1 = dot_zmm_dot(c1_1, x1_0, b1_0);
            dot_zmm_lhs x2_0 = dot_zmm_lhs_load(a2 + (k + 0) * 4);
            c2_0 = dot_zmm_dot(c2_0, x2_0, b0_0);
            c2_1 = dot_zmm_dot(c2_1, x2_0, b1_0);
            dot_zmm_lhs x3_0 = dot_zmm_lhs_load(a3 + (k + 0) * 4);
            c3_0 = dot_zmm_dot(c3_0, x3_0, b0_0);
            c3_1 = dot_zmm_dot(c3_1, x3_0, b1_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 1024));
        const dot_zmm_real scale1 = dot_zmmnibble_scales((const void *)(rhs + 1056));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_zmm_scaled(f0_1, c0_1, scale1);
        f1_0 = dot_zmm_scaled(f1_0, c1_0, scale0);
        f1_1 = dot_zmm_scaled(f1_1, c1_1, scale1);
        f2_0 = dot_zmm_scaled(f2_0, c2_0, scale0);
        f2_1 = dot_zmm_scaled(f2_1, c2_1, scale1);
        f3_0 = dot_zmm_scaled(f3_0, c3_0, scale0);
        f3_1 = dot_zmm_scaled(f3_1, c3_1, scale1);
        a0 = a0 + 32;
        a1 = a1 + 32;
        a2 = a2 + 32;
        a3 = a3 + 32;
        rhs = rhs + 1088;
    }
    {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        dot_zmm_acc c0_1 = dot_zmm_zero();
        dot_zmm_acc c1_0 = dot_zmm_zero();
        dot_zmm_acc c1_1 = dot_zmm_zero();
        dot_zmm_acc c2_0 = dot_zmm_zero();
        dot_zmm_acc c2_1 = dot_zmm_zero();
        dot_zmm_acc c3_0 = dot_zmm_zero();
        dot_zmm_acc c3_1 = dot_zmm_zero();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 64));
            dot_zmm_rhs b1_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
            c0_1 = dot_zmm_dot(c0_1, x0_0, b1_0);
            dot_zmm_lhs x1_0 = dot_zmm_lhs_load(a1 + (k + 0) * 4);
            c1_0 = dot_zmm_dot(c1_0, x1_0, b0_0);
            c1_1 = dot_zmm_dot(c1_1, x1_0, b1_0);
            dot_zmm_lhs x2_0 = dot_zmm_lhs_load(a2 + (k + 0) * 4);
            c2_0 = dot_zmm_dot(c2_0, x2_0, b0_0);
            c2_1 = dot_zmm_dot(c2_1, x2_0, b1_0);
            dot_zmm_lhs x3_0 = dot_zmm_lhs_load(a3 + (k + 0) * 4);
            c3_0 = dot_zmm_dot(c3_0, x3_0, b0_0);
            c3_1 = dot_zmm_dot(c3_1, x3_0, b1_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 256));
        const dot_zmm_real scale1 = dot_zmmnibble_scales((const void *)(rhs + 288));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        f0_1 = dot_zmm_scaled(f0_1, c0_1, scale1);
        f1_0 = dot_zmm_scaled(f1_0, c1_0, scale0);
        f1_1 = dot_zmm_scaled(f1_1, c1_1, scale1);
        f2_0 = dot_zmm_scaled(f2_0, c2_0, scale0);
        f2_1 = dot_zmm_scaled(f2_1, c2_1, scale1);
        f3_0 = dot_zmm_scaled(f3_0, c3_0, scale0);
        f3_1 = dot_zmm_scaled(f3_1, c3_1, scale1);
        a0 = a0 + 32;
        a1 = a1 + 32;
        a2 = a2 + 32;
        a3 = a3 + 32;
        rhs = rhs + 320;
    }
    dot_zmm_finish_groups(out + (i + 0) * 40 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_zmm_finish_groups(out + (i + 0) * 40 + column + 16, f0_1, grids[i + 0], (const float *)args->cols + 0 + column + 16, (const float *)args->cols + 64 + column + 16, 1);
    dot_zmm_finish_groups(out + (i + 1) * 40 + column + 0, f1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_zmm_finish_groups(out + (i + 1) * 40 + column + 16, f1_1, grids[i + 1], (const float *)args->cols + 0 + column + 16, (const float *)args->cols + 64 + column + 16, 1);
    dot_zmm_finish_groups(out + (i + 2) * 40 + column + 0, f2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_zmm_finish_groups(out + (i + 2) * 40 + column + 16, f2_1, grids[i + 2], (const float *)args->cols + 0 + column + 16, (const float *)args->cols + 64 + column + 16, 1);
    dot_zmm_finish_groups(out + (i + 3) * 40 + column + 0, f3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1);
    dot_zmm_finish_groups(out + (i + 3) * 40 + column + 16, f3_1, grids[i + 3], (const float *)args->cols + 0 + column + 16, (const float *)args->cols + 64 + column + 16, 1);
}
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_4x1p8(const dot_zmm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_zmm_elem * a0 = lhs + (i + 0) * 72;
    const dot_zmm_elem * a1 = lhs + (i + 1) * 72;
    const dot_zmm_elem * a2 = lhs + (i + 2) * 72;
    const dot_zmm_elem * a3 = lhs + (i + 3) * 72;
    dot_zmm_real f0_0 = dot_zmm_real_zero();
    dot_zmm_real f1_0 = dot_zmm_real_zero();
    dot_zmm_real f2_0 = dot_zmm_real_zero();
    dot_zmm_real f3_0 = dot_zmm_real_zero();
    for (int64_t group = 0; group < 2; group += 1) {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        dot_zmm_acc c1_0 = dot_zmm_zero();
        dot_zmm_acc c2_0 = dot_zmm_zero();
        dot_zmm_acc c3_0 = dot_zmm_zero();
        for (int64_t k = 0; k < 8; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
            dot_zmm_lhs x1_0 = dot_zmm_lhs_load(a1 + (k + 0) * 4);
            c1_0 = dot_zmm_dot(c1_0, x1_0, b0_0);
            dot_zmm_lhs x2_0 = dot_zmm_lhs_load(a2 + (k + 0) * 4);
            c2_0 = dot_zmm_dot(c2_0, x2_0, b0_0);
            dot_zmm_lhs x3_0 = dot_zmm_lhs_load(a3 + (k + 0) * 4);
            c3_0 = dot_zmm_dot(c3_0, x3_0, b0_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 512));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        f1_0 = dot_zmm_scaled(f1_0, c1_0, scale0);
        f2_0 = dot_zmm_scaled(f2_0, c2_0, scale0);
        f3_0 = dot_zmm_scaled(f3_0, c3_0, scale0);
        a0 = a0 + 32;
        a1 = a1 + 32;
        a2 = a2 + 32;
        a3 = a3 + 32;
        rhs = rhs + 544;
    }
    {
        dot_zmm_acc c0_0 = dot_zmm_zero();
        dot_zmm_acc c1_0 = dot_zmm_zero();
        dot_zmm_acc c2_0 = dot_zmm_zero();
        dot_zmm_acc c3_0 = dot_zmm_zero();
        for (int64_t k = 0; k < 2; k += 1) {
            dot_zmm_rhs b0_0 = dot_zmm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 64));
            dot_zmm_lhs x0_0 = dot_zmm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_zmm_dot(c0_0, x0_0, b0_0);
            dot_zmm_lhs x1_0 = dot_zmm_lhs_load(a1 + (k + 0) * 4);
            c1_0 = dot_zmm_dot(c1_0, x1_0, b0_0);
            dot_zmm_lhs x2_0 = dot_zmm_lhs_load(a2 + (k + 0) * 4);
            c2_0 = dot_zmm_dot(c2_0, x2_0, b0_0);
            dot_zmm_lhs x3_0 = dot_zmm_lhs_load(a3 + (k + 0) * 4);
            c3_0 = dot_zmm_dot(c3_0, x3_0, b0_0);
        }
        const dot_zmm_real scale0 = dot_zmmnibble_scales((const void *)(rhs + 128));
        f0_0 = dot_zmm_scaled(f0_0, c0_0, scale0);
        f1_0 = dot_zmm_scaled(f1_0, c1_0, scale0);
        f2_0 = dot_zmm_scaled(f2_0, c2_0, scale0);
        f3_0 = dot_zmm_scaled(f3_0, c3_0, scale0);
        a0 = a0 + 32;
        a1 = a1 + 32;
        a2 = a2 + 32;
        a3 = a3 + 32;
        rhs = rhs + 160;
    }
    dot_zmm_finish_groups_n(out + (i + 0) * 40 + column + 0, f0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1, 8);
    dot_zmm_finish_groups_n(out + (i + 1) * 40 + column + 0, f1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1, 8);
    dot_zmm_finish_groups_n(out + (i + 2) * 40 + column + 0, f2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1, 8);
    dot_zmm_finish_groups_n(out + (i + 3) * 40 + column + 0, f3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const float *)args->cols + 64 + column + 0, 1, 8);
}
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_at(const dot_zmm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (char *)args->work + 960;
    if (p < 1) {
        if (rows - i >= 4) {
            gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_4x2(lhs, out, args, grids, i, p * 32, rhs);
        } else {
            if (rows - i == 1) {
                gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_1x2(lhs, out, args, grids, i, p * 32, rhs);
            }
        }
    } else {
        if (rows - i >= 4) {
            gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_4x1p8(lhs, out, args, grids, i, p * 32, rhs);
        } else {
            if (rows - i == 1) {
                gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_1x1p8(lhs, out, args, grids, i, p * 32, rhs);
            }
        }
    }
}
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_unpack(const struct bs_args *args, int64_t p) {
    const char * from = (const char *)args->rhs + p * 1344;
    char * to = (char *)args->work + 960;
    if (p < 1) {
        for (int64_t group = 0; group < 2; group += 1) {
            for (int64_t s = 0; s < 4; s += 1) {
                dot_zmmnibble_unpack((int8_t *)to + s * 256 + 0, 128, (const void *)(from + s * 128 + 0));
                dot_zmmnibble_unpack((int8_t *)to + s * 256 + 64, 128, (const void *)(from + s * 128 + 64));
            }
            from = from + 512;
            to = to + 1024;
            memcpy(to, from, 64);
            from = from + 64;
            to = to + 64;
        }
        {
            for (int64_t s = 0; s < 1; s += 1) {
                dot_zmmnibble_unpack((int8_t *)to + s * 256 + 0, 128, (const void *)(from + s * 128 + 0));
                dot_zmmnibble_unpack((int8_t *)to + s * 256 + 64, 128, (const void *)(from + s * 128 + 64));
            }
            from = from + 128;
            to = to + 256;
            memcpy(to, from, 64);
            from = from + 64;
            to = to + 64;
        }
    } else {
        for (int64_t group = 0; group < 2; group += 1) {
            for (int64_t s = 0; s < 4; s += 1) {
                dot_zmmnibble_unpack((int8_t *)to + s * 128 + 0, 64, (const void *)(from + s * 64 + 0));
            }
            from = from + 256;
            to = to + 512;
            memcpy(to, from, 32);
            from = from + 32;
            to = to + 32;
        }
        {
            for (int64_t s = 0; s < 1; s += 1) {
                dot_zmmnibble_unpack((int8_t *)to + s * 128 + 0, 64, (const void *)(from + s * 64 + 0));
            }
            from = from + 64;
            to = to + 128;
            memcpy(to, from, 32);
            from = from + 32;
            to = to + 32;
        }
    }
}
static void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_stage(dot_zmm_elem *to, const float *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    for (int64_t r = 0; r < lines; r += 1) {
        const float * x = in + (line + r) * 70;
        float low = 0, high = 0;
        dot_zmm_range(x, 70, &low, &high);
        grids[r] = bs_grid_of(low, high, 255);
        dot_zmm_elem * row = to + r * 72;
        dot_zmm_quant(row, x, 70, grids[r]);
    }
}
void gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)12;
    const int64_t line1 = (line0 + 12) < 9 ? (line0 + 12) : 9;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 9) {
        const int64_t lines = (line1 - line) < 9 ? (line1 - line) : 9;
        const int64_t rows = lines * 1;
        float * out = (float *)args->out + line * 40;
        dot_zmm_elem * lhs = (dot_zmm_elem *)((char *)args->work + 192);
        gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t p = group; p < group_end; p += 1) {
                gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_unpack(args, p);
                for (int64_t i = 0; i < rows; i += 4) {
                    gemm_w4a8g32_avx512vnni_dot_zmmnibble_b4x2_k1_staged_un_c0x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
