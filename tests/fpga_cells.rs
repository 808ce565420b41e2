//! Our models of cells that synthesis has no behaviour of: what proves a netlist must itself be right.

use std::path::{Path, PathBuf};
use std::process::Command;

const ECP5: &str = include_str!("../native/fpga/ecp5.v");

/// What the bench says of a model: how often each cell gave something else than the pipeline written out by hand.
fn bench(name: &str, model: &str) -> Vec<u32> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cells");
    std::fs::create_dir_all(&dir).unwrap();
    let (source, program) = (dir.join(format!("{name}.v")), dir.join(format!("{name}.vvp")));
    std::fs::write(&source, model).unwrap();
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fpga/cells_ecp5.v");
    let run = |command: &mut Command| {
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    run(Command::new("iverilog").args(["-g2012", "-s", "bench", "-o"]).arg(&program).args([&bench, &source]));
    let said = run(Command::new("vvp").arg("-n").arg(&program));
    let line = said.lines().find(|l| l.starts_with("wrong ")).unwrap_or_else(|| panic!("{said}"));
    line.split(' ').filter_map(|w| w.parse().ok()).collect()
}

#[test]
fn registers_of_ecp5_cells_are_where_their_parameters_say() {
    assert_eq!(bench("right", ECP5), [0; 8]);
    // none, in, out, pipe, both, all; a memory bare and with its register
    let broken = [
        ("no-input", "REG_INPUTA_CLK == \"CLK0\" ? held_a", "REG_INPUTA_CLK == \"CLK0\" ? at_a", "01001100"),
        ("no-output", "REG_OUTPUT_CLK == \"CLK0\" ? held_output", "REG_OUTPUT_CLK == \"CLK0\" ? piped", "00101100"),
        ("no-pipeline", "held_pipeline : 36'bx", "product : 36'bx", "00010100"),
        ("unsigned", "{18{a[18] & a[17]}}", "{18{1'b0}}", "11111100"),
        ("sign-not-held", "{18{b[18] & b[17]}}", "{18{SIGNEDB & b[17]}}", "01001100"),
        ("no-enable", "held_a <= CE0 ? at_a : 19'bx;", "held_a <= at_b;", "01001100"),
        ("memory", "REGMODE_B == \"OUTREG\" ? held_b", "REGMODE_B == \"OUTREG\" ? dob", "00000001"),
        ("memory-enable", "if (OCEB) held_b", "held_b", "00000001"),
    ];
    for (name, from, to, wanted) in broken {
        assert!(ECP5.contains(from), "{from}");
        let wrong: String =
            bench(name, &ECP5.replace(from, to)).iter().map(|n| if *n > 0 { '1' } else { '0' }).collect();
        assert!(wrong.chars().zip(wanted.chars()).all(|(is, should)| is == should), "{name}: {wrong}, not {wanted}");
    }
}
