// A queue of DEPTH words (a power of two) that is never written when full: whoever writes counts its free places, `taken`
// tells when one becomes free. A word written in one cycle is there in the next.
module bs_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             push,
    input  logic [WIDTH-1:0] data,
    output logic             taken,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int BITS = $clog2(DEPTH);
    (* ram_style = "distributed" *) logic [WIDTH-1:0] words[0:DEPTH-1];
    logic [BITS:0] head;
    logic [BITS:0] tail;

    assign out_valid = head != tail;
    assign out_data = words[tail[BITS-1:0]];
    assign taken = out_valid && out_ready;

    always_ff @(posedge clk) begin
        if (push) words[head[BITS-1:0]] <= data;
    end
    always_ff @(posedge clk) begin
        if (rst) begin
            head <= '0;
            tail <= '0;
        end else begin
            if (push) head <= head + 1'b1;
            if (taken) tail <= tail + 1'b1;
        end
    end
endmodule
