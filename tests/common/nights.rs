//! Simulated nights: folders of runs as the tool writes them, of kernels whose true times are known.
#![allow(dead_code)]

use std::path::Path;

use bitsmith::candidate::{Contract, Regime};
use bitsmith::host::{Caches, Host};
use bitsmith::record::{Final, Modelled, Outcome, Record, Table};
use bitsmith::run::{Provenance, Tool};
use bitsmith::target::Evidence;

/// A kernel of one layer: its true time, and what it is known by.
#[derive(Clone)]
pub struct Kernel {
    pub layer: String,
    pub candidate: String,
    pub hash: String,
    pub ns: f64,
    /// Standard deviation of its sessions, beside the night's.
    pub noise: f64,
    /// Another finalist, and its true time.
    pub rival: Option<(String, f64)>,
}

/// What a night is like on one device.
#[derive(Clone)]
pub struct Night {
    pub target: String,
    /// 2026-01-01 and so many days.
    pub day: usize,
    pub compiler: String,
    pub revision: String,
    pub governor: String,
    /// Standard deviation of sessions and of rounds.
    pub noise: (f64, f64),
    /// Of the whole device: 1.05 is 5 % slower.
    pub pace: f64,
    pub repeats: usize,
    /// Records of each kernel.
    pub tries: usize,
    pub seed: u64,
}

impl Night {
    pub fn new(target: &str, day: usize) -> Self {
        Self {
            target: target.into(),
            day,
            compiler: "gcc-12.2.0-3f9a01".into(),
            revision: format!("{day:040x}"),
            governor: "performance".into(),
            noise: (0.002, 0.005),
            pace: 1.0,
            repeats: 2,
            tries: 1,
            seed: day as u64 * 977 + target.len() as u64,
        }
    }

    pub fn date(&self) -> String {
        let start: jiff::civil::Date = "2026-01-01".parse().unwrap();
        start.checked_add(jiff::Span::new().days(self.day as i64)).unwrap().to_string()
    }

    pub fn host(&self) -> Host {
        Host {
            name: self.target.clone(),
            cpu: format!("CPU of {} (1.2.3)", self.target),
            microcode: "0x1".into(),
            governor: self.governor.clone(),
            frequency: "not readable".into(),
            kernel: "6.1.0".into(),
            cpus: 4,
            caches: Caches { l1: 32 << 10, l2: 1 << 20, l3: 16 << 20 },
            memory_bytes: 1 << 33,
            virtualized: false,
        }
    }

    /// Writes the folder of the night's run.
    pub fn write(&self, dir: &Path, kernels: &[Kernel]) {
        std::fs::create_dir_all(dir).unwrap();
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut finals = Vec::new();
        let mut repeats = Vec::new();
        for k in kernels {
            let mut all = vec![(k.candidate.clone(), k.hash.clone(), k.ns, k.noise)];
            all.extend(k.rival.iter().map(|(name, ns)| (name.clone(), "rival".into(), *ns, 0.0)));
            finals.extend(self.session(&k.layer, &all, 1, &mut rng));
            for again in 0..self.repeats {
                repeats.extend(self.session(&k.layer, &all[..1], 2 + again as u64, &mut rng));
            }
        }
        let records: Vec<Record> = kernels.iter().flat_map(|k| (0..self.tries).map(|_| self.record(k))).collect();
        Table::open::<Record>(&dir.join("records.csv")).unwrap().0.append_all(&records).unwrap();
        Table::open::<Final>(&dir.join("finals.csv")).unwrap().0.append_all(&finals).unwrap();
        Table::open::<Final>(&dir.join("repeats.csv")).unwrap().0.append_all(&repeats).unwrap();
        let provenance = toml::to_string_pretty(&self.provenance()).unwrap();
        std::fs::write(dir.join("host.toml"), provenance).unwrap();
    }

