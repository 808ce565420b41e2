//! The command line as a user meets it: mistakes cost one clear line and exit code 2, and write nothing.

use std::path::Path;
use std::process::{Command, Output};

fn bitsmith(dir: &Path, args: &[&str]) -> Output {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-cache");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.args(args).current_dir(dir).env("BITSMITH_CACHE", cache).output().unwrap()
}

/// The one line that a mistake gets; nothing is on stdout and nothing is left in the folder but `there`.
fn mistake(args: &[&str], files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let output = bitsmith(dir.path(), args);
    let said = String::from_utf8(output.stderr).unwrap();
    // other tests may hold the machine meanwhile
    let said: String = said.lines().filter(|l| !l.starts_with("waiting")).map(|l| format!("{l}\n")).collect();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    let pointed = said.lines().last().is_some_and(|l| l.trim_start().starts_with('^'));
    assert_eq!(said.lines().count(), if pointed { 3 } else { 1 }, "{args:?}: {said}");
    assert!(said.starts_with("error: "), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), files.len(), "{args:?} left something behind");
    said
}

fn says(args: &[&str], files: &[(&str, &str)], words: &[&str]) {
    let said = mistake(args, files);
    for word in words {
        assert!(said.contains(word), "{args:?}: no `{word}` in: {said}");
    }
}

#[test]
fn unknown_names_list_what_there_is() {
    says(&["tune", "--target", "z80"], &[], &["z80", "host", "x86-avx2"]);
    says(&["tune", "--network", "vgg"], &[], &["vgg", "resnet50", "digits"]);
    says(&["tune", "--scheme", "w9a9"], &[], &["`w9a9`: no such weight format", "`w8a8`", "\n    w9a9\n    ^^^^\n"]);
    says(&["accuracy", "--scheme", "w4a8-flor"], &[], &["did you mean `floor`?", "\n    w4a8-flor\n         ^^^^\n"]);
    says(&["accuracy", "--scheme", "w4a8-static_p12"], &[], &["no such option"]);
    says(&["accuracy", "--scheme", "q*z"], &[], &["matches no listed scheme"]);
    says(&["accuracy", "--scheme", "f32", "--contract", "int8"], &[], &["f32 has no int8 contract"]);
    says(&["tune", "--strategy", "luck"], &[], &["luck", "evolve", "random", "grid"]);
    says(&["tune", "--contract", "int9"], &[], &["int9", "int8", "f32io"]);
    says(&["baseline", "--with", "true", "--network", "vgg"], &[], &["vgg", "resnet50"]);
    says(&["baseline", "--with", "true", "run", "--gemm", "2x2x2"], &[], &["--gemm", "cannot be used with"]);
    says(&["baseline", "--with", "true", "--gemm", "2x2x2", "--target", "x86-avxvnni-simde"], &[], &["gives no times"]);
    says(&["baseline", "nothing"], &[], &["--with"]);
    says(&["layers", "vgg"], &[], &["vgg", "resnet50"]);
    says(&["tune", "--threds", "2"], &[], &["--threds", "--threads"]);
}

#[test]
fn numbers_that_make_no_sense() {
    for budget in ["0s", "-1s", "ten", "5", "1.5trials"] {
        let arg = format!("--budget={budget}");
        says(&["tune", &arg], &[], &["60s", "trials"]);
    }
    says(&["tune", "--threads", "0"], &[], &["--threads", "at least 1"]);
    says(&["tune", "--threads", "9999"], &[], &["9999", "cpus"]);
    says(&["tune", "--gemm", "1x2"], &[], &["--gemm 1x2", "MxNxK"]);
    says(&["tune", "--gemm", "0x2x3"], &[], &["m is 0", "at least 1"]);
    says(&["tune", "--gemm", "99999999x99999999x99999999"], &[], &["2^31"]);
    says(&["tune", "--conv", "8x8x3x4x9x9"], &[], &["window"]);
    says(&["tune", "--conv", "8x8x3x4x3x3s0"], &[], &["stride is 0"]);
    says(&["targets", "probe", "--threads", "0"], &[], &["--threads"]);
}

const GEMM: &str = "[[layer]]\nname = \"a\"\nop = \"gemm\"\nm = 4\nn = 3\nk = 2\n";

fn layers(text: &str, words: &[&str]) {
    says(&["tune", "--layers", "l.toml"], &[("l.toml", text)], words);
}

