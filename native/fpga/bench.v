// Drives a unit, as RTL or as a netlist, with recorded beats and compares what comes out. Every bit must be known: x is
// wrong. Macros: UNIT, INPUT_BITS, OUTPUT_BITS, INPUTS and OUTPUTS (beats), LIMIT (clock cycles). With +stall both sides
// pause by chance; without, cycles are counted from the one in which the first input is taken to that of the last output.
`timescale 1ns / 1ps
module bench;
    reg clk = 0;
    reg rst = 1;
    reg in_valid = 0;
    reg out_ready = 0;
    wire in_ready, out_valid;
    wire [`INPUT_BITS-1:0] in_data;
    wire [`OUTPUT_BITS-1:0] out_data;
    reg [`INPUT_BITS-1:0] inputs[0:`INPUTS-1];
    reg [`OUTPUT_BITS-1:0] outputs[0:`OUTPUTS-1];
    integer taken = 0, given = 0, wrong = 0, cycle = 0, first = -1;
    reg stall;
    reg [15:0] chance = 16'hace1;

    `UNIT unit (.clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
                .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data));
    assign in_data = in_valid ? inputs[taken] : {`INPUT_BITS{1'bx}};
    always #5 clk = ~clk;

    initial begin
        stall = $test$plusargs("stall") != 0;
        $readmemh("inputs.hex", inputs);
        $readmemh("outputs.hex", outputs);
    end

    // driven at the falling edge, sampled at the rising one
    always @(negedge clk) begin
        chance = {chance[14:0], chance[15] ^ chance[13] ^ chance[12] ^ chance[10]};
        rst = cycle < 4;
        in_valid = cycle >= 6 && taken < `INPUTS && (!stall || chance[0] || chance[3]);
        out_ready = cycle >= 6 && (!stall || chance[1]);
    end
    always @(posedge clk) begin
        cycle <= cycle + 1;
        if (!rst && cycle >= 6) begin
            if (in_ready === 1'bx || out_valid === 1'bx) finish("x on the handshake");
            if (in_valid && in_ready) begin
                if (first < 0) first = cycle;
                taken <= taken + 1;
            end
            if (out_valid && out_ready) begin
                if (given >= `OUTPUTS) finish("more outputs than there should be");
                if (out_data !== outputs[given]) begin
                    if (wrong == 0) $display("first wrong: beat %0d is %h, should be %h", given, out_data, outputs[given]);
                    wrong = wrong + 1;
                end
                given = given + 1;
                if (given == `OUTPUTS) finish("done");
            end
        end
        if (cycle > `LIMIT) finish("no more outputs");
    end
    task finish(input [8*40-1:0] how);
        begin
            $display("bitsmith beats %0d wrong %0d cycles %0d: %0s", given, wrong, cycle - first + 1, how);
            $finish;
        end
    endtask
endmodule
