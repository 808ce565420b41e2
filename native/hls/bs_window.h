/* The stages of a stream that are not products: windows of a convolution, and beats of another width. */
#ifndef BS_WINDOW_H
#define BS_WINDOW_H

#include "bs_types.h"

/* The windows of images that stream by, pixel after pixel, LANES channels to a beat. A window goes out row by row, pixel by
   pixel, channel by channel; of depthwise layers all its pixels for each beat of channels. Rows are kept in a ring of WORDS
   beats (a power of two). One beat at most comes in and one goes out in every cycle. */
template <class T, int LANES, int H, int W, int C, int KH, int KW, int STRIDE, int TOP, int LEFT, int OH, int OW, int WORDS,
          bool DEPTHWISE, int PAD>
void bs_window(bs_stream<bs_word<T, LANES> > &in, bs_stream<bs_word<T, LANES> > &out, int frames)
{
    const int GROUPS = C / LANES, LINE = W * GROUPS, BEATS = OH * OW * KH * KW * GROUPS;
    bs_word<T, LANES> ring[WORDS];
#pragma HLS AGGREGATE variable=ring compact=bit
#pragma HLS BIND_STORAGE variable=ring type=ram_2p impl=bram
    for (int frame = 0; frame < frames; frame++) {
        int written = 0, read = 0, group = 0, kx = 0, ky = 0, ox = 0, oy = 0;
        while (read < BEATS || written < H * LINE) {
#pragma HLS PIPELINE II=1
#pragma HLS LOOP_TRIPCOUNT min=BEATS max=BEATS+H*LINE
            const int y = oy * STRIDE + ky - TOP, x = ox * STRIDE + kx - LEFT;
            const int at = y * LINE + x * GROUPS + group;
            const bool outside = y < 0 || y >= H || x < 0 || x >= W;
            const int first = oy * STRIDE - TOP;
            const int oldest = read >= BEATS ? H * LINE : (first > 0 ? first : 0) * LINE;
            const bool there = read < BEATS && (outside || at < written);
            /* what is read now was written in an earlier cycle */
            bs_word<T, LANES> word = ring[at & (WORDS - 1)];
            if (written < H * LINE && written - oldest < WORDS) {
                ring[written & (WORDS - 1)] = in.read();
                written++;
            }
            if (there) {
                for (int l = 0; l < LANES; l++) {
#pragma HLS UNROLL
                    if (outside) word.lane[l] = PAD;
                }
                out.write(word);
                read++;
                if (DEPTHWISE) {
                    if (++kx == KW) {
                        kx = 0;
                        if (++ky == KH) {
                            ky = 0;
                            group++;
                        }
                    }
                } else if (++group == GROUPS) {
                    group = 0;
                    if (++kx == KW) {
                        kx = 0;
                        ky++;
                    }
                }
                if (DEPTHWISE ? group == GROUPS : ky == KH) {
                    group = 0;
                    ky = 0;
                    if (++ox == OW) {
                        ox = 0;
                        oy++;
                    }
                }
            }
        }
    }
}

/* Beats of FROM elements into beats of TO, of which one divides the other; `groups` of the wider ones. */
template <class T, int FROM, int TO>
void bs_resize(bs_stream<bs_word<T, FROM> > &in, bs_stream<bs_word<T, TO> > &out, int groups)
{
    const int PARTS = FROM > TO ? FROM / TO : TO / FROM;
    bs_word<T, FROM> from;
    bs_word<T, TO> to;
    for (int i = 0, part = 0; i < groups * PARTS; i++) {
#pragma HLS PIPELINE II=1
        if (FROM < TO || part == 0) from = in.read();
        for (int l = 0; l < (FROM < TO ? FROM : TO); l++) {
#pragma HLS UNROLL
            to.lane[FROM < TO ? part * FROM + l : l] = from.lane[FROM < TO ? l : part * TO + l];
        }
        if (FROM >= TO || part == PARTS - 1) out.write(to);
        part = part == PARTS - 1 ? 0 : part + 1;
    }
}

#endif
