// Behaviour of AMD cells that Yosys has none of, written from what their documents say (UG473, UG573, UG579), for checking netlists
// only. Modes that netlists of ours do not use show as X, as does what is read while it is written in another mode than READ_FIRST.

// bytes of 9 bits, the ninth of parity; a port of twice the width of a port is both ports together, read through A, written through B
module bitsmith_ramb #(
    parameter BITS = 14, parameter RA = 0, parameter RB = 0, parameter WA = 0, parameter WB = 0,
    parameter REGA = 0, parameter REGB = 0, parameter MODEA = "", parameter MODEB = "",
    parameter [(8 << (BITS - 3))-1:0] INIT = 0, parameter [(1 << (BITS - 3))-1:0] INITP = 0
) (
    input clka, input clkb, input ena, input enb, input rea, input reb, input [BITS-1:0] ada, input [BITS-1:0] adb,
    input [71:0] dia, input [71:0] dib, input [7:0] wea, input [7:0] web, output [71:0] doa, output [71:0] dob
);
    localparam BYTES = 1 << (BITS - 3);
    localparam HALF = BITS == 14 ? 18 : 36;
    reg [8:0] bytes[0:BYTES-1];
    genvar g;
    generate
        for (g = 0; g < BYTES; g = g + 1) begin : initial_byte
            localparam [8:0] BYTE = {INITP[g], INIT[8 * g +: 8]};
            initial bytes[g] = BYTE;
        end
    endgenerate

    // the first byte of the word at an address
    function [BITS-4:0] at(input integer width, input [BITS-1:0] ad);
        at = width <= 9 ? ad[BITS-1:3] : ad[BITS-1:3] & ~(width / 9 - 1);
    endfunction
    reg [71:0] reada = 0, readb = 0, lasta = 0, lastb = 0;
    reg [71:0] seena, seenb;
    integer k;
    always @* begin
        seena = 72'b0;
        for (k = 0; k < 8; k = k + 1)
            if (9 * k < RA) seena[9 * k +: 9] = RA >= 9 ? bytes[at(RA, ada) + k] : bytes[ada[BITS-1:3]] >> (ada[2:0] & ~(RA - 1));
    end
    always @* begin
        seenb = 72'b0;
        for (k = 0; k < 8; k = k + 1)
            if (9 * k < RB) seenb[9 * k +: 9] = RB >= 9 ? bytes[at(RB, adb) + k] : bytes[adb[BITS-1:3]] >> (adb[2:0] & ~(RB - 1));
    end
    // one port writes what the other reads, or its own word
    wire hita = (ena && wea != 0 && MODEA != "READ_FIRST" && WA > 0);
    wire hitb = (enb && web != 0 && MODEB != "READ_FIRST" && WB > 0);
    wire samea = hitb && (ada[BITS-1:3] & ~7) == (adb[BITS-1:3] & ~7);
    wire sameb = hita && (ada[BITS-1:3] & ~7) == (adb[BITS-1:3] & ~7);
    always @(posedge clka) begin
        if (ena && RA > 0 && !(hita && MODEA == "NO_CHANGE")) reada <= hita || samea ? 72'bx : seena;
        if (rea) lasta <= reada;
    end
    always @(posedge clkb) begin
        if (enb && RB > 0 && !(hitb && MODEB == "NO_CHANGE")) readb <= hitb || sameb ? 72'bx : seenb;
        if (reb) lastb <= readb;
    end
    integer i, j;
    always @(posedge clka) if (ena && WA > 0) begin
        #0;
        if (WA >= 9) begin
            for (i = 0; i < WA / 9; i = i + 1) if (wea[i]) bytes[at(WA, ada) + i] <= dia[9 * i +: 9];
        end else if (wea[0]) for (i = 0; i < WA; i = i + 1) bytes[ada[BITS-1:3]][(ada[2:0] & ~(WA - 1)) + i] <= dia[i];
    end
    always @(posedge clkb) if (enb && WB > 0) begin
        #0;
        if (WB >= 9) begin
            for (j = 0; j < WB / 9; j = j + 1) if (web[j]) bytes[at(WB, adb) + j] <= dib[9 * j +: 9];
        end else if (web[0]) for (j = 0; j < WB; j = j + 1) bytes[adb[BITS-1:3]][(adb[2:0] & ~(WB - 1)) + j] <= dib[j];
    end
    wire [71:0] whole = REGA ? lasta : reada;
    wire [71:0] other = REGB ? lastb : readb;
    assign doa = whole;
    assign dob = RA > HALF ? whole >> HALF : other;
