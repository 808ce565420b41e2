//! The report of a recorded run: complete, well-formed, escaped, repeatable, and unimpressed by what is missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bitsmith::candidate::{Contract, Regime};
use bitsmith::decision::{Decision, FRONT, FrontPoint, Limits};
use bitsmith::model::score::{Answers, NetworkScore, score};
use bitsmith::record::{Accuracy, Energy, Final, Outcome, Record, read_table};
use bitsmith::report::{Beside, CHARTS, Prices, build, markdown, summary, tables, write_sheets};
use bitsmith::run::Run;
use bitsmith::target::Evidence;
use bitsmith::whole::measure::NetworkTime;
use serde::Serialize;

/// A copy of the sample run, which a test may spoil.
struct Sample {
    dir: tempfile::TempDir,
    records: Vec<Record>,
}

impl Sample {
    fn new() -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/run");
        let dir = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
        let records = read_table(&from.join("records.csv")).unwrap();
        Self { dir, records }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn without(self, files: &[&str]) -> Self {
        files.iter().for_each(|f| fs::remove_file(self.path().join(f)).unwrap());
        self
    }

    fn with_records(self, change: impl Fn(usize, &mut Record)) -> Self {
        let mut records = self.records.clone();
        records.iter_mut().enumerate().for_each(|(i, r)| change(i, r));
        write(&self.path().join("records.csv"), &records);
        Self { records, ..self }
    }

    fn keep(self, keep: impl Fn(&Record) -> bool) -> Self {
        let records: Vec<Record> = self.records.iter().filter(|r| keep(r)).cloned().collect();
        write(&self.path().join("records.csv"), &records);
        Self { records, ..self }
    }

    /// The page, the terminal's text and the charts, after the checks that every report must pass.
    fn report(&self) -> Report {
        let page = build(self.path()).unwrap();
        assert_eq!(page, self.path().join("report.html"));
        let html = fs::read_to_string(&page).unwrap();
        for outside in ["<script ", "<link", "<img", "href=", "url(", "@import"] {
            assert!(!html.contains(outside), "a page that stands alone has no {outside}");
        }
        assert_eq!(html.matches("<script>").count(), 1, "our own");
        let charts = charts(self.path());
        for (name, svg) in &charts {
            assert_well_formed(name, svg);
            assert!(html.contains(svg.as_str()), "{name} is not in the page");
        }
        let text = summary(&Run::load(self.path()).unwrap());
        let widest = text.lines().map(|l| l.chars().count()).max().unwrap_or(0);
        assert!(widest <= 100, "{widest} columns:\n{text}");
        Report { html, text, charts }
    }
}

struct Report {
    html: String,
    text: String,
    charts: BTreeMap<String, String>,
}

impl Report {
    fn kinds(&self) -> Vec<&'static str> {
        let drawn = |name: &str| self.charts.keys().any(|c| c.starts_with(name));
        CHARTS.iter().map(|c| c.name).filter(|name| drawn(name)).collect()
    }
}

fn write<T: Serialize>(path: &PathBuf, rows: &[T]) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    rows.iter().for_each(|r| writer.serialize(r).unwrap());
    writer.flush().unwrap();
}

fn charts(dir: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(dir.join("charts")) else { return BTreeMap::new() };
    let read = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into(), fs::read_to_string(path).unwrap());
    entries.map(|e| read(e.unwrap().path())).collect()
}

/// Every tag is closed, in order; no value holds a bare `<` or `&`, and no coordinate is no number.
fn assert_well_formed(name: &str, svg: &str) {
    assert!(svg.starts_with("<svg "), "{name}");
    let mut open: Vec<&str> = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("{name}: `<{part}` has no end"));
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: quotes in `{tag}`");
        assert!(!tag.contains("NaN") && !tag.contains("inf"), "{name}: `{tag}`");
        for entity in text.split('&').skip(1) {
            assert!(entity.split_once(';').is_some_and(|(e, _)| e.len() < 6), "{name}: bare & in `{text}`");
        }
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(closed), _) => assert_eq!(open.pop(), Some(closed), "{name}"),
            (None, false) => open.push(tag.split(' ').next().unwrap()),
            (None, true) => {}
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} left open");
}

