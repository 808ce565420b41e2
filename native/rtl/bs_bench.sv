// Drives a design with the words of one file, compares what it gives with those of another, and tells the clock cycles. With
// SEED = 0 it never waits; otherwise both sides pause by chance. Prints one line:
//   <NAME> outputs=<beats> wrong=<beats> cycles=<first input to last output> interval=<between the last two frames>
module bs_bench #(
    parameter NAME = "design",
    parameter IN_FILE = "in.hex",
    parameter OUT_FILE = "out.hex",
    parameter int IN_WIDTH = 1,
    parameter int IN_COUNT = 1,
    parameter int OUT_WIDTH = 1,
    parameter int OUT_COUNT = 1,
    parameter int FRAME = 1,
    parameter int SEED = 0,
    parameter int LIMIT = 1000000
) (
    input  logic                 clk,
    input  logic                 rst,
    output logic                 in_valid,
    input  logic                 in_ready,
    output logic [IN_WIDTH-1:0]  in_data,
    input  logic                 out_valid,
    output logic                 out_ready,
    input  logic [OUT_WIDTH-1:0] out_data,
    output logic                 done
);
    logic [IN_WIDTH-1:0] words[0:IN_COUNT-1];
    logic [OUT_WIDTH-1:0] expected[0:OUT_COUNT-1];
    initial $readmemh(IN_FILE, words);
    initial $readmemh(OUT_FILE, expected);

    int sent, got, wrong, cycle, first, frame;
    logic [31:0] chance;
    logic begun, offer, accept;
    assign in_valid = offer && sent < IN_COUNT;
    assign in_data = words[sent < IN_COUNT ? sent : 0];
    assign out_ready = accept;

    always_ff @(posedge clk) begin
        if (rst) begin
            sent <= 0; got <= 0; wrong <= 0; cycle <= 0; first <= 0; frame <= 0;
            begun <= 1'b0; done <= 1'b0;
            offer <= SEED == 0; accept <= SEED == 0;
            chance <= SEED;
        end else if (!done) begin
            cycle <= cycle + 1;
            chance <= {chance[30:0], chance[31] ^ chance[21] ^ chance[1] ^ chance[0]};
            if (SEED != 0) begin
                // an offer stands until it is taken
                offer <= (offer && !in_ready) || chance[3:2] != 2'b00;
                accept <= chance[7:6] != 2'b00;
            end
            if (in_valid && in_ready) begin
                sent <= sent + 1;
                begun <= 1'b1;
                if (!begun) first <= cycle;
            end
            if (out_valid && out_ready) begin
                got <= got + 1;
                if (out_data !== expected[got]) begin
                    wrong <= wrong + 1;
                    if (wrong < 3) $display("%s: output %0d is %h, expected %h", NAME, got, out_data, expected[got]);
                end
                if (got == OUT_COUNT - FRAME - 1) frame <= cycle;
                if (got == OUT_COUNT - 1) begin
                    done <= 1'b1;
                    $display("%s outputs=%0d wrong=%0d cycles=%0d interval=%0d", NAME, OUT_COUNT,
                        wrong + (out_data !== expected[got] ? 1 : 0), cycle - first + 1, cycle - frame);
                end
            end
            if (cycle == LIMIT) begin
                done <= 1'b1;
                $display("%s outputs=%0d wrong=%0d cycles=0 interval=0 timeout", NAME, got, OUT_COUNT - got + wrong);
            end
        end
    end
endmodule
