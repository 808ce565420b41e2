//! SystemVerilog: typed items, and a printer. What `emit.rs` is for C: expressions are text, structure is not.

use std::fmt::Write;

/// What happens at a clock edge, or at the beginning.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `to <= value;`
    Next {
        to: String,
        value: String,
    },
    /// `to = value;`, in `initial` only.
    Is {
        to: String,
        value: String,
    },
    /// `call;`
    Do(String),
    If {
        condition: String,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
}

/// What a module consists of.
#[derive(Clone, Debug)]
pub enum Item {
    /// `// text`
    Note(String),
    /// `logic [signed] [bits-1:0] name;`; of 0 bits a scalar.
    Logic {
        signed: bool,
        bits: usize,
        name: String,
    },
    /// The same as a memory of `words` words, with its `ram_style`.
    Memory {
        style: String,
        bits: usize,
        name: String,
        words: usize,
    },
    /// `assign to = value;`
    Assign {
        to: String,
        value: String,
    },
    /// `always_ff @(posedge clk)`
    Clocked(Vec<Stmt>),
    Initial(Vec<Stmt>),
    /// A generated loop: `for (var = 0; var < below; ..) begin : label`
    For {
        var: String,
        below: usize,
        label: String,
        body: Vec<Item>,
    },
    /// `genvar a, b;`
    Genvars(Vec<String>),
    Instance {
        module: String,
        parameters: Vec<(String, String)>,
        name: String,
        ports: Vec<(String, String)>,
    },
}

pub fn next(to: impl Into<String>, value: impl Into<String>) -> Stmt {
    Stmt::Next { to: to.into(), value: value.into() }
}
pub fn if_(condition: impl Into<String>, then: Vec<Stmt>, otherwise: Vec<Stmt>) -> Stmt {
    Stmt::If { condition: condition.into(), then, otherwise }
}
pub fn note(text: impl Into<String>) -> Item {
    Item::Note(text.into())
}
pub fn logic(bits: usize, name: impl Into<String>) -> Item {
    Item::Logic { signed: false, bits, name: name.into() }
}
pub fn signed(bits: usize, name: impl Into<String>) -> Item {
    Item::Logic { signed: true, bits, name: name.into() }
}
pub fn assign(to: impl Into<String>, value: impl Into<String>) -> Item {
    Item::Assign { to: to.into(), value: value.into() }
}
pub fn for_(var: &str, below: usize, label: impl Into<String>, body: Vec<Item>) -> Item {
    Item::For { var: var.into(), below, label: label.into(), body }
}
pub fn instance(module: &str, parameters: &[(&str, String)], name: &str, ports: &[(&str, String)]) -> Item {
    let own = |list: &[(&str, String)]| list.iter().map(|(k, v)| ((*k).to_string(), v.clone())).collect();
    Item::Instance { module: module.into(), parameters: own(parameters), name: name.into(), ports: own(ports) }
}

/// `width'h..`: a number in two's complement.
pub fn literal(bits: usize, value: i64) -> String {
    let mask = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
    format!("{bits}'h{:x}", value as u64 & mask)
}

/// `width'sh..`: the same, signed.
pub fn literal_signed(bits: usize, value: i64) -> String {
    literal(bits, value).replacen("'h", "'sh", 1)
}

/// Bits of a counter below `count`, at least one.
pub fn counter_bits(count: usize) -> usize {
    (count.max(2) - 1).ilog2() as usize + 1
}

/// Ports: `("input", bits, name)`; of 0 bits a scalar.
pub type Port = (&'static str, usize, String);

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    pub note: String,
    pub name: String,
    pub ports: Vec<Port>,
    pub items: Vec<Item>,
}

impl Module {
    pub fn print(&self) -> String {
        let mut out = String::new();
        for line in self.note.lines() {
            let _ = writeln!(out, "// {line}");
        }
        let port = |(way, bits, name): &Port| format!("    {way:<6} logic {}{name}", range(*bits));
        let ports: Vec<_> = self.ports.iter().map(port).collect();
        let _ = writeln!(out, "module {} (\n{}\n);", self.name, ports.join(",\n"));
        items(&self.items, 1, &mut out);
        out.push_str("endmodule\n");
        out
    }
}

/// Of 0 bits: none. One bit of a vector is a vector all the same, of which parts can be selected.
fn range(bits: usize) -> String {
    if bits == 0 { String::new() } else { format!("[{}:0] ", bits - 1) }
}

fn items(all: &[Item], depth: usize, out: &mut String) {
    let pad = "    ".repeat(depth);
    for item in all {
        let _ = match item {
            Item::Note(text) => writeln!(out, "{pad}// {text}"),
            Item::Logic { signed, bits, name } => {
                let (sign, range) = (if *signed { "signed " } else { "" }, range(*bits));
                writeln!(out, "{pad}logic {sign}{range}{name};")
            }
            Item::Memory { style, bits, name, words } => {
                writeln!(out, "{pad}(* ram_style = \"{style}\" *) logic [{}:0] {name}[0:{}];", bits - 1, words - 1)
            }
            Item::Assign { to, value } => writeln!(out, "{pad}assign {to} = {value};"),
            Item::Clocked(body) => block("always_ff @(posedge clk) begin", body, depth, out),
            Item::Initial(body) => block("initial begin", body, depth, out),
            Item::For { var, below, label, body } => {
                let _ = writeln!(out, "{pad}for ({var} = 0; {var} < {below}; {var} = {var} + 1) begin : {label}");
                items(body, depth + 1, out);
                writeln!(out, "{pad}end")
            }
            Item::Genvars(names) => writeln!(out, "{pad}genvar {};", names.join(", ")),
            Item::Instance { module, parameters, name, ports } => {
                let list = |pairs: &[(String, String)]| {
                    pairs.iter().map(|(k, v)| format!(".{k}({v})")).collect::<Vec<_>>().join(", ")
                };
                let parameters =
                    if parameters.is_empty() { String::new() } else { format!("#({}) ", list(parameters)) };
                writeln!(out, "{pad}{module} {parameters}{name} (\n{pad}    {}\n{pad});", list(ports))
            }
        };
    }
}

fn block(head: &str, body: &[Stmt], depth: usize, out: &mut String) -> std::fmt::Result {
    let pad = "    ".repeat(depth);
    writeln!(out, "{pad}{head}")?;
    stmts(body, depth + 1, out)?;
    writeln!(out, "{pad}end")
}

fn stmts(body: &[Stmt], depth: usize, out: &mut String) -> std::fmt::Result {
    let pad = "    ".repeat(depth);
    for stmt in body {
        match stmt {
            Stmt::Next { to, value } => writeln!(out, "{pad}{to} <= {value};")?,
            Stmt::Is { to, value } => writeln!(out, "{pad}{to} = {value};")?,
            Stmt::Do(call) => writeln!(out, "{pad}{call};")?,
            Stmt::If { condition, then, otherwise } => {
                writeln!(out, "{pad}if ({condition}) begin")?;
                stmts(then, depth + 1, out)?;
                if !otherwise.is_empty() {
                    writeln!(out, "{pad}end else begin")?;
                    stmts(otherwise, depth + 1, out)?;
                }
                writeln!(out, "{pad}end")?;
            }
        }
    }
    Ok(())
}
