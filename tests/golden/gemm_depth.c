/* gemm.w8a8.avx2.dot.wide.b4x2.k2.staged.nm.c8x16x128.p0: 20x24x512, f32io */
_Static_assert(dot_wide_N == 8, "tile");
static void gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_4x2(const dot_wide_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t from, int64_t steps, int64_t i, int64_t column, const char *rhs) {
    const dot_wide_elem * a0 = lhs + (i + 0) * 544;
    const dot_wide_elem * a1 = lhs + (i + 1) * 544;
    const dot_wide_elem * a2 = lhs + (i + 2) * 544;
    const dot_wide_elem * a3 = lhs + (i + 3) * 544;
    dot_wide_acc c0_0 = dot_wide_zero();
    dot_wide_acc c0_1 = dot_wide_zero();
    dot_wide_acc c1_0 = dot_wide_zero();
    dot_wide_acc c1_1 = dot_wide_zero();
    dot_wide_acc c2_0 = dot_wide_zero();
    dot_wide_acc c2_1 = dot_wide_zero();
    dot_wide_acc c3_0 = dot_wide_zero();
    dot_wide_acc c3_1 = dot_wide_zero();
    for (int64_t k = 0; k < steps - 1; k += 2) {
        dot_wide_rhs b0_0 = dot_wide_rhs_load((const void *)(rhs + ((k + 0) * 2 + 0) * 32));
        dot_wide_rhs b1_0 = dot_wide_rhs_load((const void *)(rhs + ((k + 0) * 2 + 1) * 32));
        dot_wide_lhs x0_0 = dot_wide_lhs_load(a0 + (k + 0) * 2);
        c0_0 = dot_wide_dot(c0_0, x0_0, b0_0);
        c0_1 = dot_wide_dot(c0_1, x0_0, b1_0);
        dot_wide_lhs x1_0 = dot_wide_lhs_load(a1 + (k + 0) * 2);
        c1_0 = dot_wide_dot(c1_0, x1_0, b0_0);
        c1_1 = dot_wide_dot(c1_1, x1_0, b1_0);
        dot_wide_lhs x2_0 = dot_wide_lhs_load(a2 + (k + 0) * 2);
        c2_0 = dot_wide_dot(c2_0, x2_0, b0_0);
        c2_1 = dot_wide_dot(c2_1, x2_0, b1_0);
        dot_wide_lhs x3_0 = dot_wide_lhs_load(a3 + (k + 0) * 2);
        c3_0 = dot_wide_dot(c3_0, x3_0, b0_0);
        c3_1 = dot_wide_dot(c3_1, x3_0, b1_0);
        dot_wide_rhs b0_1 = dot_wide_rhs_load((const void *)(rhs + ((k + 1) * 2 + 0) * 32));
        dot_wide_rhs b1_1 = dot_wide_rhs_load((const void *)(rhs + ((k + 1) * 2 + 1) * 32));
        dot_wide_lhs x0_1 = dot_wide_lhs_load(a0 + (k + 1) * 2);
        c0_0 = dot_wide_dot(c0_0, x0_1, b0_1);
        c0_1 = dot_wide_dot(c0_1, x0_1, b1_1);
        dot_wide_lhs x1_1 = dot_wide_lhs_load(a1 + (k + 1) * 2);
        c1_0 = dot_wide_dot(c1_0, x1_1, b0_1);
        c1_1 = dot_wide_dot(c1_1, x1_1, b1_1);
        dot_wide_lhs x2_1 = dot_wide_lhs_load(a2 + (k + 1) * 2);
        c2_0 = dot_wide_dot(c2_0, x2_1, b0_1);
        c2_1 = dot_wide_dot(c2_1, x2_1, b1_1);
        dot_wide_lhs x3_1 = dot_wide_lhs_load(a3 + (k + 1) * 2);
        c3_0 = dot_wide_dot(c3_0, x3_1, b0_1);
        c3_1 = dot_wide_dot(c3_1, x3_1, b1_1);
    }
    for (int64_t k = steps / 2 * 2; k < steps; k += 1) {
        dot_wide_rhs b0_r = dot_wide_rhs_load((const void *)(rhs + ((k) * 2 + 0) * 32));
        dot_wide_rhs b1_r = dot_wide_rhs_load((const void *)(rhs + ((k) * 2 + 1) * 32));
        dot_wide_lhs x0_r = dot_wide_lhs_load(a0 + (k) * 2);
        c0_0 = dot_wide_dot(c0_0, x0_r, b0_r);
        c0_1 = dot_wide_dot(c0_1, x0_r, b1_r);
        dot_wide_lhs x1_r = dot_wide_lhs_load(a1 + (k) * 2);
        c1_0 = dot_wide_dot(c1_0, x1_r, b0_r);
        c1_1 = dot_wide_dot(c1_1, x1_r, b1_r);
        dot_wide_lhs x2_r = dot_wide_lhs_load(a2 + (k) * 2);
        c2_0 = dot_wide_dot(c2_0, x2_r, b0_r);
        c2_1 = dot_wide_dot(c2_1, x2_r, b1_r);
        dot_wide_lhs x3_r = dot_wide_lhs_load(a3 + (k) * 2);
        c3_0 = dot_wide_dot(c3_0, x3_r, b0_r);
        c3_1 = dot_wide_dot(c3_1, x3_r, b1_r);
    }
    if (from > 0) {
        c0_0 = dot_wide_plus(c0_0, (const int32_t *)(out + (i + 0) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 0) * 24 + column + 0), c0_0);
    } else {
        dot_wide_finish(out + (i + 0) * 24 + column + 0, c0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c0_1 = dot_wide_plus(c0_1, (const int32_t *)(out + (i + 0) * 24 + column + 8));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 0) * 24 + column + 8), c0_1);
    } else {
        dot_wide_finish(out + (i + 0) * 24 + column + 8, c0_1, grids[i + 0], (const float *)args->cols + 0 + column + 8, (const int32_t *)args->cols + 64 + column + 8, (const float *)args->cols + 128 + column + 8, 1);
    }
    if (from > 0) {
        c1_0 = dot_wide_plus(c1_0, (const int32_t *)(out + (i + 1) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 1) * 24 + column + 0), c1_0);
    } else {
        dot_wide_finish(out + (i + 1) * 24 + column + 0, c1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c1_1 = dot_wide_plus(c1_1, (const int32_t *)(out + (i + 1) * 24 + column + 8));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 1) * 24 + column + 8), c1_1);
    } else {
        dot_wide_finish(out + (i + 1) * 24 + column + 8, c1_1, grids[i + 1], (const float *)args->cols + 0 + column + 8, (const int32_t *)args->cols + 64 + column + 8, (const float *)args->cols + 128 + column + 8, 1);
    }
    if (from > 0) {
        c2_0 = dot_wide_plus(c2_0, (const int32_t *)(out + (i + 2) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 2) * 24 + column + 0), c2_0);
    } else {
        dot_wide_finish(out + (i + 2) * 24 + column + 0, c2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c2_1 = dot_wide_plus(c2_1, (const int32_t *)(out + (i + 2) * 24 + column + 8));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 2) * 24 + column + 8), c2_1);
    } else {
        dot_wide_finish(out + (i + 2) * 24 + column + 8, c2_1, grids[i + 2], (const float *)args->cols + 0 + column + 8, (const int32_t *)args->cols + 64 + column + 8, (const float *)args->cols + 128 + column + 8, 1);
    }
    if (from > 0) {
        c3_0 = dot_wide_plus(c3_0, (const int32_t *)(out + (i + 3) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 3) * 24 + column + 0), c3_0);
    } else {
        dot_wide_finish(out + (i + 3) * 24 + column + 0, c3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c3_1 = dot_wide_plus(c3_1, (const int32_t *)(out + (i + 3) * 24 + column + 8));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 3) * 24 + column + 8), c3_1);
    } else {
        dot_wide_finish(out + (i + 3) * 24 + column + 8, c3_1, grids[i + 3], (const float *)args->cols + 0 + column + 8, (const int32_t *)args->cols + 64 + column + 8, (const float *)args->cols + 128 + column + 8, 1);
    }
}
static void gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_4x1(const dot_wide_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t from, int64_t steps, int64_t i, int64_t column, const char *rhs) {
    const dot_wide_elem * a0 = lhs + (i + 0) * 544;
    const dot_wide_elem * a1 = lhs + (i + 1) * 544;
    const dot_wide_elem * a2 = lhs + (i + 2) * 544;
    const dot_wide_elem * a3 = lhs + (i + 3) * 544;
    dot_wide_acc c0_0 = dot_wide_zero();
    dot_wide_acc c1_0 = dot_wide_zero();
    dot_wide_acc c2_0 = dot_wide_zero();
    dot_wide_acc c3_0 = dot_wide_zero();
    for (int64_t k = 0; k < steps - 1; k += 2) {
        dot_wide_rhs b0_0 = dot_wide_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 32));
        dot_wide_lhs x0_0 = dot_wide_lhs_load(a0 + (k + 0) * 2);
        c0_0 = dot_wide_dot(c0_0, x0_0, b0_0);
        dot_wide_lhs x1_0 = dot_wide_lhs_load(a1 + (k + 0) * 2);
        c1_0 = dot_wide_dot(c1_0, x1_0, b0_0);
        dot_wide_lhs x2_0 = dot_wide_lhs_load(a2 + (k + 0) * 2);
        c2_0 = dot_wide_dot(c2_0, x2_0, b0_0);
        dot_wide_lhs x3_0 = dot_wide_lhs_load(a3 + (k + 0) * 2);
        c3_0 = dot_wide_dot(c3_0, x3_0, b0_0);
        dot_wide_rhs b0_1 = dot_wide_rhs_load((const void *)(rhs + ((k + 1) * 1 + 0) * 32));
        dot_wide_lhs x0_1 = dot_wide_lhs_load(a0 + (k + 1) * 2);
        c0_0 = dot_wide_dot(c0_0, x0_1, b0_1);
        dot_wide_lhs x1_1 = dot_wide_lhs_load(a1 + (k + 1) * 2);
        c1_0 = dot_wide_dot(c1_0, x1_1, b0_1);
        dot_wide_lhs x2_1 = dot_wide_lhs_load(a2 + (k + 1) * 2);
        c2_0 = dot_wide_dot(c2_0, x2_1, b0_1);
        dot_wide_lhs x3_1 = dot_wide_lhs_load(a3 + (k + 1) * 2);
        c3_0 = dot_wide_dot(c3_0, x3_1, b0_1);
    }
    for (int64_t k = steps / 2 * 2; k < steps; k += 1) {
        dot_wide_rhs b0_r = dot_wide_rhs_load((const void *)(rhs + ((k) * 1 + 0) * 32));
        dot_wide_lhs x0_r = dot_wide_lhs_load(a0 + (k) * 2);
        c0_0 = dot_wide_dot(c0_0, x0_r, b0_r);
        dot_wide_lhs x1_r = dot_wide_lhs_load(a1 + (k) * 2);
        c1_0 = dot_wide_dot(c1_0, x1_r, b0_r);
        dot_wide_lhs x2_r = dot_wide_lhs_load(a2 + (k) * 2);
        c2_0 = dot_wide_dot(c2_0, x2_r, b0_r);
        dot_wide_lhs x3_r = dot_wide_lhs_load(a3 + (k) * 2);
        c3_0 = dot_wide_dot(c3_0, x3_r, b0_r);
    }
    if (from > 0) {
        c0_0 = dot_wide_plus(c0_0, (const int32_t *)(out + (i + 0) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 0) * 24 + column + 0), c0_0);
    } else {
        dot_wide_finish(out + (i + 0) * 24 + column + 0, c0_0, grids[i + 0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c1_0 = dot_wide_plus(c1_0, (const int32_t *)(out + (i + 1) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 1) * 24 + column + 0), c1_0);
    } else {
        dot_wide_finish(out + (i + 1) * 24 + column + 0, c1_0, grids[i + 1], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c2_0 = dot_wide_plus(c2_0, (const int32_t *)(out + (i + 2) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 2) * 24 + column + 0), c2_0);
    } else {
        dot_wide_finish(out + (i + 2) * 24 + column + 0, c2_0, grids[i + 2], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
    if (from > 0) {
        c3_0 = dot_wide_plus(c3_0, (const int32_t *)(out + (i + 3) * 24 + column + 0));
    }
    if (from + steps < 256) {
        dot_wide_store((int32_t *)(out + (i + 3) * 24 + column + 0), c3_0);
    } else {
        dot_wide_finish(out + (i + 3) * 24 + column + 0, c3_0, grids[i + 3], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    }
}
static void gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_at(const dot_wide_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t from, int64_t steps, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 16384;
    rhs = rhs + from * (p < 1 ? 64 : 32);
    lhs = lhs + from * 2;
    if (p < 1) {
        if (rows - i >= 4) {
            gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_4x2(lhs, out, args, grids, from, steps, i, p * 16, rhs);
        }
    } else {
        if (rows - i >= 4) {
            gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_4x1(lhs, out, args, grids, from, steps, i, p * 16, rhs);
        }
    }
}
static void gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_stage(dot_wide_elem *to, const float *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    for (int64_t r = 0; r < lines; r += 1) {
        const float * x = in + (line + r) * 512;
        float low = 0, high = 0;
        dot_wide_range(x, 512, &low, &high);
        grids[r] = bs_grid_of(low, high, 255);
        dot_wide_elem * row = to + r * 544;
        dot_wide_quant(row, x, 512, grids[r]);
    }
}
void gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)20;
    const int64_t line1 = (line0 + 20) < 20 ? (line0 + 20) : 20;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 8) {
        const int64_t lines = (line1 - line) < 8 ? (line1 - line) : 8;
        const int64_t rows = lines * 1;
        float * out = (float *)args->out + line * 24;
        dot_wide_elem * lhs = (dot_wide_elem *)((char *)args->work + 192);
        gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 1) {
            const int64_t group_end = (group + 1) < panel1 ? (group + 1) : panel1;
            for (int64_t from = 0; from < 256; from += 64) {
                /* partial sums rest in the output between blocks of depth */
                const int64_t steps = (256 - from) < 64 ? (256 - from) : 64;
                for (int64_t p = group; p < group_end; p += 1) {
                    for (int64_t i = 0; i < rows; i += 4) {
                        gemm_w8a8_avx2_dot_wide_b4x2_k2_staged_nm_c8x16x128_p0_at(lhs, out, args, grids, from, steps, i, rows, p);
                    }
                }
            }
        }
    }
}
