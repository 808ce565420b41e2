//! Spaces of other tools: Kernel Tuner's cache files (its schema `cache/1.1.0`) and T4, the exchange format of the
//! AutoTuning Association (its results schema 1.0.0), which our records are also written as.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::space::Recorded;
use crate::candidate::{Knob, Schedule};

/// A parameter's values, in order, by which each is named.
struct Parameter {
    key: String,
    word: String,
    values: Vec<Value>,
}

/// # Errors
/// JSON that is neither; a configuration without one of the parameters.
pub fn parse(name: &str, text: &str) -> Result<Recorded> {
    // Kernel Tuner leaves a cache open to go on with it
    let open = || serde_json::from_str(&format!("{}}}}}", text.trim_end().trim_end_matches(',')));
    let document: Value = serde_json::from_str(text).or_else(|why| open().map_err(|_| why)).context("no JSON")?;
    let rows = match (document.get("cache"), document.get("results")) {
        (Some(Value::Object(cache)), _) => cached(&document, cache),
        (_, Some(Value::Array(results))) => results.iter().map(result).collect(),
        _ => bail!("neither `cache` (Kernel Tuner) nor `results` (T4) is in it"),
    };
    let rows: Vec<(Map<String, Value>, Option<f64>, f64)> = rows?;
    let keys: Vec<String> = rows.first().map_or(vec![], |r| r.0.keys().cloned().collect());
    let parameters = parameters(&keys, rows.iter().map(|r| &r.0));
    let schedule = |configuration: &Map<String, Value>| -> Result<Schedule> {
        let knob = |p: &Parameter| -> Result<Knob> {
            let value = configuration.get(&p.key).with_context(|| format!("a configuration has no `{}`", p.key))?;
            let size = value.as_u64().map(|v| v as usize);
            let place = p.values.iter().position(|v| v == value);
            Ok(Knob::sizes(&p.word, &[size.or(place).unwrap_or(0)]))
        };
        Ok(Schedule(parameters.iter().map(knob).collect::<Result<_>>()?))
    };
    let rows: Result<Vec<_>> = rows.iter().map(|(c, ns, s)| Ok((schedule(c)?, *ns, *s))).collect();
    Recorded::new(name, None, rows?)
}

type Rows = Result<Vec<(Map<String, Value>, Option<f64>, f64)>>;

/// Times are milliseconds.
fn cached(document: &Value, cache: &Map<String, Value>) -> Rows {
    let keys = document.get("tune_params_keys").and_then(Value::as_array).context("no `tune_params_keys`")?;
    let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
    let each = cache.iter().map(|(id, entry)| {
        let value = |k: &&str| Some((k.to_string(), entry.get(*k)?.clone()));
        let configuration: Map<String, Value> = keys.iter().filter_map(value).collect();
        if configuration.len() < keys.len() {
            bail!("cache entry `{id}` lacks a parameter");
        }
        let number = |key: &str| entry.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        let spent = ["compile_time", "verification_time", "benchmark_time"].map(number).iter().sum::<f64>() / 1e3;
        Ok((configuration, entry.get("time").and_then(Value::as_f64).map(|ms| ms * 1e6), spent))
    });
    each.collect()
}

fn result(entry: &Value) -> Result<(Map<String, Value>, Option<f64>, f64)> {
    let configuration =
        entry.get("configuration").and_then(Value::as_object).context("a result has no `configuration`")?;
    let right = entry.get("invalidity").and_then(Value::as_str) == Some("correct");
    let measurements = entry.get("measurements").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = |m: &&Value| m.get("name").and_then(Value::as_str).is_some_and(|n| n.contains("time"));
    let time = measurements.iter().find(named).or(measurements.first());
    let unit = match time.and_then(|t| t.get("unit")).and_then(Value::as_str) {
        Some("ns" | "nanoseconds") => 1.0,
        Some("us" | "microseconds") => 1e3,
        Some("s" | "seconds") => 1e9,
        _ => 1e6,
    };
    let ns = time.and_then(|t| t.get("value")).and_then(Value::as_f64).filter(|_| right).map(|t| t * unit);
    let times = entry.get("times").and_then(Value::as_object);
    let spent = times.map_or(0.0, |t| t.values().filter_map(Value::as_f64).sum());
    Ok((configuration.clone(), ns, spent))
}

/// Words are lower-case letters: what is left of the parameter's name, made distinct.
fn parameters<'a>(keys: &[String], rows: impl Iterator<Item = &'a Map<String, Value>> + Clone) -> Vec<Parameter> {
    let mut words = BTreeSet::new();
    let each = keys.iter().map(|key| {
        let letters = |c: char| c.to_ascii_lowercase();
        let mut word: String = key.chars().map(letters).filter(char::is_ascii_lowercase).collect();
        while word.is_empty() || !words.insert(word.clone()) {
            word.push('q');
        }
        let mut values: Vec<Value> = rows.clone().filter_map(|r| r.get(key)).cloned().collect();
        values.sort_by_key(ToString::to_string);
        values.dedup();
        Parameter { key: key.clone(), word, values }
    });
    each.collect()
}

/// A space as T4: each knob is a parameter, each of its sizes one.
pub fn t4(recorded: &Recorded) -> Value {
    let results: Vec<Value> = recorded.space.iter().enumerate().map(|(i, s)| t4_result(recorded, i, &s)).collect();
    let recorded_at = recorded.head.as_ref().map(|h| h.recorded.clone());
    let head = recorded.head.as_ref().map(|h| {
        json!({ "layer": h.layer.key(), "scheme": h.scheme, "contract": h.contract, "target": h.target,
                "regime": h.regime, "threads": h.threads, "compiler": h.compiler, "cpu": h.host.cpu })
    });
    json!({ "schema_version": "1.0.0", "metadata": { "recorded": recorded_at, "bitsmith": head }, "results": results })
}

fn t4_result(recorded: &Recorded, point: usize, schedule: &Schedule) -> Value {
    let mut configuration = Map::new();
    for (axis, knob) in schedule.0.iter().enumerate() {
        match knob.sizes.as_slice() {
            [] => drop(
                configuration
                    .insert(if axis == 0 { "tile".into() } else { format!("choice_{axis}") }, json!(knob.word)),
            ),
            [one] => drop(configuration.insert(knob.word.clone(), json!(one))),
            sizes => {
                let named = sizes.iter().enumerate().map(|(i, s)| (format!("{}_{i}", knob.word), json!(s)));
                configuration.extend(named);
            }
        }
    }
    let time = recorded.ns[point];
    json!({
        "configuration": configuration,
        "objectives": ["time"],
        "times": { "framework": recorded.seconds[point] },
        "invalidity": if time.is_some() { "correct" } else { "runtime" },
        "correctness": u8::from(time.is_some()),
        "measurements": time.map_or(vec![], |ns| vec![json!({ "name": "time", "value": ns / 1e6, "unit": "ms" })]),
    })
}
