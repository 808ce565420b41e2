//! What a unit should take of a device, and how long its clock period should be about: what the funnel ranks by before any
//! tool has seen a design. Never shown as a clock; resources are shown as `modelled`.

use crate::fpga::device::Device;
use crate::fpga::ir::{Memory, Multiplier, Mvau, Requant};
use crate::fpga::model::{blocks, calibrated};
use crate::fpga::resources::Resources;

/// Widest operands of one hard multiplier, by fabric; the wider one is of 27 (UltraScale+), 25 (7 series) or 18 bits.
fn operands(fabric: &str) -> (u32, u32) {
    match fabric {
        "xcup" => (27, 18),
        "xc7" => (25, 18),
        "ice40" => (16, 16),
        _ => (18, 18),
    }
}

/// Products narrower than this are left to look-up tables by Yosys, whatever is asked for (`DSP_Y_MINWIDTH`).
const NARROWEST_PRODUCT: u32 = 9;

/// Does a hard multiplier make its products?
fn hard(unit: &Mvau, fabric: &str) -> bool {
    let narrow = unit.product_bits() < NARROWEST_PRODUCT && fabric.starts_with("xc");
    unit.multiplier == Multiplier::Dsp && !narrow
}

/// Look-up tables, block RAMs and hard multipliers; by the calibrated model where the fabric has one. Flip-flops are left
/// unknown: they are never what is short.
pub fn resources(device: &Device, unit: &Mvau) -> Resources {
    let fabric = device.fabric();
    if let Some(estimate) = calibrated::estimate(fabric, unit) {
        return estimate.resources;
    }
    let (width, words) = unit.weight_memory();
    let products = unit.multipliers() as f64;
    let (pe, simd) = (unit.pe as f64, unit.simd as f64);
    let (w, a) = (f64::from(unit.weight_bits), f64::from(unit.activation_bits));
    let hard = hard(unit, fabric.name);
    let dsp = if hard {
        let (wide, other) = operands(fabric.name);
        let left = if unit.packing > 1 { unit.packed_bits() } else { unit.operand_bits() };
        let pieces = left.div_ceil(wide) * unit.activation_bits.div_ceil(other);
        products * f64::from(pieces)
    } else {
        0.0
    };
    let multipliers = match hard {
        true => 0.0,
        false if unit.weight_bits == 1 => pe * simd * 1.5 * a,
        false => pe * simd * 2.3 * w * a,
    };
    let sum = f64::from(unit.accumulator);
    let tree = pe * (simd - 1.0) * (w + a + 1.0) * 1.1;
    let six = fabric.name.starts_with("xc");
    let table = if six { 64.0 } else { 16.0 };
    let (bram, memory) = match unit.memory {
        Memory::Block => (blocks(fabric, width as u64, words as u64), 0.0),
        Memory::Distributed => (0, width as f64 * (words as f64 / table).ceil() * 0.9),
    };
    let requant = match unit.requant {
        Requant::Thresholds { bits } => {
            let all = f64::from((1u32 << bits) - 1) * unit.neuron_folds() as f64;
            pe * (sum * (all / table).ceil() * 0.6 + f64::from(bits) * sum)
        }
        Requant::Shift { .. } => pe * 8.0 * sum,
        Requant::None => 0.0,
    };
    let queue = pe * f64::from(unit.output_bits()) * 2.0;
    let lut = 150.0 + multipliers + tree + pe * sum * 2.0 + memory + requant + queue;
    Resources { lut: Some(lut as u64), ff: None, bram: Some(bram), dsp: Some(dsp as u64), uram: Some(0) }
}

/// About how long the longest path between two registers is, in units of a table and its wires.
pub fn period(device: &Device, unit: &Mvau) -> f64 {
    let memory = match (unit.registered, unit.memory) {
        (true, _) => 0.0,
        (false, Memory::Block) => 4.0,
        (false, Memory::Distributed) => 1.0,
    };
    let products = match hard(unit, device.fabric().name) {
        // between registers of its own
        true => 3.2,
        false => 1.0 + 0.3 * f64::from(unit.product_bits()),
    };
    let level = |levels: u32| f64::from(levels) * 1.6 + 0.06 * f64::from(unit.product_bits() + levels);
    let sum = 1.5 + 0.06 * f64::from(unit.accumulator);
    let levels = unit.tree_levels();
    let (tree, sum) = match unit.tree {
        0 => (0.0, sum + level(levels)),
        each => (level(each.min(levels)), sum),
    };
    (memory + products).max(tree).max(sum).max(3.0)
}
