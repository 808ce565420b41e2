//! Vitis HLS: C synthesis of the C++ (an estimate), and co-simulation of the RTL that it made.

use anyhow::bail;

use super::{Asked, Found, Step, TOP, by_loop};
use crate::fpga::Evidence;
use crate::fpga::reports::{cosim, csynth, read};

const PROGRAMS: &[&str] = &["vitis_hls", "vivado_hls"];
const INSTALL: &str = "install AMD Vitis and source its settings64.sh";

pub const CSYNTH: Step = Step {
    name: "csynth",
    evidence: Evidence::Csynth,
    programs: PROGRAMS,
    version: &["-version"],
    install: INSTALL,
    fabrics: &["xc7", "xcup"],
    script: |asked| script(asked, false),
    read: |asked| {
        let (report, loops) =
            csynth::parse(&read(&asked.folder.join(format!("{PROJECT}/syn/report/{TOP}_csynth.xml")))?)?;
        let inner = loops.iter().find(|l| l.interval.is_some());
        let cycles = by_loop(asked.unit, inner.and_then(|l| l.interval), inner.and_then(|l| l.depth));
        Ok(Found { report, cycles, wrong: None })
    },
};

pub const COSIM: Step = Step {
    name: "cosim",
    evidence: Evidence::Cosim,
    script: |asked| script(asked, true),
    read: |asked| {
        let text = read(&asked.folder.join(format!("{PROJECT}/sim/report/{TOP}_cosim.rpt")))?;
        let said = cosim::parse(&text)?;
        let (vectors, interval) = (asked.vectors.inputs.len() as u64, asked.unit.interval());
        let wrong = (!said.passed).then(|| "cosim: another answer than the golden vectors".to_string());
        let cycles = said.latency.and_then(|all| Some((interval, all.checked_sub(vectors * interval)?)));
        if wrong.is_none() && cycles.is_none() {
            bail!("cosim: {:?} cycles for {vectors} vectors, where {interval} each were promised", said.latency);
        }
        Ok(Found { report: Default::default(), cycles, wrong })
    },
    ..CSYNTH
};

/// Where reports are.
const PROJECT: &str = "project/solution";

fn script(asked: &Asked, simulate: bool) -> (&'static str, String, Vec<String>) {
    let (part, period) = (&asked.device.part, 1e3 / asked.device.clock_mhz);
    let cosim = if simulate { "cosim_design -rtl verilog\n" } else { "" };
    let text = format!(
        "open_project -reset project\n\
         set_top {TOP}\n\
         add_files {TOP}.cpp -cflags \"-std=c++14 -DBS_VITIS\"\n\
         add_files -tb testbench.cpp -cflags \"-std=c++14 -DBS_VITIS\"\n\
         add_files -tb {TOP}.in.hex\n\
         add_files -tb {TOP}.out.hex\n\
         open_solution -reset solution -flow_target vivado\n\
         set_part {{{part}}}\n\
         create_clock -period {period:.3} -name default\n\
         csynth_design\n\
         {cosim}exit\n"
    );
    ("vitis.tcl", text, vec!["-f".into(), "vitis.tcl".into()])
}
