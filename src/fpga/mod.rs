//! Designs for FPGAs: folded units that stream activations past weights kept on the chip. One representation, from which
//! HLS C++ and SystemVerilog are emitted and by which both are checked. `docs/fpga.md` tells the story.

pub mod absorb;
pub mod chain;
pub mod check;
pub mod design;
pub mod device;
pub mod fabric;
pub mod export;
pub mod hls;
pub mod ir;
pub mod model;
pub mod name;
pub mod network;
pub mod parameters;
pub mod reports;
pub mod resources;
pub mod row;
pub mod rtl;
pub mod sim;
pub mod subject;
pub mod sv;
pub mod synth;
pub mod tool;
pub mod tune;
pub mod vendor;

pub use ir::{Memory, Multiplier, Mvau, Requant, UnitKind};
pub use parameters::{Parameters, Rescale};

/// What a figure of a design rests on, from the weakest to the strongest. Figures of different classes are never ranked
/// against each other, nor shown as one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A formula says so.
    Modelled,
    /// C++ compiled for this machine: right or wrong, never a time.
    Csim,
    /// Our RTL in a simulator: answers and clock cycles.
    Rtlsim,
    /// Our RTL through an open synthesis: cells, no times.
    SynthOpen,
    /// Our RTL placed and routed by an open tool.
    PnrOpen,
    /// A vendor's report of HLS C++, before synthesis.
    Csynth,
    /// A vendor's simulation of the RTL that it made of HLS C++.
    Cosim,
    /// Placed and routed by a vendor's tool.
    Impl,
}

impl Evidence {
    pub fn name(self) -> &'static str {
        match self {
            Evidence::Modelled => "modelled",
            Evidence::Csim => "csim",
            Evidence::Rtlsim => "rtlsim",
            Evidence::SynthOpen => "synth-open",
            Evidence::PnrOpen => "pnr-open",
            Evidence::Csynth => "csynth",
            Evidence::Cosim => "cosim",
            Evidence::Impl => "impl",
        }
    }
}
