//! Vivado: synthesis, placement and routing of our RTL, out of context.

use super::{Asked, Found, Step, TOP};
use crate::fpga::Evidence;
use crate::fpga::ir::Multiplier;
use crate::fpga::reports::{read, vivado};

pub const IMPLEMENTATION: Step = Step {
    name: "implementation",
    evidence: Evidence::Impl,
    programs: &["vivado"],
    version: &["-version"],
    install: "install AMD Vivado and source its settings64.sh",
    fabrics: &["xc7", "xcup"],
    script,
    read: |asked| {
        let mut report = vivado::timing(&read(&asked.folder.join("timing.rpt"))?)?;
        report.resources = vivado::utilization(&read(&asked.folder.join("utilization.rpt"))?)?;
        // the RTL's own, which simulation has confirmed
        Ok(Found { report, cycles: Some((asked.unit.interval(), u64::from(asked.unit.latency()))), wrong: None })
    },
};

fn script(asked: &Asked) -> (&'static str, String, Vec<String>) {
    let (part, period) = (&asked.device.part, 1e3 / asked.device.clock_mhz);
    let dsp = if asked.unit.multiplier == Multiplier::Fabric { " -max_dsp 0" } else { "" };
    let text = format!(
        "read_verilog -sv [glob *.sv]\n\
         synth_design -top {TOP} -part {part} -mode out_of_context{dsp}\n\
         create_clock -period {period:.3} -name clk [get_ports clk]\n\
         opt_design\n\
         place_design\n\
         route_design\n\
         report_utilization -file utilization.rpt\n\
         report_timing_summary -file timing.rpt\n"
    );
    let arguments = ["-mode", "batch", "-nojournal", "-nolog", "-source", "vivado.tcl"];
    ("vivado.tcl", text, arguments.map(String::from).to_vec())
}