endmodule

// What block RAM holds at first, by the parameters of its cells: of 18 and of 36 kbit.
`define BITSMITH_INIT18 \
    parameter [255:0] INIT_00 = 256'h0, INIT_01 = 256'h0, INIT_02 = 256'h0, INIT_03 = 256'h0; \
    parameter [255:0] INIT_04 = 256'h0, INIT_05 = 256'h0, INIT_06 = 256'h0, INIT_07 = 256'h0; \
    parameter [255:0] INIT_08 = 256'h0, INIT_09 = 256'h0, INIT_0A = 256'h0, INIT_0B = 256'h0; \
    parameter [255:0] INIT_0C = 256'h0, INIT_0D = 256'h0, INIT_0E = 256'h0, INIT_0F = 256'h0; \
    parameter [255:0] INIT_10 = 256'h0, INIT_11 = 256'h0, INIT_12 = 256'h0, INIT_13 = 256'h0; \
    parameter [255:0] INIT_14 = 256'h0, INIT_15 = 256'h0, INIT_16 = 256'h0, INIT_17 = 256'h0; \
    parameter [255:0] INIT_18 = 256'h0, INIT_19 = 256'h0, INIT_1A = 256'h0, INIT_1B = 256'h0; \
    parameter [255:0] INIT_1C = 256'h0, INIT_1D = 256'h0, INIT_1E = 256'h0, INIT_1F = 256'h0; \
    parameter [255:0] INIT_20 = 256'h0, INIT_21 = 256'h0, INIT_22 = 256'h0, INIT_23 = 256'h0; \
    parameter [255:0] INIT_24 = 256'h0, INIT_25 = 256'h0, INIT_26 = 256'h0, INIT_27 = 256'h0; \
    parameter [255:0] INIT_28 = 256'h0, INIT_29 = 256'h0, INIT_2A = 256'h0, INIT_2B = 256'h0; \
    parameter [255:0] INIT_2C = 256'h0, INIT_2D = 256'h0, INIT_2E = 256'h0, INIT_2F = 256'h0; \
    parameter [255:0] INIT_30 = 256'h0, INIT_31 = 256'h0, INIT_32 = 256'h0, INIT_33 = 256'h0; \
    parameter [255:0] INIT_34 = 256'h0, INIT_35 = 256'h0, INIT_36 = 256'h0, INIT_37 = 256'h0; \
    parameter [255:0] INIT_38 = 256'h0, INIT_39 = 256'h0, INIT_3A = 256'h0, INIT_3B = 256'h0; \
    parameter [255:0] INIT_3C = 256'h0, INIT_3D = 256'h0, INIT_3E = 256'h0, INIT_3F = 256'h0; \
    parameter [255:0] INITP_00 = 256'h0, INITP_01 = 256'h0, INITP_02 = 256'h0, INITP_03 = 256'h0; \
    parameter [255:0] INITP_04 = 256'h0, INITP_05 = 256'h0, INITP_06 = 256'h0, INITP_07 = 256'h0; \
    localparam [16383:0] INIT = { \
        INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38, INIT_37, INIT_36, INIT_35, INIT_34, \
        INIT_33, INIT_32, INIT_31, INIT_30, INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28, \
        INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20, INIT_1F, INIT_1E, INIT_1D, INIT_1C, \
        INIT_1B, INIT_1A, INIT_19, INIT_18, INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10, \
        INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08, INIT_07, INIT_06, INIT_05, INIT_04, \
        INIT_03, INIT_02, INIT_01, INIT_00 \
    }; \
    localparam [2047:0] INITP = {INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00};
`define BITSMITH_INIT36 \
    parameter [255:0] INIT_00 = 256'h0, INIT_01 = 256'h0, INIT_02 = 256'h0, INIT_03 = 256'h0; \
    parameter [255:0] INIT_04 = 256'h0, INIT_05 = 256'h0, INIT_06 = 256'h0, INIT_07 = 256'h0; \
    parameter [255:0] INIT_08 = 256'h0, INIT_09 = 256'h0, INIT_0A = 256'h0, INIT_0B = 256'h0; \
    parameter [255:0] INIT_0C = 256'h0, INIT_0D = 256'h0, INIT_0E = 256'h0, INIT_0F = 256'h0; \
    parameter [255:0] INIT_10 = 256'h0, INIT_11 = 256'h0, INIT_12 = 256'h0, INIT_13 = 256'h0; \
    parameter [255:0] INIT_14 = 256'h0, INIT_15 = 256'h0, INIT_16 = 256'h0, INIT_17 = 256'h0; \
    parameter [255:0] INIT_18 = 256'h0, INIT_19 = 256'h0, INIT_1A = 256'h0, INIT_1B = 256'h0; \
    parameter [255:0] INIT_1C = 256'h0, INIT_1D = 256'h0, INIT_1E = 256'h0, INIT_1F = 256'h0; \
    parameter [255:0] INIT_20 = 256'h0, INIT_21 = 256'h0, INIT_22 = 256'h0, INIT_23 = 256'h0; \
    parameter [255:0] INIT_24 = 256'h0, INIT_25 = 256'h0, INIT_26 = 256'h0, INIT_27 = 256'h0; \
    parameter [255:0] INIT_28 = 256'h0, INIT_29 = 256'h0, INIT_2A = 256'h0, INIT_2B = 256'h0; \
    parameter [255:0] INIT_2C = 256'h0, INIT_2D = 256'h0, INIT_2E = 256'h0, INIT_2F = 256'h0; \
    parameter [255:0] INIT_30 = 256'h0, INIT_31 = 256'h0, INIT_32 = 256'h0, INIT_33 = 256'h0; \
    parameter [255:0] INIT_34 = 256'h0, INIT_35 = 256'h0, INIT_36 = 256'h0, INIT_37 = 256'h0; \
    parameter [255:0] INIT_38 = 256'h0, INIT_39 = 256'h0, INIT_3A = 256'h0, INIT_3B = 256'h0; \
    parameter [255:0] INIT_3C = 256'h0, INIT_3D = 256'h0, INIT_3E = 256'h0, INIT_3F = 256'h0; \
    parameter [255:0] INIT_40 = 256'h0, INIT_41 = 256'h0, INIT_42 = 256'h0, INIT_43 = 256'h0; \
    parameter [255:0] INIT_44 = 256'h0, INIT_45 = 256'h0, INIT_46 = 256'h0, INIT_47 = 256'h0; \
    parameter [255:0] INIT_48 = 256'h0, INIT_49 = 256'h0, INIT_4A = 256'h0, INIT_4B = 256'h0; \
    parameter [255:0] INIT_4C = 256'h0, INIT_4D = 256'h0, INIT_4E = 256'h0, INIT_4F = 256'h0; \
    parameter [255:0] INIT_50 = 256'h0, INIT_51 = 256'h0, INIT_52 = 256'h0, INIT_53 = 256'h0; \
    parameter [255:0] INIT_54 = 256'h0, INIT_55 = 256'h0, INIT_56 = 256'h0, INIT_57 = 256'h0; \
    parameter [255:0] INIT_58 = 256'h0, INIT_59 = 256'h0, INIT_5A = 256'h0, INIT_5B = 256'h0; \
    parameter [255:0] INIT_5C = 256'h0, INIT_5D = 256'h0, INIT_5E = 256'h0, INIT_5F = 256'h0; \
    parameter [255:0] INIT_60 = 256'h0, INIT_61 = 256'h0, INIT_62 = 256'h0, INIT_63 = 256'h0; \
    parameter [255:0] INIT_64 = 256'h0, INIT_65 = 256'h0, INIT_66 = 256'h0, INIT_67 = 256'h0; \
    parameter [255:0] INIT_68 = 256'h0, INIT_69 = 256'h0, INIT_6A = 256'h0, INIT_6B = 256'h0; \
    parameter [255:0] INIT_6C = 256'h0, INIT_6D = 256'h0, INIT_6E = 256'h0, INIT_6F = 256'h0; \
    parameter [255:0] INIT_70 = 256'h0, INIT_71 = 256'h0, INIT_72 = 256'h0, INIT_73 = 256'h0; \
    parameter [255:0] INIT_74 = 256'h0, INIT_75 = 256'h0, INIT_76 = 256'h0, INIT_77 = 256'h0; \
    parameter [255:0] INIT_78 = 256'h0, INIT_79 = 256'h0, INIT_7A = 256'h0, INIT_7B = 256'h0; \
    parameter [255:0] INIT_7C = 256'h0, INIT_7D = 256'h0, INIT_7E = 256'h0, INIT_7F = 256'h0; \
    parameter [255:0] INITP_00 = 256'h0, INITP_01 = 256'h0, INITP_02 = 256'h0, INITP_03 = 256'h0; \
    parameter [255:0] INITP_04 = 256'h0, INITP_05 = 256'h0, INITP_06 = 256'h0, INITP_07 = 256'h0; \
    parameter [255:0] INITP_08 = 256'h0, INITP_09 = 256'h0, INITP_0A = 256'h0, INITP_0B = 256'h0; \
    parameter [255:0] INITP_0C = 256'h0, INITP_0D = 256'h0, INITP_0E = 256'h0, INITP_0F = 256'h0; \
    localparam [32767:0] INIT = { \
        INIT_7F, INIT_7E, INIT_7D, INIT_7C, INIT_7B, INIT_7A, INIT_79, INIT_78, INIT_77, INIT_76, INIT_75, INIT_74, \
        INIT_73, INIT_72, INIT_71, INIT_70, INIT_6F, INIT_6E, INIT_6D, INIT_6C, INIT_6B, INIT_6A, INIT_69, INIT_68, \
        INIT_67, INIT_66, INIT_65, INIT_64, INIT_63, INIT_62, INIT_61, INIT_60, INIT_5F, INIT_5E, INIT_5D, INIT_5C, \
        INIT_5B, INIT_5A, INIT_59, INIT_58, INIT_57, INIT_56, INIT_55, INIT_54, INIT_53, INIT_52, INIT_51, INIT_50, \
        INIT_4F, INIT_4E, INIT_4D, INIT_4C, INIT_4B, INIT_4A, INIT_49, INIT_48, INIT_47, INIT_46, INIT_45, INIT_44, \
        INIT_43, INIT_42, INIT_41, INIT_40, INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38, \
        INIT_37, INIT_36, INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30, INIT_2F, INIT_2E, INIT_2D, INIT_2C, \
        INIT_2B, INIT_2A, INIT_29, INIT_28, INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20, \
        INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18, INIT_17, INIT_16, INIT_15, INIT_14, \
        INIT_13, INIT_12, INIT_11, INIT_10, INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08, \
        INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00 \
    }; \
    localparam [4095:0] INITP = {INITP_0F, INITP_0E, INITP_0D, INITP_0C, INITP_0B, INITP_0A, INITP_09, INITP_08, INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00};

