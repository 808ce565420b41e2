/* gemm.w2a2.avx2.bitserial.shuffle.b2x2.k1.d16.staged.mn.c0x0x0.p0: 5x9x1100, int8 */
_Static_assert(bits_shuffle_N == 8, "tile");
static void gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_1x2p1(const bits_shuffle_elem *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const bits_shuffle_elem * a0 = lhs + (i + 0) * 70;
    bits_shuffle_acc c0_0 = bits_shuffle_plus(bits_shuffle_zero(), (const int32_t *)args->cols + 0 + column + 0);
    bits_shuffle_acc c0_1 = bits_shuffle_plus_n(bits_shuffle_zero(), (const int32_t *)args->cols + 0 + column + 8, 1);
    for (int64_t plane = 0; plane < 2; plane += 1) {
        for (int64_t k = 0; k < 32; k += 16) {
            {
                bits_shuffle_sum s0_0 = bits_shuffle_none();
                bits_shuffle_sum s0_1 = bits_shuffle_none();
                for (int64_t j = 0; j < 16; j += 1) {
                    bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 0) * 32));
                    bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 1) * 32));
                    bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (k + j + 0));
                    s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                    s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
                }
                c0_0 = bits_shuffle_widen(c0_0, s0_0, 0 + plane);
                c0_1 = bits_shuffle_widen(c0_1, s0_1, 0 + plane);
            }
        }
        {
            bits_shuffle_sum s0_0 = bits_shuffle_none();
            bits_shuffle_sum s0_1 = bits_shuffle_none();
            for (int64_t j = 0; j < 3; j += 1) {
                bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 0) * 32));
                bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 1) * 32));
                bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (32 + j + 0));
                s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
            }
            c0_0 = bits_shuffle_widen(c0_0, s0_0, 0 + plane);
            c0_1 = bits_shuffle_widen(c0_1, s0_1, 0 + plane);
        }
    }
    rhs = rhs + 2240;
    for (int64_t plane = 0; plane < 2; plane += 1) {
        for (int64_t k = 0; k < 32; k += 16) {
            {
                bits_shuffle_sum s0_0 = bits_shuffle_none();
                bits_shuffle_sum s0_1 = bits_shuffle_none();
                for (int64_t j = 0; j < 16; j += 1) {
                    bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 0) * 32));
                    bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 1) * 32));
                    bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (k + j + 0));
                    s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                    s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
                }
                c0_0 = bits_shuffle_widen_minus(c0_0, s0_0, 1 + plane);
                c0_1 = bits_shuffle_widen_minus(c0_1, s0_1, 1 + plane);
            }
        }
        {
            bits_shuffle_sum s0_0 = bits_shuffle_none();
            bits_shuffle_sum s0_1 = bits_shuffle_none();
            for (int64_t j = 0; j < 3; j += 1) {
                bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 0) * 32));
                bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 1) * 32));
                bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (32 + j + 0));
                s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
            }
            c0_0 = bits_shuffle_widen_minus(c0_0, s0_0, 1 + plane);
            c0_1 = bits_shuffle_widen_minus(c0_1, s0_1, 1 + plane);
        }
    }
    rhs = rhs + 2240;
    bits_shuffle_store(out + (i + 0) * 9 + column + 0, c0_0);
    bits_shuffle_store_n(out + (i + 0) * 9 + column + 8, c0_1, 1);
}
static void gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_2x2p1(const bits_shuffle_elem *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t column, const char *rhs) {
    const bits_shuffle_elem * a0 = lhs + (i + 0) * 70;
    const bits_shuffle_elem * a1 = lhs + (i + 1) * 70;
    bits_shuffle_acc c0_0 = bits_shuffle_plus(bits_shuffle_zero(), (const int32_t *)args->cols + 0 + column + 0);
    bits_shuffle_acc c0_1 = bits_shuffle_plus_n(bits_shuffle_zero(), (const int32_t *)args->cols + 0 + column + 8, 1);
    bits_shuffle_acc c1_0 = bits_shuffle_plus(bits_shuffle_zero(), (const int32_t *)args->cols + 0 + column + 0);
    bits_shuffle_acc c1_1 = bits_shuffle_plus_n(bits_shuffle_zero(), (const int32_t *)args->cols + 0 + column + 8, 1);
    for (int64_t plane = 0; plane < 2; plane += 1) {
        for (int64_t k = 0; k < 32; k += 16) {
            {
                bits_shuffle_sum s0_0 = bits_shuffle_none();
                bits_shuffle_sum s0_1 = bits_shuffle_none();
                bits_shuffle_sum s1_0 = bits_shuffle_none();
                bits_shuffle_sum s1_1 = bits_shuffle_none();
                for (int64_t j = 0; j < 16; j += 1) {
                    bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 0) * 32));
                    bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 1) * 32));
                    bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (k + j + 0));
                    s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                    s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
                    bits_shuffle_lhs x1_0 = bits_shuffle_lhs_load(a1 + plane * 35 + (k + j + 0));
                    s1_0 = bits_shuffle_both(s1_0, x1_0, b0_0);
                    s1_1 = bits_shuffle_both(s1_1, x1_0, b1_0);
                }
                c0_0 = bits_shuffle_widen(c0_0, s0_0, 0 + plane);
                c0_1 = bits_shuffle_widen(c0_1, s0_1, 0 + plane);
                c1_0 = bits_shuffle_widen(c1_0, s1_0, 0 + plane);
                c1_1 = bits_shuffle_widen(c1_1, s1_1, 0 + plane);
            }
        }
        {
            bits_shuffle_sum s0_0 = bits_shuffle_none();
            bits_shuffle_sum s0_1 = bits_shuffle_none();
            bits_shuffle_sum s1_0 = bits_shuffle_none();
            bits_shuffle_sum s1_1 = bits_shuffle_none();
            for (int64_t j = 0; j < 3; j += 1) {
                bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 0) * 32));
                bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 1) * 32));
                bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (32 + j + 0));
                s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
                bits_shuffle_lhs x1_0 = bits_shuffle_lhs_load(a1 + plane * 35 + (32 + j + 0));
                s1_0 = bits_shuffle_both(s1_0, x1_0, b0_0);
                s1_1 = bits_shuffle_both(s1_1, x1_0, b1_0);
            }
            c0_0 = bits_shuffle_widen(c0_0, s0_0, 0 + plane);
            c0_1 = bits_shuffle_widen(c0_1, s0_1, 0 + plane);
            c1_0 = bits_shuffle_widen(c1_0, s1_0, 0 + plane);
            c1_1 = bits_shuffle_widen(c1_1, s1_1, 0 + plane);
        }
    }
    rhs = rhs + 2240;
    for (int64_t plane = 0; plane < 2; plane += 1) {
        for (int64_t k = 0; k < 32; k += 16) {
            {
                bits_shuffle_sum s0_0 = bits_shuffle_none();
                bits_shuffle_sum s0_1 = bits_shuffle_none();
                bits_shuffle_sum s1_0 = bits_shuffle_none();
                bits_shuffle_sum s1_1 = bits_shuffle_none();
                for (int64_t j = 0; j < 16; j += 1) {
                    bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 0) * 32));
                    bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((k + j + 0) * 2 + 1) * 32));
                    bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (k + j + 0));
                    s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                    s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
                    bits_shuffle_lhs x1_0 = bits_shuffle_lhs_load(a1 + plane * 35 + (k + j + 0));
                    s1_0 = bits_shuffle_both(s1_0, x1_0, b0_0);
                    s1_1 = bits_shuffle_both(s1_1, x1_0, b1_0);
                }
                c0_0 = bits_shuffle_widen_minus(c0_0, s0_0, 1 + plane);
                c0_1 = bits_shuffle_widen_minus(c0_1, s0_1, 1 + plane);
                c1_0 = bits_shuffle_widen_minus(c1_0, s1_0, 1 + plane);
                c1_1 = bits_shuffle_widen_minus(c1_1, s1_1, 1 + plane);
            }
        }
        {
            bits_shuffle_sum s0_0 = bits_shuffle_none();
            bits_shuffle_sum s0_1 = bits_shuffle_none();
            bits_shuffle_sum s1_0 = bits_shuffle_none();
            bits_shuffle_sum s1_1 = bits_shuffle_none();
            for (int64_t j = 0; j < 3; j += 1) {
                bits_shuffle_rhs b0_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 0) * 32));
                bits_shuffle_rhs b1_0 = bits_shuffle_rhs_load((const void *)(rhs + ((32 + j + 0) * 2 + 1) * 32));
                bits_shuffle_lhs x0_0 = bits_shuffle_lhs_load(a0 + plane * 35 + (32 + j + 0));
                s0_0 = bits_shuffle_both(s0_0, x0_0, b0_0);
                s0_1 = bits_shuffle_both(s0_1, x0_0, b1_0);
                bits_shuffle_lhs x1_0 = bits_shuffle_lhs_load(a1 + plane * 35 + (32 + j + 0));
                s1_0 = bits_shuffle_both(s1_0, x1_0, b0_0);
                s1_1 = bits_shuffle_both(s1_1, x1_0, b1_0);
            }
            c0_0 = bits_shuffle_widen_minus(c0_0, s0_0, 1 + plane);
            c0_1 = bits_shuffle_widen_minus(c0_1, s0_1, 1 + plane);
            c1_0 = bits_shuffle_widen_minus(c1_0, s1_0, 1 + plane);
            c1_1 = bits_shuffle_widen_minus(c1_1, s1_1, 1 + plane);
        }
    }
    rhs = rhs + 2240;
    bits_shuffle_store(out + (i + 0) * 9 + column + 0, c0_0);
    bits_shuffle_store_n(out + (i + 0) * 9 + column + 8, c0_1, 1);
    bits_shuffle_store(out + (i + 1) * 9 + column + 0, c1_0);
    bits_shuffle_store_n(out + (i + 1) * 9 + column + 8, c1_1, 1);
}
static void gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_at(const bits_shuffle_elem *lhs, int32_t *out, const struct bs_args *args, const struct bs_grid *grids, int64_t i, int64_t rows, int64_t p) {
    const char * rhs = (const char *)args->rhs + p * 4480;
    if (rows - i >= 2) {
        gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_2x2p1(lhs, out, args, grids, i, p * 16, rhs);
    } else {
        if (rows - i == 1) {
            gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_1x2p1(lhs, out, args, grids, i, p * 16, rhs);
        }
    }
}
static void gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_stage(bits_shuffle_elem *to, const uint8_t *in, struct bs_grid *grids, int32_t zero, int64_t line, int64_t lines) {
    (void)grids, (void)zero;
    for (int64_t r = 0; r < lines; r += 1) {
        const uint8_t * x = in + (line + r) * 1100;
        bits_shuffle_elem * row = to + r * 70;
        bits_shuffle_stage(row, x, 1100, 2);
    }
}
void gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    const int64_t line0 = thread * (int64_t)6;
    const int64_t line1 = (line0 + 6) < 5 ? (line0 + 6) : 5;
    const int64_t panel0 = 0 * (int64_t)1;
    const int64_t panel1 = (panel0 + 1) < 1 ? (panel0 + 1) : 1;
    const uint8_t * in = args->lhs;
    struct bs_grid * grids = args->work;
    for (int64_t line = line0; line < line1; line += 5) {
        const int64_t lines = (line1 - line) < 5 ? (line1 - line) : 5;
        const int64_t rows = lines * 1;
        int32_t * out = (int32_t *)args->out + line * 9;
        bits_shuffle_elem * lhs = (bits_shuffle_elem *)((char *)args->work + 0);
        gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_stage(lhs, in, grids, args->zero, line, lines);
        for (int64_t group = panel0; group < panel1; group += 1) {
            const int64_t group_end = (group + 1) < panel1 ? (group + 1) : panel1;
            for (int64_t i = 0; i < rows; i += 2) {
                for (int64_t p = group; p < group_end; p += 1) {
                    gemm_w2a2_avx2_bitserial_shuffle_b2x2_k1_d16_staged_mn_c0x0x0_p0_at(lhs, out, args, grids, i, rows, p);
                }
            }
        }
    }
}
