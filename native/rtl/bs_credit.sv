// Counts the free places of a queue of DEPTH words: `room` says that a word that is begun now will find one.
module bs_credit #(
    parameter int DEPTH = 2
) (
    input  logic clk,
    input  logic rst,
    input  logic begun,
    input  logic taken,
    output logic room
);
    localparam int BITS = $clog2(DEPTH + 1);
    localparam logic [BITS-1:0] ALL = BITS'(DEPTH);
    localparam logic [BITS-1:0] ONE = BITS'(1);
    logic [BITS-1:0] free;

    always_ff @(posedge clk) begin
        if (rst) begin
            free <= ALL;
            room <= 1'b1;
        end else if (begun && !taken) begin
            free <= free - ONE;
            room <= free != ONE;
        end else if (taken && !begun) begin
            free <= free + ONE;
            room <= 1'b1;
        end
    end
endmodule
