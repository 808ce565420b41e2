//! Builds the reference arithmetic and its bindings, and notes the revision.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, panic};

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("kernel.rs");
    println!("cargo:rerun-if-changed=native/kernel.h");
    println!("cargo:rerun-if-changed=native/reference.c");
    println!("cargo:rerun-if-changed=src/native_bindings.rs");
    for file in [".git/HEAD", ".git/logs/HEAD"].into_iter().filter(|f| PathBuf::from(f).exists()) {
        println!("cargo:rerun-if-changed={file}");
    }
    cc::Build::new().file("native/reference.c").opt_level(3).compile("bitsmith_reference");

    // bindgen loads libclang when it runs and panics where there is none; the committed bindings are the same text
    panic::set_hook(Box::new(|_| {}));
    let generated = panic::catch_unwind(|| {
        bindgen::Builder::default()
            .header("native/kernel.h")
            .allowlist_file("native/kernel.h")
            .blocklist_var("bs_entr.*")
            .layout_tests(false)
            .generate()
            .ok()
    });
    let _ = panic::take_hook();
    match generated {
        Ok(Some(bindings)) => {
            bindings.write_to_file(&out).expect("OUT_DIR is writable");
            println!("cargo:rustc-env=BITSMITH_BINDINGS=generated");
        }
        _ => {
            fs::copy("src/native_bindings.rs", &out).expect("the committed bindings are there");
            println!("cargo:rustc-env=BITSMITH_BINDINGS=committed");
        }
    }

    let revision = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let revision = revision.filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    println!("cargo:rustc-env=BITSMITH_REVISION={}", revision.unwrap_or_default().trim());
}
