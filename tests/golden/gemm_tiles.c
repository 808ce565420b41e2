/* gemm.w8a8.amx.amx.amx.b2x2.k1.staged.nm.c0x0x0.p0: 40x50x130, f32io */
_Static_assert(mm_amx_N == 16, "tile");
static void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_8x2(const mm_amx_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const mm_amx_elem * a0 = lhs + (i + 0) * 192;
    mm_amx_tile_zero(0);
    mm_amx_tile_zero(1);
    for (int64_t k = 0; k < 3; k += 1) {
        mm_amx_tile_rhs(6, (const void *)(rhs + ((k + 0) * 2 + 0) * 1024));
        mm_amx_tile_rhs(7, (const void *)(rhs + ((k + 0) * 2 + 1) * 1024));
        mm_amx_tile_lhs(4, a0 + (k + 0) * 64, 192);
        mm_amx_tile_dot(0, 4, 6);
        mm_amx_tile_dot(1, 4, 7);
    }
    _Alignas(64) int32_t sums[512];
    mm_amx_tile_store(0, sums + 0, 128);
    mm_amx_tile_store(1, sums + 16, 128);
    for (int64_t r = 0; r < 8; r += 1) {
        mm_amx_acc cr_0 = mm_amx_row(sums + (r * 2 + 0) * 16);
        mm_amx_acc cr_1 = mm_amx_row(sums + (r * 2 + 1) * 16);
        mm_amx_finish(out + (i + r) * 50 + column + 0, cr_0, grids[i + r], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
        mm_amx_finish(out + (i + r) * 50 + column + 16, cr_1, grids[i + r], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1);
    }
}
static void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_8x2p2(const mm_amx_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const mm_amx_elem * a0 = lhs + (i + 0) * 192;
    mm_amx_tile_zero(0);
    mm_amx_tile_zero(1);
    for (int64_t k = 0; k < 3; k += 1) {
        mm_amx_tile_rhs(6, (const void *)(rhs + ((k + 0) * 2 + 0) * 1024));
        mm_amx_tile_rhs(7, (const void *)(rhs + ((k + 0) * 2 + 1) * 1024));
        mm_amx_tile_lhs(4, a0 + (k + 0) * 64, 192);
        mm_amx_tile_dot(0, 4, 6);
        mm_amx_tile_dot(1, 4, 7);
    }
    _Alignas(64) int32_t sums[512];
    mm_amx_tile_store(0, sums + 0, 128);
    mm_amx_tile_store(1, sums + 16, 128);
    for (int64_t r = 0; r < 8; r += 1) {
        mm_amx_acc cr_0 = mm_amx_row(sums + (r * 2 + 0) * 16);
        mm_amx_acc cr_1 = mm_amx_row(sums + (r * 2 + 1) * 16);
        mm_amx_finish(out + (i + r) * 50 + column + 0, cr_0, grids[i + r], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
        mm_amx_finish_n(out + (i + r) * 50 + column + 16, cr_1, grids[i + r], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1, 2);
    }
}
static void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_32x2(const mm_amx_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const mm_amx_elem * a0 = lhs + (i + 0) * 192;
    const mm_amx_elem * a1 = lhs + (i + 16) * 192;
    mm_amx_tile_zero(0);
    mm_amx_tile_zero(1);
    mm_amx_tile_zero(2);
    mm_amx_tile_zero(3);
    for (int64_t k = 0; k < 3; k += 1) {
        mm_amx_tile_rhs(6, (const void *)(rhs + ((k + 0) * 2 + 0) * 1024));
        mm_amx_tile_rhs(7, (const void *)(rhs + ((k + 0) * 2 + 1) * 1024));
        mm_amx_tile_lhs(4, a0 + (k + 0) * 64, 192);
        mm_amx_tile_dot(0, 4, 6);
        mm_amx_tile_dot(1, 4, 7);
        mm_amx_tile_lhs(5, a1 + (k + 0) * 64, 192);
        mm_amx_tile_dot(2, 5, 6);
        mm_amx_tile_dot(3, 5, 7);
    }
    _Alignas(64) int32_t sums[1024];
    mm_amx_tile_store(0, sums + 0, 128);
    mm_amx_tile_store(1, sums + 16, 128);
    mm_amx_tile_store(2, sums + 512, 128);
    mm_amx_tile_store(3, sums + 528, 128);
    for (int64_t r = 0; r < 32; r += 1) {
        mm_amx_acc cr_0 = mm_amx_row(sums + (r * 2 + 0) * 16);
        mm_amx_acc cr_1 = mm_amx_row(sums + (r * 2 + 1) * 16);
        mm_amx_finish(out + (i + r) * 50 + column + 0, cr_0, grids[i + r], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
        mm_amx_finish(out + (i + r) * 50 + column + 16, cr_1, grids[i + r], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1);
    }
}
static void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_32x2p2(const mm_amx_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const mm_amx_elem * a0 = lhs + (i + 0) * 192;
    const mm_amx_elem * a1 = lhs + (i + 16) * 192;
    mm_amx_tile_zero(0);
    mm_amx_tile_zero(1);
    mm_amx_tile_zero(2);
    mm_amx_tile_zero(3);
    for (int64_t k = 0; k < 3; k += 1) {
        mm_amx_tile_rhs(6, (const void *)(rhs + ((k + 0) * 2 + 0) * 1024));
        mm_amx_tile_rhs(7, (const void *)(rhs + ((k + 0) * 2 + 1) * 1024));
        mm_amx_tile_lhs(4, a0 + (k + 0) * 64, 192);
        mm_amx_tile_dot(0, 4, 6);
        mm_amx_tile_dot(1, 4, 7);
        mm_amx_tile_lhs(5, a1 + (k + 0) * 64, 192);
        mm_amx_tile_dot(2, 5, 6);
        mm_amx_tile_dot(3, 5, 7);
    }
    _Alignas(64) int32_t sums[1024];
    mm_amx_tile_store(0, sums + 0, 128);
    mm_amx_tile_store(1, sums + 16, 128);
    mm_amx_tile_store(2, sums + 512, 128);
    mm_amx_tile_store(3, sums + 528, 128);
    for (int64_t r = 0; r < 32; r += 1) {
        mm_amx_acc cr_0 = mm_amx_row(sums + (r * 2 + 0) * 16);
        mm_amx_acc cr_1 = mm_amx_row(sums + (r * 2 + 1) * 16);
        mm_amx_finish(out + (i + r) * 50 + column + 0, cr_0, grids[i + r], (const float *)args->cols + 0 + column + 0, (const int32_t *)args->cols + 64 + column + 0, (const float *)args->cols + 128 + column + 0, 1);
        mm_amx_finish_n(out + (i + r) * 50 + column + 16, cr_1, grids[i + r], (const float *)args->cols + 0 + column + 16, (const int32_t *)args->cols + 64 + column + 16, (const float *)args->cols + 128 + column + 16, 1, 2);
    }
}
static void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_at(const mm_amx_elem *lhs, float *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 6144;
    if (p < 1) {
        if (rows - i >= 32) {
            gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_32x2(lhs, out, args, grids, i, p * 32, rhs);
        } else {
            if (rows - i == 8) {
                gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_8x2(lhs, out, args, grids, i, p * 32, rhs);
            }
        }
    } else {
        if (rows - i >= 32) {
            gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_32x2p2(lhs, out, args, grids, i, p * 32, rhs);
        } else {
            if (rows - i == 8) {
                gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_8x2p2(lhs, out, args, grids, i, p * 32, rhs);
            }
        }
    }
}
static void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_stage(mm_amx_elem *to, const float *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    for (int64_t r = 0; r < lines; r += 1) {
        const float * x = in + (line + r) * 130;
        float low = 0, high = 0;
        mm_amx_range(x, 130, &low, &high);
        grids[r] = bs_grid_of(low, high, 255);
        mm_amx_elem * row = to + r * 192;
        mm_amx_quant(row, x, 130, grids[r]);
    }
}
void gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)64;
    const int64_t line1 = (line0 + 64) < 40 ? (line0 + 64) : 40;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const float * in = args->lhs;
    struct bs_grid * grids = args->work;
    mm_amx_begin(16, 6);
    for (int64_t line = line0; line < line1; line += 40) {
        const int64_t lines = (line1 - line) < 40 ? (line1 - line) : 40;
        const int64_t rows = lines * 1;
        float * out = (float *)args->out + line * 50;
        mm_amx_elem * lhs = (mm_amx_elem *)((char *)args->work + 832);
        gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t p = group; p < group_end; p += 1) {
                for (int64_t i = 0; i < rows; i += 32) {
                    gemm_w8a8_amx_amx_amx_b2x2_k1_staged_nm_c0x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
    mm_amx_end();
}
