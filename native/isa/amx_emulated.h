/* For checking only, never for timing: the AMX words of x86 intrinsics in plain C. What a CPU would refuse (a shape that it does
 * not know, tiles that are not configured or do not fit each other) traps. */
#ifndef BS_ISA_AMX_EMULATED_H
#define BS_ISA_AMX_EMULATED_H
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#define BS_EMULATED static __attribute__((noinline, unused))
static _Thread_local struct {
    uint8_t palette, start, none[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} bs_shape __attribute__((unused));
static _Thread_local uint8_t bs_tile[8][16][64] __attribute__((unused));

BS_EMULATED void bs_refuse_unless(int fine) {
    if (!fine) __builtin_trap();
}
BS_EMULATED void bs_tiles_shape(const void *shape) {
    memcpy(&bs_shape, shape, sizeof bs_shape);
    memset(bs_tile, 0, sizeof bs_tile);
    bs_refuse_unless(bs_shape.palette == 1 && bs_shape.start == 0);
    for (int t = 0; t < 16; t++) {
        int rows = bs_shape.rows[t], bytes = bs_shape.bytes[t];
        bs_refuse_unless(t < 8 ? rows <= 16 && bytes <= 64 && !rows == !bytes : !rows && !bytes);
    }
}
BS_EMULATED void bs_tiles_release(void) { memset(&bs_shape, 0, sizeof bs_shape); }
/* zeros; a shape without rows is that of no tile */
BS_EMULATED void bs_tile_zero(int t) {
    bs_refuse_unless(bs_shape.palette == 1 && bs_shape.rows[t] > 0);
    memset(bs_tile[t], 0, sizeof bs_tile[t]);
}
BS_EMULATED void bs_tile_load(int t, const void *from, int64_t stride) {
    bs_tile_zero(t);
    for (int r = 0; r < bs_shape.rows[t]; r++) memcpy(bs_tile[t][r], (const char *)from + r * stride, bs_shape.bytes[t]);
}
BS_EMULATED void bs_tile_store(int t, void *to, int64_t stride) {
    bs_refuse_unless(bs_shape.palette == 1 && bs_shape.rows[t] > 0);
    for (int r = 0; r < bs_shape.rows[t]; r++) memcpy((char *)to + r * stride, bs_tile[t][r], bs_shape.bytes[t]);
}
/* u8 of `a` times s8 of `b`, four at a time */
BS_EMULATED void bs_tile_dot(int c, int a, int b) {
    int rows = bs_shape.rows[c], columns = bs_shape.bytes[c] / 4, quads = bs_shape.rows[b];
    bs_refuse_unless(bs_shape.palette == 1 && rows > 0 && columns > 0 && quads > 0 && c != a && c != b && a != b);
    bs_refuse_unless(bs_shape.rows[a] == rows && bs_shape.bytes[a] == 4 * quads && bs_shape.bytes[b] == 4 * columns);
    for (int r = 0; r < rows; r++) {
        uint32_t sums[16];
        memcpy(sums, bs_tile[c][r], sizeof sums);
        for (int q = 0; q < quads; q++) {
            const uint8_t *x = bs_tile[a][r] + 4 * q;
            const int8_t *w = (const int8_t *)bs_tile[b][q];
            for (int n = 0; n < columns; n++, w += 4)
                sums[n] += (uint32_t)(x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3]);
        }
        memcpy(bs_tile[c][r], sums, sizeof sums);
    }
}
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbusd
#define _tile_loadconfig bs_tiles_shape
#define _tile_release bs_tiles_release
#define _tile_zero bs_tile_zero
#define _tile_loadd bs_tile_load
#define _tile_stored bs_tile_store
#define _tile_dpbusd bs_tile_dot
#endif
