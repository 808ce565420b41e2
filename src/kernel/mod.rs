//! Kernel families: how a layer's loops are written in the words of a tile vocabulary.

pub mod amx;
pub mod axes;
pub mod bf16;
pub mod bitserial;
pub mod chain;
pub mod chain16;
pub mod coded;
pub mod depthwise;
pub mod dot;
pub mod estimate;
pub mod float;
pub mod layout;
pub mod lut;
pub mod nest;
pub mod product;
pub mod roof;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::candidate::{Axis, Contract, Name, Regime, Schedule, Space};
use crate::emit::{Source, Stmt};
use crate::host::Caches;
use crate::layer::{Op, Shape};
use crate::native::{Isa, Tile};
use crate::op;
use crate::scheme::{Scheme, Weights};
use nest::Nest;

/// What a kernel is wanted for: everything about a candidate but its schedule.
#[derive(Clone)]
pub struct Task {
    pub shape: Shape,
    pub relu: bool,
    pub scheme: Scheme,
    pub contract: Contract,
    pub isa: Arc<Isa>,
    pub threads: usize,
    pub caches: Caches,
}

/// How the numbers travel through a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// u8 in, s32 out.
    Int,
    /// u8 in, requantized u8 out.
    Requant,
    /// f32 in, quantized to u8 inside, f32 out.
    Dynamic,
    /// The same with a scale for every group of weights: sums are integers within a group and f32 across groups.
    Groups,
    /// f32 throughout.
    Float,
    /// f32 in and out, weights decoded to f32 inside: their levels are multiplied, sums with the scales.
    Coded,
}

impl Task {
    pub fn arithmetic(&self) -> Arithmetic {
        match (self.scheme.real_activations(), self.contract) {
            (true, _) if self.scheme.weight_bits() == 32.0 => Arithmetic::Float,
            (true, _) => Arithmetic::Coded,
            (false, Contract::Int8) => Arithmetic::Int,
            (false, Contract::Qdq) => Arithmetic::Requant,
            (false, Contract::F32io) if self.group().is_some() => Arithmetic::Groups,
            (false, Contract::F32io) => Arithmetic::Dynamic,
        }
    }

    /// Inputs of one output whose weights share a scale; none where all of them do.
    pub fn group(&self) -> Option<usize> {
        self.scheme.groups().map(|g| g.columns)
    }

    /// Does it quantize activations itself, from f32?
    pub fn quantizes(&self) -> bool {
        matches!(self.arithmetic(), Arithmetic::Dynamic | Arithmetic::Groups)
    }

    /// Bytes of an output element.
    pub fn out_width(&self) -> usize {
        if self.arithmetic() == Arithmetic::Requant { 1 } else { 4 }
    }

    /// Are its products those of integers?
    pub fn is_integer(&self) -> bool {
        !matches!(self.arithmetic(), Arithmetic::Float | Arithmetic::Coded)
    }

    /// Is the grid of its activations found beforehand, and given to each call? Else a call finds its own.
    pub fn has_static_grid(&self) -> bool {
        matches!(self.arithmetic(), Arithmetic::Dynamic | Arithmetic::Groups) && self.scheme.activations.fixed.is_some()
    }

    /// Are its weights decoded to reals?
    pub fn is_coded(&self) -> bool {
        self.arithmetic() == Arithmetic::Coded
    }

