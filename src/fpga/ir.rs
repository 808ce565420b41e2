//! The folded unit: a matrix-vector product with what follows it, of which `pe` outputs and `simd` inputs are computed in
//! one clock cycle. After FINN's matrix-vector-activation unit (Umuroglu et al., 2017) and its depthwise sibling.

use std::ops::RangeInclusive;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Which inputs an output sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitKind {
    /// All of them: matrix products and convolutions.
    Dense,
    /// Those of its own channel: depthwise convolutions. `simd` is 1; an input beat holds `pe` channels.
    Depthwise,
}

/// What weights are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// Block RAM.
    Block,
    /// RAM made of look-up tables.
    Distributed,
}

/// What multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Multiplier {
    /// Hard multipliers.
    Dsp,
    /// Look-up tables.
    Fabric,
}

/// What becomes of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requant {
    /// It is put out as it is, `accumulator` bits, two's complement.
    None,
    /// `clamp(((sum * multiplier + 2^(shift - 1)) >> shift) + zero)` to `bits` bits, unsigned. A multiplier of 17 bits for
    /// each output, one shift for all.
    Shift { bits: u32 },
    /// The number of an output's 2^bits - 1 thresholds that the sum reaches: any monotone function to `bits` bits, exactly.
    Thresholds { bits: u32 },
}

/// A folded unit. Which numbers it holds is not part of it: they come beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mvau {
    pub kind: UnitKind,
    /// Outputs.
    pub rows: usize,
    /// Products summed into one output.
    pub columns: usize,
    /// 1..=8. Two's complement; one bit is a sign, -1 or 1.
    pub weight_bits: u32,
    /// 1..=8.
    pub activation_bits: u32,
    /// Are activations two's complement? Unsigned otherwise.
    pub signed: bool,
    /// Outputs computed side by side; divides `rows`.
    pub pe: usize,
    /// Inputs multiplied side by side for each of them; divides `columns`.
    pub simd: usize,
    /// Bits of a sum, two's complement: proved to hold every partial sum of any weights ([`Mvau::worst_accumulator`]) or of
    /// the weights at hand.
    pub accumulator: u32,
    pub memory: Memory,
    /// Does a register follow the memory of weights?
    pub registered: bool,
    /// Levels of the adder tree between two registers; 0: no registers in it.
    pub tree: u32,
    pub requant: Requant,
    /// Products made by one multiplier: 1, or 2 of the same activation with the weights of two outputs.
    pub packing: u32,
    pub multiplier: Multiplier,
}

/// The widest operand of a multiplier that packs products: that of a DSP48E2.
pub const WIDEST_OPERAND: u32 = 27;
/// Bits of a requantisation multiplier, unsigned: with a sign they fit an 18-bit operand.
pub const MULTIPLIER_BITS: u32 = 17;
/// Registers in a requantisation by multiplier and shift: operands, partial products, their sum, rounding, limits, clamping.
pub(super) const SHIFT_STAGES: u32 = 6;
/// Memories of an output's constants, and queues, of more words than these are in block RAM, those for reading with its
/// register behind them.
const DISTRIBUTED_WORDS: usize = 64;

impl Mvau {
    /// A unit with the usual choices: weights in block RAM with its register, a register at every level of the tree, the
    /// accumulator that any weights need, sums put out as they are.
    /// # Errors
    /// A folding that does not divide, or bits out of range.
    pub fn new(
        kind: UnitKind,
        [rows, columns]: [usize; 2],
        [weight_bits, activation_bits]: [u32; 2],
        [pe, simd]: [usize; 2],
    ) -> Result<Self> {
        let mut unit = Self {
            kind,
            rows,
            columns,
            weight_bits,
            activation_bits,
            signed: false,
            pe,
            simd,
            accumulator: 32,
            memory: Memory::Block,
            registered: true,
            tree: 1,
            requant: Requant::None,
            packing: 1,
            multiplier: Multiplier::Dsp,
        };
        unit.check()?;
        unit.accumulator = unit.worst_accumulator();
        Ok(unit)
    }

