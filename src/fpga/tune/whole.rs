//! A whole network as one stream: the layers share the device, so what is tuned is the interval that all of them keep. Of each
//! scheme the least interval that should fit, and slower ones.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use rayon::prelude::*;

use super::plan::Plan;
use super::{guess, rank};
use crate::data::Trained;
use crate::emit::short_hash;
use crate::fpga::Evidence;
use crate::fpga::chain::{Chain, Stage};
use crate::fpga::device::Device;
use crate::fpga::network::{Numbers, Stream};
use crate::fpga::resources::Resources;
use crate::fpga::row::Row;
use crate::fpga::subject::Subject;
use crate::fpga::synth::{self, Flow};
use crate::fpga::tool::Failure;
use crate::layer::Network;
use crate::record::Outcome;
use crate::scheme;

/// Images that the RTL and the netlist are held to.
const FRAMES: usize = 3;
/// Intervals of a scheme: the least that should fit, and each twice the one before.
const INTERVALS: usize = 4;
/// Clock cycles from image to image that are asked for, at most: 2 to this.
const SLOWEST: u32 = 24;

/// A network under a scheme at an interval.
pub struct Whole {
    pub network: String,
    pub scheme: String,
    /// `digits.w4a4.i600`, as `bitsmith synth` names it.
    pub name: String,
    pub chain: Chain,
    frames: Vec<Vec<i32>>,
    pub guess: Resources,
    pub source: String,
}

/// What the units should take together; queues and windows are left out.
fn sum(chain: &Chain, device: &Device) -> Resources {
    let units = chain.stages.iter().filter_map(|s| if let Stage::Unit { unit, .. } = s { Some(unit) } else { None });
    let all = units.map(|u| guess::resources(device, u)).fold(Resources::NONE, |a, b| a.plus(&b));
    Resources { ff: None, ..all }
}

/// All networks of the plan that have weights and all of whose layers are tuned, the most promising first.
/// # Errors
/// Weights that cannot be read.
pub fn wholes(plan: &Plan, out: impl Fn(&str) -> Vec<String>) -> Result<Vec<Whole>> {
    let mut names: Vec<&str> = plan.layers.iter().map(|l| l.network.as_str()).collect();
    names.dedup();
    let mut all = Vec::new();
    for name in names {
        let Ok(network) = Network::built_in(name) else { continue };
        let whole = network.layers.iter().all(|l| plan.layers.contains(l));
        let Some(trained) = (if whole { Trained::load(&network)? } else { None }) else { continue };
        let out = out(name);
        let schemes: Vec<&String> = plan.schemes.iter().filter(|s| !out.contains(s)).collect();
        let of = schemes.par_iter().map(|s| of_scheme(plan, &network, &trained, s));
        all.extend(of.collect::<Result<Vec<_>>>()?.into_iter().flatten());
    }
    let figures: Vec<[f64; 2]> =
        all.iter().map(|w: &Whole| [(w.chain.interval() as f64).ln(), plan.device.share(&w.guess)]).collect();
    let mut places: Vec<(usize, usize)> = rank::order(&figures, usize::MAX).into_iter().zip(0..).collect();
    places.sort_unstable();
    let mut ranked: Vec<(usize, Whole)> = places.into_iter().map(|(_, place)| place).zip(all).collect();
    ranked.sort_by_key(|(place, _)| *place);
    Ok(ranked.into_iter().map(|(_, w)| w).collect())
}

/// None where the scheme has no integers, which its layers' rows say.
fn of_scheme(plan: &Plan, network: &Network, trained: &Trained, name: &str) -> Result<Vec<Whole>> {
    let scheme = scheme::find(name)?;
    let mut found: Vec<Whole> = Vec::new();
    let Ok(numbers) = Numbers::of(network, trained, &scheme) else { return Ok(found) };
    let numbers = Arc::new(numbers);
    for asked in (4..=SLOWEST).map(|n| 1u64 << n) {
        let Ok(stream) = Stream::at(&numbers, asked) else { continue };
        let interval = stream.chain.interval();
        let guess = sum(&stream.chain, &plan.device);
        let known = found.iter().any(|w| w.chain.interval() == interval);
        if known || plan.device.share(&guess) > 1.0 {
            continue;
        }
        let frames = trained.test.x.iter().take(FRAMES).map(|x| stream.frame(x)).collect();
        let design = stream.chain.design()?;
        let text: String = design.rtl.iter().map(|(_, text)| text.as_str()).collect();
        found.push(Whole {
            network: network.name.clone(),
            scheme: name.into(),
            name: format!("{}.{name}.i{asked}", network.name),
            chain: stream.chain,
            frames,
            guess,
            source: short_hash(text.as_bytes()),
        });
        if found.len() == INTERVALS {
            break;
        }
    }
    Ok(found)
}

impl Whole {
    pub fn is_of(&self, row: &Row) -> bool {
        row.layer == self.network && row.scheme == self.scheme && row.source == self.source
    }

    fn named(&self, row: Row) -> Row {
        let (layer, scheme, source) = (self.network.clone(), self.scheme.clone(), self.source.clone());
        Row { layer, scheme, source, ..row }
    }

    /// What the model says of it. Its latency nobody knows before simulation.
    /// # Errors
    /// A chain without units.
    pub fn modelled(&self, device: &Device) -> Result<Row> {
        let nothing = synth::Figures::none();
        let row = Row::of_chain(&self.name, &self.chain, device, &nothing, "")?.with_resources(device, &self.guess);
        let row = Row { evidence: Evidence::Modelled, outcome: None, cycles: None, ..row };
        Ok(Row { source: String::new(), ..self.named(row) })
    }

    /// Through all stages that the flow has tools for.
    /// # Errors
    /// What concerns every design.
    pub fn run(&self, flow: &Flow, until: synth::Stage, work: &Path, stop: &AtomicBool) -> Result<Row, Failure> {
        let folder = work.join(short_hash(format!("{} {}", self.name, self.source).as_bytes()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)
            .map_err(|e| Failure::Missing(format!("cannot create {}: {e}", folder.display())))?;
        let failed = |e: anyhow::Error| Failure::Failed(format!("{e:#}"));
        let subject = Subject::of_chain(&self.chain, self.frames.clone()).map_err(failed)?;
        let figures = flow.run_subject(&subject, until, &folder, stop);
        let _ = std::fs::remove_dir_all(&folder);
        let row = Row::of_chain(&self.name, &self.chain, &flow.device, &figures?, &flow.versions()).map_err(failed)?;
        let lacks = flow.device.lacks(&row.resources()).filter(|_| row.outcome == Some(Outcome::Checked));
        let row = match lacks {
            Some(lacks) => {
                Row { outcome: Some(Outcome::BuildFailed), message: format!("does not fit: {lacks}"), ..row }
            }
            None => row,
        };
        Ok(self.named(row))
    }
}
