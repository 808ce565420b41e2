//! What the search itself costs: seconds per candidate that each strategy thinks, in a real space and in one of a million
//! points, beside the seconds that a candidate takes to build and measure (`bitsmith tune` says them: tried / elapsed).

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use bitsmith::candidate::{Axis, Contract, Knob, Space};
use bitsmith::host::Caches;
use bitsmith::kernel::Task;
use bitsmith::kernel::estimate::{Speeds, view};
use bitsmith::layer::Shape;
use bitsmith::native::Isa;
use bitsmith::scheme;
use bitsmith::search::{Field, STRATEGIES};

const TRIES: usize = 320;
const BATCH: usize = 16;

/// The schedules of a matrix product, as the default strategy sees them.
fn real(m: usize, n: usize, k: usize) -> Result<Field> {
    let task = Task {
        shape: Shape::gemm(m, n, k)?,
        relu: false,
        scheme: scheme::find("w4a8")?,
        contract: Contract::Int8,
        isa: Arc::new(Isa::load("avx2")?),
        threads: 1,
        caches: Caches { l1: 48 << 10, l2: 1 << 20, l3: 32 << 20 },
    };
    let speeds = Speeds::unknown(&task);
    let space = task.space()?;
    Ok(Field::new(space, move |s| view(&task, s, &speeds).expect("a point of the task's space")))
}

/// A million points, with features as many as a real space has.
fn million() -> Field {
    let axis =
        |name: &'static str| -> Axis { (name, Box::new(move |_| (0..10).map(|i| Knob::sizes(name, &[i])).collect())) };
    Field::plain(Space::product(&["a", "b", "c", "d", "e", "f"].map(axis)))
}

fn main() -> Result<()> {
    for (name, make) in [
        ("gemm 512x512x512 w4a8", (|| real(512, 512, 512)) as fn() -> Result<Field>),
        ("a million points", || Ok(million())),
    ] {
        for strategy in STRATEGIES {
            let field = Arc::new(make()?);
            let begun = Instant::now();
            let mut search = (strategy.make)(&field, 1);
            let (mut asked, mut slowest) = (0, 0.0f64);
            while asked < TRIES {
                let turn = Instant::now();
                let points = search.ask(BATCH.min(TRIES - asked));
                let results: Vec<_> =
                    points.iter().map(|p| (*p, Some(1e5 + (*p as f64 * 0.618).fract() * 1e5))).collect();
                search.tell(&results);
                asked += points.len();
                slowest = slowest.max(turn.elapsed().as_secs_f64());
            }
            let each = begun.elapsed().as_secs_f64() / TRIES as f64;
            println!(
                "{name:24} {:8} points  {:8} {:8.3} ms a candidate, slowest batch of {BATCH} {:7.1} ms",
                field.space.len(),
                strategy.name,
                each * 1e3,
                slowest * 1e3
            );
        }
    }
    Ok(())
}