    /// # Errors
    /// Says what is not legal, and what would be.
    pub fn check(&self) -> Result<()> {
        for (what, bits) in [("weights", self.weight_bits), ("activations", self.activation_bits)] {
            ensure!((1..=8).contains(&bits), "{what} of {bits} bits; units have 1 to 8");
        }
        for (what, size) in [("rows", self.rows), ("columns", self.columns)] {
            ensure!(size > 0 && size <= 1 << 20, "{what} is {size}; it must be 1 to 1048576");
        }
        for (what, fold, of, size) in [("pe", self.pe, "rows", self.rows), ("simd", self.simd, "columns", self.columns)]
        {
            let near = || near_divisors(size, fold).iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            ensure!(
                fold > 0 && size.is_multiple_of(fold),
                "{what} = {fold} does not divide {of} = {size}; take {}",
                near()
            );
        }
        ensure!(
            self.kind == UnitKind::Dense || self.simd == 1,
            "simd = {}; a depthwise unit has 1 and is folded by pe",
            self.simd
        );
        ensure!(
            self.columns as u64 * self.rows as u64 <= 1 << 24,
            "{} weights do not fit any chip; split the layer",
            self.columns * self.rows
        );
        if let Requant::Shift { bits } | Requant::Thresholds { bits } = self.requant {
            ensure!((1..=8).contains(&bits), "outputs of {bits} bits; requantised ones have 1 to 8");
        }
        ensure!((2..=32).contains(&self.accumulator), "acc = {}; it must be 2 to 32", self.accumulator);
        ensure!(matches!(self.packing, 1 | 2), "x{}; a multiplier makes x1 or x2 products", self.packing);
        if self.packing == 2 {
            ensure!(self.kind == UnitKind::Dense, "x2 needs activations shared by outputs; depthwise ones are not");
            ensure!(self.pe.is_multiple_of(2), "x2 packs pairs of outputs; pe = {} is odd", self.pe);
            let bits = self.packed_bits();
            ensure!(
                bits <= WIDEST_OPERAND && self.multiplier == Multiplier::Dsp,
                "x2 needs operands of {bits} bits in hard multipliers, which have at most {WIDEST_OPERAND}; take x1"
            );
        }
        Ok(())
    }

    /// Beats of inputs for one vector: `columns / simd`.
    pub fn synapse_folds(&self) -> usize {
        self.columns / self.simd
    }

    /// Are its inputs kept and read again, once for each of several rounds of outputs?
    pub fn replays(&self) -> bool {
        self.kind == UnitKind::Dense && self.neuron_folds() > 1
    }

    /// Beats of outputs for one vector: `rows / pe`.
    pub fn neuron_folds(&self) -> usize {
        self.rows / self.pe
    }

    /// Clock cycles from one vector to the next.
    pub fn interval(&self) -> u64 {
        self.synapse_folds() as u64 * self.neuron_folds() as u64
    }

    /// Clock cycles for `vectors` of them, the one in which the first input is taken and the one in which the last output
    /// is given both counted, where nobody keeps the unit waiting.
    pub fn cycles(&self, vectors: u64) -> u64 {
        vectors * self.interval() + u64::from(self.latency())
    }

    /// Registers between the input and the output: memory, its register, operands, products, tree, accumulator,
    /// requantisation, and the output queue.
    pub fn latency(&self) -> u32 {
        self.before_sum() + 1 + self.requant_stages() + 1
    }

    /// Registers before the accumulator.
    pub(super) fn before_sum(&self) -> u32 {
        1 + u32::from(self.registered) + self.product_stages() + self.tree_stages()
    }

    /// Registers of the products. Hard multipliers have one before and one behind, without which they are the slowest part
    /// of a unit; where products are packed, another one follows what takes them apart. Look-up tables have the one behind.
    pub(super) fn product_stages(&self) -> u32 {
        let hard = self.multiplier == Multiplier::Dsp && self.weight_bits > 1;
        1 + u32::from(hard || self.packing > 1) + u32::from(self.packing > 1)
    }

    /// Levels of the adder tree.
    pub fn tree_levels(&self) -> u32 {
        self.simd.next_power_of_two().trailing_zeros()
    }

    /// Registers in it.
    pub fn tree_stages(&self) -> u32 {
        if self.tree == 0 { 0 } else { self.tree_levels().div_ceil(self.tree) }
    }

    pub(super) fn requant_stages(&self) -> u32 {
        match self.requant {
            Requant::None => 0,
            Requant::Shift { .. } => SHIFT_STAGES,
            // a bit is looked up and compared; the first is looked up while the sum is completed
            Requant::Thresholds { bits } => {
                2 * bits - 1 + (1..bits).filter(|bit| in_block_ram(self.neuron_folds() << bit)).count() as u32
            }
        }
    }

    /// Beats that the output queue holds: as many as are under way when it is emptied without delay, so that it never keeps
    /// the unit waiting.
    pub fn queue(&self) -> usize {
        (self.latency() as usize + 1).div_ceil(self.synapse_folds()).max(2).next_power_of_two()
    }

    /// Bits of a product.
    pub fn product_bits(&self) -> u32 {
        self.weight_bits + self.activation_bits
    }

    /// Bits of a weight as it is multiplied: a sign is -1 or 1, which takes two.
    pub fn operand_bits(&self) -> u32 {
        self.weight_bits.max(2)
    }

    /// Bits of the operand that holds two weights, where products are packed.
    pub fn packed_bits(&self) -> u32 {
        self.product_bits() + self.operand_bits() + 1
    }