/// A number followed by a unit of time or speed.
fn time_in(text: &str) -> Option<&str> {
    let units = [" ns", " µs", " ms", " s", " GMAC/s", " GB/s", " GHz"];
    let after_digit = |i: usize| text[..i].ends_with(|c: char| c.is_ascii_digit());
    let at = units.iter().flat_map(|u| text.match_indices(u)).find(|(i, unit)| {
        let next = text[i + unit.len()..].chars().next();
        after_digit(*i) && next.is_none_or(|c| !c.is_alphanumeric())
    });
    at.map(|(i, _)| text[..i].rsplit('\n').next().unwrap_or(""))
}

#[test]
fn weights_of_many_widths_are_a_chart() {
    let many = |i: usize, r: &mut Record| {
        if r.layer == "encoder/ffn.up" && r.scheme == "w8a8" {
            r.scheme = ["w8a8", "w4a8", "w2a8", "wta8"][i % 4].into();
            r.candidate = r.candidate.replace(".w8a8.", &format!(".{}.", r.scheme));
        }
    };
    let report = Sample::new().with_records(many).report();
    let bits: Vec<&String> = report.charts.keys().filter(|c| c.starts_with("bits-")).collect();
    assert_eq!(bits.len(), 1, "{bits:?}");
    let svg = &report.charts[bits[0]];
    assert!(svg.contains("ffn.up") && svg.contains("dot f32io, a8") && svg.contains("bits of a weight"), "{svg}");
}

#[test]
fn a_whole_run() {
    let sample = Sample::new();
    let report = sample.report();
    // weights of two widths are too few for the chart of bits, and it is no run of a model
    let drawn = CHARTS.iter().map(|c| c.name).filter(|n| !["bits", "ladder", "front"].contains(n));
    assert_eq!(report.kinds(), drawn.collect::<Vec<_>>());
    assert_eq!(report.charts.keys().filter(|c| c.starts_with("heatmap-")).count(), 12);
    for r in &sample.records {
        let (network, layer) = r.layer.split_once('/').unwrap();
        assert!(report.html.contains(network) && report.html.contains(&format!(">{layer}<")), "{}", r.layer);
        assert!(report.html.contains(&r.layer), "{}", r.layer);
        assert!(report.text.contains(&r.layer), "{}", r.layer);
    }
    for text in ["x86-avx512vnni", "Sample CPU", "sample-cc 1.0", "2026-01-31", "bitsmith tune digits", "caches hot"] {
        assert!(report.html.contains(text), "{text}");
    }
    for text in ["as fast as f32", "99.25 % (97.8 – 99.7)", "397 of 400", "228.0 GMAC/s", "WrongAnswer", "1 tie"] {
        assert!(report.html.contains(text), "{text}");
    }
    for text in ["99.50 %", "failures: 2 BuildFailed, 2 WrongAnswer, 2 TimedOut", "digits: 4 layers", "×"] {
        assert!(report.text.contains(text), "{text}\n{}", report.text);
    }
}

#[test]
fn twice_is_the_same_and_stale_charts_go() {
    let sample = Sample::new();
    let first = sample.report();
    let folder = sample.path().join("charts");
    fs::write(folder.join("pareto-gone.svg"), "<svg ></svg>").unwrap();
    build(sample.path()).unwrap();
    assert!(!folder.join("pareto-gone.svg").exists());
    let second = sample.report();
    assert_eq!((&first.html, &first.charts, &first.text), (&second.html, &second.charts, &second.text));
    fs::write(folder.join("notes.svg"), "mine").unwrap();
    fs::write(folder.join("paretology.svg"), "mine too").unwrap();
    build(sample.path()).unwrap();
    assert!(folder.join("notes.svg").exists() && folder.join("paretology.svg").exists());
    let failures = sample.with_records(|_, r| (r.outcome, r.median_ns) = (Outcome::Crashed, None));
    build(failures.path()).unwrap();
    assert_eq!(charts(failures.path()).into_keys().collect::<Vec<_>>(), ["notes.svg", "paretology.svg"]);
}

