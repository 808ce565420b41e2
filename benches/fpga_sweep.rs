//! The units that the model of look-up tables is calibrated on and judged by: prints their names, one a line, always the same.
//!
//!     cargo bench --bench fpga_sweep > sweep.txt
//!     bitsmith synth --designs-of sweep.txt --target ecp5-45k --until synth --table sweep.csv

use bitsmith::fpga::ir::divisors;
use bitsmith::fpga::{Memory, Multiplier, Mvau, Requant, UnitKind};

/// Units. Those of the table that the model reads are the first of them.
const UNITS: usize = 400;
/// Bounds that keep synthesis and simulation of one unit below a minute: products in a cycle, cycles, bits of weights in
/// look-up tables.
const PRODUCTS: usize = 64;
const INTERVAL: u64 = 256;
const DISTRIBUTED_BITS: usize = 1 << 14;

fn main() {
    let rng = &mut fastrand::Rng::with_seed(1);
    let mut names = std::collections::BTreeSet::new();
    while names.len() < UNITS {
        let Some(unit) = unit(rng) else { continue };
        if names.insert(unit.to_string()) {
            println!("{unit}");
        }
    }
}

/// One by chance; none where it is not legal or beyond the bounds.
fn unit(rng: &mut fastrand::Rng) -> Option<Mvau> {
    let kind = if rng.u32(0..8) == 0 { UnitKind::Depthwise } else { UnitKind::Dense };
    let (rows, columns) =
        (rng.choice([4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64])?, rng.choice([3, 9, 12, 16, 27, 32, 36, 64, 72, 128])?);
    let pe = *rng.choice(&divisors(rows))?;
    let simd = if kind == UnitKind::Depthwise { 1 } else { *rng.choice(&divisors(columns))? };
    let mut unit = Mvau::new(kind, [rows, columns], [rng.u32(1..=8), rng.u32(1..=8)], [pe, simd]).ok()?;
    unit.signed = rng.u32(0..3) == 0;
    unit.multiplier = if rng.bool() { Multiplier::Dsp } else { Multiplier::Fabric };
    unit.memory = if rng.bool() { Memory::Block } else { Memory::Distributed };
    unit.registered = rng.u32(0..8) > 0;
    unit.tree = rng.choice([0, 1, 1, 1, 2])?;
    unit.requant = match rng.u32(0..6) {
        0..=2 => Requant::None,
        3 => Requant::Shift { bits: rng.u32(1..=8) },
        _ => Requant::Thresholds { bits: rng.u32(1..=4) },
    };
    let packed = Mvau { packing: 2, ..unit.clone() };
    if rng.u32(0..8) == 0 && packed.check().is_ok() {
        unit = packed;
    }
    let (bits, words) = unit.weight_memory();
    let small = unit.memory == Memory::Block || bits * words <= DISTRIBUTED_BITS;
    (unit.check().is_ok() && small && pe * simd <= PRODUCTS && unit.interval() <= INTERVAL).then_some(unit)
}
