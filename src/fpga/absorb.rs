//! Registers that hard blocks have of their own: of a netlist, flip-flops in front of a multiplier or behind a memory are
//! taken into it, as vendors' tools do. Yosys does so for some fabrics and not for others. What comes out is another
//! netlist; like every other one it counts for nothing until simulation has proved it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// Names with what belongs to each: parameters, or ports that are held at constants.
type Pairs = &'static [(&'static str, &'static str)];

/// A fabric's flip-flop, without reset and enable.
pub struct FlipFlop {
    pub cell: &'static str,
    pub data: &'static str,
    pub out: &'static str,
    pub clock: &'static str,
    /// What its parameters say, where they are written at all, and constants at which other ports do nothing.
    pub parameters: Pairs,
    pub idle: Pairs,
}

/// A register of a block.
pub struct Register {
    pub cell: &'static str,
    pub side: Side,
    /// What the names of its ports begin with; a number follows. It takes all of them that are in use, or none.
    pub ports: &'static [&'static str],
    /// Ports of its clock. Those that are in use must have that of the flip-flops; where none is, the first gets it.
    pub clocks: &'static [&'static str],
    /// What switches it on, and ports that it needs at constants.
    pub parameters: Pairs,
    pub ties: Pairs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In front of the block. Flip-flops that feed others too stay for these.
    Input,
    /// Behind it. A bit must go to one flip-flop and nowhere else.
    Output,
}

/// What a fabric's blocks can take in, in the order in which it is tried.
pub struct Absorption {
    pub flip_flop: FlipFlop,
    pub registers: &'static [Register],
    /// ns from a register in front of a block to the one behind it, at most. Place and route does not time what is inside
    /// of a block: no faster clock than this is told of a netlist that has both.
    pub inside_ns: f64,
}

/// What came of it.
pub struct Absorbed {
    /// The netlist as Yosys reads it.
    pub text: String,
    /// Registers that blocks have taken in.
    pub registers: usize,
}

type Cells = Map<String, Value>;

/// Takes registers in, in the module `top` of a netlist that Yosys wrote as JSON.
/// # Errors
/// Text that is no such netlist.
pub fn absorb(text: &str, top: &str, with: &Absorption) -> Result<Absorbed> {
    let mut design: Value = serde_json::from_str(text).context("the netlist is no JSON")?;
    let module = design.pointer_mut(&format!("/modules/{top}")).context("the netlist has no module of the design")?;
    let ports = module["ports"].as_object().into_iter().flat_map(Map::values);
    let given = ports.filter(|p| p["direction"] != "input").flat_map(|p| bits(&p["bits"])).collect::<Vec<_>>();
    let cells = module.get_mut("cells").and_then(Value::as_object_mut).context("the netlist has no cells")?;
    let mut taken = 0;
    for register in with.registers {
        let mut nets = Nets::of(cells, &given, &with.flip_flop);
        let of_kind = |(name, cell): (&String, &Value)| (cell["type"] == register.cell).then(|| name.clone());
        for name in cells.iter().filter_map(of_kind).collect::<Vec<_>>() {
            if let Some(plan) = nets.plan(&cells[&name], register) {
                nets.apply(plan, &mut cells[&name], register);
                taken += 1;
            }
        }
        cells.retain(|name, _| !nets.gone.contains(name));
    }
    Ok(Absorbed { text: serde_json::to_string(&design)?, registers: taken })
}

/// Has a block of the netlist registers on both sides, with a way between them that place and route does not time?
/// # Errors
/// Text that is no such netlist.
pub fn both_sides(text: &str, top: &str, with: &Absorption) -> Result<bool> {
    let design: Value = serde_json::from_str(text).context("the netlist is no JSON")?;
    let cells = design.pointer(&format!("/modules/{top}/cells")).and_then(Value::as_object);
    let on = |cell: &Value, side: Side| {
        let mut of = with.registers.iter().filter(|r| r.side == side && cell["type"] == r.cell);
        of.any(|r| r.parameters.iter().all(|(name, value)| cell["parameters"][*name] == *value))
    };
    Ok(cells.context("the netlist has no cells")?.values().any(|c| on(c, Side::Input) && on(c, Side::Output)))
}

/// Bits of a port that are no constants.
fn bits(of: &Value) -> impl Iterator<Item = u64> {
    of.as_array().into_iter().flatten().filter_map(Value::as_u64)
}

/// A port's only bit, a constant or not.
fn bit<'a>(cell: &'a Value, port: &str) -> Option<&'a Value> {
    cell["connections"].get(port)?.get(0)
}

/// A flip-flop that a block may take in.
#[derive(Clone)]
struct Flop {
    name: String,
    data: u64,
    out: u64,
    clock: u64,
}

