/* depthwise.w8a8.avx2.depthwise.madd.b3x2.staged.mn.c0x0x0: 36x20x9, int8 */
_Static_assert(dw_madd_N == 8, "tile");
static void depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_3x2(const dw_madd_elem *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dw_madd_elem * a0 = lhs + (i + 0) / 6 * 160 + (i + 0) % 6 * 20;
    const dw_madd_elem * a1 = lhs + (i + 1) / 6 * 160 + (i + 1) % 6 * 20;
    const dw_madd_elem * a2 = lhs + (i + 2) / 6 * 160 + (i + 2) % 6 * 20;
    dw_madd_acc c0_0 = dw_madd_plus(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dw_madd_acc c0_1 = dw_madd_plus(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 8);
    dw_madd_acc c1_0 = dw_madd_plus(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dw_madd_acc c1_1 = dw_madd_plus(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 8);
    dw_madd_acc c2_0 = dw_madd_plus(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dw_madd_acc c2_1 = dw_madd_plus(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 8);
    {
        dw_madd_rhs w0_0 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 0) * 2 + 0) * 8));
        dw_madd_rhs w0_1 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 0) * 2 + 1) * 8));
        dw_madd_rhs w1_0 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 1) * 2 + 0) * 8));
        dw_madd_rhs w1_1 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 1) * 2 + 1) * 8));
        dw_madd_rhs w2_0 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 2) * 2 + 0) * 8));
        dw_madd_rhs w2_1 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 2) * 2 + 1) * 8));
        dw_madd_lhs x0_0_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 0);
        c0_0 = dw_madd_dot(c0_0, x0_0_0, w0_0);
        dw_madd_lhs x0_0_1 = dw_madd_lhs_load(a0 + column + 0 * 160 + 8);
        c0_1 = dw_madd_dot(c0_1, x0_0_1, w0_1);
        dw_madd_lhs x0_1_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 20);
        c0_0 = dw_madd_dot(c0_0, x0_1_0, w1_0);
        c1_0 = dw_madd_dot(c1_0, x0_1_0, w0_0);
        dw_madd_lhs x0_1_1 = dw_madd_lhs_load(a0 + column + 0 * 160 + 28);
        c0_1 = dw_madd_dot(c0_1, x0_1_1, w1_1);
        c1_1 = dw_madd_dot(c1_1, x0_1_1, w0_1);
        dw_madd_lhs x0_2_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 40);
        c0_0 = dw_madd_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_madd_dot(c1_0, x0_2_0, w1_0);
        c2_0 = dw_madd_dot(c2_0, x0_2_0, w0_0);
        dw_madd_lhs x0_2_1 = dw_madd_lhs_load(a0 + column + 0 * 160 + 48);
        c0_1 = dw_madd_dot(c0_1, x0_2_1, w2_1);
        c1_1 = dw_madd_dot(c1_1, x0_2_1, w1_1);
        c2_1 = dw_madd_dot(c2_1, x0_2_1, w0_1);
        dw_madd_lhs x0_3_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 60);
        c1_0 = dw_madd_dot(c1_0, x0_3_0, w2_0);
        c2_0 = dw_madd_dot(c2_0, x0_3_0, w1_0);
        dw_madd_lhs x0_3_1 = dw_madd_lhs_load(a0 + column + 0 * 160 + 68);
        c1_1 = dw_madd_dot(c1_1, x0_3_1, w2_1);
        c2_1 = dw_madd_dot(c2_1, x0_3_1, w1_1);
        dw_madd_lhs x0_4_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 80);
        c2_0 = dw_madd_dot(c2_0, x0_4_0, w2_0);
        dw_madd_lhs x0_4_1 = dw_madd_lhs_load(a0 + column + 0 * 160 + 88);
        c2_1 = dw_madd_dot(c2_1, x0_4_1, w2_1);
    }
    {
        dw_madd_rhs w0_0 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 0) * 2 + 0) * 8));
        dw_madd_rhs w0_1 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 0) * 2 + 1) * 8));
        dw_madd_rhs w1_0 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 1) * 2 + 0) * 8));
        dw_madd_rhs w1_1 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 1) * 2 + 1) * 8));
        dw_madd_rhs w2_0 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 2) * 2 + 0) * 8));
        dw_madd_rhs w2_1 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 2) * 2 + 1) * 8));
        dw_madd_lhs x0_0_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 0);
        c0_0 = dw_madd_dot(c0_0, x0_0_0, w0_0);
        dw_madd_lhs x0_0_1 = dw_madd_lhs_load(a0 + column + 1 * 160 + 8);
        c0_1 = dw_madd_dot(c0_1, x0_0_1, w0_1);
        dw_madd_lhs x0_1_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 20);
        c0_0 = dw_madd_dot(c0_0, x0_1_0, w1_0);
        c1_0 = dw_madd_dot(c1_0, x0_1_0, w0_0);
        dw_madd_lhs x0_1_1 = dw_madd_lhs_load(a0 + column + 1 * 160 + 28);
        c0_1 = dw_madd_dot(c0_1, x0_1_1, w1_1);
        c1_1 = dw_madd_dot(c1_1, x0_1_1, w0_1);
        dw_madd_lhs x0_2_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 40);
        c0_0 = dw_madd_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_madd_dot(c1_0, x0_2_0, w1_0);
        c2_0 = dw_madd_dot(c2_0, x0_2_0, w0_0);
        dw_madd_lhs x0_2_1 = dw_madd_lhs_load(a0 + column + 1 * 160 + 48);
        c0_1 = dw_madd_dot(c0_1, x0_2_1, w2_1);
        c1_1 = dw_madd_dot(c1_1, x0_2_1, w1_1);
        c2_1 = dw_madd_dot(c2_1, x0_2_1, w0_1);
        dw_madd_lhs x0_3_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 60);
        c1_0 = dw_madd_dot(c1_0, x0_3_0, w2_0);
        c2_0 = dw_madd_dot(c2_0, x0_3_0, w1_0);
        dw_madd_lhs x0_3_1 = dw_madd_lhs_load(a0 + column + 1 * 160 + 68);
        c1_1 = dw_madd_dot(c1_1, x0_3_1, w2_1);
        c2_1 = dw_madd_dot(c2_1, x0_3_1, w1_1);
        dw_madd_lhs x0_4_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 80);
        c2_0 = dw_madd_dot(c2_0, x0_4_0, w2_0);
        dw_madd_lhs x0_4_1 = dw_madd_lhs_load(a0 + column + 1 * 160 + 88);
        c2_1 = dw_madd_dot(c2_1, x0_4_1, w2_1);
    }
    {
        dw_madd_rhs w0_0 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 0) * 2 + 0) * 8));
        dw_madd_rhs w0_1 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 0) * 2 + 1) * 8));
        dw_madd_rhs w1_0 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 1) * 2 + 0) * 8));
        dw_madd_rhs w1_1 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 1) * 2 + 1) * 8));
        dw_madd_rhs w2_0 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 2) * 2 + 0) * 8));
        dw_madd_rhs w2_1 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 2) * 2 + 1) * 8));
        dw_madd_lhs x0_0_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 0);
        c0_0 = dw_madd_dot(c0_0, x0_0_0, w0_0);
        dw_madd_lhs x0_0_1 = dw_madd_lhs_load(a0 + column + 2 * 160 + 8);
        c0_1 = dw_madd_dot(c0_1, x0_0_1, w0_1);
        dw_madd_lhs x0_1_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 20);
        c0_0 = dw_madd_dot(c0_0, x0_1_0, w1_0);
        c1_0 = dw_madd_dot(c1_0, x0_1_0, w0_0);
        dw_madd_lhs x0_1_1 = dw_madd_lhs_load(a0 + column + 2 * 160 + 28);
        c0_1 = dw_madd_dot(c0_1, x0_1_1, w1_1);
        c1_1 = dw_madd_dot(c1_1, x0_1_1, w0_1);
        dw_madd_lhs x0_2_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 40);
        c0_0 = dw_madd_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_madd_dot(c1_0, x0_2_0, w1_0);
        c2_0 = dw_madd_dot(c2_0, x0_2_0, w0_0);
        dw_madd_lhs x0_2_1 = dw_madd_lhs_load(a0 + column + 2 * 160 + 48);
        c0_1 = dw_madd_dot(c0_1, x0_2_1, w2_1);
        c1_1 = dw_madd_dot(c1_1, x0_2_1, w1_1);
        c2_1 = dw_madd_dot(c2_1, x0_2_1, w0_1);
        dw_madd_lhs x0_3_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 60);
        c1_0 = dw_madd_dot(c1_0, x0_3_0, w2_0);
        c2_0 = dw_madd_dot(c2_0, x0_3_0, w1_0);
        dw_madd_lhs x0_3_1 = dw_madd_lhs_load(a0 + column + 2 * 160 + 68);
        c1_1 = dw_madd_dot(c1_1, x0_3_1, w2_1);
        c2_1 = dw_madd_dot(c2_1, x0_3_1, w1_1);
        dw_madd_lhs x0_4_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 80);
        c2_0 = dw_madd_dot(c2_0, x0_4_0, w2_0);
        dw_madd_lhs x0_4_1 = dw_madd_lhs_load(a0 + column + 2 * 160 + 88);
        c2_1 = dw_madd_dot(c2_1, x0_4_1, w2_1);
    }
    dw_madd_store(out + (i + 0) * 20 + column + 0, c0_0);
    dw_madd_store(out + (i + 0) * 20 + column + 8, c0_1);
    dw_madd_store(out + (i + 1) * 20 + column + 0, c1_0);
    dw_madd_store(out + (i + 1) * 20 + column + 8, c1_1);
    dw_madd_store(out + (i + 2) * 20 + column + 0, c2_0);
    dw_madd_store(out + (i + 2) * 20 + column + 8, c2_1);
}
static void depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_3x1p4(const dw_madd_elem *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dw_madd_elem * a0 = lhs + (i + 0) / 6 * 160 + (i + 0) % 6 * 20;
    const dw_madd_elem * a1 = lhs + (i + 1) / 6 * 160 + (i + 1) % 6 * 20;
    const dw_madd_elem * a2 = lhs + (i + 2) / 6 * 160 + (i + 2) % 6 * 20;
    dw_madd_acc c0_0 = dw_madd_plus_n(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 0, 4);
    dw_madd_acc c1_0 = dw_madd_plus_n(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 0, 4);
    dw_madd_acc c2_0 = dw_madd_plus_n(dw_madd_zero(), (const int32_t *)args->cols + 0 + column + 0, 4);
    {
        dw_madd_rhs w0_0 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 0) * 1 + 0) * 8));
        dw_madd_rhs w1_0 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 1) * 1 + 0) * 8));
        dw_madd_rhs w2_0 = dw_madd_rhs_load((const void *)(rhs + ((0 * 3 + 2) * 1 + 0) * 8));
        dw_madd_lhs x0_0_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 0);
        c0_0 = dw_madd_dot(c0_0, x0_0_0, w0_0);
        dw_madd_lhs x0_1_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 20);
        c0_0 = dw_madd_dot(c0_0, x0_1_0, w1_0);
        c1_0 = dw_madd_dot(c1_0, x0_1_0, w0_0);
        dw_madd_lhs x0_2_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 40);
        c0_0 = dw_madd_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_madd_dot(c1_0, x0_2_0, w1_0);
        c2_0 = dw_madd_dot(c2_0, x0_2_0, w0_0);
        dw_madd_lhs x0_3_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 60);
        c1_0 = dw_madd_dot(c1_0, x0_3_0, w2_0);
        c2_0 = dw_madd_dot(c2_0, x0_3_0, w1_0);
        dw_madd_lhs x0_4_0 = dw_madd_lhs_load(a0 + column + 0 * 160 + 80);
        c2_0 = dw_madd_dot(c2_0, x0_4_0, w2_0);
    }
    {
        dw_madd_rhs w0_0 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 0) * 1 + 0) * 8));
        dw_madd_rhs w1_0 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 1) * 1 + 0) * 8));
        dw_madd_rhs w2_0 = dw_madd_rhs_load((const void *)(rhs + ((1 * 3 + 2) * 1 + 0) * 8));
        dw_madd_lhs x0_0_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 0);
        c0_0 = dw_madd_dot(c0_0, x0_0_0, w0_0);
        dw_madd_lhs x0_1_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 20);
        c0_0 = dw_madd_dot(c0_0, x0_1_0, w1_0);
        c1_0 = dw_madd_dot(c1_0, x0_1_0, w0_0);
        dw_madd_lhs x0_2_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 40);
        c0_0 = dw_madd_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_madd_dot(c1_0, x0_2_0, w1_0);
        c2_0 = dw_madd_dot(c2_0, x0_2_0, w0_0);
        dw_madd_lhs x0_3_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 60);
        c1_0 = dw_madd_dot(c1_0, x0_3_0, w2_0);
        c2_0 = dw_madd_dot(c2_0, x0_3_0, w1_0);
        dw_madd_lhs x0_4_0 = dw_madd_lhs_load(a0 + column + 1 * 160 + 80);
        c2_0 = dw_madd_dot(c2_0, x0_4_0, w2_0);
    }
    {
        dw_madd_rhs w0_0 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 0) * 1 + 0) * 8));
        dw_madd_rhs w1_0 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 1) * 1 + 0) * 8));
        dw_madd_rhs w2_0 = dw_madd_rhs_load((const void *)(rhs + ((2 * 3 + 2) * 1 + 0) * 8));
        dw_madd_lhs x0_0_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 0);
        c0_0 = dw_madd_dot(c0_0, x0_0_0, w0_0);
        dw_madd_lhs x0_1_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 20);
        c0_0 = dw_madd_dot(c0_0, x0_1_0, w1_0);
        c1_0 = dw_madd_dot(c1_0, x0_1_0, w0_0);
        dw_madd_lhs x0_2_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 40);
        c0_0 = dw_madd_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_madd_dot(c1_0, x0_2_0, w1_0);
        c2_0 = dw_madd_dot(c2_0, x0_2_0, w0_0);
        dw_madd_lhs x0_3_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 60);
        c1_0 = dw_madd_dot(c1_0, x0_3_0, w2_0);
        c2_0 = dw_madd_dot(c2_0, x0_3_0, w1_0);
        dw_madd_lhs x0_4_0 = dw_madd_lhs_load(a0 + column + 2 * 160 + 80);
        c2_0 = dw_madd_dot(c2_0, x0_4_0, w2_0);
    }
    dw_madd_store_n(out + (i + 0) * 20 + column + 0, c0_0, 4);
    dw_madd_store_n(out + (i + 1) * 20 + column + 0, c1_0, 4);
    dw_madd_store_n(out + (i + 2) * 20 + column + 0, c2_0, 4);
}
static void depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_at(const dw_madd_elem *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 144;
    if (p < 1) {
        if (rows - i >= 3) {
            depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_3x2(lhs, out, args, grids, i, p * 16, rhs);
        }
    } else {
        if (rows - i >= 3) {
            depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_3x1p4(lhs, out, args, grids, i, p * 16, rhs);
        }
    }
}
static void depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_stage(dw_madd_elem *to, const uint8_t *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    const dw_madd_elem pad = (dw_madd_elem)zero;
    for (int64_t r = 0; r < (lines - 1) * 1 + 3; r += 1) {
        dw_madd_elem * row = to + r * 160;
        const int64_t y = line * 1 + r - 1;
        if (y < 0 || y >= 6) {
            for (int64_t x = 0; x < 160; x += 1) {
                row[x] = pad;
            }
        } else {
            for (int64_t x = 0; x < 20; x += 1) {
                row[x] = pad;
            }
            dw_madd_stage(row + 20, in + y * 120, 120);
            for (int64_t x = 140; x < 160; x += 1) {
                row[x] = pad;
            }
        }
    }
}
void depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)6;
    const int64_t line1 = (line0 + 6) < 6 ? (line0 + 6) : 6;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const uint8_t * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 6) {
        const int64_t lines = (line1 - line) < 6 ? (line1 - line) : 6;
        const int64_t rows = lines * 6;
        int32_t * out = (int32_t *)args->out + line * 120;
        dw_madd_elem * lhs = (dw_madd_elem *)((char *)args->work + 0);
        depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t i = 0; i < rows; i += 3) {
                for (int64_t p = group; p < group_end; p += 1) {
                    depthwise_w8a8_avx2_depthwise_madd_b3x2_staged_mn_c0x0x0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
