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
}

type Cells = Map<String, Value>;

/// Takes registers in, in the module `top` of a netlist that Yosys wrote as JSON; and how many there were.
/// # Errors
/// Text that is no such netlist.
pub fn absorb(text: &str, top: &str, with: &Absorption) -> Result<(String, usize)> {
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
    Ok((serde_json::to_string(&design)?, taken))
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