impl Flop {
    fn of(name: &str, cell: &Value, kind: &FlipFlop) -> Option<Self> {
        // a text that could be a number has a space behind it
        let text = |v: &Value| v.as_str().map(str::trim_end).map(String::from);
        let says = |(name, value): &(&str, &str)| {
            cell["parameters"].get(*name).is_none_or(|v| text(v).as_deref() == Some(*value))
        };
        let idle = |(port, value): &(&str, &str)| bit(cell, port).is_none_or(|v| v == value);
        let plain = cell["type"] == kind.cell && kind.parameters.iter().all(says) && kind.idle.iter().all(idle);
        let of = |port| bit(cell, port).and_then(Value::as_u64);
        plain.then_some(())?;
        Some(Self { name: name.into(), data: of(kind.data)?, out: of(kind.out)?, clock: of(kind.clock)? })
    }
}

/// Who reads a bit, and which flip-flop stands before or behind it.
struct Nets {
    readers: BTreeMap<u64, usize>,
    from: BTreeMap<u64, Flop>,
    to: BTreeMap<u64, Flop>,
    /// Flip-flops that nobody needs any more.
    gone: BTreeSet<String>,
}

/// What a block's register takes: flip-flops by the port that they are at.
struct Plan(Vec<(String, Flop)>);

impl Nets {
    fn of(cells: &Cells, given: &[u64], kind: &FlipFlop) -> Self {
        let mut nets =
            Self { readers: BTreeMap::new(), from: BTreeMap::new(), to: BTreeMap::new(), gone: BTreeSet::new() };
        given.iter().for_each(|bit| *nets.readers.entry(*bit).or_default() += 1);
        for (name, cell) in cells {
            let ports = cell["connections"].as_object().into_iter().flatten();
            let read = ports.filter(|(port, _)| cell["port_directions"][port.as_str()] != "output");
            read.flat_map(|(_, b)| bits(b)).for_each(|bit| *nets.readers.entry(bit).or_default() += 1);
            if let Some(flop) = Flop::of(name, cell, kind) {
                nets.from.insert(flop.out, flop.clone());
                nets.to.insert(flop.data, flop);
            }
        }
        nets
    }