module RAMB18E1 (
    input [13:0] ADDRARDADDR, ADDRBWRADDR, input [15:0] DIADI, DIBDI, input [1:0] DIPADIP, DIPBDIP,
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [1:0] WEA, input [3:0] WEBWE,
    output [15:0] DOADO, DOBDO, output [1:0] DOPADOP, DOPBDOP
);
    parameter DOA_REG = 0, DOB_REG = 0, READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST", SIM_DEVICE = "";
    parameter INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0, CASCADE_ORDER_A = "NONE", CASCADE_ORDER_B = "NONE";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE", RDADDR_COLLISION_HWCONFIG = "", SIM_COLLISION_CHECK = "";
    parameter CLOCK_DOMAINS = "", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE", RSTREG_PRIORITY_A = "", RSTREG_PRIORITY_B = "";
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    `BITSMITH_INIT18
    wire [17:0] low = {DIPADIP[1], DIADI[15:8], DIPADIP[0], DIADI[7:0]};
    wire [17:0] high = {DIPBDIP[1], DIBDI[15:8], DIPBDIP[0], DIBDI[7:0]};
    wire [71:0] doa, dob;
    wire wrong = RSTRAMARSTRAM !== 0 || RSTRAMB !== 0 || RSTREGARSTREG !== 0 || RSTREGB !== 0 || IS_CLKARDCLK_INVERTED ||
                 IS_CLKBWRCLK_INVERTED || IS_ENARDEN_INVERTED || IS_ENBWREN_INVERTED;
    bitsmith_ramb #(.BITS(14), .RA(READ_WIDTH_A), .RB(READ_WIDTH_B), .WA(WRITE_WIDTH_A), .WB(WRITE_WIDTH_B), .REGA(DOA_REG),
        .REGB(DOB_REG), .MODEA(WRITE_MODE_A), .MODEB(WRITE_MODE_B), .INIT(INIT), .INITP(INITP)) ram (
        .clka(CLKARDCLK), .clkb(CLKBWRCLK), .ena(ENARDEN), .enb(ENBWREN), .rea(REGCEAREGCE), .reb(REGCEB),
        .ada(ADDRARDADDR[13:0]), .adb(ADDRBWRADDR[13:0]), .dia(low), .dib(WRITE_WIDTH_B > 18 ? {high, low} : high),
        .wea(WEA), .web(WEBWE), .doa(doa), .dob(dob)
    );
    assign DOADO = wrong ? 16'bx : {doa[16:9], doa[7:0]};
    assign DOPADOP = wrong ? 2'bx : {doa[17], doa[8]};
    assign DOBDO = wrong ? 16'bx : {dob[16:9], dob[7:0]};
    assign DOPBDOP = wrong ? 2'bx : {dob[17], dob[8]};
endmodule

module RAMB36E1 (
    input [15:0] ADDRARDADDR, ADDRBWRADDR, input [31:0] DIADI, DIBDI, input [3:0] DIPADIP, DIPBDIP,
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input CASCADEINA, CASCADEINB, INJECTDBITERR, INJECTSBITERR, input [3:0] WEA, input [7:0] WEBWE,
    output [31:0] DOADO, DOBDO, output [3:0] DOPADOP, DOPBDOP
);
    parameter DOA_REG = 0, DOB_REG = 0, READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST", SIM_DEVICE = "";
    parameter INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0, CASCADE_ORDER_A = "NONE", CASCADE_ORDER_B = "NONE";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE", RDADDR_COLLISION_HWCONFIG = "", SIM_COLLISION_CHECK = "";
    parameter CLOCK_DOMAINS = "", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE", RSTREG_PRIORITY_A = "", RSTREG_PRIORITY_B = "";
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    `BITSMITH_INIT36
    wire [35:0] low = {DIPADIP[3], DIADI[31:24], DIPADIP[2], DIADI[23:16], DIPADIP[1], DIADI[15:8], DIPADIP[0], DIADI[7:0]};
    wire [35:0] high = {DIPBDIP[3], DIBDI[31:24], DIPBDIP[2], DIBDI[23:16], DIPBDIP[1], DIBDI[15:8], DIPBDIP[0], DIBDI[7:0]};
    wire [71:0] doa, dob;
    wire wrong = RSTRAMARSTRAM !== 0 || RSTRAMB !== 0 || RSTREGARSTREG !== 0 || RSTREGB !== 0 || IS_CLKARDCLK_INVERTED ||
                 IS_CLKBWRCLK_INVERTED || IS_ENARDEN_INVERTED || IS_ENBWREN_INVERTED;
    bitsmith_ramb #(.BITS(15), .RA(READ_WIDTH_A), .RB(READ_WIDTH_B), .WA(WRITE_WIDTH_A), .WB(WRITE_WIDTH_B), .REGA(DOA_REG),
        .REGB(DOB_REG), .MODEA(WRITE_MODE_A), .MODEB(WRITE_MODE_B), .INIT(INIT), .INITP(INITP)) ram (
        .clka(CLKARDCLK), .clkb(CLKBWRCLK), .ena(ENARDEN), .enb(ENBWREN), .rea(REGCEAREGCE), .reb(REGCEB),
        .ada(ADDRARDADDR[14:0]), .adb(ADDRBWRADDR[14:0]), .dia(low), .dib(WRITE_WIDTH_B > 36 ? {high, low} : high),
        .wea(WEA), .web(WEBWE), .doa(doa), .dob(dob)
    );
    assign DOADO = wrong ? 32'bx : {doa[34:27], doa[25:18], doa[16:9], doa[7:0]};
    assign DOPADOP = wrong ? 4'bx : {doa[35], doa[26], doa[17], doa[8]};
    assign DOBDO = wrong ? 32'bx : {dob[34:27], dob[25:18], dob[16:9], dob[7:0]};
    assign DOPBDOP = wrong ? 4'bx : {dob[35], dob[26], dob[17], dob[8]};
