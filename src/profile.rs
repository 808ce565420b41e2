//! The profile: what to deploy on this device, one chosen candidate per layer. Schema: `docs/formats.md`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::host::Host;
use crate::run::{Run, Tool};
use crate::timing::judge;

#[derive(Serialize, JsonSchema)]
struct Profile {
    schema: u32,
    device: Device,
    tool: Tool,
    layer: Vec<Entry>,
}

#[derive(Serialize, JsonSchema)]
struct Device {
    target: String,
    fingerprint: String,
    compiler: String,
    compiler_flags: Vec<String>,
    #[serde(flatten)]
    host: Host,
}

#[derive(Serialize, JsonSchema)]
struct Entry {
    name: String,
    op: String,
    m: usize,
    n: usize,
    k: usize,
    scheme: String,
    contract: String,
    candidate: String,
    schedule: String,
    source_hash: String,
    threads: usize,
    regime: String,
    evidence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modelled: Option<ModelledLatency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<Quality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner_up: Option<RunnerUp>,
}

#[derive(Serialize, JsonSchema)]
struct Latency {
    median_ns: f64,
    ci_ns: [f64; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    gmacs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roof_share: Option<f64>,
}

/// A time that nobody measured; never to be compared with one that was.
#[derive(Serialize, JsonSchema)]
struct ModelledLatency {
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gmacs: Option<f64>,
    bound: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_share: Option<f64>,
    model: String,
    judged: String,
}

#[derive(Serialize, JsonSchema)]
struct Quality {
    #[serde(skip_serializing_if = "Option::is_none")]
    sqnr_db: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine: Option<f64>,
    data: String,
}

#[derive(Serialize, JsonSchema)]
struct Certificate {
    p_best: f64,
    ties: Vec<String>,
    rounds: usize,
    candidates_tried: usize,
}

#[derive(Serialize, JsonSchema)]
struct RunnerUp {
    candidate: String,
    median_ns: f64,
}

/// The text of `profile.toml`.
/// # Errors
/// A run without `host.toml`: a profile must say for which device it is.
pub fn profile(run: &Run) -> anyhow::Result<String> {
    let provenance = run.provenance.clone();
    let p = provenance.ok_or_else(|| {
        anyhow::anyhow!("{}: host.toml is missing; it says for which device the profile is", run.dir.display())
    })?;
    let layer = run.winners.iter().map(|w| entry(run, w)).collect();
    let device = Device {
        target: p.target,
        fingerprint: p.host.fingerprint(),
        compiler: p.compiler,
        compiler_flags: p.compiler_flags,
        host: p.host,
    };
    Ok(toml::to_string_pretty(&Profile { schema: 1, device, tool: p.tool, layer })?)
}

/// The JSON Schema (2020-12) of a profile, as TOML or JSON.
pub fn schema() -> String {
    serde_json::to_string_pretty(&schemars::schema_for!(Profile)).unwrap_or_default()
}

fn entry(run: &Run, w: &crate::certificate::Winner) -> Entry {
    let r = &w.record;
    let latency = w.median_ns.zip(w.ci_ns).map(|(median_ns, (low, high))| Latency {
        median_ns,
        ci_ns: [low, high],
        gmacs: w.gmacs,
        roof_share: w.roof_share,
    });
    let certificate = w.p_best.map(|p_best| Certificate {
        p_best,
        ties: w.ties.clone(),
        rounds: w.final_rounds,
        candidates_tried: w.tried,
    });
    Entry {
        name: r.layer.clone(),
        op: r.op.clone(),
        m: r.m,
        n: r.n,
        k: r.k,
        scheme: r.scheme.clone(),
        contract: r.contract.name().into(),
        candidate: r.candidate.clone(),
        schedule: r.schedule.clone(),
        source_hash: r.source_hash.clone(),
        threads: r.threads,
        regime: r.regime.name().into(),
        evidence: w.evidence().name().into(),
        latency,
        modelled: w.modelled.as_ref().map(|m| ModelledLatency {
            ns: m.ns,
            cycles: m.cycles,
            gmacs: m.gmacs,
            bound: m.bound.clone(),
            peak_share: m.peak_share,
            model: m.model.clone(),
            judged: judge::verdict(),
        }),
        accuracy: run.accuracy_of(r).map(|a| Quality { sqnr_db: a.sqnr_db, cosine: a.cosine, data: a.data.clone() }),
        certificate,
        runner_up: w.runner_up.clone().map(|(candidate, median_ns)| RunnerUp { candidate, median_ns }),
    }
}