    /// Multipliers of the products; those of a requantisation are not counted.
    pub fn multipliers(&self) -> usize {
        self.pe * self.simd / self.packing as usize
    }

    /// Bits of one word of weights, and how many words there are.
    pub fn weight_memory(&self) -> (usize, usize) {
        (self.pe * self.simd * self.weight_bits as usize, self.synapse_folds() * self.neuron_folds())
    }

    /// Bits of an output.
    pub fn output_bits(&self) -> u32 {
        match self.requant {
            Requant::None => self.accumulator,
            Requant::Shift { bits } | Requant::Thresholds { bits } => bits,
        }
    }

    /// Activations in one beat of inputs.
    pub fn input_lanes(&self) -> usize {
        if self.kind == UnitKind::Depthwise { self.pe } else { self.simd }
    }

    /// Beats of inputs for one vector, whatever the kind.
    pub fn input_beats(&self) -> usize {
        if self.kind == UnitKind::Depthwise { self.synapse_folds() * self.neuron_folds() } else { self.synapse_folds() }
    }

    /// Values of a weight, and of an activation.
    pub fn weight_range(&self) -> RangeInclusive<i64> {
        let half = 1 << (self.weight_bits - 1);
        if self.weight_bits == 1 { -1..=1 } else { -half..=half - 1 }
    }
    pub fn activation_range(&self) -> RangeInclusive<i64> {
        let bits = self.activation_bits;
        if self.signed { -(1 << (bits - 1))..=(1 << (bits - 1)) - 1 } else { 0..=(1 << bits) - 1 }
    }

    /// Every partial sum of any weights lies within, as 0 is an activation and the order of the products does not matter.
    pub fn worst_sum(&self) -> RangeInclusive<i64> {
        let (w, a) = (self.weight_range(), self.activation_range());
        let products = [w.start() * a.start(), w.start() * a.end(), w.end() * a.start(), w.end() * a.end()];
        let k = self.columns as i64;
        k * products.iter().min().unwrap_or(&0)..=k * products.iter().max().unwrap_or(&0)
    }

    /// Bits that hold every partial sum of any weights of this shape; of thresholds, also one more than the greatest.
    pub fn worst_accumulator(&self) -> u32 {
        let sum = self.worst_sum();
        bits_of(&(*sum.start()..=sum.end() + 1))
    }
}

/// Is a memory of so many words kept in block RAM, where nobody says?
pub(super) fn in_block_ram(words: usize) -> bool {
    words > DISTRIBUTED_WORDS
}

/// Bits of two's complement that hold a range.
pub fn bits_of(range: &RangeInclusive<i64>) -> u32 {
    let of = |v: i64| 65 - if v < 0 { (!v).leading_zeros() } else { v.leading_zeros() };
    of(*range.start()).max(of(*range.end())).max(2)
}

/// Divisors of `size`, ascending.
pub fn divisors(size: usize) -> Vec<usize> {
    (1..=size).filter(|d| size.is_multiple_of(*d)).collect()
}

/// The divisors of `size` next to `wanted`, below and above.
pub fn near_divisors(size: usize, wanted: usize) -> Vec<usize> {
    let all = divisors(size);
    let below = all.iter().rev().find(|d| **d <= wanted);
    let above = all.iter().find(|d| **d >= wanted);
    let mut near: Vec<usize> = below.into_iter().chain(above).copied().collect();
    near.dedup();
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_bits_and_mistakes() {
        let unit = Mvau::new(UnitKind::Dense, [32, 64], [8, 8], [4, 8]).unwrap();
        assert_eq!((unit.interval(), unit.multipliers(), unit.weight_memory()), (64, 32, (256, 64)));
        // memory, register, operands, product, three levels, accumulator, queue
        assert_eq!((unit.latency(), unit.cycles(10)), (9, 649));
        // 64 * -128 * 255 = -2088960, more than 2^20
        assert_eq!(unit.accumulator, 22);
        let say = |fold| Mvau::new(UnitKind::Dense, [64, 576], [4, 4], fold).unwrap_err().to_string();
        assert_eq!(say([5, 8]), "pe = 5 does not divide rows = 64; take 4 or 8");
        assert_eq!(say([4, 7]), "simd = 7 does not divide columns = 576; take 6 or 8");
        assert_eq!(say([128, 8]), "pe = 128 does not divide rows = 64; take 64");
        assert_eq!(say([0, 8]), "pe = 0 does not divide rows = 64; take 1");
        assert!(Mvau::new(UnitKind::Dense, [1, 1], [9, 4], [1, 1]).is_err());
        for (range, bits) in [(-1..=1, 2), (-2..=1, 2), (-2..=2, 3), (0..=127, 8), (-128..=127, 8), (-129..=0, 9)] {
            assert_eq!(bits_of(&range), bits, "{range:?}");
        }
    }
}