    /// The kind of tile whose products are the most that a kernel could make of its multiplications.
    pub fn products(&self) -> &'static str {
        let pairs = |tile| (bf16::FAMILY.serves)(self, tile);
        match self.is_integer() {
            true => dot::FAMILY.tiles,
            false if self.isa.tiles_of(bf16::FAMILY.tiles).any(pairs) => bf16::FAMILY.tiles,
            false => float::FAMILY.tiles,
        }
    }

    /// Does a kernel change activations on their way in: round, quantize?
    pub fn converts(&self) -> bool {
        self.quantizes() || self.scheme.activations.half().is_some()
    }

    /// The families that serve this task.
    /// # Errors
    /// Says why there is none.
    pub fn families(&self) -> Result<Vec<&'static Family>> {
        ensure!(
            self.scheme.contracts().contains(&self.contract),
            "{} has no {} contract",
            self.scheme,
            self.contract.name()
        );
        ensure!(
            self.scheme.channels().is_none(),
            "{}: channels are left out of whole networks, by `tune --model` and `accuracy`",
            self.scheme
        );
        ensure!(self.scheme.has_kernels(), "no kernel family implements {}", self.scheme);
        ensure!(
            !self.is_integer()
                || self.shape.k() as i64 * self.scheme.greatest_activation() as i64 * 255 < i64::from(i32::MAX),
            "k = {} could overflow a 32-bit accumulator",
            self.shape.k()
        );
        let fits = |f: &&Family| f.ops.contains(&self.shape.op);
        let tiled = |f: &&Family| self.isa.tiles_of(f.tiles).any(|tile| (f.serves)(self, tile));
        let families: Vec<_> = FAMILIES.iter().filter(fits).filter(tiled).collect();
        ensure!(!families.is_empty(), "no kernel family serves {} on {}", self.shape.op.name(), self.isa.name);
        Ok(families)
    }

    /// Every legal schedule, of all families.
    pub fn space(&self) -> Result<Space> {
        let axes: Vec<_> = self.families()?.into_iter().map(|f| (f.axes)(self, f)).collect();
        Ok(Space::families(axes.iter().map(Vec::as_slice)))
    }

    pub fn name(&self, schedule: &Schedule) -> Result<Name> {
        Ok(Name {
            op: self.shape.op.name().into(),
            scheme: self.scheme.to_string(),
            isa: self.isa.name.clone(),
            family: self.nest(schedule)?.family.name.into(),
            schedule: schedule.clone(),
        })
    }

    pub fn emit(&self, schedule: &Schedule) -> Result<Source> {
        let nest = self.nest(schedule)?;
        Ok(nest.source(&self.name(schedule)?))
    }

    /// The weights in the order the kernel reads them.
    pub fn pack(&self, schedule: &Schedule, weights: &Weights) -> Result<Vec<u8>> {
        let nest = self.nest(schedule)?;
        Ok((nest.family.pack)(&nest, weights))
    }

    /// Two schedules with the same key share packed weights.
    pub fn pack_key(&self, schedule: &Schedule) -> String {
        let [_, vectors] = schedule.sizes("b");
        format!("{}x{vectors}", schedule.0.first().map_or(String::new(), ToString::to_string))
    }

    /// The per-column parameters (`bs_args.cols`), each array padded to a multiple of the widest vector.
    /// `init` is of the int8 and qdq contracts, `multiplier` of qdq, `bias` of f32io. With the sums of the weights is multiplied
    /// what activations are more or less than what they stand for: their zero point, and what a tile takes off.
    pub fn pack_columns(&self, weights: &Weights, init: &[i32], multiplier: &[f32], bias: &[f32]) -> Vec<u8> {
        let (mut out, n, k) = (Vec::new(), self.shape.n(), self.shape.k());
        let mut array = |words: &mut dyn Iterator<Item = [u8; 4]>| {
            (0..column_stride(n)).for_each(|_| out.extend(words.next().unwrap_or([0; 4])));
        };
        let mut floats = |values: &[f32]| array(&mut values.iter().map(|v| v.to_le_bytes()));
        match (self.arithmetic(), weights) {
            (Arithmetic::Int, Weights::Int { codes, .. }) => {
                array(&mut init.iter().map(|v| v.to_le_bytes()));
                array(&mut op::column_sums(codes, k).into_iter().map(i32::to_le_bytes));
            }
            (Arithmetic::Requant, Weights::Int { codes, .. }) => {
                array(&mut init.iter().map(|v| v.to_le_bytes()));
                array(&mut multiplier.iter().map(|v| v.to_le_bytes()));
                array(&mut op::column_sums(codes, k).into_iter().map(i32::to_le_bytes));
            }
            (Arithmetic::Groups, Weights::Int { codes, scales, group: Some(group) }) => {
                floats(&op::weight_sums(codes, scales, *group, k));
                floats(bias);
            }
            (Arithmetic::Dynamic, Weights::Int { codes, scales, .. }) => {
                floats(scales);
                let sums = op::column_sums(codes, k);
                array(&mut sums.iter().map(|v| v.to_le_bytes()));
                array(&mut bias.iter().map(|v| v.to_le_bytes()));
            }
            (Arithmetic::Coded, Weights::Coded(q)) => {
                match self.scheme.groups() {
                    Some(groups) => floats(&vec![groups.scale.unit(&q.lattice); n]),
                    None => floats(&q.lattice.scales),
                }
                floats(bias);
                out.extend(coded::table(&q.lattice.levels).into_iter().flat_map(f32::to_le_bytes));
            }
            _ => floats(bias),
        }
        out
    }

    /// The kind of tile that a schedule multiplies with.
    pub fn tiles(&self, schedule: &Schedule) -> Result<&'static str> {
        Ok(self.nest(schedule)?.family.tiles)
    }

    /// Bytes that one call of a single thread moves into a cache of so many bytes, estimated from the loops of its schedule.
    pub fn traffic(&self, schedule: &Schedule, cache: u64, regime: Regime) -> Result<f64> {
        Ok(self.nest(schedule)?.traffic(cache, regime))
    }

    /// A schedule begins with its tile, which also tells its family: no two families share a tile.
    fn nest<'a>(&'a self, schedule: &'a Schedule) -> Result<Nest<'a>> {
        let variant = schedule.0.first().map_or("", |k| k.word.as_str());
        let mut fitting = self.families()?.into_iter();
        let found = fitting.find_map(|f| Some((f, self.isa.tile(f.tiles, variant)?)));
        let (family, tile) =
            found.with_context(|| format!("schedule `{schedule}` names no tile of {}", self.isa.name))?;
        Ok(Nest::new(self, family, tile, schedule))
    }
}