#[test]
fn what_others_wrote_is_escaped() {
    let sample = Sample::new().with_records(|i, r| {
        if !r.outcome.right() {
            r.message = "<script>alert(\"&\")</script>\u{7}".into();
        }
        r.layer = r.layer.replace("digits/", "<script>/<img src=x> & '").replace("encoder", "a\u{1}b\"<");
        r.schedule = if i == 0 { "<script>".into() } else { r.schedule.clone() };
        r.candidate = format!("<script>.{}", r.candidate);
        r.target = "<script>".into();
    });
    let report = sample.without(&["finals.csv"]).report();
    assert!(report.html.contains("&lt;script&gt;alert("));
    assert!(report.charts.keys().all(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))));
}

#[test]
fn less_than_everything() {
    let records_only = Sample::new().without(&["finals.csv", "accuracy.csv", "host.toml", "study.json"]).report();
    assert_eq!(records_only.kinds(), ["pareto", "heatmap", "convergence"]);
    assert!(records_only.html.contains("no host.toml") && records_only.html.contains("no final"));
    assert!(records_only.text.contains("each counted once"));

    let no_accuracy = Sample::new().without(&["accuracy.csv"]).report();
    assert!(no_accuracy.kinds().contains(&"roofline") && !no_accuracy.html.contains(" dB<"));
    assert!(no_accuracy.charts["pareto-digits.svg"].contains("All of digits"));

    let one = Sample::new().without(&["finals.csv"]);
    let candidate = one.records.iter().find(|r| r.outcome.right()).unwrap().candidate.clone();
    let one = one.keep(|r| r.candidate == candidate && r.layer == "digits/conv1").report();
    assert_eq!(one.kinds(), ["roofline"]);
    assert!(one.text.contains("digits: 1 layer"), "{}", one.text);

    let none = Sample::new().keep(|_| false).report();
    assert!(none.charts.is_empty() && none.html.contains("Nothing was recorded."));
    assert!(none.text.contains("nothing was recorded"));
}

#[test]
fn only_failures() {
    let sample = Sample::new().with_records(|_, r| {
        (r.outcome, r.message) = (Outcome::WrongAnswer, "off by one".into());
        (r.median_ns, r.gmacs, r.roof_share) = (None, None, None);
    });
    let report = sample.report();
    assert!(report.charts.is_empty() && !sample.path().join("charts").exists());
    assert!(report.html.contains("no candidate was right") && report.html.contains("off by one"));
    assert!(report.text.contains("no candidate was right") && report.text.contains("WrongAnswer"), "{}", report.text);
}

#[test]
fn formats_without_a_kernel_are_told_from_wrong_ones() {
    let report = Sample::new().with_records(|_, r| {
        (r.outcome, r.message) = (Outcome::Unsupported, "no kernel family serves depthwise".into());
        (r.median_ns, r.gmacs, r.roof_share) = (None, None, None);
    });
    let report = report.report();
    assert!(
        report.text.contains("no kernel serves it") && report.html.contains("no kernel serves it"),
        "{}",
        report.text
    );
}

#[test]
fn emulated_runs_show_no_time() {
    // even where, against the rules, the records hold some
    let report = Sample::new().with_records(|_, r| r.evidence = Evidence::Emulated).report();
    assert!(report.charts.is_empty());
    assert_eq!(time_in(&report.html), None);
    assert_eq!(time_in(&report.text), None);
    assert!(!report.html.contains('±') && !report.html.contains("Speed-up"));
    assert!(report.html.contains("emulated: checked only") && report.html.contains("w8a8 f32io right in 4 of 4"));
    assert!(report.text.contains("emulated: checked only"), "{}", report.text);
    assert!(time_in(&Sample::new().report().html).is_some());
}

#[test]
fn conditions_are_kept_apart() {
    let sample = Sample::new().with_records(|_, r| {
        if r.layer.starts_with("encoder") {
            r.regime = Regime::AllCold;
        }
    });
    let report = sample.report();
    assert!(report.charts.contains_key("roofline-x86-avx512vnni-hot-t1.svg"));
    let cold = &report.charts["roofline-x86-avx512vnni-all-cold-t1.svg"];
    assert!(cold.contains("all cold") && cold.contains("ffn.up") && !cold.contains("conv1"));
    assert!(report.html.contains("caches hot") && report.html.contains("all cold"));
}

