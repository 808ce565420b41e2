#include "bs_types.h"

/* mvau.w4a4.r4c6.pe2.simd3.block.reg.tree1.acc10.thr2.x1.dsp: 4 cycles from vector to vector */
typedef BS_INT(4) golden_weight;
typedef BS_UINT(4) golden_activation;
typedef BS_INT(8) golden_product;
typedef BS_INT(10) golden_sum;
typedef BS_INT(11) golden_wide;
typedef BS_UINT(2) golden_result;
typedef bs_word<golden_activation, 3> golden_in;
typedef bs_word<golden_result, 2> golden_out;
static const golden_weight golden_weights[2][3][4] = {
 {{1, -2, 6, -7},
  {0, 0, 7, 6},
  {-3, -3, -7, -8}},
 {{6, -4, -5, -4},
  {-6, 2, 0, -1},
  {0, -2, 0, 1}}};
static const golden_sum golden_thresholds[2][3][2] = {{{-217, -230}, {-15, -217}, {116, 133}},
 {{-153, -15}, {57, 165}, {60, 262}}};
void golden(bs_stream<golden_in> &in, bs_stream<golden_out> &out, int vectors) {
#pragma HLS INTERFACE axis port=in
#pragma HLS INTERFACE axis port=out
#pragma HLS INTERFACE s_axilite port=vectors
#pragma HLS INTERFACE s_axilite port=return
#pragma HLS AGGREGATE variable=in compact=bit
#pragma HLS AGGREGATE variable=out compact=bit
#pragma HLS ARRAY_PARTITION variable=golden_weights complete dim=1
#pragma HLS ARRAY_RESHAPE variable=golden_weights complete dim=2
#pragma HLS BIND_STORAGE variable=golden_weights type=rom_1p impl=bram
#pragma HLS ARRAY_PARTITION variable=golden_thresholds complete dim=1
#pragma HLS ARRAY_PARTITION variable=golden_thresholds complete dim=2
    golden_activation replay[2][3];
#pragma HLS ARRAY_RESHAPE variable=replay complete dim=2
    golden_sum sum[2];
#pragma HLS ARRAY_PARTITION variable=sum complete
    int beat = 0;
    int fold = 0;
    int address = 0;
    for (int i = 0; i < vectors * 4; i++) {
#pragma HLS PIPELINE II=1
        golden_in x;
        if (fold == 0) {
            x = in.read();
            for (int s = 0; s < 3; s++) {
#pragma HLS UNROLL
                replay[beat][s] = x.lane[s];
            }
        } else {
            for (int s = 0; s < 3; s++) {
#pragma HLS UNROLL
                x.lane[s] = replay[beat][s];
            }
        }
        golden_out y;
        for (int p = 0; p < 2; p++) {
#pragma HLS UNROLL
            golden_sum term = 0;
            for (int s = 0; s < 3; s++) {
#pragma HLS UNROLL
                golden_product product = golden_weights[p][s][address] * x.lane[s];
#pragma HLS BIND_OP variable=product op=mul impl=dsp
                term = term + product;
            }
            golden_sum base = beat == 0 ? (golden_sum)0 : sum[p];
            golden_wide total = (golden_wide)base + term;
            BS_BOUND(total, 10);
            sum[p] = total;
            int code = 0;
            for (int t = 0; t < 3; t++) {
#pragma HLS UNROLL
                code = code + (total >= golden_thresholds[p][t][fold]);
            }
            y.lane[p] = code;
        }
        if (beat == 1) {
            out.write(y);
        }
        address++;
        if (++beat == 2) {
            beat = 0;
            if (++fold == 2) {
                fold = 0;
                address = 0;
            }
        }
    }
}
