//! The tool's own hot paths: emitting, packing, parsing, building spaces, the reference arithmetic.

use std::hint::black_box;
use std::sync::Arc;

use bitsmith::candidate::{Contract, Name};
use bitsmith::host::Host;
use bitsmith::kernel::Task;
use bitsmith::layer::{Network, Shape};
use bitsmith::native::Isa;
use bitsmith::op;
use bitsmith::scheme::{self, Weights};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn task() -> Task {
    Task {
        shape: Shape::gemm(128, 768, 768).expect("a legal shape"),
        relu: false,
        scheme: scheme::find("w8a8").expect("built in"),
        contract: Contract::Int8,
        isa: Arc::new(Isa::load("avx2").expect("built in")),
        threads: 1,
        caches: Host::this().caches,
    }
}

fn paths(c: &mut Criterion) {
    let task = task();
    let space = task.space().expect("served");
    let point = &space.at(space.len() / 2);
    let name = task.name(point).expect("served").to_string();
    c.bench_function("space: every legal schedule of 128x768x768", |b| b.iter(|| task.space()));
    c.bench_function("emit: one kernel", |b| b.iter(|| task.emit(black_box(point))));
    c.bench_function("parse: one candidate name", |b| b.iter(|| black_box(&name).parse::<Name>()));
    c.bench_function("parse: resnet50.toml", |b| b.iter(|| Network::built_in("resnet50")));

    let floats: Vec<f32> = (0..768 * 768).map(|i| (i as f32).sin()).collect();
    let quantize = || task.scheme.kernel_weights(task.scheme.quantize(&floats, 768, None, None));
    let weights = quantize();
    let mut group = c.benchmark_group("weights");
    group.throughput(Throughput::Elements(768 * 768));
    group.bench_function("pack 768x768", |b| b.iter(|| task.pack(point, &weights)));
    group.bench_function("quantize 768x768 w8a8", |b| b.iter(quantize));
    group.finish();

    let Weights::Int { codes, .. } = &weights else { unreachable!("w8a8 is an integer scheme") };
    let (lhs, init) = (vec![7u8; task.shape.lhs_len()], vec![0; 768]);
    let mut group = c.benchmark_group("reference");
    group.throughput(Throughput::Elements(task.shape.macs()));
    group.bench_function("128x768x768", |b| b.iter(|| op::reference_int(&task.shape, &lhs, codes, &init, 0)));
    group.finish();
}

criterion_group!(benches, paths);
criterion_main!(benches);