    /// None where the register cannot take all that it would have to.
    fn plan(&self, block: &Value, register: &Register) -> Option<Plan> {
        let number = |n: &str| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit());
        let own = |port: &str| register.ports.iter().any(|p| port.strip_prefix(p).is_some_and(number));
        let mut all = Vec::new();
        for (port, bit) in block["connections"].as_object()?.iter().filter(|(port, _)| own(port)) {
            for bit in bits(bit) {
                let readers = self.readers.get(&bit).copied().unwrap_or(0);
                let flop = match register.side {
                    Side::Output if readers == 0 => continue,
                    Side::Output => self.to.get(&bit).filter(|_| readers == 1)?,
                    Side::Input => self.from.get(&bit)?,
                };
                all.push((port.clone(), flop.clone()));
            }
        }
        let clock = all.first()?.1.clock;
        let clocks = register.clocks.iter().filter_map(|c| bit(block, c)).filter_map(Value::as_u64);
        let one = all.iter().map(|(_, f)| f.clock).chain(clocks).all(|c| c == clock);
        one.then_some(Plan(all))
    }

    fn apply(&mut self, plan: Plan, block: &mut Value, register: &Register) {
        let clock = plan.0[0].1.clock;
        for (port, flop) in plan.0 {
            let new = match register.side {
                Side::Output => {
                    self.gone.insert(flop.name);
                    flop.out
                }
                Side::Input => {
                    let left = self.readers.entry(flop.out).or_default();
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.gone.insert(flop.name);
                    }
                    flop.data
                }
            };
            block["connections"][port] = Value::from(vec![new]);
        }
        for (name, value) in register.parameters {
            block["parameters"][*name] = Value::from(*value);
        }
        let used = register.clocks.iter().any(|c| bit(block, c).is_some_and(Value::is_u64));
        let first = register.clocks.first().filter(|_| !used);
        let clock = first.map(|port| (*port, Value::from(clock)));
        let ties = register.ties.iter().map(|(port, value)| (*port, Value::from(*value)));
        for (port, value) in clock.into_iter().chain(ties) {
            block["connections"][port] = Value::from(vec![value]);
            block["port_directions"][port] = "input".into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fpga::fabric;
    use serde_json::json;

    fn flop(data: u64, out: u64) -> Value {
        let ways = json!({"CLK": "input", "DI": "input", "LSR": "input", "Q": "output"});
        json!({"type": "TRELLIS_FF", "parameters": {"CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"},
            "port_directions": ways, "connections": {"CLK": [2], "DI": [data], "LSR": ["0"], "Q": [out]}})
    }

    /// A memory, a register, operands, a multiplier of one bit, its product; `edit` spoils it.
    fn netlist(edit: impl Fn(&mut Map<String, Value>)) -> (Value, Absorbed) {
        let memory = json!({"type": "DP16KD", "parameters": {"REGMODE_A": "NOREG"},
            "port_directions": {"CLKB": "input", "CLKA": "input", "DOB0": "output", "DOB1": "output"},
            "connections": {"CLKA": ["0"], "CLKB": [2], "DOB0": [10], "DOB1": [11]}});
        let multiplier = json!({"type": "MULT18X18D", "parameters": {},
            "port_directions": {"A0": "input", "A1": "input", "B0": "input", "B1": "input", "P0": "output", "P1": "output"},
            "connections": {"A0": [13], "A1": ["0"], "B0": [15], "B1": [15], "P0": [16], "P1": [17]}});
        let mut cells = json!({"memory": memory, "multiplier": multiplier, "word": flop(10, 12), "a": flop(12, 13),
            "b": flop(14, 15), "product": flop(16, 18)});
        edit(cells.as_object_mut().unwrap());
        let ports = json!({"x": {"direction": "input", "bits": [14]}, "y": {"direction": "output", "bits": [18]}});
        let design = json!({"modules": {"top": {"ports": ports, "cells": cells}}});
        let rows = fabric::find("ecp5").unwrap().absorption.as_ref().unwrap();
        let absorbed = absorb(&design.to_string(), "top", rows).unwrap();
        let after: Value = serde_json::from_str(&absorbed.text).unwrap();
        (after["modules"]["top"]["cells"].clone(), absorbed)
    }

    fn names(cells: &Value) -> String {
        cells
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn registers_go_into_the_blocks_beside_them() {
        let (cells, absorbed) = netlist(|_| {});
        let rows = fabric::find("ecp5").unwrap().absorption.as_ref().unwrap();
        assert_eq!((absorbed.registers, both_sides(&absorbed.text, "top", rows).unwrap()), (3, true));
        let (_, one) = netlist(|c| drop(c.remove("product")));
        assert_eq!((one.registers, both_sides(&one.text, "top", rows).unwrap()), (2, false));
        assert_eq!(names(&cells), "memory multiplier", "no flip-flop is left");
        let (memory, multiplier) = (&cells["memory"], &cells["multiplier"]);
        assert_eq!(memory["connections"]["DOB0"], json!([12]), "what the flip-flop behind it gave");
        assert_eq!(
            (&memory["parameters"]["REGMODE_B"], &memory["connections"]["OCEB"]),
            (&json!("OUTREG"), &json!(["1"]))
        );
        let ports = &multiplier["connections"];
        assert_eq!(
            (&ports["A0"], &ports["B0"], &ports["B1"], &ports["A1"]),
            (&json!([12]), &json!([14]), &json!([14]), &json!(["0"]))
        );
        assert_eq!((&ports["P0"], &ports["CLK0"], &ports["CE0"]), (&json!([18]), &json!([2]), &json!(["1"])));
        assert_eq!(multiplier["parameters"]["REG_INPUTB_CLK"], "CLK0");
    }

    #[test]
    fn what_would_change_the_answer_stays_outside() {
        let left = |edit: &dyn Fn(&mut Map<String, Value>)| {
            let (cells, absorbed) = netlist(edit);
            (names(&cells), absorbed.registers)
        };
        let all = "a b memory multiplier product word";
        // a reset, an enable, a value to begin with
        let spoilt: [&dyn Fn(&mut Value); 3] =
            [&|f| f["connections"]["LSR"] = json!([3]), &|f| f["parameters"]["CEMUX"] = "CE".into(), &|f| {
                f["parameters"]["REGSET"] = "SET".into()
            }];
        for edit in spoilt {
            let every = |c: &mut Map<String, Value>| ["word", "b", "product"].iter().for_each(|n| edit(&mut c[*n]));
            assert_eq!(left(&every).0, all);
            assert_eq!(left(&|c| edit(&mut c["product"])), ("memory multiplier product".into(), 2));
            assert_eq!(
                left(&|c| edit(&mut c["b"])),
                ("a b memory multiplier".into(), 2),
                "operands go both or not at all"
            );
        }
        // another clock than the memory's, than the other operand's, than that of the register before
        let clock = |name: &'static str| left(&move |c| c[name]["connections"]["CLK"] = json!([4]));
        assert_eq!(clock("word"), ("memory multiplier word".into(), 2));
        assert_eq!(clock("b"), ("a b memory multiplier".into(), 2));
        assert_eq!(clock("product"), ("memory multiplier product".into(), 2));
        // a bit that something else reads as well
        let reader = |bit: u64| json!({"type": "LUT4", "parameters": {}, "port_directions": {"A": "input"}, "connections": {"A": [bit]}});
        assert_eq!(left(&|c| drop(c.insert("r".into(), reader(10)))), ("memory multiplier r word".into(), 2));
        assert_eq!(left(&|c| drop(c.insert("r".into(), reader(16)))), ("memory multiplier product r".into(), 2));
        // in front of a block it may, and keeps its flip-flop
        assert_eq!(left(&|c| drop(c.insert("r".into(), reader(15)))), ("b memory multiplier r".into(), 3));
        assert!(absorb("{}", "top", fabric::find("ecp5").unwrap().absorption.as_ref().unwrap()).is_err());
    }
}
