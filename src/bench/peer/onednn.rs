//! oneDNN, by a program that is compiled against what is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Adapter;
use crate::bench::build::{kept, unique};
use crate::emit::short_hash;

pub const ADAPTER: Adapter = Adapter {
    name: "onednn",
    remedy: "install a C++ compiler and oneDNN 3, and where pkg-config does not know it, name its folder, which has \
             include/ and lib/, by BITSMITH_ONEDNN (from PyPI: `pip install onednn-devel`, the folder is that of the \
             environment)",
    command,
};

fn command(cache: &Path, threads: usize) -> Result<Command> {
    let folder = std::env::var_os("BITSMITH_ONEDNN").filter(|v| !v.is_empty()).map(PathBuf::from);
    let mut command = Command::new(program(cache, folder.as_deref())?);
    // builds of oneDNN for SYCL take their threads, and the CPU's driver, from here
    command.env("DPCPP_CPU_NUM_CUS", threads.to_string());
    if let Some(lib) = folder.map(|f| f.join("lib")) {
        let others = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
        command.env("LD_LIBRARY_PATH", format!("{}:{others}", lib.display()).trim_end_matches(':'));
        let driver = lib.join("libintelocl.so");
        if driver.is_file() && std::env::var_os("OCL_ICD_FILENAMES").is_none() {
            command.env("OCL_ICD_FILENAMES", driver);
        }
    }
    Ok(command)
}

/// The program, compiled unless it was compiled before with the same flags.
fn program(cache: &Path, folder: Option<&Path>) -> Result<PathBuf> {
    let text = include_str!("../../../native/baselines/onednn.cpp");
    let flags = flags(folder);
    let program = cache.join(format!("baseline-{}", short_hash(format!("{text}{flags:?}").as_bytes())));
    if program.is_file() {
        return Ok(program);
    }
    let (source, temporary) = (kept(cache, "baseline.cpp", text)?, unique(&program));
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-O2"]).arg(&source).args(&flags).arg("-o").arg(&temporary).env("LC_ALL", "C");
    let output = compiler.output().context("compiler `c++` cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|l| l.contains("error") || l.contains("undefined") || l.contains("cannot find"));
    ensure!(output.status.success(), "{}", error.unwrap_or("it does not compile").trim());
    std::fs::rename(&temporary, &program).with_context(|| format!("cannot write {}", program.display()))?;
    Ok(program)
}

/// Where oneDNN is: in the folder that was named, where pkg-config says, or where the compiler looks anyway.
fn flags(folder: Option<&Path>) -> Vec<String> {
    if let Some(folder) = folder {
        let (include, lib) = (folder.join("include"), folder.join("lib"));
        let link = format!("-Wl,-rpath,{0},-rpath-link,{0}", lib.display());
        return vec![format!("-I{}", include.display()), format!("-L{}", lib.display()), link, "-ldnnl".into()];
    }
    let told = Command::new("pkg-config").args(["--cflags", "--libs", "dnnl"]).output().ok();
    let told = told.filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    told.map_or(vec!["-ldnnl".into()], |text| text.split_whitespace().map(String::from).collect())
}