endmodule

module RAMB18E2 (
    input [13:0] ADDRARDADDR, ADDRBWRADDR, input [15:0] DINADIN, DINBDIN, input [1:0] DINPADINP, DINPBDINP,
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input ADDRENA, ADDRENB, SLEEP, input [1:0] WEA, input [3:0] WEBWE,
    output [15:0] DOUTADOUT, DOUTBDOUT, output [1:0] DOUTPADOUTP, DOUTPBDOUTP
);
    parameter DOA_REG = 0, DOB_REG = 0, READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST", SIM_DEVICE = "";
    parameter INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0, CASCADE_ORDER_A = "NONE", CASCADE_ORDER_B = "NONE";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE", RDADDR_COLLISION_HWCONFIG = "", SIM_COLLISION_CHECK = "";
    parameter CLOCK_DOMAINS = "", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE", RSTREG_PRIORITY_A = "", RSTREG_PRIORITY_B = "";
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    `BITSMITH_INIT18
    wire [17:0] low = {DINPADINP[1], DINADIN[15:8], DINPADINP[0], DINADIN[7:0]};
    wire [17:0] high = {DINPBDINP[1], DINBDIN[15:8], DINPBDINP[0], DINBDIN[7:0]};
    wire [71:0] doa, dob;
    wire wrong = RSTRAMARSTRAM !== 0 || RSTRAMB !== 0 || RSTREGARSTREG !== 0 || RSTREGB !== 0 || IS_CLKARDCLK_INVERTED ||
                 IS_CLKBWRCLK_INVERTED || IS_ENARDEN_INVERTED || IS_ENBWREN_INVERTED;
    bitsmith_ramb #(.BITS(14), .RA(READ_WIDTH_A), .RB(READ_WIDTH_B), .WA(WRITE_WIDTH_A), .WB(WRITE_WIDTH_B), .REGA(DOA_REG),
        .REGB(DOB_REG), .MODEA(WRITE_MODE_A), .MODEB(WRITE_MODE_B), .INIT(INIT), .INITP(INITP)) ram (
        .clka(CLKARDCLK), .clkb(CLKBWRCLK), .ena(ENARDEN), .enb(ENBWREN), .rea(REGCEAREGCE), .reb(REGCEB),
        .ada(ADDRARDADDR[13:0]), .adb(ADDRBWRADDR[13:0]), .dia(low), .dib(WRITE_WIDTH_B > 18 ? {high, low} : high),
        .wea(WEA), .web(WEBWE), .doa(doa), .dob(dob)
    );
    assign DOUTADOUT = wrong ? 16'bx : {doa[16:9], doa[7:0]};
    assign DOUTPADOUTP = wrong ? 2'bx : {doa[17], doa[8]};
    assign DOUTBDOUT = wrong ? 16'bx : {dob[16:9], dob[7:0]};
    assign DOUTPBDOUTP = wrong ? 2'bx : {dob[17], dob[8]};
endmodule

module RAMB36E2 (
    input [14:0] ADDRARDADDR, ADDRBWRADDR, input [31:0] DINADIN, DINBDIN, input [3:0] DINPADINP, DINPBDINP,
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input ADDRENA, ADDRENB, SLEEP, input [3:0] WEA, input [7:0] WEBWE,
    output [31:0] DOUTADOUT, DOUTBDOUT, output [3:0] DOUTPADOUTP, DOUTPBDOUTP
);
    parameter DOA_REG = 0, DOB_REG = 0, READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST", SIM_DEVICE = "";
    parameter INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0, CASCADE_ORDER_A = "NONE", CASCADE_ORDER_B = "NONE";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE", RDADDR_COLLISION_HWCONFIG = "", SIM_COLLISION_CHECK = "";
    parameter CLOCK_DOMAINS = "", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE", RSTREG_PRIORITY_A = "", RSTREG_PRIORITY_B = "";
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    `BITSMITH_INIT36
    wire [35:0] low = {DINPADINP[3], DINADIN[31:24], DINPADINP[2], DINADIN[23:16], DINPADINP[1], DINADIN[15:8], DINPADINP[0], DINADIN[7:0]};
    wire [35:0] high = {DINPBDINP[3], DINBDIN[31:24], DINPBDINP[2], DINBDIN[23:16], DINPBDINP[1], DINBDIN[15:8], DINPBDINP[0], DINBDIN[7:0]};
    wire [71:0] doa, dob;
    wire wrong = RSTRAMARSTRAM !== 0 || RSTRAMB !== 0 || RSTREGARSTREG !== 0 || RSTREGB !== 0 || IS_CLKARDCLK_INVERTED ||
                 IS_CLKBWRCLK_INVERTED || IS_ENARDEN_INVERTED || IS_ENBWREN_INVERTED;
    bitsmith_ramb #(.BITS(15), .RA(READ_WIDTH_A), .RB(READ_WIDTH_B), .WA(WRITE_WIDTH_A), .WB(WRITE_WIDTH_B), .REGA(DOA_REG),
        .REGB(DOB_REG), .MODEA(WRITE_MODE_A), .MODEB(WRITE_MODE_B), .INIT(INIT), .INITP(INITP)) ram (
        .clka(CLKARDCLK), .clkb(CLKBWRCLK), .ena(ENARDEN), .enb(ENBWREN), .rea(REGCEAREGCE), .reb(REGCEB),
        .ada(ADDRARDADDR[14:0]), .adb(ADDRBWRADDR[14:0]), .dia(low), .dib(WRITE_WIDTH_B > 36 ? {high, low} : high),
        .wea(WEA), .web(WEBWE), .doa(doa), .dob(dob)
    );
    assign DOUTADOUT = wrong ? 32'bx : {doa[34:27], doa[25:18], doa[16:9], doa[7:0]};
    assign DOUTPADOUTP = wrong ? 4'bx : {doa[35], doa[26], doa[17], doa[8]};
    assign DOUTBDOUT = wrong ? 32'bx : {dob[34:27], dob[25:18], dob[16:9], dob[7:0]};
    assign DOUTPBDOUTP = wrong ? 4'bx : {dob[35], dob[26], dob[17], dob[8]};
