/* Packs weights for the kernels of a bundle: what is in weights/ was made by the tool in the same way. Layouts are those of
 * matrix products and depthwise layers; other kernels have layout.lanes == 0, and only the tool packs for them. */
#ifndef BS_PACK_H
#define BS_PACK_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bs_layout {
    uint32_t depthwise;            /* 0 or 1 */
    uint32_t n, k;                 /* outputs, inputs of each; weights are row-major [n][k] */
    uint32_t segments;             /* contiguous pieces of k: rows of the window */
    uint32_t lanes, depth, run;    /* outputs and inputs of a vector, inputs of an output that lie together */
    uint32_t vectors;              /* vectors of a panel */
    uint32_t bits;                 /* of a stored weight: 1 to 8, 16 (s16) or 32 (f32) */
    uint32_t group;                /* inputs that share a scale; 0 where all of an output do */
};

/* IEEE binary16, ties to even; scales are positive and finite. */
static inline uint16_t bs_pack_f16(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    uint32_t exponent = u >> 23 & 255, rest = u & 0x7fffff;
    if (exponent >= 143) return 0x7bff; /* 65504 */
    if (exponent < 102) return 0;
    uint32_t shift = exponent >= 113 ? 13 : 126 - exponent; /* subnormal halves lose more */
    uint32_t value = exponent >= 113 ? (exponent - 112) << 23 | rest : rest | 0x800000;
    uint32_t half = value >> shift, lost = value & ((1u << shift) - 1), tie = 1u << (shift - 1);
    half += lost > tie || (lost == tie && (half & 1));
    return half > 0x7bff ? 0x7bff : (uint16_t)half;
}

/* One weight of 8 bits or more; `at` is below 0 where there is none. */
static inline uint8_t *bs_push(uint8_t *out, const struct bs_layout *l, const void *weights, int64_t at) {
    int16_t wide = 0;
    switch (l->bits) {
    case 8: *out = at < 0 ? 0 : (uint8_t)((const int8_t *)weights)[at]; return out + 1;
    case 16: wide = at < 0 ? 0 : ((const int8_t *)weights)[at]; memcpy(out, &wide, 2); return out + 2;
    default:
        if (at < 0) memset(out, 0, 4);
        else memcpy(out, (const float *)weights + at, 4);
        return out + 4;
    }
}

/* One vector of weights of fewer than 8 bits: planes of 4, 2 and 1 of them, the high bits first. `column` is its first output,
 * `from` its first input within `segment`, which begins at input `base`. */
static inline uint8_t *bs_push_planes(uint8_t *out, const struct bs_layout *l, const int8_t *codes, uint32_t column,
                                      uint32_t base, uint32_t from, uint32_t segment) {
    uint32_t parts = 8, low = l->bits;
    while (!(l->bits & (8 / parts))) parts /= 2; /* 8 / the narrowest plane */
    uint32_t depth = l->depth / parts;
    for (uint32_t width = 4; width; width /= 2) {
        if (!(l->bits & width)) continue;
        low -= width;
        for (uint32_t vector = 0; vector < parts * width / 8; vector++)
            for (uint32_t lane = 0; lane < l->lanes; lane++)
                for (uint32_t d = 0; d < depth; d++) {
                    uint8_t byte = 0;
                    for (uint32_t part = 0; part < 8 / width; part++) {
                        uint32_t at = from + (vector * (8 / width) + part) * depth + d;
                        if (column + lane >= l->n || at >= segment) continue;
                        uint8_t code = (uint8_t)codes[(size_t)(column + lane) * l->k + base + at];
                        byte |= (uint8_t)((code >> low & ((1u << width) - 1)) << (part * width));
                    }
                    *out++ = byte;
                }
    }
    return out;
}

/* Packs weights [n][k]: s8 codes, or f32 where bits == 32; `scales` [n][k / group, rounded up] where there are groups, else
 * unused. Returns the end of what was written. */
static inline uint8_t *bs_pack(const struct bs_layout *l, const void *weights, const float *scales, uint8_t *out) {
    uint32_t segment = l->k / l->segments, width = l->vectors * l->lanes;
    uint32_t groups = l->group ? (l->k + l->group - 1) / l->group : 0;
    for (uint32_t first = 0; first < l->n; first += width) {
        uint32_t columns = l->n - first < width ? l->n - first : width;
        columns = (columns + l->lanes - 1) / l->lanes * l->lanes;
        if (l->depthwise) {
            for (uint32_t row = 0; row < l->segments; row += l->depth)
                for (uint32_t x = 0; x < segment; x++)
                    for (uint32_t c = first; c < first + columns; c++)
                        for (uint32_t y = row; y < row + l->depth; y++) {
                            int there = c < l->n && y < l->segments;
                            out = bs_push(out, l, weights, there ? (int64_t)c * l->k + y * segment + x : -1);
                        }
            continue;
        }
        for (uint32_t s = 0; s < l->segments; s++)
            for (uint32_t from = 0; from < segment; from += l->depth) {
                for (uint32_t column = first; column < first + columns; column += l->lanes) {
                    if (l->bits < 8) {
                        out = bs_push_planes(out, l, (const int8_t *)weights, column, s * segment, from, segment);
                        continue;
                    }
                    for (uint32_t run = from; run < from + l->depth; run += l->run)
                        for (uint32_t lane = 0; lane < l->lanes; lane++)
                            for (uint32_t d = run; d < run + l->run; d++) {
                                int there = column + lane < l->n && d < segment;
                                int64_t at = (int64_t)(column + lane) * l->k + s * segment + d;
                                out = bs_push(out, l, weights, there ? at : -1);
                            }
                }
                uint32_t end = from + l->depth;
                if (!groups || (end % l->group && end < segment)) continue;
                for (uint32_t column = first; column < first + columns; column++) {
                    uint16_t half = column < l->n ? bs_pack_f16(scales[(size_t)column * groups + from / l->group]) : 0;
                    memcpy(out, &half, 2);
                    out += 2;
                }
            }
    }
    return out;
}
#endif
