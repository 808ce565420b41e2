//! A design as a folder that an engineer takes on from: HLS C++ with its script and testbench, RTL with its bench, and one
//! set of golden vectors for both.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Evidence;
use super::design::{Design, Trial, Vectors, bench, csim_main};
use super::hls;
use super::rtl;
use super::sim::{Simulator, Verdict};

/// What the vendor's tool is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthesis {
    /// As the vendor spells it.
    pub part: String,
    pub clock_ns: f64,
}

/// What was checked before the folder was written.
pub struct Check {
    pub simulator: &'static Simulator,
    pub verdict: Verdict,
}

/// Writes a design. Files that are there already are replaced; others are left alone.
/// # Errors
/// A folder that cannot be written.
pub fn write(
    dir: &Path,
    design: &Design,
    vectors: &Vectors,
    interval: u64,
    synthesis: &Synthesis,
    checks: &[Check],
) -> Result<()> {
    let (frames, trial) = (vectors.inputs.len(), [Trial { design, vectors, seed: 0 }]);
    let mut files: Vec<(String, String)> = Vec::new();
    let mut add = |folder: &str, name: &str, text: &str| files.push((format!("{folder}{name}"), text.into()));
    for (name, text) in hls::HEADERS {
        add("hls/", name, text);
    }
    add("hls/", &format!("{}.cpp", design.name), &design.hls);
    add("hls/", "testbench.cpp", &csim_main(&trial));
    add("hls/", "vitis.tcl", &vitis(design, synthesis));
    for (name, text) in rtl::MODULES.iter().chain(rtl::BENCH) {
        add("rtl/", name, text);
    }
    add("rtl/", "bench.sv", &bench(&trial));
    design.rtl.iter().for_each(|(name, text)| add("rtl/", name, text));
    for (name, text) in design.vector_files(vectors) {
        add("hls/", &name, &text);
        add("rtl/", &name, &text);
    }
    add("", "Makefile", &makefile(design));
    add("", "README.md", &readme(design, frames, interval, synthesis, checks));
    add("", "design.json", &facts(design, frames, interval, checks)?);
    for (name, text) in &files {
        let path = dir.join(name);
        let wrong = || format!("cannot write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(dir)).with_context(wrong)?;
        fs::write(&path, text).with_context(wrong)?;
    }
    Ok(())
}

/// Runs a design in a simulator before it is exported.
/// # Errors
/// A simulator that is missing or does not run, and a design that is wrong: it is not to be exported.
pub fn check(simulator: &'static Simulator, dir: &Path, design: &Design, vectors: &Vectors) -> Result<Check> {
    let folder = dir.join("build").join(simulator.name);
    let verdicts = simulator.verdicts(&folder, &[Trial { design, vectors, seed: 0 }]);
    let _ = fs::remove_dir_all(&folder);
    let _ = fs::remove_dir(dir.join("build"));
    let verdict = verdicts?.remove(0);
    let (name, wrong, all) = (simulator.name, verdict.wrong, verdict.outputs);
    ensure!(wrong == 0, "{}: {wrong} of {all} outputs are wrong in {name}; this is a bug of bitsmith", design.name);
    Ok(Check { simulator, verdict })
}

/// The script for Vitis HLS: C simulation, synthesis, co-simulation, IP.
fn vitis(design: &Design, synthesis: &Synthesis) -> String {
    let name = &design.name;
    format!(
        "# vitis_hls -f vitis.tcl; reports are below {name}_project/solution/syn/report and sim/report\n\
         open_project -reset {name}_project\n\
         set_top {name}\n\
         add_files {name}.cpp -cflags \"-std=c++14 -DBS_VITIS\"\n\
         add_files -tb testbench.cpp -cflags \"-std=c++14 -DBS_VITIS\"\n\
         add_files -tb {name}.in.hex\n\
         add_files -tb {name}.out.hex\n\
         open_solution -reset solution -flow_target vivado\n\
         set_part {{{}}}\n\
         create_clock -period {} -name default\n\
         csim_design\n\
         csynth_design\n\
         cosim_design -rtl verilog\n\
         export_design -format ip_catalog -rtl verilog\n\
         exit\n",
        synthesis.part, synthesis.clock_ns
    )
}

fn makefile(design: &Design) -> String {
    let name = &design.name;
    format!(
        "# Every target ends with a line that tells how many outputs are wrong, and of RTL how many cycles it took.\n\
         .PHONY: csim icarus verilator vitis\n\
         SOURCES := $(filter-out bs_clock.sv,$(notdir $(wildcard rtl/*.sv)))\n\n\
         csim: ## the C++ on this machine\n\
         \tcd hls && g++ -std=c++14 -O1 -Wno-unknown-pragmas -o csim testbench.cpp {name}.cpp && ./csim\n\n\
         icarus: ## the RTL in Icarus Verilog\n\
         \tcd rtl && iverilog -g2012 -s bs_clock -o bench.vvp bs_clock.sv $(SOURCES) && vvp -n bench.vvp\n\n\
         verilator: ## the RTL in Verilator\n\
         \tcd rtl && verilator --cc --exe --build -O3 --top-module bench -Wno-fatal -Wno-lint main.cpp $(SOURCES) && ./obj_dir/Vbench\n\n\
         vitis: ## C simulation, synthesis, co-simulation and IP by Vitis HLS\n\
         \tcd hls && vitis_hls -f vitis.tcl\n"
    )
}

fn readme(design: &Design, frames: usize, interval: u64, synthesis: &Synthesis, checks: &[Check]) -> String {
    let name = &design.name;
    let side = |s: &super::design::Stream| {
        format!("{} x {} bits {}", s.lanes, s.bits, if s.signed { "signed" } else { "unsigned" })
    };
    let mut text = format!(
        "# {name}\n\n{}\n\n\
         | | |\n| --- | --- |\n\
         | input | a stream of {}, the first element in the low bits |\n\
         | output | a stream of {} |\n\
         | cycles from frame to frame | {interval} (modelled) |\n\
         | golden vectors | {frames} frames |\n",
        design.title,
        side(&design.input),
        side(&design.output)
    );
    for c in checks {
        let v = &c.verdict;
        let cycles = v.interval.map_or(String::new(), |i| format!(", {i} cycles from frame to frame"));
        let evidence = c.simulator.evidence.name();
        text += &format!("| {} ({evidence}) | {} outputs, {} wrong{cycles} |\n", c.simulator.name, v.outputs, v.wrong);
    }
    text + &format!(
        "\n- `hls/`: HLS C++ (`{name}.cpp`), its testbench, and `vitis.tcl` for {} at {} ns. Catapult: compile with\n  \
         `-DBS_CATAPULT`. Neither tool has seen this text: `make csim` is what was run.\n\
         - `rtl/`: SystemVerilog of the same design, top module `{name}`, clock `clk`, synchronous reset `rst`, and a bench.\n\
         - `make csim`, `make icarus`, `make verilator` hold either to the golden vectors; `make vitis` needs Vitis HLS.\n\n\
         Figures of the RTL say nothing of what a vendor's tool makes of the C++.\n",
        synthesis.part, synthesis.clock_ns
    )
}

/// What it is, for programs.
fn facts(design: &Design, frames: usize, interval: u64, checks: &[Check]) -> Result<String> {
    let side = |s: &super::design::Stream| json!({"lanes": s.lanes, "bits": s.bits, "signed": s.signed});
    let checks = checks.iter().map(|c| {
        json!({"simulator": c.simulator.name, "evidence": c.simulator.evidence.name(), "outputs": c.verdict.outputs,
            "wrong": c.verdict.wrong, "cycles": c.verdict.cycles, "interval": c.verdict.interval})
    });
    let all = json!({
        "schema": 1,
        "name": design.name,
        "title": design.title,
        "input": side(&design.input),
        "output": side(&design.output),
        "frames": frames,
        "interval": {"cycles": interval, "evidence": Evidence::Modelled.name()},
        "checks": checks.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}
