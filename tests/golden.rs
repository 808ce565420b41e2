//! Golden files: the emitted C of representative schedules. After a change that is meant, `BITSMITH_BLESS=1 cargo test
//! --test golden` writes them anew, and the diff shows what the change did.

use std::path::Path;
use std::sync::Arc;

use bitsmith::candidate::Contract;
use bitsmith::host::Caches;
use bitsmith::kernel::Task;
use bitsmith::layer::{Op, Shape};
use bitsmith::native::Isa;
use bitsmith::scheme;

fn emitted(name: &str, isa: &str, shape: Shape, scheme: &str, contract: Contract, threads: usize, schedule: &str) {
    let task = Task {
        shape,
        relu: true,
        scheme: scheme::find(scheme).unwrap(),
        contract,
        isa: Arc::new(Isa::load(isa).unwrap()),
        threads,
        caches: Caches { l1: 32 << 10, l2: 1 << 20, l3: 32 << 20 },
    };
    let text = task.emit(&schedule.parse().unwrap()).unwrap().text;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.c"));
    if std::env::var_os("BITSMITH_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "{name} is emitted otherwise; see the head of this file");
}

#[test]
fn a_product_from_raw_activations() {
    let shape = Shape::gemm(13, 40, 30).unwrap();
    emitted("gemm_raw", "avx512vnni", shape, "w8a8", Contract::Int8, 1, "zmm.b6x2.k2.raw.mn.c0x0x0.p16");
}

#[test]
fn a_product_in_blocks_of_depth() {
    let shape = Shape::gemm(20, 24, 512).unwrap();
    emitted("gemm_depth", "avx2", shape, "w8a8", Contract::F32io, 1, "wide.b4x2.k2.staged.nm.c8x16x128.p0");
}

#[test]
fn a_padded_convolution() {
    let shape = Shape::conv(Op::Conv2d, [9, 7, 3], 10, [3, 3], 2, [1, 1, 1, 1]).unwrap();
    emitted("conv2d", "avxvnni", shape, "w8a8", Contract::F32io, 1, "ymm.b4x1.k1.staged.mn.c8x0x0.p0");
}

#[test]
fn a_depthwise_convolution() {
    let shape = Shape::conv(Op::Depthwise, [6, 6, 20], 20, [3, 3], 1, [1; 4]).unwrap();
    emitted("depthwise", "avx2", shape, "w8a8", Contract::Int8, 1, "madd.b3x2.staged.mn.c0x0x0");
}

#[test]
fn a_product_of_tiles() {
    let shape = Shape::gemm(40, 50, 130).unwrap();
    emitted("gemm_tiles", "amx", shape, "w8a8", Contract::F32io, 1, "amx.b2x2.k1.staged.nm.c0x0x0.p0");
}

#[test]
fn a_product_of_rows_two_by_two() {
    let shape = Shape::gemm(13, 20, 70).unwrap();
    emitted("gemm_row_pairs", "i8mm", shape, "w4a8g32", Contract::F32io, 1, "usmmlanibble.b2x3.k1.staged.mn.c0x0x0.p0");
}

#[test]
fn a_product_on_vectors_of_no_stated_length() {
    let shape = Shape::gemm(5, 20, 30).unwrap();
    emitted("gemm_sve", "svei8mm-256", shape, "w8a8", Contract::Qdq, 1, "svmmla.b2x3.k1.raw.mn.c0x0x0.p0");
}

#[test]
fn planes_of_bits() {
    let shape = Shape::gemm(5, 9, 1100).unwrap();
    emitted("planes", "avx2", shape, "w2a2", Contract::Int8, 1, "shuffle.b2x2.k1.d16.staged.mn.c0x0x0.p0");
}

#[test]
fn a_product_of_signs() {
    let shape = Shape::gemm(4, 33, 100).unwrap();
    emitted("signs", "avx512vpopcnt", shape, "w1a1", Contract::F32io, 1, "popcnt.b4x3.k2.d0.staged.mn.c0x0x0.p0");
}

#[test]
fn a_product_of_panels_unpacked_ahead() {
    let shape = Shape::gemm(9, 40, 70).unwrap();
    emitted(
        "gemm_unpacked",
        "avx512vnni",
        shape,
        "w4a8g32",
        Contract::F32io,
        1,
        "zmmnibble.b4x2.k1.staged.un.c0x0x0.p0",
    );
}

#[test]
fn a_depthwise_convolution_of_rows_together() {
    let shape = Shape::conv(Op::Depthwise, [6, 8, 40], 40, [3, 3], 2, [0, 0, 1, 1]).unwrap();
    emitted("depthwise_rows", "avx512vnni", shape, "w8a8", Contract::Qdq, 1, "zmmquad.b2x2.staged.mn.c0x0x0");
}

#[test]
fn a_float_product_on_two_threads() {
    let shape = Shape::gemm(9, 33, 17).unwrap();
    emitted("float_threads", "avx2", shape, "f32", Contract::F32io, 2, "fma.b6x2.k2.raw.mn.c0x0x0.p0.tn");
}