#[test]
fn layer_files_are_blamed_by_line_and_field() {
    says(&["tune", "--layers", "none.toml"], &[], &["none.toml", "cannot read"]);
    layers("[[layer]\n", &["l.toml:1:"]);
    layers("", &["l.toml", "layer"]);
    layers(&GEMM.replace("m = 4", "m = \"four\""), &["l.toml:4: field `m`"]);
    layers(&GEMM.replace("n = 3", "n = 0"), &["l.toml:5: field `n`", "at least 1"]);
    layers(&GEMM.replace("k = 2\n", ""), &["l.toml", "k is missing"]);
    layers(&GEMM.replace("k = 2", "k = 2\npad = 1"), &["l.toml:7: field `pad`", "gemm"]);
    layers(&GEMM.replace("gemm", "softmax"), &["l.toml:3: field `op`", "conv2d"]);
    layers(&format!("{GEMM}{GEMM}"), &["l.toml:8", "`a` is used twice"]);
    layers(&GEMM.replace("k = 2", "kk = 2"), &["l.toml:6", "unknown field `kk`"]);
}

#[test]
fn tensors_are_read_before_anything_is_written() {
    let with = |spec: &str| format!("{GEMM}weights = \"{spec}\"\n");
    layers(&with("none.npy"), &["none.npy", "cannot read"]);
    layers(&with("w.txt"), &["w.txt"]);
    let text = with("w.npy");
    says(&["tune", "--layers", "l.toml"], &[("l.toml", &text), ("w.npy", "\u{1}NUMPY nonsense")], &["w.npy"]);
    let text = with("w.safetensors");
    says(&["tune", "--layers", "l.toml"], &[("l.toml", &text), ("w.safetensors", "x")], &["w.safetensors"]);
}

fn target(change: (&str, &str)) -> String {
    let text = include_str!("../targets/x86-scalar.toml");
    assert!(text.contains(change.0));
    text.replace(change.0, change.1)
}

#[test]
fn target_files_and_compilers() {
    let say = |text: &str, words: &[&str]| {
        says(&["tune", "--target", "t.toml", "--gemm", "2x2x2"], &[("t.toml", text)], words);
    };
    say(&target(("isa = ", "iza = ")), &["t.toml", "unknown field `iza`"]);
    say(&target(("isa = \"scalar\"", "isa = \"mmx\"")), &["t.toml:", "field `isa`", "avx2"]);
    say(&target(("requires = []", "requires = [\"warp_drive\"]")), &["lacks warp_drive"]);
    say(&target(("cc = \"cc\"", "cc = \"nosuchcc\"")), &["nosuchcc", "install"]);
    say(&target(("\"-O3\"", "\"-O3\", \"--no-such-flag\"")), &["no-such-flag"]);
}

#[test]
fn folders_that_cannot_be_used() {
    let here = ["tune", "--gemm", "2x2x2", "--target", "x86-scalar", "--budget", "6trials", "--out"];
    let in_the_way = [&here[..], &["file/run"]].concat();
    says(&in_the_way, &[("file", "")], &["file/run", "cannot create"]);
    says(&["tune", "--resume", "nothing"], &[], &["nothing", "no run"]);
    says(&["baseline", "--with", "true", "nothing"], &[], &["nothing", "no run"]);
    says(&["report", "nothing"], &[], &["nothing", "records.csv"]);
}

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("stdout is one JSON document")
}

#[test]
fn json_documents_have_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let layers = json(&bitsmith(dir.path(), &["layers", "digits", "--json"]));
    assert_eq!(layers["networks"][0]["layers"][0]["op"], "conv2d");
    let targets = json(&bitsmith(dir.path(), &["targets", "--json"]));
    assert!(targets["targets"].as_array().unwrap().iter().any(|t| t["target"] == "x86-avx2"));
    let args = [
        "tune",
        "--gemm",
        "8x24x32",
        "--scheme",
        "w8a8",
        "--target",
        "x86-scalar",
        "--budget",
        "8trials",
        "--out",
        "run",
        "--json",
    ];
    let tuned = json(&bitsmith(dir.path(), &args));
    let layer = &tuned["layers"][0];
    for key in [
        "layer",
        "scheme",
        "contract",
        "m",
        "n",
        "k",
        "candidate",
        "regime",
        "threads",
        "median_ns",
        "ci_ns",
        "gmacs",
        "roof_share",
        "p_best",
        "ties",
        "accuracy",
        "measured",
        "space",
        "seconds",
    ] {
        assert!(!layer[key].is_null(), "{key} in {tuned}");
    }
    assert_eq!(layer["accuracy"]["data"], "synthetic");
    for file in ["records.csv", "finals.csv", "accuracy.csv", "host.toml", "study.json", "profile.toml", "report.html"]
    {
        assert!(dir.path().join("run").join(file).is_file(), "{file}");
    }
    let again = bitsmith(dir.path(), &args);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--resume"));
    let page = std::fs::read(dir.path().join("run/report.html")).unwrap();
    assert!(bitsmith(dir.path(), &["report", "run"]).status.success());
    assert_eq!(std::fs::read(dir.path().join("run/report.html")).unwrap(), page, "a report follows from its records");
    let source = bitsmith(dir.path(), &["emit", "run"]);
    assert!(String::from_utf8_lossy(&source.stdout).contains("const struct bs_args *args"));
}

