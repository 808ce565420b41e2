//! The deployment bundle: the chosen kernels of a run, or of runs on several targets, as C that needs libc alone, with
//! packed weights, a build, and an example that proves the outputs on the device they are deployed to.

mod files;
mod layers;
mod variant;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::run::Run;
use crate::study::Plan;
pub use layers::Deployed;
pub use variant::{Variant, task};

/// Everything that a bundle's files are written from.
pub struct Bundle {
    /// Prefix of every C name.
    pub name: String,
    /// In the order of the first run's layers.
    pub layers: Vec<Deployed>,
    /// What a CPU is asked for first comes first.
    pub variants: Vec<Variant>,
    /// `profile.toml` of every run.
    pub profiles: Vec<String>,
    /// Labelled test inputs of a network that runs as a whole: the inputs, the labels, and what the network makes of each input.
    pub network: Option<layers::Network>,
}

impl Bundle {
    /// `scheme` names the number format to deploy; it may be left out where the runs have only one.
    /// # Errors
    /// Runs of different layers, contracts or number formats, a layer without a winner, a winner of other sources than this
    /// program emits.
    pub fn of(name: &str, runs: &[(Run, Plan)], scheme: Option<&str>) -> Result<Self> {
        let well_named = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        ensure!(well_named, "--name {name}: use small letters, digits and _, as it begins every name in C");
        let Some((first, plan)) = runs.first() else { bail!("name the folder of a run") };
        let scheme = the_scheme(first, plan, scheme)?;
        for (run, other) in runs {
            let same = (&other.layers, other.contract) == (&plan.layers, plan.contract);
            let dir = run.dir.display();
            ensure!(same, "{dir} has other layers or another contract than {}", first.dir.display());
        }
        let layers = layers::quantized(plan, &scheme)?;
        let mut variants = Vec::new();
        for (run, plan) in runs {
            variants.push(Variant::of(run, plan, &scheme, &layers).with_context(|| run.dir.display().to_string())?);
        }
        variants.sort_by_key(|v| std::cmp::Reverse(v.rank()));
        for pair in variants.windows(2) {
            let target = &pair[0].target.name;
            ensure!(*target != pair[1].target.name, "two runs of target {target}; give one of them");
        }
        let network = layers::network(plan, &layers)?;
        let profiles = runs.iter().map(|(run, _)| crate::profile::profile(run)).collect::<Result<_>>()?;
        Ok(Self { name: name.into(), layers, variants, profiles, network })
    }

    /// Writes all files. A folder that has files must be one of ours.
    /// # Errors
    /// A folder with other files in it, or that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let mark = dir.join("profile.schema.json");
        let empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
        ensure!(empty || mark.is_file(), "{} holds other files; name a new folder", dir.display());
        for (path, bytes) in files::all(self)? {
            let path = dir.join(path);
            let folder = path.parent().unwrap_or(dir);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// The number format to deploy, by its name in the records.
fn the_scheme(run: &Run, plan: &Plan, wanted: Option<&str>) -> Result<String> {
    let names = || {
        let top1 = |s: &String| {
            let row = run.accuracy.iter().find(|a| a.layer.is_empty() && a.scheme == *s);
            row.and_then(|a| Some(format!(" (top-1 {} of {})", a.top1?, a.samples))).unwrap_or_default()
        };
        plan.schemes.iter().map(|s| format!("{s}{}", top1(s))).collect::<Vec<_>>().join(", ")
    };
    match (wanted, &plan.schemes[..]) {
        (Some(name), all) if all.iter().any(|s| s == name) => Ok(name.into()),
        (Some(name), _) => bail!("{}: no {name} in this run; it has {}", run.dir.display(), names()),
        (None, [only]) => Ok(only.clone()),
        (None, _) => bail!("{} compares number formats; choose one with --scheme: {}", run.dir.display(), names()),
    }
}
