// The clock of a bench, where the simulator does not come with one.
module bs_clock;
    logic clk = 1'b0;
    logic rst = 1'b1;
    logic done;
    bench bench (.clk(clk), .rst(rst), .done(done));
    always #1 clk = ~clk;
    initial begin
        repeat (4) @(negedge clk);
        rst = 1'b0;
    end
    always @(negedge clk) if (!rst && done) $finish;
endmodule