#[test]
fn an_emulated_target_is_checked_and_gives_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "tune",
        "--gemm",
        "5x20x9",
        "--scheme",
        "w8a8",
        "--target",
        "x86-avxvnni-simde",
        "--budget",
        "6trials",
        "--out",
        "run",
    ];
    let output = bitsmith(dir.path(), &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = std::fs::read_to_string(dir.path().join("run/records.csv")).unwrap();
    for row in records.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!((cells[13], cells[14]), ("Checked", "emulated"));
        assert!(cells[16..22].iter().all(|c| c.is_empty()), "{row}");
    }
}

#[test]
fn help_teaches_by_example() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["tune", "baseline", "targets", "layers", "report", "emit", "completions"] {
        let output = bitsmith(dir.path(), &[verb, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("Example") && text.contains(&format!("bitsmith {verb}")),
            "{verb}"
        );
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(!bitsmith(dir.path(), &["completions", shell]).stdout.is_empty());
    }
}

#[test]
fn schemes_tell_their_bits_and_kernels() {
    let dir = tempfile::tempdir().unwrap();
    let all = json(&bitsmith(dir.path(), &["schemes", "--json"]));
    let of = |name: &str| all["schemes"].as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone();
    assert_eq!((&of("q4_k")["bits_per_weight"], &of("q4_k")["kernels_on"]), (&4.5.into(), &serde_json::json!([])));
    assert!(of("w8a8")["kernels_on"].as_array().unwrap().contains(&"x86-avx512vnni".into()));
    assert_eq!(of("w8a8")["contracts"], serde_json::json!(["int8", "qdq", "f32io"]));
    let text = String::from_utf8(bitsmith(dir.path(), &["schemes"]).stdout).unwrap();
    assert!(["Formats:", "Calibrators:", "Roundings:", "WEIGHTS"].iter().all(|w| text.contains(w)), "{text}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn accuracy_is_computed_once_and_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["accuracy", "--network", "digits", "--scheme", "w8a8", "--scheme", "wta8", "--out", "out", "--json"];
    let first = json(&bitsmith(dir.path(), &args));
    let rows = first["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 * 7, "six layers and the network, of two schemes");
    let whole = rows.iter().find(|r| r["layer"] == "" && r["scheme"] == "w8a8").unwrap();
    assert!(whole["top1"].as_u64().unwrap() >= 396 && whole["kl"].as_f64().unwrap() < 0.01, "{whole}");
    let path = dir.path().join("out/accuracy.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    // a run that was stopped in the middle of a row
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert_eq!(json(&bitsmith(dir.path(), &args))["rows"].as_array().unwrap().len(), 2 * 7);
    let lines = |text: &str| text.lines().map(String::from).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lines(&std::fs::read_to_string(&path).unwrap()), lines(&text));
    let overflow = first["overflow"].as_array().unwrap();
    let verdict = |path: &str| {
        let row = overflow.iter().find(|o| o["path"] == path && o["layer"] == "" && o["scheme"] == "w8a8").unwrap();
        row["verdict"].as_str().unwrap().to_string()
    };
    assert_eq!((verdict("exact32"), verdict("vpmaddubsw")), ("never".into(), "happens".into()));
}

#[test]
fn accuracy_blames_a_tensor_before_it_writes() {
    let layers = "[[layer]]\nname = \"a\"\nop = \"gemm\"\nm = 4\nn = 8\nk = 16\nweights = \"w.npy\"\n";
    says(&["accuracy", "--layers", "l.toml", "--out", "o"], &[("l.toml", layers), ("w.npy", "")], &["w.npy"]);
    says(&["accuracy", "--layers", "none.toml"], &[], &["none.toml"]);
    says(&["accuracy", "--network", "vgg"], &[], &["vgg", "digits"]);
}
