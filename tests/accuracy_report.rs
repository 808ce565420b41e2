//! The report of `bitsmith accuracy`: complete, escaped, self-contained, and unimpressed by what is missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bitsmith::record::{Accuracy, Histogram, What, read_table};
use bitsmith::report::accuracy::histogram::picks;
use bitsmith::report::accuracy::{CHARTS, Data, summary, write};
use bitsmith::stats::kendall_tau_b;
use serde::Serialize;

fn sample() -> (Vec<Accuracy>, Vec<Histogram>) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/accuracy");
    (read_table(&from.join("accuracy.csv")).unwrap(), read_table(&from.join("histograms.csv")).unwrap())
}

fn save<T: Serialize>(path: &Path, rows: &[T]) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    rows.iter().for_each(|r| writer.serialize(r).unwrap());
    writer.flush().unwrap();
}

struct Report {
    html: String,
    text: String,
    charts: BTreeMap<String, String>,
}

/// The report of these rows, after the checks that every report must pass.
fn report(rows: &[Accuracy], histograms: &[Histogram]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    save(&dir.path().join("histograms.csv"), histograms);
    let page = write(dir.path(), &Data { rows: rows.to_vec(), ..Data::read(dir.path()).unwrap() }).unwrap();
    assert_eq!(page, dir.path().join("accuracy.html"));
    let html = fs::read_to_string(&page).unwrap();
    for outside in ["<script ", "<link", "<img", "href=", "url(", "@import", "src="] {
        assert!(!html.contains(outside), "a page that stands alone has no {outside}");
    }
    let mut charts = BTreeMap::new();
    for entry in fs::read_dir(dir.path().join("charts")).into_iter().flatten() {
        let path = entry.unwrap().path();
        let svg = fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("\"inf") && !svg.contains("<b>"), "{}", path.display());
        assert!(html.contains(&svg), "{} is not in the page", path.display());
        charts.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), svg);
    }
    let text = summary(rows);
    let widest = text.lines().map(|l| l.chars().count()).max().unwrap_or(0);
    assert!(widest <= 100 || text.contains("warning: "), "{widest} columns:\n{text}");
    Report { html, text, charts }
}

/// Every text of a chart, trimmed.
fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text").skip(1).filter_map(|t| Some(t.split_once('>')?.1.split_once("</text>")?.0.trim())).collect()
}

#[test]
fn a_whole_run() {
    let (rows, histograms) = sample();
    let report = report(&rows, &histograms);
    let expected = [
        "histogram-digits-fc",
        "histogram-tiny-kws-fc",
        "ladder-close-digits",
        "ladder-digits",
        "ladder-tiny-kws",
        "ladder-top1-digits",
        "proxies-digits",
        "sqnr-digits",
        "sqnr-tiny-kws",
    ];
    assert_eq!(report.charts.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    for chart in CHARTS {
        assert!(report.html.contains(chart.title), "{}", chart.name);
    }
    let ladder = texts(&report.charts["ladder-digits"]);
    for text in
        ["Error against bits: digits (real data)", "Not drawn, of more than 24 bits: f32.", "codebook", "kmeans4"]
    {
        assert!(ladder.contains(&text), "{text} in {ladder:?}");
    }
    assert!(!ladder.contains(&"w4a32g32"), "kmeans4 is smaller and better: {ladder:?}");
    let layers = texts(&report.charts["sqnr-digits"]);
    let fc = rows.iter().find(|r| (r.layer.as_str(), r.scheme.as_str()) == ("fc", "w8a8")).unwrap();
    assert!(layers.contains(&format!("{:.1}", fc.sqnr_db.unwrap()).as_str()), "{layers:?}");
    let position = |name: &str| layers.iter().position(|t| *t == name).unwrap();
    assert!(position("w2a32g32") < position("kmeans4") && position("kmeans4") < position("w8a8"), "by bits");
    assert!(texts(&report.charts["sqnr-tiny-kws"])[0].ends_with("(synthetic data)"));
    assert!(report.charts["ladder-top1-digits"].contains("95 % interval"));
    let fc = texts(&report.charts["histogram-digits-fc"]);
    assert!(fc.contains(&"weights: w8a32") && fc.contains(&"activations: w8a8"), "{fc:?}");
}

#[test]
fn the_terminal_says_what_to_take() {
    let (rows, _) = sample();
    let text = summary(&rows);
    let line = text.lines().find(|l| l.starts_with("take ")).unwrap();
    assert!(line.starts_with("take kmeans4: 4.1") && line.contains("; f32 99.50 %"), "{line}");
    assert!(text.contains("Kendall's tau-b with top-1 over 8 schemes"), "{text}");
    assert!(text.contains("* kmeans4") && text.contains("  w4a32g32 "), "{text}");
    assert!(text.contains("not below f32's top-1"));
}

#[test]
fn warnings_are_counted_once_each() {
    let (mut rows, _) = sample();
    rows.iter_mut().take(3).for_each(|r| r.note = "clipping does harm".into());
    rows[4].note = "clipping does harm; another <b>".into();
    let report = report(&rows, &[]);
    let warnings: Vec<&str> = report.text.lines().filter(|l| l.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 2, "{}", report.text);
    assert!(warnings[0].contains("clipping does harm (4 rows, first digits/conv1"), "{}", warnings[0]);
    assert!(report.html.contains("another &lt;b&gt;"));
}

#[test]
fn little_or_nothing() {
    let (rows, histograms) = sample();
    let empty = report(&[], &[]);
    assert!(empty.charts.is_empty() && empty.html.contains("Nothing was measured"));
    assert_eq!(empty.text, "nothing was measured\n");
    for row in &rows {
        report(std::slice::from_ref(row), &histograms);
    }
    let none = |r: &Accuracy| Accuracy {
        sqnr_db: None,
        cosine: None,
        mse: None,
        max_error: None,
        top1: None,
        weight_sqnr_db: None,
        kl: None,
        ..r.clone()
    };
    let blank: Vec<Accuracy> = rows.iter().map(none).collect();
    let report_of_none = report(&blank, &histograms);
    assert!(!report_of_none.charts.keys().any(|c| c.starts_with("ladder") || c.starts_with("proxies")));
    let odd = |r: &Accuracy| Accuracy { weight_bits: f64::NAN, mse: Some(0.0), sqnr_db: None, ..r.clone() };
    report(&rows.iter().map(odd).collect::<Vec<_>>(), &[]);
    let wrong = |r: &Accuracy| Accuracy { weight_bits: 0.0, samples: 0, scheme: "nonsense".into(), ..r.clone() };
    report(&rows.iter().map(wrong).collect::<Vec<_>>(), &[]);
    let broken = |h: &Histogram| Histogram { counts: "1;x;;2".into(), levels: "NaN;inf;0".into(), ..h.clone() };
    report(&rows, &histograms.iter().map(broken).collect::<Vec<_>>());
    let flat = |h: &Histogram| Histogram { high: h.low, ..h.clone() };
    assert!(
        !report(&rows, &histograms.iter().map(flat).collect::<Vec<_>>()).charts.keys().any(|c| c.contains("histo"))
    );
}

#[test]
fn names_are_escaped() {
    let (mut rows, mut histograms) = sample();
    let evil = "<b>&\"'/\u{7}";
    rows.iter_mut().for_each(|r| {
        r.network = evil.into();
        r.layer = if r.layer.is_empty() { String::new() } else { format!("{evil}{}", r.layer) };
    });
    histograms.iter_mut().for_each(|h| {
        h.network = evil.into();
        h.layer = format!("{evil}{}", h.layer);
    });
    let report = report(&rows, &histograms);
    assert!(!report.html.contains("<b>&\"") && report.html.contains("&lt;b&gt;&amp;"));
    assert!(report.charts.keys().all(|c| c.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))));
    assert!(report.charts.keys().any(|c| c.starts_with("histogram-")), "{:?}", report.charts.keys());
}

