//! Every family on every instruction set, bit for bit against the law, on all small shapes and their tails.

mod common;

use bitsmith::candidate::{Contract, Regime};
use bitsmith::layer::{Op, Shape};
use bitsmith::record::Outcome;
use common::{Lab, sample};

fn assert_right(lab: &mut Lab, shape: Shape, scheme: &str, contract: Contract, relu: bool, most: usize, threads: usize) -> usize {
    let task = lab.task(shape, scheme, contract, relu, threads);
    let points = sample(task.space().unwrap().points, most, shape.macs());
    let records = lab.try_points(task, &points, Regime::Hot);
    for r in &records {
        assert!(r.outcome.right() || r.outcome == Outcome::Checked, "{} {:?}: {:?} {}", r.candidate, shape, r.outcome, r.message);
    }
    records.len()
}

#[test]
fn small_probe() {
    let mut lab = Lab::new("x86-avx2");
    for shape in [Shape::gemm(7, 19, 5).unwrap(), Shape::gemm(1, 33, 64).unwrap(), Shape::conv(Op::Conv2d, [5, 6, 3], 9, [3, 2], 2, [1, 1, 1, 0]).unwrap(), Shape::conv(Op::Depthwise, [5, 6, 11], 11, [3, 3], 1, [1; 4]).unwrap()] {
        for (scheme, contract) in [("w8a8", Contract::Int8), ("w8a8", Contract::F32io), ("f32", Contract::F32io)] {
            let n = assert_right(&mut lab, shape, scheme, contract, true, 40, 1);
            println!("{shape:?} {scheme} {n}");
        }
    }
}
