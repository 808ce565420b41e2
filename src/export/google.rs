//! JSON of Google Benchmark, schema version 1 (its docs/user_guide.md and `JSONReporter`): the samples of a run's finals as
//! repetitions, so that its `compare.py benchmarks` tests them.

use anyhow::Result;
use serde_json::{Value, json};

use super::{series, timed};
use crate::certificate::group_of;
use crate::record::{Final, whole_final};
use crate::run::Run;
use crate::sessions;

pub fn write(run: &Run) -> Result<String> {
    let mut benchmarks: Vec<Value> = Vec::new();
    for (family, (w, ns, _)) in timed(run).enumerate() {
        let name = series(w);
        let group = group_of(&w.record);
        let finals: Vec<&Final> = run.finals.iter().filter(|f| sessions::group_of(f) == group).collect();
        let mut samples: Vec<f64> =
            whole_final(&finals).iter().filter(|f| f.candidate == w.record.candidate).map(|f| f.ns).collect();
        if samples.is_empty() {
            samples.push(ns); // no final was held
        }
        for (i, sample) in samples.iter().enumerate() {
            benchmarks.push(json!({
                "name": name, "family_index": family, "per_family_instance_index": 0, "run_name": name,
                "run_type": "iteration", "repetitions": samples.len(), "repetition_index": i,
                "threads": w.record.threads, "iterations": 1, "real_time": sample, "cpu_time": sample,
                "time_unit": "ns", "label": w.record.candidate,
            }));
        }
    }
    let host = run.provenance.as_ref().map(|p| &p.host);
    let caches = host.map_or(vec![], |h| {
        let all = [("Data", 1, h.caches.l1), ("Unified", 2, h.caches.l2), ("Unified", 3, h.caches.l3)];
        let one = |(kind, level, size)| json!({ "type": kind, "level": level, "size": size, "num_sharing": 1 });
        all.into_iter().filter(|c| c.2 > 0).map(one).collect()
    });
    let context = json!({
        "date": run.provenance.as_ref().map_or("", |p| &p.started),
        "host_name": host.map_or("unknown", |h| &h.name),
        "executable": format!("bitsmith {}", env!("CARGO_PKG_VERSION")),
        "num_cpus": host.map_or(0, |h| h.cpus),
        "mhz_per_cpu": run.provenance.as_ref().and_then(|p| p.roofs.as_ref()).map_or(0, |r| (r.clock_ghz * 1e3) as u64),
        "cpu_scaling_enabled": host.is_some_and(|h| !h.governor.is_empty() && h.governor != "performance"),
        "caches": caches, "load_avg": [], "library_build_type": "release", "json_schema_version": 1,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&json!({ "context": context, "benchmarks": benchmarks }))?))
}
