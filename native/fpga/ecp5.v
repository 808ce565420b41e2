// Behaviour of the ECP5 cells that synthesis leaves without any: written from what the cells' documents say they do, for
// checking netlists only. Registers of MULT18X18D begin unknown, as nothing promises them a value; one that is on and has
// no clock, no enable or a clock other than CLK0 shows as X.
module MULT18X18D (
    input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
    input C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15, C16, C17,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK0, CLK1, CLK2, CLK3, CE0, CE1, CE2, CE3, RST0, RST1, RST2, RST3,
    output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17,
    output P18, P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
    parameter REG_INPUTA_CLK = "NONE";
    parameter REG_INPUTB_CLK = "NONE";
    parameter REG_PIPELINE_CLK = "NONE";
    parameter REG_OUTPUT_CLK = "NONE";
    wire [17:0] given_a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    wire [17:0] given_b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    // a register stands between what is given and what is used: it has the clock enable and the reset of its number
    reg [18:0] held_a, held_b;
    reg [35:0] held_pipeline, held_output;
    wire [18:0] at_a = {SIGNEDA, given_a}, at_b = {SIGNEDB, given_b};
    wire [18:0] a = REG_INPUTA_CLK == "NONE" ? at_a : REG_INPUTA_CLK == "CLK0" ? held_a : 19'bx;
    wire [18:0] b = REG_INPUTB_CLK == "NONE" ? at_b : REG_INPUTB_CLK == "CLK0" ? held_b : 19'bx;
    wire signed [35:0] wide_a = {{18{a[18] & a[17]}}, a[17:0]};
    wire signed [35:0] wide_b = {{18{b[18] & b[17]}}, b[17:0]};
    wire [35:0] product = wide_a * wide_b;
    wire [35:0] piped = REG_PIPELINE_CLK == "NONE" ? product : REG_PIPELINE_CLK == "CLK0" ? held_pipeline : 36'bx;
    wire [35:0] p = REG_OUTPUT_CLK == "NONE" ? piped : REG_OUTPUT_CLK == "CLK0" ? held_output : 36'bx;
    always @(posedge CLK0) begin
        if (RST0 !== 1'b0) {held_a, held_b, held_pipeline, held_output} <= RST0 ? 110'b0 : 110'bx;
        else if (CE0 !== 1'b0) begin
            held_a <= CE0 ? at_a : 19'bx;
            held_b <= CE0 ? at_b : 19'bx;
            held_pipeline <= CE0 ? product : 36'bx;
            held_output <= CE0 ? piped : 36'bx;
        end
    end
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
            P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p;
endmodule

// 1024 words of 18 bits. Of an address the top ten bits are a word of 18; the fourth selects one of its bytes of 9, the
// others a part of the eight lower bits of that. A port of 36 bits is both ports together: the written data is that of
// port A and then B, read data likewise from word to word.
module DP16KD (
    input DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8, DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    input ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11, ADA12, ADA13,
    input CEA, OCEA, CLKA, WEA, CSA0, CSA1, CSA2, RSTA,
    output DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8, DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    input DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8, DIB9, DIB10, DIB11, DIB12, DIB13, DIB14, DIB15, DIB16, DIB17,
    input ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11, ADB12, ADB13,
    input CEB, OCEB, CLKB, WEB, CSB0, CSB1, CSB2, RSTB,
    output DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8, DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG";
    parameter REGMODE_B = "NOREG";
    parameter RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC";
    parameter CSDECODE_A = "0b000";
    parameter CSDECODE_B = "0b000";
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter CLKAMUX = "CLKA";
    parameter CLKBMUX = "CLKB";
    parameter GSR = "ENABLED";
    parameter INIT_DATA = "STATIC";
    parameter [319:0] INITVAL_00 = 320'h0;
    parameter [319:0] INITVAL_01 = 320'h0;
    parameter [319:0] INITVAL_02 = 320'h0;
    parameter [319:0] INITVAL_03 = 320'h0;
    parameter [319:0] INITVAL_04 = 320'h0;
    parameter [319:0] INITVAL_05 = 320'h0;
    parameter [319:0] INITVAL_06 = 320'h0;
    parameter [319:0] INITVAL_07 = 320'h0;
    parameter [319:0] INITVAL_08 = 320'h0;
    parameter [319:0] INITVAL_09 = 320'h0;
    parameter [319:0] INITVAL_0A = 320'h0;
    parameter [319:0] INITVAL_0B = 320'h0;
    parameter [319:0] INITVAL_0C = 320'h0;
    parameter [319:0] INITVAL_0D = 320'h0;
    parameter [319:0] INITVAL_0E = 320'h0;
    parameter [319:0] INITVAL_0F = 320'h0;
    parameter [319:0] INITVAL_10 = 320'h0;
    parameter [319:0] INITVAL_11 = 320'h0;
    parameter [319:0] INITVAL_12 = 320'h0;
    parameter [319:0] INITVAL_13 = 320'h0;
    parameter [319:0] INITVAL_14 = 320'h0;
    parameter [319:0] INITVAL_15 = 320'h0;
    parameter [319:0] INITVAL_16 = 320'h0;
    parameter [319:0] INITVAL_17 = 320'h0;
    parameter [319:0] INITVAL_18 = 320'h0;
    parameter [319:0] INITVAL_19 = 320'h0;
    parameter [319:0] INITVAL_1A = 320'h0;
    parameter [319:0] INITVAL_1B = 320'h0;
    parameter [319:0] INITVAL_1C = 320'h0;
    parameter [319:0] INITVAL_1D = 320'h0;
    parameter [319:0] INITVAL_1E = 320'h0;
    parameter [319:0] INITVAL_1F = 320'h0;
    parameter [319:0] INITVAL_20 = 320'h0;
    parameter [319:0] INITVAL_21 = 320'h0;
    parameter [319:0] INITVAL_22 = 320'h0;
    parameter [319:0] INITVAL_23 = 320'h0;
    parameter [319:0] INITVAL_24 = 320'h0;
    parameter [319:0] INITVAL_25 = 320'h0;
    parameter [319:0] INITVAL_26 = 320'h0;
    parameter [319:0] INITVAL_27 = 320'h0;
    parameter [319:0] INITVAL_28 = 320'h0;
    parameter [319:0] INITVAL_29 = 320'h0;
    parameter [319:0] INITVAL_2A = 320'h0;
    parameter [319:0] INITVAL_2B = 320'h0;
    parameter [319:0] INITVAL_2C = 320'h0;
    parameter [319:0] INITVAL_2D = 320'h0;
    parameter [319:0] INITVAL_2E = 320'h0;
    parameter [319:0] INITVAL_2F = 320'h0;
    parameter [319:0] INITVAL_30 = 320'h0;
    parameter [319:0] INITVAL_31 = 320'h0;
    parameter [319:0] INITVAL_32 = 320'h0;
    parameter [319:0] INITVAL_33 = 320'h0;
    parameter [319:0] INITVAL_34 = 320'h0;
    parameter [319:0] INITVAL_35 = 320'h0;
    parameter [319:0] INITVAL_36 = 320'h0;
    parameter [319:0] INITVAL_37 = 320'h0;
    parameter [319:0] INITVAL_38 = 320'h0;
    parameter [319:0] INITVAL_39 = 320'h0;
    parameter [319:0] INITVAL_3A = 320'h0;
    parameter [319:0] INITVAL_3B = 320'h0;
    parameter [319:0] INITVAL_3C = 320'h0;
    parameter [319:0] INITVAL_3D = 320'h0;
    parameter [319:0] INITVAL_3E = 320'h0;
    parameter [319:0] INITVAL_3F = 320'h0;
    localparam [64*320-1:0] INIT = {
        INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
    };
    reg [17:0] words[0:1023];
    genvar g;
    generate
        // word by word a constant of its own: simulators are slow at picking parts of a very wide one
        for (g = 0; g < 1024; g = g + 1) begin : initial_word
            localparam [17:0] WORD = INIT[g / 16 * 320 + g % 16 * 20 +: 18];
            initial words[g] = WORD;
        end
    endgenerate

    wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [17:0] dia = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    reg [35:0] doa = 0, held_a = 0;
    wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [17:0] dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    reg [35:0] dob = 0, held_b = 0;

    function [35:0] part(input integer width, input [13:0] ad, input [17:0] word, input [17:0] above);
        case (width)
            1: part = word[9 * ad[3] + ad[2:0] +: 1];
            2: part = word[9 * ad[3] + 2 * ad[2:1] +: 2];
            4: part = word[9 * ad[3] + 4 * ad[2] +: 4];
            9: part = word[9 * ad[3] +: 9];
            18: part = word;
            default: part = {above, word};
        endcase
    endfunction
    task store(input integer width, input [13:0] ad, input [17:0] low, input [17:0] high);
        case (width)
            1: words[ad[13:4]][9 * ad[3] + ad[2:0] +: 1] = low[0];
            2: words[ad[13:4]][9 * ad[3] + 2 * ad[2:1] +: 2] = low[1:0];
            4: words[ad[13:4]][9 * ad[3] + 4 * ad[2] +: 4] = low[3:0];
            9: words[ad[13:4]][9 * ad[3] +: 9] = low[8:0];
            18: begin
                if (ad[0]) words[ad[13:4]][8:0] = low[8:0];
                if (ad[1]) words[ad[13:4]][17:9] = low[17:9];
            end
            default: begin
                if (ad[0]) words[{ad[13:5], 1'b0}][8:0] = low[8:0];
                if (ad[1]) words[{ad[13:5], 1'b0}][17:9] = low[17:9];
                if (ad[2]) words[{ad[13:5], 1'b1}][8:0] = high[8:0];
                if (ad[3]) words[{ad[13:5], 1'b1}][17:9] = high[17:9];
            end
        endcase
    endtask

    // what is read is what was there before the write of the same edge, of either port
    wire [9:0] ata = DATA_WIDTH_A == 36 ? {ada[13:5], 1'b0} : ada[13:4];
    always @(posedge CLKA) if (CEA) begin
        if (RSTA) doa <= 0;
        else if (!WEA) doa <= part(DATA_WIDTH_A, ada, words[ata], words[ata | 10'd1]);
        else if (WRITEMODE_A == "READBEFOREWRITE") doa <= part(DATA_WIDTH_A, ada, words[ata], words[ata | 10'd1]);
        else if (WRITEMODE_A == "WRITETHROUGH") doa <= 36'bx;
        if (WEA) begin
            #0 store(DATA_WIDTH_A, ada, dia, dib);
        end
    end
    wire [9:0] atb = DATA_WIDTH_B == 36 ? {adb[13:5], 1'b0} : adb[13:4];
    always @(posedge CLKB) if (CEB) begin
        if (RSTB) dob <= 0;
        else if (!WEB) dob <= part(DATA_WIDTH_B, adb, words[atb], words[atb | 10'd1]);
        else if (WRITEMODE_B == "READBEFOREWRITE") dob <= part(DATA_WIDTH_B, adb, words[atb], words[atb | 10'd1]);
        else if (WRITEMODE_B == "WRITETHROUGH") dob <= 36'bx;
        if (WEB) begin
            #0 store(DATA_WIDTH_B, adb, dib, dib);
        end
    end

    // the registers behind, with enables of their own; a synchronous reset wants the enable too
    always @(posedge CLKA) if (OCEA) held_a <= RSTA ? 36'b0 : doa;
    always @(posedge CLKB) if (OCEB) held_b <= RSTB ? 36'b0 : dob;
    wire [35:0] outa = REGMODE_A == "NOREG" ? doa : REGMODE_A == "OUTREG" ? held_a : 36'bx;
    wire [35:0] outb = REGMODE_B == "NOREG" ? dob : REGMODE_B == "OUTREG" ? held_b : 36'bx;

    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = DATA_WIDTH_B == 36 ? outb[17:0] : outa[17:0];
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = DATA_WIDTH_B == 36 ? outb[35:18] : outb[17:0];
endmodule
