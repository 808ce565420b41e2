// The windows of a convolution over an image that streams by, pixel after pixel, LANES channels to a word. Images follow one
// another without a gap. Rows are kept in a ring of WORDS words (a power of two); what lies outside the image reads as PAD.
// A window comes row by row, pixel by pixel, channel by channel; with DEPTHWISE = 1 all its pixels for each word of channels.
module bs_window #(
    parameter int BITS = 8,
    parameter int LANES = 1,
    parameter int H = 1,
    parameter int W = 1,
    parameter int C = 1,
    parameter int KH = 1,
    parameter int KW = 1,
    parameter int STRIDE = 1,
    parameter int TOP = 0,
    parameter int LEFT = 0,
    parameter int OH = 1,
    parameter int OW = 1,
    parameter int WORDS = 2,
    parameter int DEPTHWISE = 0,
    parameter logic [BITS-1:0] PAD = 0
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic [LANES*BITS-1:0] in_data,
    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [LANES*BITS-1:0] out_data
);
    localparam int GROUPS = C / LANES;
    localparam int LINE = W * GROUPS;
    localparam int RING = $clog2(WORDS);
    // addresses count on over all images; differences of two are less than half of what they can say
    localparam int AT = RING + 2;
    localparam int SIDE = $clog2((H > W ? H : W) + (KH > KW ? KH : KW) + STRIDE) + 2;
    localparam int NUMBER = $clog2(OH * OW * KH * KW * GROUPS + 1) + 1;
    localparam logic [AT-1:0] ORIGIN = AT'(-(TOP * W + LEFT) * GROUPS);

    (* ram_style = "block" *) logic [LANES*BITS-1:0] ring[0:WORDS-1];

    // the writer
    logic [AT-1:0] written;
    logic [AT-1:0] oldest;
    logic [AT-1:0] held;
    logic write;
    assign held = written - oldest;
    assign in_ready = $signed(held) < $signed(AT'(WORDS));
    assign write = in_valid && in_ready;
    always_ff @(posedge clk) begin
        if (write) ring[written[RING-1:0]] <= in_data;
    end
    always_ff @(posedge clk) begin
        if (rst) written <= '0;
        else if (write) written <= written + AT'(1);
    end

    // the reader: where it is in the window, the output row and the image
    logic [NUMBER-1:0] group, kx, ky, ox, oy;
    logic signed [SIDE-1:0] x, y, x0, y0;
    logic [AT-1:0] at, line, window, row, image;
    logic outside, there, read, room, taken;
    logic end_group, end_line, end_window, end_row, end_image;
    logic [AT-1:0] ahead;
    assign ahead = written - at;
    assign outside = y < 0 || y >= $signed(SIDE'(H)) || x < 0 || x >= $signed(SIDE'(W));
    assign there = $signed(ahead) > 0;
    assign read = room && (outside || there);
    assign end_group = group == NUMBER'(GROUPS - 1);
    assign end_line = kx == NUMBER'(KW - 1) && (DEPTHWISE != 0 || end_group);
    assign end_window = end_line && ky == NUMBER'(KH - 1) && (DEPTHWISE == 0 || end_group);
    assign end_row = end_window && ox == NUMBER'(OW - 1);
    assign end_image = end_row && oy == NUMBER'(OH - 1);

    // the first word of the window that comes after this one
    logic [AT-1:0] next_window, next_row, next_image;
    assign next_image = image + AT'(H * LINE);
    assign next_row = end_image ? next_image + ORIGIN : row + AT'(STRIDE * LINE);
    assign next_window = end_row ? next_row : window + AT'(STRIDE * GROUPS);
    logic signed [SIDE-1:0] next_x, next_y;
    assign next_x = end_row ? -$signed(SIDE'(LEFT)) : x0 + $signed(SIDE'(STRIDE));
    assign next_y = end_image ? -$signed(SIDE'(TOP)) : end_row ? y0 + $signed(SIDE'(STRIDE)) : y0;

    always_ff @(posedge clk) begin
        if (rst) begin
            group <= '0; kx <= '0; ky <= '0; ox <= '0; oy <= '0;
            x <= -$signed(SIDE'(LEFT)); x0 <= -$signed(SIDE'(LEFT));
            y <= -$signed(SIDE'(TOP)); y0 <= -$signed(SIDE'(TOP));
            at <= ORIGIN; line <= ORIGIN; window <= ORIGIN; row <= ORIGIN;
            image <= '0; oldest <= '0;
        end else if (read) begin
            if (end_window) begin
                group <= '0; kx <= '0; ky <= '0;
                x <= next_x; x0 <= next_x; y <= next_y; y0 <= next_y;
                at <= next_window; line <= next_window; window <= next_window;
                ox <= end_row ? '0 : ox + NUMBER'(1);
                if (end_row) begin
                    oy <= end_image ? '0 : oy + NUMBER'(1);
                    row <= next_row;
                    // rows above the next windows are not needed any more
                    if (end_image) begin
                        image <= next_image;
                        oldest <= next_image;
                    end else if (next_y > 0) oldest <= next_row + AT'(LEFT * GROUPS);
                end
            end else if (DEPTHWISE != 0 && end_line && ky == NUMBER'(KH - 1)) begin
                group <= group + NUMBER'(1); kx <= '0; ky <= '0;
                x <= x0; y <= y0;
                at <= window + AT'(group) + AT'(1); line <= window + AT'(group) + AT'(1);
            end else if (end_line) begin
                if (DEPTHWISE == 0) group <= '0;
                kx <= '0; ky <= ky + NUMBER'(1);
                x <= x0; y <= y + $signed(SIDE'(1));
                at <= line + AT'(LINE); line <= line + AT'(LINE);
            end else if (DEPTHWISE != 0 || end_group) begin
                if (DEPTHWISE == 0) group <= '0;
                kx <= kx + NUMBER'(1);
                x <= x + $signed(SIDE'(1));
                at <= at + (DEPTHWISE != 0 ? AT'(GROUPS) : AT'(1));
            end else begin
                group <= group + NUMBER'(1);
                at <= at + AT'(1);
            end
        end
    end

    logic [LANES*BITS-1:0] word;
    logic pad, valid;
    always_ff @(posedge clk) begin
        word <= ring[at[RING-1:0]];
        pad <= outside;
    end
    always_ff @(posedge clk) begin
        if (rst) valid <= 1'b0;
        else valid <= read;
    end
    bs_credit #(.DEPTH(4)) credit (.clk(clk), .rst(rst), .begun(read), .taken(taken), .room(room));
    bs_fifo #(.WIDTH(LANES * BITS), .DEPTH(4)) queue (
        .clk(clk), .rst(rst), .push(valid), .data(pad ? {LANES{PAD}} : word), .taken(taken),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
endmodule
