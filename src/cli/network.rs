//! `bitsmith tune --model`: a user's network, its layers, and what each of them under each scheme does to the network.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::model::{FLOAT, Loaded, ModelArgs, Slimmer, Ticker};
use crate::candidate::Contract;
use crate::data::Labelled;
use crate::decision::Limits;
use crate::layer::Layer;
use crate::model::program::{Numbers, Program};
use crate::model::score::answers;
use crate::model::sensitivity::{Sensitivity, of_layer, row};
use crate::model::slim::Mask;
use crate::quantized::QuantizedLayer;
use crate::record::Table;
use crate::scheme;

/// What the chosen network must keep.
#[derive(clap::Args, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Goals {
    /// Most of top-1 that may be lost, of all samples: 1%; the fastest network that keeps it is chosen [default: 1% where
    /// nothing else is limited]. Of FPGAs: schemes that lose more are not designed [default: 1%]
    #[arg(long, value_name = "1%", value_parser = share)]
    max_drop: Option<f64>,
    /// Most that the layers may take together: 2ms, 800us
    #[arg(long, value_name = "2ms", requires = "model", value_parser = nanoseconds)]
    max_latency: Option<f64>,
    /// Most that the layers' weights may take: 500kB
    #[arg(long, value_name = "500kB", requires = "model", value_parser = bytes)]
    max_size: Option<f64>,
}

impl Goals {
    /// Where nothing is limited, top-1 is.
    pub fn limits(&self) -> Limits {
        let limited = self.max_latency.is_some() || self.max_size.is_some();
        let drop = self.max_drop.or((!limited).then_some(0.01));
        Limits { drop, latency_ns: self.max_latency, bytes: self.max_size }
    }

    pub fn max_drop(&self) -> Option<f64> {
        self.max_drop
    }
}

fn number(text: &str, units: &[(&str, f64)], example: &str) -> Result<f64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let unit = units.iter().find(|(u, _)| *u == &text[digits.len()..]);
    let value = f64::from_str(digits).ok().filter(|v| *v > 0.0 && v.is_finite());
    value.zip(unit).map(|(v, (_, by))| v * by).ok_or_else(|| format!("expected something like {example}"))
}

fn share(text: &str) -> Result<f64, String> {
    number(text, &[("%", 0.01)], "1%")
}