#[test]
fn nonsense_is_not_drawn() {
    let sample = Sample::new().with_records(|i, r| {
        let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 1e-300][i % 6];
        (r.median_ns, r.gmacs, r.roof_share, r.at_s) = (Some(odd), Some(odd), Some(odd), odd);
        (r.ci_low_ns, r.ci_high_ns) = (Some(odd), Some(-odd));
        r.m = if i % 4 == 0 { 0 } else { r.m };
    });
    let mut accuracy: Vec<Accuracy> = read_table(&sample.path().join("accuracy.csv")).unwrap();
    for a in &mut accuracy {
        (a.sqnr_db, a.cosine, a.weight_bits) = (Some(f64::INFINITY), Some(f64::NAN), f64::NAN);
        (a.top1, a.samples) = (Some(9), 0);
    }
    write(&sample.path().join("accuracy.csv"), &accuracy);
    sample.without(&["finals.csv"]).report();
}

#[test]
fn the_sample_is_of_the_present_format() {
    let sample = Sample::new();
    let finals: Vec<Final> = read_table(&sample.path().join("finals.csv")).unwrap();
    let run = Run::load(sample.path()).unwrap();
    assert!(!finals.is_empty() && run.winners.iter().all(|w| w.final_rounds == 10));
    assert!(summary(&run).contains("each as often as it occurs"), "study.json is not understood");
    assert!(run.provenance.is_some_and(|p| p.roofs.is_some() && p.target_title.contains("test data")));
}

/// What a run of a model leaves: conv1 and fc in w8a8, conv2 in f32, of 40 samples; `w2a8` gets every second one wrong.
fn choice(sample: &Sample, network: &str, evidence: Evidence) {
    let answers = |wrong: usize| {
        let one = |i: usize| {
            let class = if wrong > 0 && i.is_multiple_of(wrong) { (i + 1) % 4 } else { i % 4 };
            (0..4).map(|c| if c == class { 5.0 } else { i as f32 * 1e-3 }).collect()
        };
        Answers { outputs: (0..40).map(one).collect(), probabilities: false }
    };
    let labels: Vec<u8> = (0..40).map(|i| i % 4).collect();
    let of = |scheme: &str, wrong: usize, bytes: f64| {
        let row = score(network, scheme, Contract::F32io, &answers(wrong), &answers(0), &labels);
        NetworkScore { weight_bytes: bytes, ..row }
    };
    let time = |assignment: &str, ns: f64| NetworkTime {
        network: network.into(),
        assignment: assignment.into(),
        target: "x86-avx2".into(),
        regime: Regime::Hot,
        threads: 1,
        outcome: if evidence == Evidence::Measured { Outcome::Measured } else { Outcome::Checked },
        evidence,
        checked: 8,
        exact: false,
        worst_error: 1e-3,
        sessions: 3,
        rounds: 90,
        median_ns: Some(ns),
        ci_low_ns: Some(ns * 0.99),
        ci_high_ns: Some(ns * 1.01),
        predicted_ns: Some(ns / 1.25),
        predicted_low_ns: Some(ns / 1.26),
        predicted_high_ns: Some(ns / 1.24),
        ratio: Some(1.25),
        ratio_low: Some(1.24),
        ratio_high: Some(1.26),
        layers_ns: Some(ns / 2.0),
        glue_ns: Some(ns * 0.3),
        layers_in_place_ns: Some(ns / 2.0),
        glue_in_place_ns: Some(ns * 0.3),
        arena_bytes: 1,
        weight_bytes: 1,
        source_hash: String::new(),
        compiler: String::new(),
        host: String::new(),
        message: String::new(),
    };
    let scores = [of("f32", 0, 4000.0), of("w8a8", 20, 1000.0), of("w2a8", 2, 300.0), of("chosen", 40, 2000.0)];
    let times = [time("chosen-1", 43_210.0), time("all-f32", 98_760.0), time("all-w8a8", 41_000.0)];
    let schemes = [("conv1", "w8a8"), ("conv2", "f32"), ("fc", "w8a8")];
    let decision = Decision {
        schemes: schemes.iter().map(|(l, s)| ((*l).to_string(), (*s).into())).collect(),
        latency_ns: 33_000.0,
        bytes: 2000.0,
        predicted_kl: 0.02,
        measured_kl: Some(0.03),
        predicted_drop: 1.0,
        measured_drop: 2,
        chosen_on: 40,
        float: scores[0].clone(),
        chosen: scores[3].clone(),
        limits: Limits { drop: Some(0.05), latency_ns: Some(50_000.0), bytes: None },
        how: "the fastest that loses no more <than> asked".into(),
        whole: Some(times[0].clone()),
    };
    let dir = sample.path();
    fs::write(dir.join("chosen.json"), serde_json::to_string(&decision).unwrap()).unwrap();
    write(&dir.join("networks.csv"), &scores);
    write(&dir.join("network.csv"), &times);
    let mut costs = String::from("layer,tie,scheme,kl,drop,latency_ns,bytes\n");
    for (i, (layer, _)) in schemes.iter().enumerate() {
        let at = (i + 1) as f64;
        costs += &format!("{layer},,f32,0,0,{},{}\n", 30_000.0 * at, 1200.0 * at);
        costs += &format!("{layer},,w8a8,{},1,{},{}\n", 0.005 * at, 9_000.0 * at, 300.0 * at);
        costs += &format!("{layer},,w2a8,{},9,{},{}\n", 0.4 * at, 8_000.0 * at, 90.0 * at);
    }
    fs::write(dir.join("costs.csv"), costs).unwrap();
    let point = |against: &str, kl: f64, latency_ns: f64, bytes: f64| FrontPoint {
        against: against.into(),
        kl,
        drop: 0.0,
        latency_ns,
        bytes,
        measured_kl: (kl > 0.0).then_some(kl * 1.5),
        measured_drop: None,
        whole: true,
        schemes: "f32;f32;f32".into(),
    };
    let both = |against: &str| [point(against, 0.1, 54_000.0, 1800.0), point(against, 0.0, 180_000.0, 7200.0)];
    write(&dir.join(FRONT), &[both("latency_ns"), both("bytes")].concat());
}

