// Registers of the ECP5 cells against pipelines written out by hand: DEPTH of them must stand between what a cell is given
// and what it gives, for every combination that netlists use. Prints one line.
`timescale 1ns / 1ps
module multiplier #(
    parameter INPUT = "NONE", parameter PIPELINE = "NONE", parameter OUTPUT = "NONE", parameter DEPTH = 0
) (input clk, input rst, input ce, input [17:0] a, input [17:0] b, input sa, input sb, output [31:0] wrong);
    wire [35:0] p;
    MULT18X18D #(.REG_INPUTA_CLK(INPUT), .REG_INPUTB_CLK(INPUT), .REG_PIPELINE_CLK(PIPELINE), .REG_OUTPUT_CLK(OUTPUT)) cell_ (
        .A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]), .A4(a[4]), .A5(a[5]), .A6(a[6]), .A7(a[7]), .A8(a[8]), .A9(a[9]),
        .A10(a[10]), .A11(a[11]), .A12(a[12]), .A13(a[13]), .A14(a[14]), .A15(a[15]), .A16(a[16]), .A17(a[17]),
        .B0(b[0]), .B1(b[1]), .B2(b[2]), .B3(b[3]), .B4(b[4]), .B5(b[5]), .B6(b[6]), .B7(b[7]), .B8(b[8]), .B9(b[9]),
        .B10(b[10]), .B11(b[11]), .B12(b[12]), .B13(b[13]), .B14(b[14]), .B15(b[15]), .B16(b[16]), .B17(b[17]),
        .SIGNEDA(sa), .SIGNEDB(sb), .CLK0(clk), .CE0(ce), .RST0(rst),
        .P0(p[0]), .P1(p[1]), .P2(p[2]), .P3(p[3]), .P4(p[4]), .P5(p[5]), .P6(p[6]), .P7(p[7]), .P8(p[8]), .P9(p[9]),
        .P10(p[10]), .P11(p[11]), .P12(p[12]), .P13(p[13]), .P14(p[14]), .P15(p[15]), .P16(p[16]), .P17(p[17]), .P18(p[18]),
        .P19(p[19]), .P20(p[20]), .P21(p[21]), .P22(p[22]), .P23(p[23]), .P24(p[24]), .P25(p[25]), .P26(p[26]), .P27(p[27]),
        .P28(p[28]), .P29(p[29]), .P30(p[30]), .P31(p[31]), .P32(p[32]), .P33(p[33]), .P34(p[34]), .P35(p[35])
    );
    // the product as integers, then DEPTH registers
    integer ia, ib;
    reg [35:0] stage[0:3];
    reg [2:0] known[0:3];
    integer i, bad = 0;
    always @* begin
        ia = sa && a[17] ? a - 262144 : a;
        ib = sb && b[17] ? b - 262144 : b;
    end
    wire signed [63:0] whole = ia * 64'sd1 * ib;
    always @(posedge clk) begin
        if (rst) for (i = 0; i < 4; i = i + 1) stage[i] <= 0;
        else if (ce) begin
            stage[0] <= whole[35:0];
            for (i = 1; i < 4; i = i + 1) stage[i] <= stage[i-1];
        end
    end
    wire [35:0] wanted = DEPTH == 0 ? whole[35:0] : stage[DEPTH == 0 ? 0 : DEPTH-1];
    always @(negedge clk) if (!rst && p !== wanted) bad = bad + 1;
    assign wrong = bad;
endmodule

// a memory of 36 bits that is written through port A and read through port B, as Yosys maps what is read only
module memory #(parameter MODE = "NOREG", parameter DEPTH = 1) (
    input clk, input oce, input [8:0] address, output [31:0] wrong
);
    wire [17:0] low, high;
    wire [13:0] ad = {address, 5'b0};
    DP16KD #(.DATA_WIDTH_A(36), .DATA_WIDTH_B(36), .REGMODE_A(MODE), .REGMODE_B(MODE),
             .INITVAL_00(320'h0000f_0000e_0000d_0000c_0000b_0000a_00009_00008_20007_10006_00005_3fff4_00003_12342_3abc1_00010),
             .INITVAL_01(320'h1ffff_1fffe_00001)) cell_ (
        .ADB0(ad[0]), .ADB1(ad[1]), .ADB2(ad[2]), .ADB3(ad[3]), .ADB4(ad[4]), .ADB5(ad[5]), .ADB6(ad[6]), .ADB7(ad[7]),
        .ADB8(ad[8]), .ADB9(ad[9]), .ADB10(ad[10]), .ADB11(ad[11]), .ADB12(ad[12]), .ADB13(ad[13]),
        .CEA(1'b0), .OCEA(1'b0), .CLKA(1'b0), .WEA(1'b1), .RSTA(1'b0), .CEB(1'b1), .OCEB(oce), .CLKB(clk), .WEB(1'b0), .RSTB(1'b0),
        .DOA0(low[0]), .DOA1(low[1]), .DOA2(low[2]), .DOA3(low[3]), .DOA4(low[4]), .DOA5(low[5]), .DOA6(low[6]), .DOA7(low[7]),
        .DOA8(low[8]), .DOA9(low[9]), .DOA10(low[10]), .DOA11(low[11]), .DOA12(low[12]), .DOA13(low[13]), .DOA14(low[14]),
        .DOA15(low[15]), .DOA16(low[16]), .DOA17(low[17]),
        .DOB0(high[0]), .DOB1(high[1]), .DOB2(high[2]), .DOB3(high[3]), .DOB4(high[4]), .DOB5(high[5]), .DOB6(high[6]),
        .DOB7(high[7]), .DOB8(high[8]), .DOB9(high[9]), .DOB10(high[10]), .DOB11(high[11]), .DOB12(high[12]), .DOB13(high[13]),
        .DOB14(high[14]), .DOB15(high[15]), .DOB16(high[16]), .DOB17(high[17])
    );
    function [35:0] word(input [8:0] at);
        case (at)
            0: word = {18'h3abc1, 18'h00010};
            1: word = {18'h00003, 18'h12342};
            2: word = {18'h00005, 18'h3fff4};
            3: word = {18'h20007, 18'h10006};
            4: word = {18'h00009, 18'h00008};
            5: word = {18'h0000b, 18'h0000a};
            6: word = {18'h0000d, 18'h0000c};
            7: word = {18'h0000f, 18'h0000e};
            8: word = {18'h1fffe, 18'h00001};
            9: word = {18'h00000, 18'h1ffff};
            default: word = 0;
        endcase
    endfunction
    reg [35:0] first = 0, second = 0;
    integer bad = 0;
    always @(posedge clk) begin
        first <= word(address);
        if (oce) second <= first;
    end
    always @(negedge clk) if ({high, low} !== (DEPTH == 1 ? first : second)) bad = bad + 1;
    assign wrong = bad;
endmodule

module bench;
    reg clk = 0, rst = 1, ce = 1, sa = 0, sb = 0;
    reg [17:0] a = 0, b = 0;
    reg [8:0] address = 0;
    integer i;
    always #5 clk = ~clk;
    wire [31:0] m0, m1, m2, m3, m4, m5, r1, r2;
    multiplier #(.DEPTH(0)) none (clk, rst, ce, a, b, sa, sb, m0);
    multiplier #(.INPUT("CLK0"), .DEPTH(1)) in (clk, rst, ce, a, b, sa, sb, m1);
    multiplier #(.OUTPUT("CLK0"), .DEPTH(1)) out (clk, rst, ce, a, b, sa, sb, m2);
    multiplier #(.PIPELINE("CLK0"), .DEPTH(1)) pipe (clk, rst, ce, a, b, sa, sb, m3);
    multiplier #(.INPUT("CLK0"), .OUTPUT("CLK0"), .DEPTH(2)) both (clk, rst, ce, a, b, sa, sb, m4);
    multiplier #(.INPUT("CLK0"), .PIPELINE("CLK0"), .OUTPUT("CLK0"), .DEPTH(3)) all (clk, rst, ce, a, b, sa, sb, m5);
    memory #(.MODE("NOREG"), .DEPTH(1)) bare (clk, ce, address, r1);
    memory #(.MODE("OUTREG"), .DEPTH(2)) held (clk, ce, address, r2);
    initial begin
        for (i = 0; i < 4000; i = i + 1) begin
            @(negedge clk) #1;
            // before the first reset nothing is known, and nothing is compared
            rst = i < 3 || i % 501 == 500;
            ce = rst || i % 7 != 3;
            a = i % 11 == 0 ? 18'h20000 : i % 13 == 0 ? 18'h1ffff : $random;
            b = i % 17 == 0 ? 18'h20000 : i % 19 == 0 ? 18'h3ffff : $random;
            {sa, sb} = i % 97 < 24 ? 2'b00 : i % 97 < 48 ? 2'b01 : i % 97 < 72 ? 2'b10 : 2'b11;
            address = i % 10;
        end
        $display("wrong none %0d in %0d out %0d pipe %0d both %0d all %0d bare %0d held %0d", m0, m1, m2, m3, m4, m5, r1, r2);
        $finish;
    end
endmodule
