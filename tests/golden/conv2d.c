/* conv2d.w8a8.avxvnni.dot.ymm.b4x1.k1.staged.mn.c8x0x0.p0: 20x10x27, f32io */
_Static_assert(dot_ymm_N == 8, "tile");
static void conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_4x1(const dot_ymm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_ymm_elem * a0 = lhs + (i + 0) / 4 * 54 + (i + 0) % 4 * 6;
    const dot_ymm_elem * a1 = lhs + (i + 1) / 4 * 54 + (i + 1) % 4 * 6;
    const dot_ymm_elem * a2 = lhs + (i + 2) / 4 * 54 + (i + 2) % 4 * 6;
    const dot_ymm_elem * a3 = lhs + (i + 3) / 4 * 54 + (i + 3) % 4 * 6;
    dot_ymm_acc c0_0 = dot_ymm_zero();
    dot_ymm_acc c1_0 = dot_ymm_zero();
    dot_ymm_acc c2_0 = dot_ymm_zero();
    dot_ymm_acc c3_0 = dot_ymm_zero();
    for (int64_t row = 0; row < 3; row += 1) {
        for (int64_t k = 0; k < 3; k += 1) {
            dot_ymm_rhs b0_0 = dot_ymm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 32));
            dot_ymm_lhs x0_0 = dot_ymm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_ymm_dot(c0_0, x0_0, b0_0);
            dot_ymm_lhs x1_0 = dot_ymm_lhs_load(a1 + (k + 0) * 4);
            c1_0 = dot_ymm_dot(c1_0, x1_0, b0_0);
            dot_ymm_lhs x2_0 = dot_ymm_lhs_load(a2 + (k + 0) * 4);
            c2_0 = dot_ymm_dot(c2_0, x2_0, b0_0);
            dot_ymm_lhs x3_0 = dot_ymm_lhs_load(a3 + (k + 0) * 4);
            c3_0 = dot_ymm_dot(c3_0, x3_0, b0_0);
        }
        a0 = a0 + 27;
        a1 = a1 + 27;
        a2 = a2 + 27;
        a3 = a3 + 27;
        rhs = rhs + 96;
    }
    dot_ymm_finish(out + (i + 0) * 10 + column + 0, c0_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    dot_ymm_finish(out + (i + 1) * 10 + column + 0, c1_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    dot_ymm_finish(out + (i + 2) * 10 + column + 0, c2_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
    dot_ymm_finish(out + (i + 3) * 10 + column + 0, c3_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
}
static void conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_4x1p2(const dot_ymm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dot_ymm_elem * a0 = lhs + (i + 0) / 4 * 54 + (i + 0) % 4 * 6;
    const dot_ymm_elem * a1 = lhs + (i + 1) / 4 * 54 + (i + 1) % 4 * 6;
    const dot_ymm_elem * a2 = lhs + (i + 2) / 4 * 54 + (i + 2) % 4 * 6;
    const dot_ymm_elem * a3 = lhs + (i + 3) / 4 * 54 + (i + 3) % 4 * 6;
    dot_ymm_acc c0_0 = dot_ymm_zero();
    dot_ymm_acc c1_0 = dot_ymm_zero();
    dot_ymm_acc c2_0 = dot_ymm_zero();
    dot_ymm_acc c3_0 = dot_ymm_zero();
    for (int64_t row = 0; row < 3; row += 1) {
        for (int64_t k = 0; k < 3; k += 1) {
            dot_ymm_rhs b0_0 = dot_ymm_rhs_load((const void *)(rhs + ((k + 0) * 1 + 0) * 32));
            dot_ymm_lhs x0_0 = dot_ymm_lhs_load(a0 + (k + 0) * 4);
            c0_0 = dot_ymm_dot(c0_0, x0_0, b0_0);
            dot_ymm_lhs x1_0 = dot_ymm_lhs_load(a1 + (k + 0) * 4);
            c1_0 = dot_ymm_dot(c1_0, x1_0, b0_0);
            dot_ymm_lhs x2_0 = dot_ymm_lhs_load(a2 + (k + 0) * 4);
            c2_0 = dot_ymm_dot(c2_0, x2_0, b0_0);
            dot_ymm_lhs x3_0 = dot_ymm_lhs_load(a3 + (k + 0) * 4);
            c3_0 = dot_ymm_dot(c3_0, x3_0, b0_0);
        }
        a0 = a0 + 27;
        a1 = a1 + 27;
        a2 = a2 + 27;
        a3 = a3 + 27;
        rhs = rhs + 96;
    }
    dot_ymm_finish_n(out + (i + 0) * 10 + column + 0, c0_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1, 2);
    dot_ymm_finish_n(out + (i + 1) * 10 + column + 0, c1_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1, 2);
    dot_ymm_finish_n(out + (i + 2) * 10 + column + 0, c2_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1, 2);
    dot_ymm_finish_n(out + (i + 3) * 10 + column + 0, c3_0, grids[0], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1, 2);
}
static void conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_at(const dot_ymm_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 288;
    if (p < 1) {
        if (rows - i >= 4) {
            conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_4x1(lhs, out, args, grids, i, p * 8, rhs);
        }
    } else {
        if (rows - i >= 4) {
            conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_4x1p2(lhs, out, args, grids, i, p * 8, rhs);
        }
    }
}
static void conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_stage(dot_ymm_elem *to, const float *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    const dot_ymm_elem pad = (dot_ymm_elem)grids[0].zero;
    for (int64_t r = 0; r < (lines - 1) * 2 + 3; r += 1) {
        dot_ymm_elem * row = to + r * 27;
        const int64_t y = line * 2 + r - 1;
        if (y < 0 || y >= 9) {
            for (int64_t x = 0; x < 27; x += 1) {
                row[x] = pad;
            }
        } else {
            for (int64_t x = 0; x < 3; x += 1) {
                row[x] = pad;
            }
            dot_ymm_quant(row + 3, in + y * 21, 21, grids[0]);
            for (int64_t x = 24; x < 27; x += 1) {
                row[x] = pad;
            }
        }
    }
}
void conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)5;
    const int64_t line1 = (line0 + 5) < 5 ? (line0 + 5) : 5;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    float low = 0, high = 0;
    dot_ymm_range(in, 189, &low, &high);
    grids[0] = bs_grid_of(low, high, 255);
    for (int64_t line = line0; line < line1; line += 2) {
        const int64_t lines = (line1 - line) < 2 ? (line1 - line) : 2;
        const int64_t rows = lines * 4;
        float * out = (float *)args->out + line * 40;
        dot_ymm_elem * lhs = (dot_ymm_elem *)((char *)args->work + 64);
        conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t i = 0; i < rows; i += 4) {
                for (int64_t p = group; p < group_end; p += 1) {
                    conv2d_w8a8_avxvnni_dot_ymm_b4x1_k1_staged_mn_c8x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
