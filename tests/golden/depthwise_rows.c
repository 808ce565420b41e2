/* depthwise.w8a8.avx512vnni.depthwise.zmmquad.b2x2.staged.mn.c0x0x0: 12x40x9, qdq */
_Static_assert(dw_zmmquad_N == 16, "tile");
static void depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_2x2(const dw_zmmquad_elem *lhs, uint8_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dw_zmmquad_elem * a0 = lhs + (i + 0) / 4 * 720 + (i + 0) % 4 * 80;
    const dw_zmmquad_elem * a1 = lhs + (i + 1) / 4 * 720 + (i + 1) % 4 * 80;
    dw_zmmquad_acc c0_0 = dw_zmmquad_plus(dw_zmmquad_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dw_zmmquad_acc c0_1 = dw_zmmquad_plus(dw_zmmquad_zero(), (const int32_t *)args->cols + 0 + column + 16);
    dw_zmmquad_acc c1_0 = dw_zmmquad_plus(dw_zmmquad_zero(), (const int32_t *)args->cols + 0 + column + 0);
    dw_zmmquad_acc c1_1 = dw_zmmquad_plus(dw_zmmquad_zero(), (const int32_t *)args->cols + 0 + column + 16);
    {
        dw_zmmquad_rhs w0_0 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 0) * 2 + 0) * 64));
        dw_zmmquad_rhs w0_1 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 0) * 2 + 1) * 64));
        dw_zmmquad_rhs w1_0 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 1) * 2 + 0) * 64));
        dw_zmmquad_rhs w1_1 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 1) * 2 + 1) * 64));
        dw_zmmquad_rhs w2_0 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 2) * 2 + 0) * 64));
        dw_zmmquad_rhs w2_1 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 2) * 2 + 1) * 64));
        dw_zmmquad_lhs x0_0_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 0, a0 + column + 1 * 360 + 0, a0 + column + 2 * 360 + 0, a0 + column + 2 * 360 + 0);
        c0_0 = dw_zmmquad_dot(c0_0, x0_0_0, w0_0);
        dw_zmmquad_lhs x0_0_1 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 16, a0 + column + 1 * 360 + 16, a0 + column + 2 * 360 + 16, a0 + column + 2 * 360 + 16);
        c0_1 = dw_zmmquad_dot(c0_1, x0_0_1, w0_1);
        dw_zmmquad_lhs x0_1_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 40, a0 + column + 1 * 360 + 40, a0 + column + 2 * 360 + 40, a0 + column + 2 * 360 + 40);
        c0_0 = dw_zmmquad_dot(c0_0, x0_1_0, w1_0);
        dw_zmmquad_lhs x0_1_1 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 56, a0 + column + 1 * 360 + 56, a0 + column + 2 * 360 + 56, a0 + column + 2 * 360 + 56);
        c0_1 = dw_zmmquad_dot(c0_1, x0_1_1, w1_1);
        dw_zmmquad_lhs x0_2_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 80, a0 + column + 1 * 360 + 80, a0 + column + 2 * 360 + 80, a0 + column + 2 * 360 + 80);
        c0_0 = dw_zmmquad_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_zmmquad_dot(c1_0, x0_2_0, w0_0);
        dw_zmmquad_lhs x0_2_1 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 96, a0 + column + 1 * 360 + 96, a0 + column + 2 * 360 + 96, a0 + column + 2 * 360 + 96);
        c0_1 = dw_zmmquad_dot(c0_1, x0_2_1, w2_1);
        c1_1 = dw_zmmquad_dot(c1_1, x0_2_1, w0_1);
        dw_zmmquad_lhs x0_3_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 120, a0 + column + 1 * 360 + 120, a0 + column + 2 * 360 + 120, a0 + column + 2 * 360 + 120);
        c1_0 = dw_zmmquad_dot(c1_0, x0_3_0, w1_0);
        dw_zmmquad_lhs x0_3_1 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 136, a0 + column + 1 * 360 + 136, a0 + column + 2 * 360 + 136, a0 + column + 2 * 360 + 136);
        c1_1 = dw_zmmquad_dot(c1_1, x0_3_1, w1_1);
        dw_zmmquad_lhs x0_4_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 160, a0 + column + 1 * 360 + 160, a0 + column + 2 * 360 + 160, a0 + column + 2 * 360 + 160);
        c1_0 = dw_zmmquad_dot(c1_0, x0_4_0, w2_0);
        dw_zmmquad_lhs x0_4_1 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 176, a0 + column + 1 * 360 + 176, a0 + column + 2 * 360 + 176, a0 + column + 2 * 360 + 176);
        c1_1 = dw_zmmquad_dot(c1_1, x0_4_1, w2_1);
    }
    dw_zmmquad_requant_pair(out + (i + 0) * 40 + column + 0, c0_0, c0_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
    dw_zmmquad_requant_pair(out + (i + 1) * 40 + column + 0, c1_0, c1_1, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero);
}
static void depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_2x1p8(const dw_zmmquad_elem *lhs, uint8_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const dw_zmmquad_elem * a0 = lhs + (i + 0) / 4 * 720 + (i + 0) % 4 * 80;
    const dw_zmmquad_elem * a1 = lhs + (i + 1) / 4 * 720 + (i + 1) % 4 * 80;
    dw_zmmquad_acc c0_0 = dw_zmmquad_plus_n(dw_zmmquad_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    dw_zmmquad_acc c1_0 = dw_zmmquad_plus_n(dw_zmmquad_zero(), (const int32_t *)args->cols + 0 + column + 0, 8);
    {
        dw_zmmquad_rhs w0_0 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 0) * 1 + 0) * 64));
        dw_zmmquad_rhs w1_0 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 1) * 1 + 0) * 64));
        dw_zmmquad_rhs w2_0 = dw_zmmquad_rhs_load((const void *)(rhs + ((0 * 3 + 2) * 1 + 0) * 64));
        dw_zmmquad_lhs x0_0_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 0, a0 + column + 1 * 360 + 0, a0 + column + 2 * 360 + 0, a0 + column + 2 * 360 + 0);
        c0_0 = dw_zmmquad_dot(c0_0, x0_0_0, w0_0);
        dw_zmmquad_lhs x0_1_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 40, a0 + column + 1 * 360 + 40, a0 + column + 2 * 360 + 40, a0 + column + 2 * 360 + 40);
        c0_0 = dw_zmmquad_dot(c0_0, x0_1_0, w1_0);
        dw_zmmquad_lhs x0_2_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 80, a0 + column + 1 * 360 + 80, a0 + column + 2 * 360 + 80, a0 + column + 2 * 360 + 80);
        c0_0 = dw_zmmquad_dot(c0_0, x0_2_0, w2_0);
        c1_0 = dw_zmmquad_dot(c1_0, x0_2_0, w0_0);
        dw_zmmquad_lhs x0_3_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 120, a0 + column + 1 * 360 + 120, a0 + column + 2 * 360 + 120, a0 + column + 2 * 360 + 120);
        c1_0 = dw_zmmquad_dot(c1_0, x0_3_0, w1_0);
        dw_zmmquad_lhs x0_4_0 = dw_zmmquad_lhs_load(a0 + column + 0 * 360 + 160, a0 + column + 1 * 360 + 160, a0 + column + 2 * 360 + 160, a0 + column + 2 * 360 + 160);
        c1_0 = dw_zmmquad_dot(c1_0, x0_4_0, w2_0);
    }
    dw_zmmquad_requant_n(out + (i + 0) * 40 + column + 0, c0_0, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero, 8);
    dw_zmmquad_requant_n(out + (i + 1) * 40 + column + 0, c1_0, (const float *)args->cols + 64 + column + 0, args->out_zero, args->out_zero, 8);
}
static void depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_at(const dw_zmmquad_elem *lhs, uint8_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 384;
    if (p < 1) {
        if (rows - i >= 2) {
            depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_2x2(lhs, out, args, grids, i, p * 32, rhs);
        }
    } else {
        if (rows - i >= 2) {
            depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_2x1p8(lhs, out, args, grids, i, p * 32, rhs);
        }
    }
}
static void depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_stage(dw_zmmquad_elem *to, const uint8_t *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    const dw_zmmquad_elem pad = (dw_zmmquad_elem)zero;
    for (int64_t r = 0; r < (lines - 1) * 2 + 3; r += 1) {
        dw_zmmquad_elem * row = to + r * 360;
        const int64_t y = line * 2 + r - 0;
        if (y < 0 || y >= 6) {
            for (int64_t x = 0; x < 360; x += 1) {
                row[x] = pad;
            }
        } else {
            dw_zmmquad_stage(row + 0, in + y * 320, 320);
            for (int64_t x = 320; x < 360; x += 1) {
                row[x] = pad;
            }
        }
    }
}
void depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)3;
    const int64_t line1 = (line0 + 3) < 3 ? (line0 + 3) : 3;
    const int64_t panel0 = 0 * (int64_t)2;
    const int64_t panel1 = (panel0 + 2) < 2 ? (panel0 + 2) : 2;
    const uint8_t * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 3) {
        const int64_t lines = (line1 - line) < 3 ? (line1 - line) : 3;
        const int64_t rows = lines * 4;
        uint8_t * out = (uint8_t *)args->out + line * 160;
        dw_zmmquad_elem * lhs = (dw_zmmquad_elem *)((char *)args->work + 0);
        depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 2) {
            const int64_t group_end = (group + 2) < panel1 ? (group + 2) : panel1;
            for (int64_t i = 0; i < rows; i += 2) {
                for (int64_t p = group; p < group_end; p += 1) {
                    depthwise_w8a8_avx512vnni_depthwise_zmmquad_b2x2_staged_mn_c0x0x0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
