//! Bambu (PandA): high-level synthesis of the C++, simulated by it where Verilator is there.

use super::{Asked, Found, Step, TOP};
use crate::fpga::Evidence;
use crate::fpga::reports::{bambu, read};

pub const SYNTHESIS: Step = Step {
    name: "bambu",
    evidence: Evidence::Csynth,
    programs: &["bambu"],
    version: &["--version"],
    install: "get the AppImage of Bambu from its project's page and put it on the path as `bambu`",
    fabrics: &["xc7"],
    script,
    read: |asked| {
        Ok(Found {
            report: bambu::parse(&read(&asked.folder.join("bambu_results_0.xml"))?)?,
            cycles: None,
            wrong: None,
        })
    },
};

fn script(asked: &Asked) -> (&'static str, String, Vec<String>) {
    let period = 1e3 / asked.device.clock_mhz;
    let arguments = [
        format!("{TOP}.cpp"),
        format!("--top-fname={TOP}"),
        "--compiler=I386_GCC8".into(),
        "-DBS_CATAPULT".into(),
        "--std=c++14".into(),
        // it knows this one of the family
        "--device-name=xc7z020-1clg484-VVD".into(),
        format!("--clock-period={period:.3}"),
        "--evaluation".into(),
    ];
    ("bambu.txt", arguments.join(" ") + "\n", arguments.to_vec())
}