#[test]
fn a_report_removes_only_its_own_old_charts() {
    let (rows, _) = sample();
    let dir = tempfile::tempdir().unwrap();
    let data = Data { rows, ..Data::default() };
    write(dir.path(), &data).unwrap();
    let old = dir.path().join("charts/ladder-gone.svg");
    let other = dir.path().join("charts/mine.svg");
    [&old, &other].iter().for_each(|p| fs::write(p, "x").unwrap());
    write(dir.path(), &data).unwrap();
    assert!(!old.exists() && other.exists());
}

#[test]
fn the_best_scheme_of_each_size_is_shown() {
    let (rows, _) = sample();
    let picks = picks(&rows, "digits");
    let named: Vec<(&str, What)> = picks.iter().map(|p| (p.0.as_str(), p.2)).collect();
    assert!(named.contains(&("w8a32", What::Weights)) && named.contains(&("w8a8", What::Activations)), "{named:?}");
    assert!(named.contains(&("kmeans4", What::Weights)), "{named:?}");
    assert!(!named.iter().any(|(s, _)| *s == "f32"));
}

#[test]
fn tau_b_by_hand() {
    // C = 5 of 6 pairs: 1-2-3-4 against 1-2-4-3 has one discordant
    assert_eq!(kendall_tau_b(&[(1.0, 1.0), (2.0, 2.0), (3.0, 4.0), (4.0, 3.0)]), Some(4.0 / 6.0));
    // pairs: (1,2) tie in y, (1,3) C, (1,4) C, (2,3) C, (2,4) C, (3,4) tie in x: 4 / sqrt(5 * 5)
    assert_eq!(kendall_tau_b(&[(1.0, 1.0), (2.0, 1.0), (3.0, 2.0), (3.0, 3.0)]), Some(4.0 / 5.0));
    // x ties once of three, y not: (1,2) tie in x, (1,3) C, (2,3) D: 0
    assert_eq!(kendall_tau_b(&[(1.0, 1.0), (1.0, 3.0), (2.0, 2.0)]), Some(0.0));
    // x: 1 1 2 3, y: 1 2 2 3: C = 4, ties one each: 4 / sqrt(5 * 5); infinite values rank as any others
    assert_eq!(kendall_tau_b(&[(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (f64::INFINITY, 3.0)]), Some(4.0 / 5.0));
    assert_eq!(kendall_tau_b(&[(1.0, 2.0), (2.0, 1.0)]), Some(-1.0));
    for none in [&[][..], &[(1.0, 1.0)], &[(1.0, 1.0), (1.0, 2.0)], &[(1.0, f64::NAN), (2.0, 1.0)]] {
        assert_eq!(kendall_tau_b(none), None);
    }
}