fn nanoseconds(text: &str) -> Result<f64, String> {
    number(text, &[("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)], "2ms")
}

fn bytes(text: &str) -> Result<f64, String> {
    number(text, &[("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("KiB", 1024.0), ("MiB", 1_048_576.0)], "500kB")
}

/// `model.json`: what a run of a model was asked beside its plan.
#[derive(Serialize, Deserialize)]
pub struct Asked {
    pub model: ModelArgs,
    pub goals: Goals,
    /// The schemes that were named, where some leave out channels, which the plan's no longer say.
    #[serde(default)]
    pub schemes: Option<Vec<String>>,
}

/// A model on its way through a run. Of the samples that are not for calibration the first half chooses, and the second,
/// which nothing was chosen by, scores.
pub struct Network<'a> {
    pub(super) loaded: Loaded,
    /// The network as it was before channels were left out, where some were.
    pub(super) whole: Option<Loaded>,
    /// Outputs that its layers still give, by node.
    pub(super) given: HashMap<usize, Mask>,
    /// Do layers make up for channels that are gone?
    pub(super) refits: bool,
    pub(super) goals: &'a Goals,
    pub(super) contract: Contract,
    /// Of the layers, channels aside; and as they were asked for.
    pub(super) schemes: Vec<String>,
    asked: Vec<String>,
    pub(super) ticker: Ticker<'a>,
}

impl<'a> Network<'a> {
    /// # Errors
    /// Files that cannot be read; too few samples.
    pub fn new(asked: &'a Asked, contract: Contract, schemes: &[String], stop: &'a AtomicBool) -> Result<Self> {
        let loaded = asked.model.load()?;
        ensure!(
            loaded.test.x.len() >= 2,
            "one sample cannot both choose and score; give more, or a smaller --calibrate"
        );
        let ticker = Ticker::new(stop);
        let (goals, schemes) = (&asked.goals, asked.schemes.as_deref().unwrap_or(schemes));
        let found: Vec<scheme::Scheme> = schemes.iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
        let slimming = found.iter().find(|s| s.channels().is_some());
        let Some(slimming) = slimming else {
            let (schemes, given, asked) = (schemes.to_vec(), HashMap::new(), vec![]);
            return Ok(Self { loaded, whole: None, given, refits: false, goals, contract, schemes, asked, ticker });
        };
        let name = |s: &scheme::Scheme| s.channels().map(|(c, _)| c.name());
        let other = found.iter().find(|s| name(s) != name(slimming));
        ensure!(
            other.is_none(),
            "channels are left out of the network as a whole: give every --scheme the same +{}, f32+{0} too",
            name(slimming).unwrap_or_default()
        );
        let float = Program::new(&loaded.model, Numbers::Float)?;
        let inputs = loaded.calibration_inputs(&float, &ticker)?;
        let fitting = found.iter().find(|s| s.refits()).unwrap_or(slimming);
        let refits = fitting.refits();
        let Some(Slimmer { loaded: slimmer, given, .. }) = loaded.slimmer(fitting, &inputs)? else {
            bail!("{fitting} leaves out no channels")
        };
        ticker.end();
        let mut rest: Vec<String> = Vec::new();
        for scheme in found.iter().filter_map(|s| s.channels()).map(|(_, rest)| rest.without_idle().to_string()) {
            if !rest.contains(&scheme) {
                rest.push(scheme);
            }
        }
        let (whole, asked) = (Some(loaded), schemes.to_vec());
        Ok(Self { loaded: slimmer, whole, given, refits, goals, contract, schemes: rest, asked, ticker })
    }

    /// The schemes of the layers, channels aside.
    pub fn schemes(&self) -> &[String] {
        &self.schemes
    }

    /// How one of them was named by who asked for it: with the channels that the network is to be without.
    pub fn called(&self, scheme: &str) -> String {
        let rest = |s: &scheme::Scheme| s.channels().map(|(_, rest)| rest.without_idle().to_string());
        let same = |name: &&String| scheme::find(name).ok().and_then(|s| rest(&s)).is_some_and(|r| r == scheme);
        self.asked.iter().find(same).map_or_else(|| scheme.into(), Clone::clone)
    }

    /// Writes the layers' weights into the run, and gives the layers whose kernels are to be timed: of those with one shape the
    /// first.
    /// # Errors
    /// No layers; files that cannot be written.
    pub fn layers(&self, dir: &Path) -> Result<Vec<Layer>> {
        let all = super::import::export(&self.loaded.model, &self.loaded.layers, &dir.join("model.toml"))?;
        let mut once: Vec<Layer> = Vec::new();
        for layer in all {
            match once.iter_mut().find(|l| (l.shape, l.relu) == (layer.shape, layer.relu)) {
                Some(same) => same.count += 1,
                None => once.push(layer),
            }
        }
        Ok(once)
    }

    pub(super) fn halves(&self) -> [Labelled; 2] {
        let test = &self.loaded.test;
        let (x, y) = (test.x.split_at(test.x.len() / 2), test.y.split_at(test.x.len() / 2));
        [Labelled { x: x.0.to_vec(), y: y.0.to_vec() }, Labelled { x: x.1.to_vec(), y: y.1.to_vec() }]
    }

    /// Fills `sensitivity.csv`: each layer under each scheme, all others in f32, on the samples that choose.
    /// # Errors
    /// A table that cannot be written; the run was stopped.
    pub fn sensitivities(&self, dir: &Path) -> Result<()> {
        let loaded = &self.loaded;
        let [choosing, _] = self.halves();
        let (mut table, old) = Table::open::<Sensitivity>(&dir.join("sensitivity.csv"))?;
        let known: HashSet<(String, String)> = old.iter().map(|s| (s.layer.clone(), s.scheme.clone())).collect();
        let missing = |layer: &str| -> Result<Vec<(String, scheme::Scheme)>> {
            let new =
                self.schemes.iter().filter(|s| *s != FLOAT && !known.contains(&(layer.to_string(), (*s).clone())));
            new.map(|s| Ok((s.clone(), scheme::find(s)?))).collect()
        };
        let float = Program::new(&loaded.model, Numbers::Float)?;
        let mut calibrated = None;
        let mut truth = None;
        for (i, layer) in loaded.layers.iter().enumerate() {
            let schemes = missing(&layer.layer.name)?;
            if schemes.is_empty() {
                continue;
            }
            if calibrated.is_none() {
                calibrated = Some(loaded.calibration_inputs(&float, &self.ticker)?);
                self.ticker.begin(FLOAT, choosing.x.len());
                truth = Some(answers(&float, &choosing.x, &|| self.ticker.tick())?);
            }
            let (Some(samples), Some(truth)) = (&calibrated, &truth) else { bail!("no calibration") };
            let quantize =
                |(_, s): &(String, scheme::Scheme)| Ok(Arc::new(loaded.quantize(i, s, self.contract, samples)?));
            let layers: Vec<Arc<QuantizedLayer>> = schemes.iter().map(quantize).collect::<Result<_>>()?;
            let what = format!("[{}/{}] sensitivity of {}", i + 1, loaded.layers.len(), layer.layer.name);
            self.ticker.begin(&what, choosing.x.len());
            let got = of_layer(&float, layer.node, &layers, &choosing.x, &|| self.ticker.tick())?;
            let each = schemes.iter().zip(&layers).zip(&got);
            let rows: Vec<Sensitivity> = each
                .map(|(((name, _), q), got)| row(layer, name, self.contract, q, (got, truth), &choosing.y))
                .collect();
            table.append_all(&rows)?;
        }
        self.ticker.end();
        Ok(())
    }
}
