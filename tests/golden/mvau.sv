// mvau.w4a4.r4c6.pe2.simd3.block.reg.tree1.acc10.thr2.x1.dsp
// 4 cycles from vector to vector, 11 from the last input to the last output
module golden (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [11:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [3:0] out_data
);
    genvar p, s;
    // which beat of an output is begun, and whether one is
    logic [0:0] beat;
    logic [1:0] address;
    logic [0:0] fold;
    logic first;
    logic last;
    logic take;
    logic issue;
    logic room;
    logic taken;
    assign first = beat == 1'h0;
    assign last = beat == 1'h1;
    assign take = fold == 1'h0;
    assign in_ready = take && (room || !last);
    assign issue = (in_valid || !take) && (room || !last);
    always_ff @(posedge clk) begin
        if (rst) begin
            beat <= 1'h0;
            address <= 2'h0;
            fold <= 1'h0;
        end else begin
            if (issue) begin
                beat <= beat == 1'h1 ? 1'h0 : beat + 1'h1;
                address <= address == 2'h3 ? 2'h0 : address + 2'h1;
                if (last) begin
                    fold <= fold == 1'h1 ? 1'h0 : fold + 1'h1;
                end
            end
        end
    end
    // and on its way: is it one, is it the first of an output, is it the last
    logic [5:0] valid;
    logic [5:0] firsts;
    logic [5:0] lasts;
    always_ff @(posedge clk) begin
        if (rst) begin
            valid <= 6'h0;
        end else begin
            valid <= {valid[4:0], issue};
        end
    end
    always_ff @(posedge clk) begin
        firsts <= {firsts[4:0], first};
        lasts <= {lasts[4:0], last};
    end
    // weights, and the activations that they meet
    (* ram_style = "block" *) logic [23:0] weights[0:3];
    initial begin
        $readmemh("golden.weights.hex", weights);
    end
    logic [23:0] w1;
    always_ff @(posedge clk) begin
        w1 <= weights[address];
    end
    (* ram_style = "distributed" *) logic [11:0] replay[0:1];
    always_ff @(posedge clk) begin
        if (issue && take) begin
            replay[beat] <= in_data;
        end
    end
    logic [11:0] x1;
    always_ff @(posedge clk) begin
        x1 <= in_data;
    end
    logic [23:0] w;
    logic [11:0] x;
    logic [11:0] again;
    logic taken1;
    always_ff @(posedge clk) begin
        again <= replay[beat];
        taken1 <= take;
    end
    always_ff @(posedge clk) begin
        w <= w1;
        x <= taken1 ? x1 : again;
    end
    // products
    logic [47:0] products;
    logic [23:0] factors;
    logic [11:0] inputs;
    always_ff @(posedge clk) begin
        factors <= w;
        inputs <= x;
    end
    for (p = 0; p < 2; p = p + 1) begin : output_lane
        for (s = 0; s < 3; s = s + 1) begin : input_lane
            logic signed [4:0] activation;
            assign activation = $signed({1'b0, inputs[(s) * 4 +: 4]});
            logic signed [7:0] product;
            logic signed [3:0] weight;
            assign weight = $signed(factors[(p * 3 + s) * 4 +: 4]);
            always_ff @(posedge clk) begin
                product <= weight * activation;
            end
            assign products[(p * 3 + s) * 8 +: 8] = product;
        end
    end
    // the sum of a beat's products
    logic [35:0] level1;
    for (p = 0; p < 2; p = p + 1) begin : tree1
        for (s = 0; s < 1; s = s + 1) begin : node
            logic signed [8:0] sum;
            always_ff @(posedge clk) begin
                sum <= $signed(products[(p * 3 + 2 * s) * 8 +: 8]) + $signed(products[(p * 3 + 2 * s + 1) * 8 +: 8]);
            end
            assign level1[(p * 2 + s) * 9 +: 9] = sum;
        end
        for (s = 0; s < 1; s = s + 1) begin : alone
            logic signed [8:0] sum;
            always_ff @(posedge clk) begin
                sum <= $signed(products[(p * 3 + 2) * 8 +: 8]);
            end
            assign level1[(p * 2 + 1 + s) * 9 +: 9] = sum;
        end
    end
    logic [19:0] level2;
    for (p = 0; p < 2; p = p + 1) begin : tree2
        for (s = 0; s < 1; s = s + 1) begin : node
            logic signed [9:0] sum;
            always_ff @(posedge clk) begin
                sum <= $signed(level1[(p * 2 + 2 * s) * 9 +: 9]) + $signed(level1[(p * 2 + 2 * s + 1) * 9 +: 9]);
            end
            assign level2[(p * 1 + s) * 10 +: 10] = sum;
        end
    end
    logic [19:0] terms;
    assign terms = level2;
    // sums
    logic [19:0] sum;
    logic done;
    for (p = 0; p < 2; p = p + 1) begin : accumulator
        logic signed [9:0] base;
        logic signed [9:0] term;
        logic signed [9:0] total;
        assign base = firsts[5] ? 10'sh0 : total;
        assign term = $signed(terms[p * 10 +: 10]);
        always_ff @(posedge clk) begin
            if (valid[5]) begin
                total <= base + term;
            end
        end
        assign sum[p * 10 +: 10] = total;
    end
    always_ff @(posedge clk) begin
        if (rst) begin
            done <= 1'b0;
        end else begin
            done <= valid[5] && lasts[5];
        end
    end
    // what becomes of them
    logic [2:0] stages;
    always_ff @(posedge clk) begin
        if (rst) begin
            stages <= 3'h0;
        end else begin
            stages <= {stages[1:0], done};
        end
    end
    logic complete;
    assign complete = stages[2];
    logic [0:0] sum_fold;
    always_ff @(posedge clk) begin
        if (rst) begin
            sum_fold <= 1'h0;
        end else begin
            if (valid[5] && lasts[5]) begin
                sum_fold <= sum_fold == 1'h1 ? 1'h0 : sum_fold + 1'h1;
            end
        end
    end
    logic [0:0] fold0;
    always_ff @(posedge clk) begin
        fold0 <= sum_fold;
    end
    logic [0:0] fold1;
    always_ff @(posedge clk) begin
        fold1 <= fold0;
    end
    logic [3:0] result;
    (* ram_style = "distributed" *) logic [9:0] threshold0_0[0:1];
    initial begin
        threshold0_0[0] = 10'h3f1;
        threshold0_0[1] = 10'h327;
    end
    logic [9:0] limit0_0;
    always_ff @(posedge clk) begin
        limit0_0 <= threshold0_0[sum_fold];
    end
    logic signed [9:0] sum0_0;
    logic [0:0] code0_0;
    always_ff @(posedge clk) begin
        code0_0 <= $signed(sum[0 +: 10]) >= $signed(limit0_0);
        sum0_0 <= $signed(sum[0 +: 10]);
    end
    (* ram_style = "distributed" *) logic [9:0] threshold0_1[0:3];
    initial begin
        threshold0_1[0] = 10'h327;
        threshold0_1[1] = 10'h74;
        threshold0_1[2] = 10'h31a;
        threshold0_1[3] = 10'h85;
    end
    logic [9:0] limit0_1;
    always_ff @(posedge clk) begin
        limit0_1 <= threshold0_1[{fold1, code0_0}];
    end
    logic signed [9:0] sum0_1;
    logic [1:0] code0_1;
    logic signed [9:0] held0_1_0;
    logic [0:0] prefix0_1_0;
    always_ff @(posedge clk) begin
        held0_1_0 <= sum0_0;
        prefix0_1_0 <= code0_0;
    end
    always_ff @(posedge clk) begin
        code0_1 <= {prefix0_1_0, held0_1_0 >= $signed(limit0_1)};
        sum0_1 <= held0_1_0;
    end
    assign result[0 +: 2] = code0_1;
    (* ram_style = "distributed" *) logic [9:0] threshold1_0[0:1];
    initial begin
        threshold1_0[0] = 10'h39;
        threshold1_0[1] = 10'ha5;
    end
    logic [9:0] limit1_0;
    always_ff @(posedge clk) begin
        limit1_0 <= threshold1_0[sum_fold];
    end
    logic signed [9:0] sum1_0;
    logic [0:0] code1_0;
    always_ff @(posedge clk) begin
        code1_0 <= $signed(sum[10 +: 10]) >= $signed(limit1_0);
        sum1_0 <= $signed(sum[10 +: 10]);
    end
    (* ram_style = "distributed" *) logic [9:0] threshold1_1[0:3];
    initial begin
        threshold1_1[0] = 10'h367;
        threshold1_1[1] = 10'h3c;
        threshold1_1[2] = 10'h3f1;
        threshold1_1[3] = 10'h106;
    end
    logic [9:0] limit1_1;
    always_ff @(posedge clk) begin
        limit1_1 <= threshold1_1[{fold1, code1_0}];
    end
    logic signed [9:0] sum1_1;
    logic [1:0] code1_1;
    logic signed [9:0] held1_1_0;
    logic [0:0] prefix1_1_0;
    always_ff @(posedge clk) begin
        held1_1_0 <= sum1_0;
        prefix1_1_0 <= code1_0;
    end
    always_ff @(posedge clk) begin
        code1_1 <= {prefix1_1_0, held1_1_0 >= $signed(limit1_1)};
        sum1_1 <= held1_1_0;
    end
    assign result[2 +: 2] = code1_1;
    // the output queue
    bs_credit #(.DEPTH(8)) credit (
        .clk(clk), .rst(rst), .taken(taken), .room(room), .begun(issue && last)
    );
    bs_fifo #(.WIDTH(4), .DEPTH(8)) queue (
        .clk(clk), .rst(rst), .taken(taken), .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .push(complete), .data(result)
    );
endmodule