/// Words of one per-column array: n rounded up to the widest vector of any instruction set.
pub fn column_stride(n: usize) -> usize {
    n.next_multiple_of(64)
}

/// One way to write a layer's inner loops.
pub struct Family {
    pub name: &'static str,
    /// Prefix of the tiles whose words it uses.
    pub tiles: &'static str,
    /// Can it compute this task with this tile?
    pub serves: fn(&Task, &Tile) -> bool,
    pub ops: &'static [Op],
    /// The free choices.
    pub axes: for<'a> fn(&'a Task, &'a Family) -> Vec<Axis<'a>>,
    /// The sums of one block: statements that leave accumulators `c{row}_{vector}` complete; those of several rows, `sums`.
    pub inner: fn(&Nest, rows: usize, vectors: usize, partial: usize) -> Vec<Stmt>,
    /// Vector loads of packed weights for a whole panel of `vectors` vectors.
    pub pack: fn(&Nest, &Weights) -> Vec<u8>,
    /// Steps through the packed weights of one panel.
    pub steps: fn(&Task, &Tile) -> usize,
    /// Parts that a staged row consists of, each with all of its inputs: planes of bits, or low and high bytes of
    /// tables, where it is cut into some.
    pub parts: fn(&Task) -> usize,
}

impl Family {
    /// Has every output channel inputs of its own?
    fn own_channels(&self) -> bool {
        self.ops == [Op::Depthwise]
    }
}

/// Every kernel family: one file and one row each.
pub static FAMILIES: &[Family] = &[
    dot::FAMILY,
    amx::FAMILY,
    chain16::FAMILY,
    bitserial::FAMILY,
    lut::FAMILY,
    float::FAMILY,
    depthwise::INT,
    depthwise::FLOAT,
    coded::TABLE,
    coded::INTEGER,
    coded::E4M3,
    coded::E5M2,
    coded::F16,
    coded::BF16,
    bf16::FAMILY,
];
