// A queue of DEPTH words (a power of two) and a few more, in a memory that is read a cycle ahead. It takes what comes while
// the next stage is busy with what it has.
module bs_queue #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 4
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int BITS = $clog2(DEPTH);
    localparam logic [BITS:0] FULL = (BITS+1)'(DEPTH);
    logic [WIDTH-1:0] words[0:DEPTH-1];
    logic [BITS:0] head, tail, held;
    logic write, read, room, taken, valid;
    logic [WIDTH-1:0] word;

    assign held = head - tail;
    assign in_ready = held != FULL;
    assign write = in_valid && in_ready;
    assign read = head != tail && room;

    always_ff @(posedge clk) begin
        if (write) words[head[BITS-1:0]] <= in_data;
    end
    always_ff @(posedge clk) begin
        word <= words[tail[BITS-1:0]];
    end
    always_ff @(posedge clk) begin
        if (rst) begin
            head <= '0;
            tail <= '0;
            valid <= 1'b0;
        end else begin
            if (write) head <= head + 1'b1;
            if (read) tail <= tail + 1'b1;
            valid <= read;
        end
    end
    bs_credit #(.DEPTH(4)) credit (.clk(clk), .rst(rst), .begun(read), .taken(taken), .room(room));
    bs_fifo #(.WIDTH(WIDTH), .DEPTH(4)) queue (
        .clk(clk), .rst(rst), .push(valid), .data(word), .taken(taken),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
endmodule
