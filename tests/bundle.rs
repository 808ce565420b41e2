//! The deployment bundle as its user meets it: a fresh folder, a C compiler and CMake, and outputs equal to the tool's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

mod common;
use common::python;

fn bitsmith(dir: &Path, args: &[&str]) -> Output {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bundle-cache");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.args(args).current_dir(dir).env("BITSMITH_CACHE", cache).output().unwrap()
}

fn done(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A folder with a run of these arguments for each target, in folders of the targets' names.
fn tuned(targets: &[&str], args: &[&str], files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    for target in targets {
        let common = ["tune", "--target", target, "--budget", "30trials", "--out", target];
        done(&bitsmith(dir.path(), &[&common[..], args].concat()));
    }
    dir
}

/// Builds the bundle in `dir`/bundle; the path of its example.
fn built(dir: &Path, compiler: &str, options: &[&str]) -> PathBuf {
    let build = dir.join(format!("build-{compiler}"));
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(dir.join("bundle")).arg("-B").arg(&build).args(options).env("CC", compiler);
    done(&configure.output().expect("cmake: `make setup` installs it"));
    done(&Command::new("cmake").arg("--build").arg(&build).output().unwrap());
    build.join("digits_example")
}

fn example(dir: &Path, command: &[&str], program: &Path) -> Output {
    let all: Vec<&std::ffi::OsStr> =
        command.iter().map(|w| (*w).as_ref()).chain([program.as_os_str(), dir.as_os_str()]).collect();
    Command::new(all[0]).args(&all[1..]).env("EXAMPLE_NO_TIMES", "1").output().unwrap()
}

/// The target with the most instructions that this machine can measure.
fn best() -> String {
    bitsmith::target::Target::host().unwrap().name
}

#[test]
fn digits_run_the_same_from_a_fresh_folder_on_every_compiler_and_cpu() {
    let best = best();
    let targets = ["x86-avx2", &best, "arm-neon-qemu", "arm-dotprod-qemu"];
    let dir = tuned(&targets, &["--network", "digits", "--scheme", "w8a8"], &[]);
    let export = [&["export"], &targets[..], &["--name", "digits", "--out", "bundle"]].concat();
    done(&bitsmith(dir.path(), &export));
    let (dir, bundle) = (dir.path(), dir.path().join("bundle"));
    let cross = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", "-DCMAKE_EXE_LINKER_FLAGS=-static"];
    for (compiler, options, emulator) in [
        ("gcc", &[][..], &[][..]),
        ("clang", &[], &[]),
        ("aarch64-linux-gnu-gcc", &cross, &["qemu-aarch64", "-cpu", "cortex-a76"]),
    ] {
        let program = built(dir, compiler, options);
        let said = done(&example(&bundle, emulator, &program));
        let whole = said.lines().filter(|l| l.contains("400 of 400 as the tool computed them, to the bit"));
        assert_eq!(whole.count(), 2, "{compiler}: {said}");
        assert!(said.ends_with("all right\n"), "{compiler}: {said}");
    }
    // an older core is given the kernels that it can run
    let program = dir.join("build-aarch64-linux-gnu-gcc/digits_example");
    let said = done(&example(&bundle, &["qemu-aarch64", "-cpu", "cortex-a72"], &program));
    assert!(said.contains("arm-dotprod: this CPU lacks some of: asimd asimddp"), "{said}");

    // the example can fail: one bit of the last weights
    let blob = bundle.join("weights/x86-avx2.bin");
    let mut bytes = fs::read(&blob).unwrap();
    bytes[100] ^= 64;
    fs::write(&blob, bytes).unwrap();
    let output = example(&bundle, &[], &dir.join("build-gcc/digits_example"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("x86-avx2 conv1: WRONG at element"), "{said}");

    installs(dir, &bundle);
    profiles_fit_their_schema(&bundle);
}

/// Somebody else's program finds the installed library by pkg-config.
fn installs(dir: &Path, bundle: &Path) {
    let prefix = dir.join("prefix");
    done(
        &Command::new("cmake")
            .arg("--install")
            .arg(dir.join("build-gcc"))
            .arg("--prefix")
            .arg(&prefix)
            .output()
            .unwrap(),
    );
    let main = dir.join("main.c");
    fs::write(&main, "#include \"digits.h\"\nint main(void) { return !digits_select(); }\n").unwrap();
    let flags = flags(&prefix);
    done(&Command::new("gcc").arg(&main).args(&flags).arg("-o").arg(dir.join("main")).output().unwrap());
    done(&Command::new(dir.join("main")).output().unwrap());
    assert!(bundle.join("weights/x86-avx2.bin").is_file());
}

/// What pkg-config says of the library under a prefix.
fn flags(prefix: &Path) -> Vec<String> {
    let lib = fs::read_dir(prefix.join("lib")).unwrap().flatten().map(|e| e.path());
    let folders = std::iter::once(prefix.join("lib")).chain(lib.filter(|p| p.is_dir()));
    let folders: Vec<_> = folders.map(|p| p.join("pkgconfig").display().to_string()).collect();
    let mut command = Command::new("pkg-config");
    command.args(["--cflags", "--libs", "digits"]).env("PKG_CONFIG_PATH", folders.join(":"));
    let said = done(&command.output().expect("`make setup` installs pkg-config"));
    said.split_whitespace().map(String::from).collect()
}

/// A consumer's own validator takes every profile, and refuses one without a field.
fn profiles_fit_their_schema(bundle: &Path) {
    let check = "import json, jsonschema, glob, sys\n\
        schema = json.load(open('profile.schema.json'))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        files = glob.glob('profile-*.json')\n\
        for f in files: jsonschema.validate(json.load(open(f)), schema)\n\
        broken = json.load(open(files[0])); del broken['layer'][0]['candidate']\n\
        try: jsonschema.validate(broken, schema)\n\
        except jsonschema.ValidationError: print(len(files))\n";
    let said = done(&Command::new(python()).args(["-c", check]).current_dir(bundle).output().unwrap());
    assert_eq!(said.trim(), "4");
}

/// An `.npy` of f32.
fn npy(dims: &str, values: impl Iterator<Item = f32>) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({dims}), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(values.flat_map(f32::to_le_bytes));
    out
}

#[test]
fn any_number_of_rows_and_every_contract() {
    let mut rng = fastrand::Rng::with_seed(7);
    let weights = npy("20, 96", (0..20 * 96).map(|_| rng.f32() - 0.5));
    let layer = |name: &str, op: &str, m: usize| {
        format!("[[layer]]\nname = \"{name}\"\nop = \"{op}\"\nm = {m}\nn = 20\nk = 96\nweights = \"w.npy\"\n")
    };
    let toml =
        [layer("one", "gemv", 1).replace("m = 1\n", ""), layer("some", "gemm", 4), layer("many", "gemm", 19)].concat();
    let files = [("w.npy", weights), ("l.toml", toml.into_bytes())];
    for (scheme, contract) in
        [("w8a8", "f32io"), ("w4a8g32", "f32io"), ("f32", "f32io"), ("nf4", "f32io"), ("w3a8", "int8"), ("w8a8", "qdq")]
    {
        let args = ["--layers", "l.toml", "--scheme", scheme, "--contract", contract];
        let dir = tuned(&["x86-avx2"], &args, &files);
        done(&bitsmith(dir.path(), &["export", "x86-avx2/profile.toml", "--name", "digits", "--out", "bundle"]));
        let program = built(dir.path(), "gcc", &[]);
        let said = done(&example(&dir.path().join("bundle"), &[], &program));
        // static grids of activations differ from layer to layer
        let rows = if contract == "f32io" { 2 } else { 0 };
        assert_eq!(said.matches(": by rows right").count(), rows, "{scheme} {contract}: {said}");
        assert_eq!(said.matches(": right").count(), 3, "{scheme} {contract}: {said}");
    }
}

#[test]
fn mistakes_cost_one_line() {
    let dir = tuned(&["x86-avx2"], &["--gemm", "4x8x16", "--scheme", "w8a8", "--scheme", "w4a8"], &[]);
    let says = |args: &[&str], words: &[&str]| {
        let output = bitsmith(dir.path(), &[&["export"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        words.iter().for_each(|word| assert!(said.contains(word), "no `{word}` in {said}"));
    };
    says(&["x86-avx2", "--out", "b"], &["choose one with --scheme: w8a8, w4a8"]);
    says(&["x86-avx2", "--scheme", "w2a8", "--out", "b"], &["no w2a8 in this run"]);
    says(&["nothing", "--out", "b"], &["nothing"]);
    says(&["x86-avx2", "--scheme", "w8a8", "--name", "My Kernels", "--out", "b"], &["--name My Kernels"]);
    says(&["x86-avx2", "x86-avx2", "--scheme", "w8a8", "--out", "b"], &["two runs of target x86-avx2"]);
    says(&["x86-avx2", "--scheme", "w8a8", "--out", "x86-avx2"], &["holds other files"]);
    assert!(!dir.path().join("b").exists());
    // records of other sources than this program writes
    let records = dir.path().join("x86-avx2/records.csv");
    let text = fs::read_to_string(&records).unwrap();
    let column = text.lines().next().unwrap().split(',').position(|c| c == "source_hash").unwrap();
    let hashes: Vec<&str> = text.lines().skip(1).map(|row| row.split(',').nth(column).unwrap()).collect();
    for table in [&records, &dir.path().join("x86-avx2/finals.csv")] {
        let other = |text: String, hash: &&str| text.replace(*hash, &hash.chars().rev().collect::<String>());
        fs::write(table, hashes.iter().fold(fs::read_to_string(table).unwrap(), other)).unwrap();
    }
    says(&["x86-avx2", "--scheme", "w8a8", "--out", "b"], &["differently", "tune again"]);
}