#[test]
fn what_a_run_of_a_model_chose_stands_above_all_else() {
    let sample = Sample::new();
    assert!(!sample.report().html.contains("The network that was chosen"));
    choice(&sample, "<net>", Evidence::Measured);
    let report = sample.report();
    let html = &report.html;
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("The network that was chosen") < at(">The ladder<") && at(">The front<") < at("What to deploy"));
    for text in [
        "w8a8 (2), f32 (1). 43.2 µs (42.78 – 43.64 µs) as one program, measured: 1.250 of the 34.6 µs that its steps take alone",
        "Top-1 97.50 % (87.1 – 99.6), which cannot be told from f32&#x27;s 100.00 % on 40 samples",
        "2.3× (2.24 – 2.33)",
        "within noise<small>2 lost, 0 won, p = 0.500",
        "differs<small>20 lost, 0 won, p &lt; 0.001",
        "no more &lt;than&gt; asked",
        "but this run chose layer by layer: w8a8 (2), f32 (1)",
        "Weights 2.00 kB, in f32 4.00 kB",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let svg = |stem: &str| report.charts.iter().find(|c| c.0.starts_with(stem)).unwrap().1;
    for text in ["98.8 µs", "41.0 µs", "43.2 µs", "not measured", "97.50", "as chosen", "limit 50.0 µs", "w2a8"] {
        assert!(svg("ladder-").contains(text), "{text}");
    }
    for text in ["as chosen", "measured divergence", "one scheme for all layers", "\nlimit\n"] {
        assert!(svg("front-").contains(text), "{text}");
    }
    // the tables too
    let run = Run::load(sample.path()).unwrap();
    let page = tables(&[&run], &Beside::default()).unwrap();
    assert_eq!(page["chosen"][0]["rungs"][3]["ns"].as_f64(), Some(43_210.0));
    let names: Vec<_> = write_sheets(&page, &sample.path().join("tables")).unwrap();
    assert!(names.iter().any(|p| p.ends_with("chosen.csv")), "{names:?}");
    assert!(markdown(&[&run], &Beside::default()).unwrap().contains("| as chosen | 43.2 µs |"));
}

