/* x86 AMX: tdpbusd on tiles of 16 rows x 64 bytes, exact u8 x s8 into s32. Everything else is that of AVX-512 BF16, which every
 * CPU with these tiles has. */
#ifndef BS_ISA_AMX_H
#define BS_ISA_AMX_H
#include "avx512bf16.h"
#define BS_TILES_AMX "mm_amx dot_zmm dot_zmmseptet dot_zmmsextet dot_zmmquintet dot_zmmnibble dot_zmmtriplet dot_zmmcrumb bits_popcnt lut_zmmtables f32_zmm dw_zmm dw_zmmquad dwf_zmm table_zmmnibble table_zmmcrumb table_zmmbit table_zmmbyte int_zmm e4m3_zmm e5m2_zmm f16_zmm bf16_zmm bfdot_zmmpair"

/* ---- tile mm_amx: rows of sums are finished by the words of 16 x s32. A register's number is part of the instruction, so
 * what names one is a macro. ---- */
enum { mm_amx_M = 16, mm_amx_N = 16, mm_amx_K = 64, mm_amx_ELEM = 1, mm_amx_RHS = 1, mm_amx_REGS = 8, mm_amx_RUN = 4 };
BS_U8_WORDS(mm_amx, avx512_range, avx512_quant_u8)
BS_INT_WORDS(mm_amx, s32x16, __m512i)
#define mm_amx_row s32x16_load
BS_WORD void mm_amx_begin(int rows, int rhs) {
    struct { uint8_t palette, start, none[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape = {.palette = 1};
    for (int t = 0; t < mm_amx_REGS; t++) shape.bytes[t] = 64, shape.rows[t] = (uint8_t)(t < rhs ? rows : 16);
    __asm__ volatile("" : : "r"(&shape) : "memory"); /* compilers know of the first bytes only that they are read */
    _tile_loadconfig(&shape);
}
BS_WORD void mm_amx_end(void) { _tile_release(); }
/* compilers do not know that tiles are read from memory: what was staged is to be there */
#define mm_amx_tile_zero(c) \
    do { \
        __asm__ volatile("" : : : "memory"); \
        _tile_zero(c); \
    } while (0)
#define mm_amx_tile_lhs(a, p, stride) _tile_loadd(a, p, stride)
#define mm_amx_tile_rhs(b, p) _tile_loadd(b, p, 64)
#define mm_amx_tile_dot(c, a, b) _tile_dpbusd(c, a, b)
#define mm_amx_tile_store(c, p, stride) _tile_stored(c, p, stride)
#endif
