//! The mutations and the kernels they are planted in: one row each.

use bitsmith::candidate::Contract::{self, F32io, Int8, Qdq};
use bitsmith::layer::{Op, Shape};

use super::{Edits, Mutation, Place, Victim};

const fn victim(
    name: &'static str,
    target: &'static str,
    shape: fn() -> Shape,
    (scheme, contract): (&'static str, Contract),
    threads: usize,
    schedule: &'static str,
) -> Victim {
    Victim { name, target, shape, scheme, contract, threads, schedule }
}

/// Tails of rows, columns and depth: 14 = 4 x 3 + 2, 19 = 16 + 3, 37 = 4 x 9 + 1.
fn gemm() -> Shape {
    Shape::gemm(14, 19, 37).unwrap()
}
/// Three panels, the last of them narrow.
fn wide() -> Shape {
    Shape::gemm(14, 35, 37).unwrap()
}
fn deep() -> Shape {
    Shape::gemm(14, 35, 101).unwrap()
}
/// Five chains of four steps of 8, or four of five.
fn chains_of_4() -> Shape {
    Shape::gemm(14, 19, 160).unwrap()
}
/// 17 chains of 16 steps of 16, or 16 of 17.
fn chains_of_16() -> Shape {
    Shape::gemm(14, 19, 4352).unwrap()
}
/// 65 words of bits: four chains of 16, or two of 32, and one word more.
fn planes() -> Shape {
    Shape::gemm(14, 19, 2051).unwrap()
}
/// 65 steps of 16: four chains of 16, or two of 32, and one more.
fn tables() -> Shape {
    Shape::gemm(14, 19, 1037).unwrap()
}
/// 129 steps of 16: four chains of 32, or one of 128, and one more.
fn long_tables() -> Shape {
    Shape::gemm(14, 19, 2061).unwrap()
}
/// Three pairs of rows, and two and a half.
fn odd_rows() -> Shape {
    Shape::gemm(11, 19, 37).unwrap()
}
fn conv() -> Shape {
    Shape::conv(Op::Conv2d, [6, 5, 3], 19, [3, 3], 2, [1; 4]).unwrap()
}
fn channels() -> Shape {
    Shape::conv(Op::Depthwise, [6, 6, 19], 19, [3, 3], 1, [1; 4]).unwrap()
}
fn unpadded_channels() -> Shape {
    Shape::conv(Op::Depthwise, [6, 6, 19], 19, [3, 3], 1, [0; 4]).unwrap()
}

const SCALAR: &str = "x86-scalar";
const AVX2: &str = "x86-avx2";
const AVXVNNI: &str = "x86-avxvnni";
const AVX512: &str = "x86-avx512vnni";
const POPCNT: &str = "x86-avx512vpopcnt";
const AVX512BF16: &str = "x86-avx512bf16";
const NEON: &str = "arm-neon";
const I8MM: &str = "arm-i8mm";
const SVE256: &str = "arm-sve256";
const ARMV7: &str = "armv7-neon";
const INT: (&str, Contract) = ("w8a8", Int8);
const DYNAMIC: (&str, Contract) = ("w8a8", F32io);
const FLOAT: (&str, Contract) = ("f32", F32io);

#[rustfmt::skip]
pub static VICTIMS: &[Victim] = &[
    victim("portable", SCALAR, gemm, DYNAMIC, 1, "scalar.b3x2.k1.staged.mn.c0x0x0.p0"),
    victim("product", AVX2, gemm, INT, 1, "wide.b3x2.k1.staged.mn.c0x0x0.p0"),
    victim("raw", AVX2, gemm, INT, 1, "wide.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("narrow", AVX2, gemm, INT, 1, "narrow.b3x2.k2.staged.mn.c0x0x0.p0"),
    victim("quantized", AVX2, gemm, DYNAMIC, 1, "wide.b3x2.k1.staged.mn.c0x0x0.p0"),
    victim("blocked", AVX2, deep, INT, 1, "wide.b3x2.k2.staged.nm.c3x16x32.p0"),
    victim("blocked-quantized", AVX2, deep, DYNAMIC, 1, "wide.b3x2.k2.staged.nm.c3x16x32.p0"),
    victim("rows-shared", AVX2, gemm, INT, 2, "wide.b3x2.k1.staged.mn.c0x0x0.p0.tm"),
    victim("panels-shared", AVX2, wide, INT, 2, "wide.b3x2.k1.staged.mn.c0x0x0.p0.tn"),
    victim("conv", AVX2, conv, INT, 1, "wide.b3x2.k1.staged.mn.c0x0x0.p0"),
    victim("conv-quantized", AVX2, conv, DYNAMIC, 1, "wide.b3x2.k1.staged.mn.c3x0x0.p0"),
    victim("float", AVX2, gemm, FLOAT, 1, "fma.b3x2.k2.raw.mn.c0x0x0.p0"),
    victim("maddubs", AVX2, gemm, ("w4a8", Int8), 1, "maddubs.b3x2.k1.d8.staged.mn.c0x0x0.p0"),
    victim("nibble", AVX2, chains_of_4, ("w4a8", Int8), 1, "nibble.b3x2.k1.d4.staged.mn.c0x0x0.p0"),
    victim("nibble-raw", AVX2, gemm, ("w4a8", Int8), 1, "nibble.b3x2.k1.d4.raw.mn.c0x0x0.p0"),
    victim("crumb", AVX2, chains_of_16, ("w2a8", Int8), 1, "crumb.b2x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("depthwise", AVX2, channels, INT, 1, "madd.b3x2.staged.mn.c0x0x0"),
    victim("depthwise-raw", AVX2, unpadded_channels, INT, 1, "madd.b3x2.raw.mn.c0x0x0"),
    victim("depthwise-quantized", AVX2, channels, DYNAMIC, 1, "madd.b3x2.staged.mn.c0x0x0"),
    victim("depthwise-float", AVX2, unpadded_channels, FLOAT, 1, "fma.b3x2.raw.mn.c0x0x0"),
    victim("ymm", AVXVNNI, gemm, INT, 1, "ymm.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("zmm", AVX512, gemm, INT, 1, "zmm.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("zmm-quantized", AVX512, gemm, DYNAMIC, 1, "zmm.b6x2.k1.staged.mn.c0x0x0.p0"),
    victim("zmm-nibble", AVX512, gemm, ("w4a8", Int8), 1, "zmmnibble.b6x2.k1.staged.mn.c0x0x0.p0"),
    victim("ymm-septet", AVXVNNI, gemm, ("w7a8", Int8), 1, "ymmseptet.b4x1.k1.staged.mn.c0x0x0.p0"),
    victim("groups", AVX512, deep, ("w4a8g32", F32io), 1, "zmmnibble.b6x2.k1.staged.mn.c0x0x0.p0"),
    victim("requantized", AVX512, gemm, ("w8a8", Qdq), 1, "zmm.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("requantized-pairs", AVX512, wide, ("w8a8", Qdq), 1, "zmm.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("zmm-quad", AVX512, channels, INT, 1, "zmmquad.b5x2.staged.mn.c0x0x0"),
    victim("zmm-quad-shared", AVX512, channels, INT, 1, "zmmquad.b6x2.staged.mn.c0x0x0"),
    victim("unpacked", AVX512, wide, ("w5a8", Int8), 1, "zmmquintet.b6x2.k1.staged.un.c0x0x0.p0"),
    victim("unpacked-groups", AVX512, deep, ("w4a8g32", F32io), 1, "zmmnibble.b6x2.k1.staged.un.c0x0x0.p0"),
    victim("planes", AVX2, planes, ("w2a2", Int8), 1, "shuffle.b3x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("planes-quantized", AVX2, planes, ("w2a2", F32io), 1, "shuffle.b3x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("signs", POPCNT, gemm, ("w1a1", F32io), 1, "popcnt.b6x2.k1.d0.staged.mn.c0x0x0.p0"),
    victim("signs-planes", POPCNT, gemm, ("w1a3", Int8), 1, "popcnt.b6x2.k1.d0.staged.mn.c0x0x0.p0"),
    victim("tables", AVX2, tables, ("w4a6", Int8), 1, "ymmtables.b3x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("tables-high", AVX2, tables, ("w4a8", F32io), 1, "ymmtables.b3x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("zmm-tables", AVX512, tables, ("w2a8", Int8), 1, "zmmtables.b6x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("table", SCALAR, gemm, ("nf4", F32io), 1, "nibble.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("ymm-affine", AVX2, deep, ("w4a32g32-affine", F32io), 1, "ymmnibble.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("ymm-mx", AVX2, deep, ("mxfp4", F32io), 1, "ymmnibble.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("ymm-halves", AVX2, gemm, ("f16a16", F32io), 1, "ymm.b3x2.k1.staged.mn.c0x0x0.p0"),
    victim("zmm-table", AVX512, deep, ("nf4g32", F32io), 1, "zmmnibble.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("zmm-e4m3", AVX512, gemm, ("fp8e4m3", F32io), 1, "zmm.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("pairs", AVX512BF16, gemm, ("bf16abf16", F32io), 1, "zmmpair.b6x2.k1.staged.mn.c0x0x0.p0"),
    victim("cnt", NEON, planes, ("w2a2", F32io), 1, "cnt.b6x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("cnt-signs", NEON, planes, ("w1a3", Int8), 1, "cnt.b6x2.k1.d16.staged.mn.c0x0x0.p0"),
    victim("tbl", NEON, long_tables, ("w4a8", F32io), 1, "tbl.b3x2.k1.d32.staged.mn.c0x0x0.p0"),
    victim("tbl-nibble", NEON, deep, ("w4a32g32-affine", F32io), 1, "tblnibble.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("tbl-mx", NEON, deep, ("mxfp4", F32io), 1, "tblnibble.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("tbl-crumb", NEON, gemm, ("wta32", F32io), 1, "tblcrumb.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("neon-e4m3", NEON, gemm, ("fp8e4m3", F32io), 1, "neon.b6x2.k1.raw.mn.c0x0x0.p0"),
    victim("zmm-depthwise", AVX512, channels, INT, 1, "zmm.b6x2.staged.mn.c0x0x0"),
    victim("row-pairs", I8MM, odd_rows, INT, 1, "usmmla.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("row-pairs-groups", I8MM, deep, ("w4a8g32", F32io), 1, "usmmlanibble.b3x2.k1.staged.un.c0x0x0.p0"),
    victim("sve-row-pairs", SVE256, odd_rows, INT, 1, "svmmla.b3x2.k1.raw.mn.c0x0x0.p0"),
    victim("sve-nibble", SVE256, gemm, ("w4a8", Int8), 1, "svusdotnibble.b6x2.k1.staged.mn.c0x0x0.p0"),
    victim("armv7", ARMV7, gemm, DYNAMIC, 1, "mull.b2x2.k1.staged.mn.c0x0x0.p0"),
];

const fn text(what: &'static str, victims: &'static [&'static str], edits: Edits) -> Mutation {
    Mutation { what, place: Place::Text(edits), victims }
}
const fn header(what: &'static str, path: &'static str, victims: &'static [&'static str], edits: Edits) -> Mutation {
    Mutation { what, place: Place::Header(path, edits), victims }
}
const fn weights(what: &'static str, victims: &'static [&'static str], edit: fn(&mut [u8])) -> Mutation {
    Mutation { what, place: Place::Weights(edit), victims }
}

const NEON_BITS_H: &str = "isa/neon_bits.h";
const NEON_LUT_H: &str = "isa/neon_lut.h";
const NEON_DECODE_H: &str = "isa/neon_decode.h";
const SCALAR_H: &str = "isa/scalar.h";
const AVX2_H: &str = "isa/avx2.h";
const AVX2_BITS_H: &str = "isa/avx2_bits.h";
const AVX2_LUT_H: &str = "isa/avx2_lut.h";
const AVX2_DECODE_H: &str = "isa/avx2_decode.h";
const AVX512_LUT_H: &str = "isa/avx512_lut.h";
const AVX512_DECODE_H: &str = "isa/avx512_decode.h";
const SCALAR_DECODE_H: &str = "isa/scalar_decode.h";
const AVXVNNI_H: &str = "isa/avxvnni.h";
const AVX512_H: &str = "isa/avx512vnni.h";
const POPCNT_H: &str = "isa/avx512vpopcnt.h";
const I8MM_H: &str = "isa/i8mm.h";
const SVE_H: &str = "isa/sve.h";
const SVEI8MM_H: &str = "isa/svei8mm.h";
const ARMV7_H: &str = "isa/armv7.h";

#[rustfmt::skip]
pub static MUTATIONS: &[Mutation] = &[
    // rows
    text("row tail skipped", &["product", "quantized", "float", "zmm"], &[("rows - i == 2", "rows - i == 1")]),
    text("row tail of a row too many", &["product", "quantized"], &[("_2x2(lhs", "_3x2(lhs"), ("_2x1p3(lhs", "_3x1p3(lhs")]),
    text("two rows exchanged", &["product", "float"], &[("lhs + (i + 0) *", "lhs + (i + 9) *"), ("lhs + (i + 1) *", "lhs + (i + 0) *"), ("lhs + (i + 9) *", "lhs + (i + 1) *")]),
    text("grid of the row before", &["quantized", "zmm-quantized", "portable"], &[("grids[i + 1]", "grids[i + 0]")]),
    text("a row between strips skipped", &["blocked", "blocked-quantized"], &[("line += 3", "line += 4")]),
    text("last row of a share skipped", &["rows-shared"], &[("line0 + 9", "line0 + 8")]),
    text("second share begins a row late", &["rows-shared"], &[("thread * (int64_t)9", "thread * (int64_t)10")]),
    // columns
    text("column tail a lane too wide", &["product", "quantized", "float", "depthwise", "zmm"], &[(", 3);", ", 4);")]),
    text("column tail a lane too narrow", &["product", "quantized", "float", "depthwise", "zmm"], &[(", 3);", ", 2);")]),
    text("initial sums of the next column", &["product", "depthwise", "zmm"], &[("(const int32_t *)args->cols + 0 + column + 0", "(const int32_t *)args->cols + 0 + column + 1")]),
    text("scale of the next column", &["quantized", "conv-quantized"], &[("(const float *)args->cols + 0 + column + 0", "(const float *)args->cols + 0 + column + 1")]),
    text("column sum of the next column", &["quantized", "conv-quantized"], &[("args->cols + 64 + column + 0", "args->cols + 64 + column + 1")]),
    text("bias of the next column", &["quantized", "conv-quantized"], &[("args->cols + 128 + column + 0", "args->cols + 128 + column + 1")]),
    text("bias of the next column in floats", &["float"], &[("args->cols + 0 + column + 0", "args->cols + 0 + column + 1")]),
    text("second vector takes the first one's weights", &["product", "quantized", "float"], &[("* 2 + 1) * 32", "* 2 + 0) * 32")]),
    text("a group of panels skipped", &["blocked", "blocked-quantized"], &[("group += 1", "group += 2")]),
    text("last panel of a share skipped", &["panels-shared"], &[("panel0 + 2", "panel0 + 1")]),
    // depth
    text("depth tail reads one too many", &["ymm", "zmm"], &[("36, 1)", "36, 2)")]),
    text("depth tail of nibbles reads one too many", &["nibble-raw"], &[("32, 5)", "32, 6)")]),
    text("depth tail one too short", &["raw", "ymm", "zmm"], &[("36, 1)", "36, 0)")]),
    text("last step of depth skipped", &["product", "quantized"], &[("k < 19", "k < 18")]),
    text("last unrolled steps skipped", &["float"], &[("k < 36", "k < 34")]),
    text("steps left over by unrolling skipped", &["blocked"], &[("steps / 2 * 2", "steps")]),
    text("a block of depth begins anew", &["blocked"], &[("from == 0 ?", "1 ?")]),
    text("the first block of depth goes on", &["blocked"], &[("from == 0 ?", "from < 0 ?")]),
    text("a block of depth begins anew under f32io", &["blocked-quantized"], &[("if (from > 0)", "if (from < 0)")]),
    text("the first block of depth goes on under f32io", &["blocked-quantized"], &[("if (from > 0)", "if (from >= 0)")]),
    text("last block of depth skipped", &["blocked", "blocked-quantized"], &[("from < 51", "from < 48")]),
    text("finished before the last block of depth", &["blocked-quantized"], &[("from + steps < 51", "from + steps < 48")]),
    text("a chain of nibbles a step too long", &["nibble"], &[("k += 4", "k += 5"), ("j < 4", "j < 5")]),
    text("a chain of crumbs a step too long", &["crumb"], &[("k += 16", "k += 17"), ("j < 16", "j < 17")]),
    // windows
    text("padding reads 0", &["conv", "depthwise"], &[("elem)zero", "elem)0")]),
    text("padding reads 0 in place of the grid's zero point", &["conv-quantized", "depthwise-quantized"], &[("elem)grids[0].zero", "elem)0")]),
    text("padding one off the zero point", &["conv", "depthwise"], &[("elem)zero", "elem)(zero + 1)")]),
    text("padding above forgotten", &["conv", "depthwise"], &[("+ r - 1", "+ r")]),
    text("stride ignored in the second pixel", &["conv", "conv-quantized"], &[("(i + 1) % 3 * 6", "(i + 1) % 3 * 3")]),
    text("stride ignored between strips", &["conv-quantized"], &[("line * 2 + r", "line * 1 + r")]),
    text("window row an element late", &["conv", "conv-quantized"], &[("a1 = a1 +", "a1 = a1 + 1 +")]),
    text("window row takes the next step's weights", &["conv", "conv-quantized"], &[("rhs = rhs +", "rhs = rhs + 32 +")]),
    text("two taps exchanged", &["depthwise", "depthwise-float", "zmm-depthwise"], &[("(0 * 3 + 0)", "(0 * 3 + 9)"), ("(0 * 3 + 1)", "(0 * 3 + 0)"), ("(0 * 3 + 9)", "(0 * 3 + 1)")]),
    text("channel tail reads one too many", &["depthwise-raw", "depthwise-float"], &[("2 * 114 + 38, 3);", "2 * 114 + 38, 4);")]),
    text("channel tail reads a whole vector", &["depthwise-raw"], &[("dw_madd_lhs_load_n(a0 + column + 2 * 114 + 38, 3)", "dw_madd_lhs_load(a0 + column + 2 * 114 + 38)")]),
    text("channel tail reads a whole vector of floats", &["depthwise-float"], &[("dwf_fma_lhs_load_n(a0 + column + 2 * 114 + 38, 3)", "dwf_fma_lhs_load(a0 + column + 2 * 114 + 38)")]),
    // staging
    text("an element too few staged", &["product"], &[("x, 37)", "x, 36)")]),
    text("an element too few quantized", &["quantized", "zmm-quantized", "portable"], &[("x, 37, grids", "x, 36, grids")]),
    text("an element too few of an image row", &["conv"], &[(", 15)", ", 14)")]),
    text("zero point one off after quantizing", &["quantized", "portable"], &[("x, 37, grids[r]);", "x, 37, grids[r]);\n        grids[r].zero += 1;")]),
    text("range without the last element", &["quantized", "portable"], &[("x, 37, &low", "x, 36, &low")]),
    text("range without the first element", &["quantized", "portable"], &[("_range(x, 37", "_range(x + 1, 36")]),
    text("range of an image without its last element", &["conv-quantized", "depthwise-quantized"], &[("_range(in, ", "_range(in, -1 + ")]),
    text("range of an image without its first element", &["conv-quantized", "depthwise-quantized"], &[("_range(in, ", "_range(in + 1, -1 + ")]),
    // words: sums
    header("saturating 16-bit products", AVXVNNI_H, &["ymm"], &[("return _mm256_dpbusd_epi32(c, a, b)", "return _mm256_add_epi32(c, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)))"), ("return _mm256_dpbusd_avx_epi32(c, a, b)", "return _mm256_add_epi32(c, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)))")]),
    header("saturating 16-bit products on 512 bits", AVX512_H, &["zmm", "zmm-quantized"], &[("_mm512_dpbusd_epi32(c, a, b)", "_mm512_add_epi32(c, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)))")]),
    header("sums wrap in 16 bits", AVX2_H, &["product"], &[("vpaddd %1", "vpaddw %1")]),
    header("odd 16-bit sums lost", AVX2_H, &["maddubs", "nibble", "crumb"], &[("_mm256_madd_epi16(s, _mm256_set1_epi16(1))", "_mm256_madd_epi16(s, _mm256_set1_epi32(1))")]),
    header("saturating sums of chains", AVX2_H, &["nibble"], &[("chain_maddubs_add(chain_maddubs_add(s, x.a, b.a), x.b, b.b)", "_mm256_adds_epi16(s, _mm256_adds_epi16(chain_maddubs_add(_mm256_setzero_si256(), x.a, b.a), _mm256_slli_epi16(chain_maddubs_add(_mm256_setzero_si256(), x.b, b.b), 1)))")]),
    // words: weights
    header("nibbles in the wrong order", AVX2_H, &["nibble", "nibble-raw"], &[("chain_maddubs_add(s, x.a, b.a), x.b, b.b)", "chain_maddubs_add(s, x.b, b.a), x.a, b.b)")]),
    header("crumbs in the wrong order", AVX2_H, &["crumb"], &[("chain_nibble_add(s, x.a, b.a), x.b, b.b)", "chain_nibble_add(s, x.b, b.a), x.a, b.b)")]),
    header("sign of nibbles lost", AVX2_H, &["nibble", "nibble-raw"], &[("-8, -7, -6, -5, -4, -3, -2, -1", "8, 9, 10, 11, 12, 13, 14, 15")]),
    header("sign of crumbs lost", AVX2_H, &["crumb"], &[("0, 1, -2, -1", "0, 1, 2, 3")]),
    header("sign of bytes lost", AVX2_H, &["narrow"], &[("_mm256_cvtepi8_epi16", "_mm256_cvtepu8_epi16")]),
    header("sign of channels' weights lost", AVX2_H, &["depthwise", "depthwise-quantized"], &[("_mm256_cvtepi8_epi32", "_mm256_cvtepu8_epi32")]),
    header("sign of channels' weights lost on 512 bits", AVX512_H, &["zmm-depthwise"], &[("_mm512_cvtepi8_epi32", "_mm512_cvtepu8_epi32")]),
    // words: tails
    header("masks a lane too wide", AVX2_H, &["product", "quantized", "float"], &[("_mm256_set1_epi32(n)", "_mm256_set1_epi32(n + 1)")]),
    header("masks a lane too narrow", AVX2_H, &["product", "quantized", "float"], &[("_mm256_set1_epi32(n)", "_mm256_set1_epi32(n - 1)")]),
    header("masks a lane too wide on 512 bits", AVX512_H, &["zmm", "zmm-quantized"], &[("(1u << (n)) - 1", "(2u << (n)) - 1")]),
    header("nibbles' tail reads one too many", AVX2_H, &["nibble-raw"], &[("all[8] = {0};\n    memcpy(all, p, (size_t)n)", "all[8] = {0};\n    memcpy(all, p, (size_t)n + 1)")]),
    header("staging forgets its last element", AVX2_H, &["product"], &[("scalar_stage_s16(to + i, x + i, n - i)", "scalar_stage_s16(to + i, x + i, n - i - 1)")]),
    header("range forgets what is no whole vector", AVX2_H, &["quantized"], &[("scalar_range(x + i, n - i, low, high)", "(void)i")]),
    header("range forgets a quarter of its vectors", AVX2_H, &["quantized"], &[("_mm256_min_ps(lo[2], lo[3])", "lo[2]"), ("_mm256_max_ps(hi[2], hi[3])", "hi[2]")]),
    // words: the grid
    header("zero point one off", SCALAR_H, &["portable", "quantized"], &[("rintf(-low * g.inverse)", "rintf(-low * g.inverse) + 1")]),
    header("half rounded away from zero", SCALAR_H, &["portable", "quantized", "conv-quantized"], &[("rintf(x * g.inverse)", "roundf(x * g.inverse)")]),
    header("divided by the scale", SCALAR_H, &["portable", "quantized", "conv-quantized"], &[("rintf(x * g.inverse)", "rintf(x / g.scale)")]),
    header("half rounded up in vectors", AVX2_H, &["quantized", "depthwise-quantized"], &[("_mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), inverse))", "_mm256_cvtps_epi32(_mm256_floor_ps(_mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(x), inverse), _mm256_set1_ps(0.5f))))")]),
    header("truncated in vectors", AVX2_H, &["quantized", "depthwise-quantized"], &[("_mm256_cvtps_epi32", "_mm256_cvttps_epi32")]),
    header("codes not clamped", SCALAR_H, &["portable", "quantized"], &[("q > g.top ? g.top : q", "q")]),
    header("codes not clamped in vectors", AVX2_H, &["quantized"], &[("_mm256_min_epi16(q, top)", "q")]),
    // words: the epilogue
    header("zero point with the wrong sign", AVX2_H, &["quantized", "conv-quantized", "depthwise-quantized"], &[("_mm256_sub_epi32(c, _mm256_mullo", "_mm256_add_epi32(c, _mm256_mullo")]),
    header("column sums forgotten", AVX2_H, &["quantized", "conv-quantized", "depthwise-quantized"], &[("_mm256_set1_epi32(g.zero), s32x8_load(sum)", "_mm256_setzero_si256(), s32x8_load(sum)")]),
    header("column sums forgotten on 512 bits", AVX512_H, &["zmm-quantized"], &[("_mm512_set1_epi32(g.zero), s32x16_load(sum)", "_mm512_setzero_si512(), s32x16_load(sum)")]),
    header("ReLU forgotten", AVX2_H, &["quantized", "conv-quantized"], &[("relu ? _mm256_max_ps(y, _mm256_setzero_ps()) : y", "y")]),
    header("ReLU before the bias", AVX2_H, &["quantized", "conv-quantized"], &[("_mm256_mul_ps(_mm256_cvtepi32_ps(c), s)", "_mm256_max_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(c), s), _mm256_setzero_ps())"), ("relu ? _mm256_max_ps(y, _mm256_setzero_ps()) : y", "y")]),
    header("ReLU forgotten in floats", AVX2_H, &["float", "depthwise-float"], &[("relu ? _mm256_max_ps(c, _mm256_setzero_ps()) : c", "c")]),
    header("ReLU leaves what was there", AVX2_H, &["float"], &[("_mm256_storeu_ps(p, f32x8_biased(c, bias, relu))", "__m256 v = f32x8_biased(c, bias, relu);\n    _mm256_maskstore_ps(p, _mm256_castps_si256(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GT_OQ)), v)"), ("_mm256_maskstore_ps(p, avx2_mask(n), f32x8_biased(c, bias, relu))", "__m256 v = f32x8_biased(c, bias, relu);\n    _mm256_maskstore_ps(p, _mm256_and_si256(avx2_mask(n), _mm256_castps_si256(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_GT_OQ))), v)")]),
    header("product and bias fused", AVX2_H, &["quantized"], &[("_mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(c), s), _mm256_loadu_ps(bias))", "_mm256_fmadd_ps(_mm256_cvtepi32_ps(c), s, _mm256_loadu_ps(bias))")]),
    header("scales multiplied one after the other", AVX2_H, &["quantized"], &[("_mm256_mul_ps(_mm256_cvtepi32_ps(c), s)", "_mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(c), _mm256_set1_ps(g.scale)), _mm256_loadu_ps(scale))")]),
    // groups, requantization, windows of several rows, panels unpacked ahead
    text("a group's rows an element early", &["groups"], &[("a1 = a1 + 32", "a1 = a1 + 31")]),
    text("a group takes the next output's scale", &["groups"], &[("(rhs + 512))", "(rhs + 514))")]),
    text("a group too few", &["groups"], &[("group < 3", "group < 2")]),
    header("fields in the wrong order", AVX512_H, &["zmm-nibble", "groups"], &[("i % each * width", "(each - 1 - i % each) * width")]),
    header("planes put together in the wrong order", AVXVNNI_H, &["ymm-septet"], &[("for (int width = 4; width > 0; width /= 2)", "for (int width = 1; width < 8; width *= 2)")]),
    header("narrow sums not settled", AVX512_H, &["zmm-nibble"], &[("_mm512_srai_epi32(c, 8 - BITS)", "c")]),
    header("sign of narrow sums lost", AVX512_H, &["zmm-nibble"], &[("_mm512_srai_epi32(c, 8 - BITS)", "_mm512_srli_epi32(c, 8 - BITS)")]),
    header("product and group's sum rounded apart", AVX512_H, &["groups"], &[("_mm512_fmadd_ps(_mm512_cvtepi32_ps(c), scale, f)", "_mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(c), scale), f)")]),
    header("zero point of groups forgotten", AVX512_H, &["groups"], &[("_mm512_set1_ps((float)g.zero), _mm512_loadu_ps(sum)", "_mm512_setzero_ps(), _mm512_loadu_ps(sum)")]),
    text("multiplier of the next column", &["requantized"], &[("(const float *)args->cols + 64 + column + 0", "(const float *)args->cols + 64 + column + 1")]),
    text("zero point of the input put out", &["requantized"], &[("args->out_zero, args->out_zero", "args->zero, args->out_zero")]),
    header("requantized by truncation", AVX512_H, &["requantized"], &[("_mm512_cvtps_epi32(y)", "_mm512_cvttps_epi32(y)")]),
    header("requantized without clamping", AVX512_H, &["requantized"], &[("y = _mm512_min_ps(y, _mm512_set1_ps((float)(255 - zero)));", "")]),
    header("pairs requantized in the wrong order", AVX512_H, &["requantized-pairs"], &[("_mm512_packs_epi32(s32x16_rounded(a, multiplier, zero), s32x16_rounded(b, multiplier + 16, zero))", "_mm512_packs_epi32(s32x16_rounded(b, multiplier + 16, zero), s32x16_rounded(a, multiplier, zero))")]),
    header("pairs clamped at zero only", AVX512_H, &["requantized-pairs"], &[("_mm256_max_epu8(_mm512_castsi512_si256(q), _mm256_set1_epi8((char)low))", "_mm512_castsi512_si256(q)")]),
    header("pairs not clamped above", AVX512_H, &["requantized-pairs"], &[("_mm512_cvtps_epi32(_mm512_min_ps(y, _mm512_set1_ps((float)(255 - zero))))", "_mm512_cvtps_epi32(y)")]),
    text("a window's second row read twice", &["zmm-quad"], &[("column + 0 *", "column + 1 *")]),
    header("rows of a window exchanged", AVX512_H, &["zmm-quad"], &[("_mm_loadu_si128((const __m128i *)b), 1)", "_mm_loadu_si128((const __m128i *)c), 1)")]),
    text("a shared column of the pixel before", &["zmm-quad-shared"], &[("x0_1_0, w1_0", "x0_0_0, w1_0")]),
    text("the panel before unpacked", &["unpacked", "unpacked-groups"], &[("_unpack(args, p)", "_unpack(args, 0)")]),
    text("an unpacked step too few", &["unpacked"], &[("s < 2", "s < 1")]),
    text("scales of groups not unpacked", &["unpacked-groups"], &[("memcpy(to, from, 64)", "(void)0")]),
    text("unpacked groups overlap", &["unpacked-groups"], &[("to = to + 64", "to = to + 0")]),
    // planes of bits
    text("planes of activations in the wrong order", &["planes"], &[("+ plane * 65", "+ (1 - plane) * 65")]),
    text("an activation plane's shift forgotten", &["planes", "signs-planes"], &[("0 + plane)", "0)")]),
    text("a weight plane's shift forgotten", &["planes", "planes-quantized"], &[("1 + plane)", "0 + plane)")]),
    text("sign of the top plane lost", &["planes", "planes-quantized"], &[("_widen_minus(", "_widen(")]),
    text("a plane of activations too few", &["planes", "signs-planes"], &[("plane += 1", "plane += 2")]),
    text("a chain of bytes too long", &["planes", "planes-quantized"], &[("k += 16", "k += 32"), ("j < 16", "j < 32")]),
    text("the second plane of weights is the first one again", &["planes"], &[("rhs = rhs + 4160", "rhs = rhs + 0")]),
    text("positive weights forgotten", &["signs", "signs-planes"], &[("c0_0 = bits_popcnt_plus(c0_0, (const void *)(rhs + (0) * 64))", "c0_0 = c0_0")]),
    text("signs that agree are counted", &["signs", "signs-planes"], &[("_differ(", "_both(")]),
    text("a plane too few staged", &["planes"], &[("x, 2051, 2)", "x, 2051, 1)")]),
    header("a nibble's bits miscounted", AVX2_BITS_H, &["planes"], &[("2, 3, 2, 3, 3, 4)", "2, 3, 2, 3, 3, 3)")]),
    header("planes without what is no whole vector", AVX2_BITS_H, &["planes", "planes-quantized"], &[("scalar_planes(to + i / 32, stride, x + i, n - i, planes)", "scalar_planes(to + i / 32, stride, x + i, n - i - 1, planes)")]),
    header("bits of a byte's neighbour", AVX2_BITS_H, &["planes"], &[("_mm_cvtsi32_si128(7 - j)", "_mm_cvtsi32_si128(8 - j)")]),
    header("codes of 255 whatever the bits", SCALAR_H, &["planes-quantized"], &[("/ (float)top", "/ 255.0f")]),
    header("codes not clamped to the top in vectors", AVX2_H, &["planes-quantized"], &[("_mm256_min_epu8(q, top)", "q"), ("_mm256_min_epu8(_mm256_packus_epi16(q, q), top)", "_mm256_packus_epi16(q, q)")]),
    header("zero is negative", AVX512_H, &["signs"], &[("_CMP_GE_OQ", "_CMP_GT_OQ")]),
    header("sizes added up in another order", SCALAR_H, &["signs"], &[("(sum[0] + sum[2]) + (sum[1] + sum[3])", "(sum[0] + sum[1]) + (sum[2] + sum[3])")]),
    header("sums of signs not doubled", AVX512_H, &["signs"], &[("_mm_cvtsi32_si128(g.shift)", "_mm_cvtsi32_si128(0)")]),
    header("shift of a plane the wrong way", POPCNT_H, &["signs-planes"], &[("_mm512_sll_epi32", "_mm512_srl_epi32")]),
    weights("planes of weights exchanged", &["planes", "planes-quantized"], |bytes| bytes[..8320].rotate_left(4160)),
    weights("a bit of a plane lost", &["planes", "signs"], |bytes| {
        let byte = bytes[4..].iter_mut().find(|b| **b != 0).unwrap(); // of the second output, which is not clamped
        *byte &= *byte - 1;
    }),
    // tables of sums
    header("table entries in the wrong order", AVX2_LUT_H, &["tables", "tables-high", "zmm-tables"], &[("_mm_set1_epi8((char)(1 << j))", "_mm_set1_epi8((char)(8 >> j))")]),
    header("tables of a step exchanged", AVX2_LUT_H, &["tables"], &[("_mm256_shuffle_epi8(x.low, b.low)", "_mm256_shuffle_epi8(x.high, b.low)")]),
    header("a plane counts 1 in place of 2", AVX2_LUT_H, &["tables", "tables-high"], &[("0x0201", "0x0101")]),
    header("sign of the top plane of tables lost", AVX2_LUT_H, &["tables", "tables-high"], &[("(short)0xFE01", "0x0201")]),
    header("sign of the top plane of tables lost on 512 bits", AVX512_LUT_H, &["zmm-tables"], &[("(short)0xFE01", "0x0201")]),
    header("carries of tables forgotten", AVX2_LUT_H, &["tables-high", "zmm-tables"], &[("high = _mm256_add_epi8(high, _mm256_cmpeq_epi8(", "high = _mm256_sub_epi8(high, _mm256_cmpeq_epi8(")]),
    header("sums of tables saturate in bytes", AVX2_LUT_H, &["tables-high", "zmm-tables"], &[("low = _mm256_add_epi8(low, code)", "low = _mm256_adds_epu8(low, code)")]),
    header("sums of odd tables lost", AVX512_LUT_H, &["zmm-tables"], &[("_mm512_shuffle_i64x2(s, s, 0x0D)", "_mm512_shuffle_i64x2(s, s, 0x08)")]),
    header("tables without what is no whole step", AVX2_LUT_H, &["tables", "tables-high", "zmm-tables"], &[("memcpy(last, x + i, (size_t)(n - i))", "memcpy(last, x + i, (size_t)(n - i) - 1)")]),
    text("shift of a pair of planes forgotten", &["tables", "tables-high"], &[("2 + 8 * part", "0 + 8 * part")]),
    text("high bytes count as low ones", &["tables-high", "zmm-tables"], &[("0 + 8 * part", "0")]),
    text("tables of high bytes forgotten", &["tables-high", "zmm-tables"], &[("part < 2", "part < 1")]),
    text("low bytes in place of high ones", &["tables-high", "zmm-tables"], &[("part * 65", "0 * 65")]),
    text("a part too few staged", &["tables-high", "zmm-tables"], &[(", 2);\n", ", 1);\n")]),
    text("a chain of tables too long", &["tables", "tables-high"], &[("k += 16", "k += 32"), ("j < 16", "j < 32")]),
    weights("indices into tables in the wrong order", &["tables", "zmm-tables"], |bytes| bytes.iter_mut().for_each(|b| *b = b.rotate_left(4))),
    weights("pairs of planes exchanged", &["tables", "tables-high"], |bytes| bytes[..8320].rotate_left(4160)),
    // decoded weights
    header("index into the table one off", SCALAR_DECODE_H, &["table"], &[("t[b >> (BITS * d) & ((1 << BITS) - 1)]", "t[(b >> (BITS * d) & ((1 << BITS) - 1)) ^ 1]")]),
    header("codes decoded from the other end", AVX512_DECODE_H, &["zmm-table"], &[(">> BITS * d)", ">> (32 - BITS - BITS * d))")]),
    header("half of the table by the wrong bit", AVX2_DECODE_H, &["ymm-affine", "ymm-mx"], &[("(28 - 4 * d)", "(29 - 4 * d)")]),
    text("a tail's last depth decoded twice", &["ymm-affine", "ymm-mx", "zmm-table"], &[("(b0_t, table, 4)", "(b0_t, table, 3)")]),
    text("scale of the next output's group", &["zmm-table"], &[("(rhs + 512))", "(rhs + 514))")]),
    text("a group of decoded weights too few", &["ymm-affine", "ymm-mx", "zmm-table"], &[("group < 3", "group < 2")]),
    text("zero point of the next output", &["ymm-affine"], &[("_points((const void *)(rhs + 0))", "_points((const void *)(rhs + 1))")]),
    header("zero points forgotten", AVX2_DECODE_H, &["ymm-affine"], &[("f32x8_minus(__m256 v, __m256 w) { return _mm256_sub_ps(v, w); }", "f32x8_minus(__m256 v, __m256 w) { return (void)w, v; }")]),
    header("power of two an exponent off", AVX2_DECODE_H, &["ymm-mx"], &[("_mm256_cvtepu8_epi32(v), 23)", "_mm256_cvtepu8_epi32(v), 22)")]),
    header("sign of e4m3 left in the exponent", AVX512_DECODE_H, &["zmm-e4m3"], &[("(short)0xBF80", "(short)0xFF80")]),
    header("bias of e4m3 not undone", AVX512_DECODE_H, &["zmm-e4m3"], &[("(e4m3_zmm, f32x16, __m512, 0x1p8f,", "(e4m3_zmm, f32x16, __m512, 1,")]),
    header("activations cut to f16", AVX2_H, &["ymm-halves"], &[("_MM_FROUND_TO_NEAREST_INT", "_MM_FROUND_TO_ZERO")]),
    text("activations left f32", &["ymm-halves"], &[("_stage_f16(", "_stage(")]),
    text("an odd row not filled up", &["pairs"], &[("row[i] = 0;", "row[i] = 0x7FC0;")]),
    weights("codes of two outputs exchanged", &["table", "zmm-table", "ymm-mx"], |bytes| bytes[..8].rotate_left(4)),
    weights("nibbles of decoded weights in the wrong order", &["table", "ymm-mx"], |bytes| bytes[..4].iter_mut().for_each(|b| *b = b.rotate_left(4))),
    weights("pairs in the wrong order", &["pairs"], |bytes| bytes.chunks_exact_mut(4).for_each(|pair| pair.rotate_left(2))),
    // the same of NEON
    header("bits of a byte in the wrong order", NEON_BITS_H, &["cnt", "cnt-signs"], &[("0x8040201008040201", "0x0102040810204080")]),
    header("planes of NEON without what is no whole vector", NEON_BITS_H, &["cnt"], &[("x + i, n - i, planes)", "x + i, n - i - 1, planes)")]),
    header("a plane of NEON counts positive", NEON_BITS_H, &["cnt", "cnt-signs"], &[("return vsubq_s32(c, neon_bytes(s, shift))", "return vaddq_s32(c, neon_bytes(s, shift))")]),
    text("a chain of bytes of NEON too long", &["cnt"], &[("k += 16", "k += 64"), ("j < 16", "j < 64")]),
    header("carries of NEON's tables forgotten", NEON_LUT_H, &["tbl"], &[("high = vsubq_u8(high, vcltq_u8(low, code))", "high = vaddq_u8(high, vcltq_u8(low, code))")]),
    header("even and odd tables of NEON exchanged", NEON_LUT_H, &["tbl"], &[("even = vld1q_u8(p), odd = vld1q_u8(p + 16)", "even = vld1q_u8(p + 16), odd = vld1q_u8(p)")]),
    header("sign of the top plane of NEON's tables lost", NEON_LUT_H, &["tbl"], &[("s.top = vsraq_n_u16(s.top", "s.high = vsraq_n_u16(s.high")]),
    header("second planes left in the first ones", NEON_LUT_H, &["tbl"], &[("vshlq_n_u16(vaddq_u16(s.high, s.top), 8)", "vshlq_n_u16(s.high, 8)")]),
    text("a chain of NEON's tables too long", &["tbl"], &[("k += 32", "k += 128"), ("j < 32", "j < 128")]),
    header("bytes of a level in the wrong order", NEON_DECODE_H, &["tbl-nibble", "tbl-mx"], &[("vzip2q_u16(low, high) : vzip1q_u16(low, high)", "vzip2q_u16(high, low) : vzip1q_u16(high, low)")]),
    header("nibbles of a byte exchanged", NEON_DECODE_H, &["tbl-nibble", "tbl-mx"], &[("d % 2 ? vshrq_n_u8(b, 4)", "d % 2 == 0 ? vshrq_n_u8(b, 4)")]),
    header("zero points of NEON forgotten", NEON_DECODE_H, &["tbl-nibble"], &[("return vsubq_f32(v, w);", "return (void)w, v;")]),
    header("power of two of NEON an exponent off", NEON_DECODE_H, &["tbl-mx"], &[("vmovl_u8(neon_quad(p)))), 23)", "vmovl_u8(neon_quad(p)))), 22)")]),
    header("bits above an index reach it", NEON_DECODE_H, &["tbl-crumb"], &[("vdupq_n_u32((1 << BITS) - 1)", "vdupq_n_u32(15)")]),
    header("sign of NEON's e4m3 left in the exponent", NEON_DECODE_H, &["neon-e4m3"], &[("(int16_t)0xBF80", "(int16_t)0xFF80")]),
    header("depths of a word in the wrong order", NEON_DECODE_H, &["neon-e4m3", "tbl-nibble"], &[("{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}", "{0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15}")]),
    // packing
    weights("two outputs exchanged", &["product", "zmm", "float"], |bytes| bytes[..8].rotate_left(4)),
    // rows two by two, vectors of no stated length, 32-bit ARM
    text("rows of a pair exchanged", &["row-pairs", "sve-row-pairs"], &[("_row(s1_0, 0)", "_row(s1_0, 2)"), ("_row(s1_0, 1)", "_row(s1_0, 0)"), ("_row(s1_0, 2)", "_row(s1_0, 1)")]),
    text("second row of a pair read for the first", &["row-pairs", "sve-row-pairs"], &[("_raw(a2 +", "_raw(a3 +")]),
    text("last row of an odd number paired with the first", &["row-pairs", "sve-row-pairs"], &[("_raw(a4 +", "_raw(a0 +")]),
    header("second outputs of a pair for the first", I8MM_H, &["row-pairs"], &[("vld1q_s8(p), vld1q_s8(p + 16)", "vld1q_s8(p), vld1q_s8(p)")]),
    header("parts of nibbles exchanged on the way to scratch", I8MM_H, &["row-pairs-groups"], &[("to + i / 2 * next + i % 2 * 16", "to + i % 2 * next + i / 2 * 16")]),
    header("a lane too many stored", SVE_H, &["sve-row-pairs"], &[("svst1_s32(SVE_FIRST(n), p, v)", "svst1_s32(SVE_FIRST(n + 1), p, v)")]),
    header("sign of nibbles lost on vectors of no stated length", SVE_H, &["sve-nibble"], &[("v = svlsl_n_u8_x(svptrue_b8(), v, (uint8_t)(to - from))", "v = svlsl_n_u8_x(svptrue_b8(), v, (uint8_t)(to - from - 1))")]),
    header("halves of a vector of pairs exchanged", SVEI8MM_H, &["sve-row-pairs"], &[("svuzp1_s64(a, b)", "svuzp1_s64(b, a)")]),
    header("rounding towards zero", ARMV7_H, &["armv7"], &[("vsubq_f32(vaddq_f32(v, whole), whole)", "v")]),
    weights("last weight lost", &["product", "nibble", "depthwise", "float", "zmm"], |bytes| *bytes.iter_mut().rfind(|b| **b != 0).unwrap() = 0),
    weights("nibbles packed in the wrong order", &["nibble", "nibble-raw"], |bytes| bytes.iter_mut().for_each(|b| *b = b.rotate_left(4))),
    weights("crumbs packed in the wrong order", &["crumb"], |bytes| bytes.iter_mut().for_each(|b| *b = b.rotate_left(2))),
    weights("floats cut to 16 bits", &["float", "depthwise-float"], |bytes| bytes.chunks_exact_mut(4).for_each(|w| w[..2].fill(0))),
];