endmodule

// A multiplication, with what is added to it, and its registers.
module DSP48E2 (
    input [29:0] A, ACIN, input [17:0] B, BCIN, input [47:0] C, PCIN, input [26:0] D, input [3:0] ALUMODE, input CARRYIN, CARRYCASCIN,
    input [2:0] CARRYINSEL, input [4:0] INMODE, input [8:0] OPMODE, input MULTSIGNIN, CLK,
    input CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM, CEP,
    input RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP, output [47:0] P
);
    parameter ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, BCASCREG = 1, BREG = 1, CARRYINREG = 1, CARRYINSELREG = 1, CREG = 1;
    parameter DREG = 1, INMODEREG = 1, MREG = 1, OPMODEREG = 1, PREG = 1;
    parameter AMULTSEL = "A", A_INPUT = "DIRECT", BMULTSEL = "B", B_INPUT = "DIRECT", USE_MULT = "MULTIPLY", USE_SIMD = "ONE48";
    reg [26:0] held_a;
    reg [17:0] held_b;
    reg [47:0] held_c, held_m, held_p;
    wire signed [47:0] a = $signed(AREG ? held_a : A[26:0]);
    wire signed [47:0] b = $signed(BREG ? held_b : B);
    wire [47:0] product = a * b;
    wire [47:0] m = MREG ? held_m : product;
    wire [47:0] c = CREG ? held_c : C;
    // X and Y are the product; Z is nothing or C
    wire known = ALUMODE === 0 && CARRYIN === 0 && CARRYINSEL === 0 && INMODE === 0 && AREG < 2 && BREG < 2 && AMULTSEL == "A" &&
                 BMULTSEL == "B" && A_INPUT == "DIRECT" && B_INPUT == "DIRECT" && USE_MULT == "MULTIPLY" && USE_SIMD == "ONE48";
    wire [47:0] sum = !known ? 48'bx : OPMODE === 9'h005 ? m : OPMODE === 9'h035 ? m + c : 48'bx;
    always @(posedge CLK) begin
        if (CEA2 !== 0) held_a <= RSTA === 1 ? 0 : A[26:0];
        if (CEB2 !== 0) held_b <= RSTB === 1 ? 0 : B;
        if (CEC !== 0) held_c <= RSTC === 1 ? 0 : C;
        if (CEM !== 0) held_m <= RSTM === 1 ? 0 : product;
        if (CEP !== 0) held_p <= RSTP === 1 ? 0 : sum;
    end
    assign P = PREG ? held_p : sum;
endmodule