    /// The same of a target that gives no times: checked by an emulator, and where `model` says by what, with modelled times, which
    /// have no noise.
    pub fn write_untimed(&self, dir: &Path, kernels: &[Kernel], model: Option<&str>) {
        std::fs::create_dir_all(dir).unwrap();
        let record = |k: &Kernel| Record {
            outcome: Outcome::Checked,
            evidence: Evidence::Emulated,
            samples: 0,
            min_ns: None,
            median_ns: None,
            ci_low_ns: None,
            ci_high_ns: None,
            corrected_ns: None,
            ..self.record(k)
        };
        let records: Vec<Record> = kernels.iter().map(record).collect();
        Table::open::<Record>(&dir.join("records.csv")).unwrap().0.append_all(&records).unwrap();
        let modelled = |(k, r): (&Kernel, &Record)| Modelled {
            candidate: r.candidate.clone(),
            layer: r.layer.clone(),
            scheme: r.scheme.clone(),
            contract: r.contract,
            target: r.target.clone(),
            regime: r.regime,
            threads: r.threads,
            source_hash: r.source_hash.clone(),
            compiler: r.compiler.clone(),
            evidence: Evidence::Modelled,
            model: model.unwrap_or_default().into(),
            clock_ghz: 2.0,
            cycles: Some(2.0 * k.ns),
            ns: Some(k.ns),
            bound: "core".into(),
            gmacs: None,
            peak_share: None,
            instructions: None,
            calls: None,
            message: String::new(),
        };
        if model.is_some() {
            let rows: Vec<Modelled> = kernels.iter().zip(&records).map(modelled).collect();
            Table::open::<Modelled>(&dir.join("modelled.csv")).unwrap().0.append_all(&rows).unwrap();
        }
        std::fs::write(dir.join("host.toml"), toml::to_string_pretty(&self.provenance()).unwrap()).unwrap();
    }

    /// Of candidates with their hashes, times and own noise.
    fn session(
        &self,
        layer: &str,
        all: &[(String, String, f64, f64)],
        held: u64,
        rng: &mut fastrand::Rng,
    ) -> Vec<Final> {
        const ROUNDS: usize = 15;
        let mut rows = Vec::new();
        for (candidate, hash, ns, noise) in all {
            let level = self.noise.0.hypot(*noise) * normal(rng);
            for round in 0..ROUNDS {
                rows.push(Final {
                    layer: layer.into(),
                    scheme: "w8a8".into(),
                    contract: Contract::Int8,
                    target: self.target.clone(),
                    regime: Regime::Hot,
                    threads: 1,
                    candidate: candidate.clone(),
                    source_hash: hash.clone(),
                    source_bytes: 1000,
                    round,
                    ns: ns * self.pace * (level + self.noise.1 * normal(rng)).exp(),
                    held: self.day as u64 * 86_400_000 + held,
                    rows: ROUNDS * all.len(),
                    roof_ns: Some(50.0 * self.pace * (0.001 * normal(rng)).exp()),
                });
            }
        }
        rows
    }

    fn record(&self, k: &Kernel) -> Record {
        Record {
            candidate: k.candidate.clone(),
            layer: k.layer.clone(),
            op: "gemm".into(),
            m: 64,
            n: 64,
            k: 64,
            scheme: "w8a8".into(),
            contract: Contract::Int8,
            target: self.target.clone(),
            family: "dot".into(),
            schedule: "u1".into(),
            regime: Regime::Hot,
            threads: 1,
            outcome: Outcome::Measured,
            evidence: Evidence::Measured,
            samples: 8,
            min_ns: Some(k.ns),
            median_ns: Some(k.ns),
            ci_low_ns: Some(k.ns),
            ci_high_ns: Some(k.ns),
            gmacs: None,
            roof_share: None,
            source_hash: k.hash.clone(),
            compiler: self.compiler.clone(),
            host: self.host().fingerprint(),
            message: String::new(),
            cycles: None,
            instructions: None,
            at_s: 1.0,
            corrected_ns: Some(k.ns),
        }
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            schema: 1,
            tool: Tool { version: "0.1.0".into(), revision: self.revision.clone() },
            command: "bitsmith tune".into(),
            started: format!("{}T02:00:00Z", self.date()),
            target: self.target.clone(),
            target_title: self.target.clone(),
            compiler: self.compiler.clone(),
            compiler_flags: vec![],
            counters: String::new(),
            energy: String::new(),
            host: self.host(),
            roofs: None,
        }
    }
}

/// Layers `net/l0` and on, each with one kernel of its own whose text changes every night.
pub fn kernels(count: usize, day: usize) -> Vec<Kernel> {
    let one = |i: usize| Kernel {
        layer: format!("net/l{i}"),
        candidate: format!("gemm.l{i}"),
        hash: format!("{day}-{i}"),
        ns: 1e4 * (1 + i % 7) as f64,
        noise: 0.0,
        rival: None,
    };
    (0..count).map(one).collect()
}

pub fn normal(rng: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}