#[test]
fn a_choice_without_a_program_shows_no_time_of_one() {
    let sample = Sample::new();
    choice(&sample, "net", Evidence::Emulated);
    let report = sample.report();
    assert!(report.html.contains("33.0 µs, its layers added up, each timed alone"));
    assert!(!report.html.contains("43.2 µs") && !report.html.contains("98.8 µs"), "no time from an emulator");
    let ladder = report.charts.iter().find(|c| c.0.starts_with("ladder-")).unwrap().1;
    assert!(ladder.contains("layers added up") && ladder.contains("33.0 µs") && ladder.contains("54.0 µs"), "{ladder}");
    fs::write(sample.path().join("chosen.json"), "{").unwrap();
    let error = format!("{:#}", build(sample.path()).unwrap_err());
    assert!(error.contains("chosen.json is damaged") && error.contains("tune --resume"), "{error}");
}

#[test]
fn every_table_is_a_file_with_figures() {
    let sample = Sample::new();
    let run = Run::load(sample.dir.path()).unwrap();
    let target = run.provenance.as_ref().unwrap().target.clone();
    let prices = Prices { per_hour: vec![(target, 3.6)], currency: "EUR".into() };
    let beside = Beside { prices, ..Beside::default() };
    let folder = sample.dir.path().join("tables");
    let written = write_sheets(&tables(&[&run], &beside).unwrap(), &folder).unwrap();
    let names: Vec<String> = written.iter().map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for name in ["cards", "facts", "layers", "networks", "offers", "roofs"] {
        assert!(names.iter().any(|n| n == name), "{names:?}");
    }
    let rows = |name: &str| {
        let mut reader = csv::Reader::from_path(folder.join(format!("{name}.csv"))).unwrap();
        reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap).collect::<Vec<_>>()
    };
    let layers = rows("layers");
    for winner in run.winners.iter().filter(|w| w.median_ns.is_some()) {
        let row = layers
            .iter()
            .find(|r| r["candidate"] == winner.record.candidate && winner.record.layer.ends_with(&r["layer"]))
            .unwrap();
        assert_eq!(row["ns"].parse::<f64>().ok(), winner.median_ns);
        assert_eq!(row["low_ns"].parse::<f64>().ok(), winner.ci_ns.map(|c| c.0));
        assert_eq!(row["run"], run.dir.display().to_string());
    }
    for offer in rows("offers").iter().filter(|o| !o["ns"].is_empty()) {
        let (ns, cost): (f64, f64) = (offer["ns"].parse().unwrap(), offer["cost_per_million"].parse().unwrap());
        assert!((cost / (ns * 1e-6) - 1.0).abs() < 1e-9, "3.6 an hour is a thousandth a second");
        assert!(offer["cost"].ends_with(" EUR"), "{}", offer["cost"]);
    }
    // what the packages took is added up over all layers, and one that is missing leaves nothing to say
    let energy = |skip: usize| {
        let one = |w: &bitsmith::certificate::Winner| Energy {
            layer: w.record.layer.clone(),
            scheme: w.record.scheme.clone(),
            contract: w.record.contract,
            target: w.record.target.clone(),
            regime: w.record.regime,
            threads: w.record.threads,
            candidate: w.record.candidate.clone(),
            source_hash: w.record.source_hash.clone(),
            calls: 1000,
            seconds: 1.0,
            joules: 2.0,
            idle_watts: 1.0,
        };
        write(&sample.dir.path().join("energy.csv"), &run.winners.iter().skip(skip).map(one).collect::<Vec<_>>());
        let run = Run::load(sample.dir.path()).unwrap();
        let all = tables(&[&run], &Beside::default()).unwrap();
        (
            all["offers"][0]["joules"].as_f64(),
            all["metered"].as_bool().unwrap(),
            markdown(&[&run], &Beside::default()).unwrap(),
        )
    };
    let (joules, metered, text) = energy(0);
    // two millijoules for each layer of the network, as often as it occurs
    assert!(metered && joules.is_some_and(|j| j >= 0.002 && (j / 0.002).fract().abs() < 1e-9), "{joules:?}");
    assert!(text.contains(" mJ |") && text.contains("| energy |"), "{text}");
    assert!(!energy(run.winners.len()).1);
    // without a price nothing is said of costs
    let page = markdown(&[&run], &Beside::default()).unwrap();
    assert!(!page.contains("cost of a million") && markdown(&[&run], &beside).unwrap().contains("cost of a million"));
}
