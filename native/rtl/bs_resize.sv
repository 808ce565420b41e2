// Words of FROM elements into words of TO: one is a multiple of the other. The first element is in the low bits.
module bs_resize #(
    parameter int BITS = 8,
    parameter int FROM = 1,
    parameter int TO   = 1
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 in_valid,
    output logic                 in_ready,
    input  logic [FROM*BITS-1:0] in_data,
    output logic                 out_valid,
    input  logic                 out_ready,
    output logic [TO*BITS-1:0]   out_data
);
    localparam int PARTS = FROM > TO ? FROM / TO : TO / FROM;
    localparam int COUNT = $clog2(PARTS + 1);
    localparam logic [COUNT-1:0] NONE = COUNT'(0);
    localparam logic [COUNT-1:0] ONE = COUNT'(1);
    localparam logic [COUNT-1:0] ALL = COUNT'(PARTS);
    logic [COUNT-1:0] left;

    generate
        if (FROM > TO) begin : split
            logic [FROM*BITS-1:0] word;
            assign out_valid = left != NONE;
            assign out_data = word[TO*BITS-1:0];
            assign in_ready = left == NONE || (left == ONE && out_ready);
            always_ff @(posedge clk) begin
                if (in_valid && in_ready) word <= in_data;
                else if (out_valid && out_ready) word <= word >> (TO * BITS);
            end
            always_ff @(posedge clk) begin
                if (rst) left <= NONE;
                else if (in_valid && in_ready) left <= ALL;
                else if (out_valid && out_ready) left <= left - ONE;
            end
        end else if (FROM < TO) begin : join_up
            // left: parts that are there
            logic [TO*BITS-1:0] word;
            assign out_valid = left == ALL;
            assign out_data = word;
            assign in_ready = left != ALL || out_ready;
            always_ff @(posedge clk) begin
                if (in_valid && in_ready) word <= {in_data, word[TO*BITS-1:FROM*BITS]};
            end
            always_ff @(posedge clk) begin
                if (rst) left <= NONE;
                else if (in_valid && in_ready) left <= left == ALL ? ONE : left + ONE;
                else if (out_valid && out_ready) left <= NONE;
            end
        end else begin : same
            assign out_valid = in_valid;
            assign out_data = in_data;
            assign in_ready = out_ready;
        end
    endgenerate
endmodule
