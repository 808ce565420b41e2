//! What the open tools are given: a unit, or units that stream into one another, with the beats that both its RTL and its
//! netlist are held to.

use anyhow::Result;

use super::chain::Chain;
use super::check::Beats;
use super::ir::{Multiplier, Mvau};
use super::parameters::Parameters;
use super::rtl;

/// Modules with what they are checked by.
pub struct Subject {
    /// The module that has the streams.
    pub top: String,
    /// Modules and the memories that they read, by file name; the static modules are not among them.
    pub files: Vec<(String, String)>,
    pub beats: Beats,
    pub multiplier: Multiplier,
}

impl Subject {
    /// One unit, with `vectors` vectors by chance, the extreme ones first.
    pub fn of_unit(unit: &Mvau, own: &Parameters, vectors: usize) -> Self {
        let made = rtl::unit("unit", unit, own);
        let files = vec![("unit.sv".into(), made.module), ("unit.weights.hex".into(), made.weights)];
        let beats = Beats::new(unit, own, vectors, 1);
        Self { top: "unit".into(), files, beats, multiplier: unit.multiplier }
    }

    /// A chain, with frames of its input.
    /// # Errors
    /// Stages that do not fit one another.
    pub fn of_chain(chain: &Chain, frames: Vec<Vec<i32>>) -> Result<Self> {
        let design = chain.design()?;
        let beats = Beats::of_frames(&design, &chain.vectors(frames), chain.interval());
        Ok(Self { top: design.name, files: design.rtl, beats, multiplier: Multiplier::Dsp })
    }
}
