//! Energy of the processor's packages, where the kernel reads it out (RAPL, by Linux's powercap): never a guess where it does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Bench, COLD_POOL, Device};
use crate::bench::session::Session;
use crate::candidate::Schedule;
use crate::stats::median;

/// The counters of all packages.
pub struct Meter {
    /// `energy_uj`, and where it begins again.
    packages: Vec<(PathBuf, u64)>,
}

/// What some calls of a kernel took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    pub calls: u64,
    pub seconds: f64,
    /// Of all packages, with whatever else ran on them.
    pub joules: f64,
    /// Of all packages in the moments before, when nothing of ours ran.
    pub idle_watts: f64,
}

impl Meter {
    /// The counters of a device.
    /// # Errors
    /// Why there are none, in a few words.
    pub fn of(device: &Device) -> std::result::Result<Self, String> {
        if !device.times() {
            return Err("the target gives no times".into());
        }
        if !device.runner.is_here() {
            return Err("read on the machine that the tool runs on alone".into());
        }
        let root = &device.target.runner.sysfs;
        Self::open(Path::new(if root.is_empty() { "/sys" } else { root }))
    }

    fn open(sysfs: &Path) -> std::result::Result<Self, String> {
        let folder = sysfs.join("class/powercap");
        let entries = fs::read_dir(&folder).map_err(|_| "no /sys/class/powercap (RAPL)".to_string())?;
        let mut packages = Vec::new();
        for zone in entries.flatten().map(|e| e.path()) {
            let text = |file: &str| fs::read_to_string(zone.join(file)).map(|t| t.trim().to_string());
            if !text("name").is_ok_and(|name| name.starts_with("package")) {
                continue; // cores, memory and the like are parts of a package, or beside it
            }
            let range = text("max_energy_range_uj").ok().and_then(|t| t.parse().ok()).unwrap_or(u64::MAX);
            let counter = zone.join("energy_uj");
            match text("energy_uj").map(|t| t.parse::<u64>()) {
                Ok(Ok(_)) => packages.push((counter, range)),
                Ok(Err(_)) => return Err(format!("{} holds no number", counter.display())),
                Err(e) => return Err(format!("{}: {e}; `sudo chmod a+r` it", counter.display())),
            }
        }
        // the same package may be told twice, by memory mapping and by MSR
        packages.sort();
        let first = |p: &PathBuf| p.parent().and_then(|z| fs::read_to_string(z.join("name")).ok());
        packages.dedup_by_key(|p| first(&p.0));
        if packages.is_empty() { Err("RAPL has no packages here".into()) } else { Ok(Self { packages }) }
    }

    fn read(&self) -> Option<Vec<u64>> {
        self.packages.iter().map(|(file, _)| fs::read_to_string(file).ok()?.trim().parse().ok()).collect()
    }

    /// Joules that passed while something ran. Shorter than a second, a counter begins again once at most.
    fn joules<T>(&self, run: impl FnOnce() -> T) -> (Option<f64>, T) {
        let before = self.read();
        let result = run();
        let after = self.read();
        let spent = before.zip(after).map(|(before, after)| {
            let each = before.iter().zip(&after).zip(&self.packages);
            each.map(|((b, a), (_, range))| if a >= b { a - b } else { range - b + a }).sum::<u64>() as f64 / 1e6
        });
        (spent, result)
    }
}

/// Seconds that a kernel runs for, and that its machine idles before.
const SECONDS: f64 = 0.6;
const IDLE: f64 = 0.2;
/// What passes beside the calls, at most: else the figure would not be theirs.
const BESIDE: f64 = 0.05;

impl Bench<'_> {
    /// Runs a kernel that is known to be right, alone, and reads what the packages take. None where it fails, where the device held
    /// itself back meanwhile, or a counter cannot be read.
    /// # Errors
    /// A compiler or a device that is gone.
    pub fn energy(&mut self, schedule: &Schedule, meter: &Meter) -> Result<Option<Spent>> {
        let source = self.task().emit(schedule)?;
        let (programs, _) = self.device.builder.build(&[&source])?;
        let Some((program, _)) = programs.into_iter().next() else { return Ok(None) };
        let (runner, regime) = (self.device.runner.clone(), self.regime);
        let pool = COLD_POOL * self.device.caches().last();
        let Ok(mut session) = Session::start(runner, program, &mut self.problem, vec![schedule])? else {
            return Ok(None);
        };
        if session.prepare(&[0], (regime, pool))?.is_err() {
            return Ok(None);
        }
        // how many calls: by the third of three samples
        let mut calls = 1;
        for _ in 0..3 {
            let Ok(ns) = session.time(0, calls) else { return Ok(None) };
            calls = (calls as f64 * SECONDS * 1e9 / ns.max(1.0)).clamp(1.0, 1e9) as u64;
            calls = calls.min(1 << 30);
        }
        let idle: Vec<f64> = (0..3)
            .filter_map(|_| {
                let begun = Instant::now();
                let (joules, ()) = meter.joules(|| thread::sleep(Duration::from_secs_f64(IDLE / 3.0)));
                Some(joules? / begun.elapsed().as_secs_f64())
            })
            .collect();
        let begun = Instant::now();
        let (joules, ns) = meter.joules(|| session.time(0, calls));
        let whole = begun.elapsed().as_secs_f64();
        let (Some(joules), Ok(ns), false) = (joules, ns, idle.is_empty()) else { return Ok(None) };
        let seconds = ns / 1e9;
        if whole > seconds * (1.0 + BESIDE) + 0.002 {
            return Ok(None);
        }
        Ok(Some(Spent { calls, seconds: whole, joules, idle_watts: median(&idle) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(root: &Path, zone: &str, files: &[(&str, &str)]) {
        let dir = root.join("class/powercap").join(zone);
        fs::create_dir_all(&dir).unwrap();
        files.iter().for_each(|(f, t)| fs::write(dir.join(f), format!("{t}\n")).unwrap());
    }

    #[test]
    fn packages_are_added_up_and_begin_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(Meter::open(root).err().unwrap(), "no /sys/class/powercap (RAPL)");
        let package = |n: &str, uj: &str| {
            [("name", format!("package-{n}")), ("energy_uj", uj.into()), ("max_energy_range_uj", "1000000".into())]
        };
        let text = |files: &[(&'static str, String); 3]| files.iter().map(|(f, t)| (*f, t.clone())).collect::<Vec<_>>();
        let write = |name: &str, files: &[(&'static str, String); 3]| {
            let files = text(files);
            zone(root, name, &files.iter().map(|(f, t)| (*f, t.as_str())).collect::<Vec<_>>());
        };
        zone(root, "intel-rapl:0:0", &[("name", "core"), ("energy_uj", "5")]);
        assert_eq!(Meter::open(root).err().unwrap(), "RAPL has no packages here");
        write("intel-rapl:0", &package("0", "900000"));
        write("intel-rapl:1", &package("1", "100"));
        write("intel-rapl-mmio:0", &package("0", "900000"));
        let meter = Meter::open(root).unwrap();
        assert_eq!(meter.packages.len(), 2);
        let (joules, ()) = meter.joules(|| {
            for name in ["intel-rapl:0", "intel-rapl-mmio:0"] {
                write(name, &package("0", "400000"));
            }
            write("intel-rapl:1", &package("1", "500100"));
        });
        assert_eq!(joules, Some(1.0)); // 0.5 J past its end, and 0.5 J
        write("intel-rapl:1", &package("1", "many"));
        assert!(Meter::open(root).err().unwrap().ends_with("intel-rapl:1/energy_uj holds no number"));
    }
}
