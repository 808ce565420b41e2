//! The emitter's C: typed statements, a printer, and the unit of text that a build takes.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// One C statement. Expressions are text; control flow and declarations are not.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `/* text */`
    Note(String),
    /// `ty name = value;`
    Let { ty: String, name: String, value: String },
    /// `name = value;`
    Set { name: String, value: String },
    /// `expression;`
    Do(String),
    /// `for (int64_t var = from; var < below; var += step) { body }`
    For { var: String, from: String, below: String, step: String, body: Vec<Stmt> },
    /// `head { body }`: a loop of another kind.
    Loop { head: String, body: Vec<Stmt> },
    /// `{ body }`
    Block(Vec<Stmt>),
    /// A directive, at the start of its line: `#pragma ..`
    Line(String),
    /// `if (condition) { then }`, with an optional else branch.
    If { condition: String, then: Vec<Stmt>, otherwise: Vec<Stmt> },
}

pub fn note(text: impl Into<String>) -> Stmt {
    Stmt::Note(text.into())
}
pub fn let_(ty: &str, name: impl Into<String>, value: impl Into<String>) -> Stmt {
    Stmt::Let { ty: ty.into(), name: name.into(), value: value.into() }
}
pub fn set(name: impl Into<String>, value: impl Into<String>) -> Stmt {
    Stmt::Set { name: name.into(), value: value.into() }
}
pub fn do_(expression: impl Into<String>) -> Stmt {
    Stmt::Do(expression.into())
}
/// A counted loop from `from` while below `below`.
pub fn for_(var: &str, from: impl ToString, below: impl ToString, step: impl ToString, body: Vec<Stmt>) -> Stmt {
    Stmt::For { var: var.into(), from: from.to_string(), below: below.to_string(), step: step.to_string(), body }
}
pub fn loop_(head: impl Into<String>, body: Vec<Stmt>) -> Stmt {
    Stmt::Loop { head: head.into(), body }
}
pub fn line(text: impl Into<String>) -> Stmt {
    Stmt::Line(text.into())
}
pub fn if_(condition: impl Into<String>, then: Vec<Stmt>, otherwise: Vec<Stmt>) -> Stmt {
    Stmt::If { condition: condition.into(), then, otherwise }
}

/// A C function: its head as text (`static void f(int x)`), its body as statements.
#[derive(Clone, Debug)]
pub struct Function {
    pub head: String,
    pub body: Vec<Stmt>,
}

impl Function {
    pub fn print(&self, out: &mut String) {
        let _ = writeln!(out, "{} {{", self.head);
        print_all(&self.body, 1, out);
        out.push_str("}\n");
    }
}

fn print_all(body: &[Stmt], depth: usize, out: &mut String) {
    let pad = "    ".repeat(depth);
    for stmt in body {
        let _ = match stmt {
            Stmt::Note(text) => writeln!(out, "{pad}/* {text} */"),
            Stmt::Let { ty, name, value } => writeln!(out, "{pad}{ty} {name} = {value};"),
            Stmt::Set { name, value } => writeln!(out, "{pad}{name} = {value};"),
            Stmt::Do(expression) => writeln!(out, "{pad}{expression};"),
            Stmt::For { var, from, below, step, body } => {
                let _ = writeln!(out, "{pad}for (int64_t {var} = {from}; {var} < {below}; {var} += {step}) {{");
                print_all(body, depth + 1, out);
                writeln!(out, "{pad}}}")
            }
            Stmt::Loop { head, body } => {
                let _ = writeln!(out, "{pad}{head} {{");
                print_all(body, depth + 1, out);
                writeln!(out, "{pad}}}")
            }
            Stmt::Line(text) => writeln!(out, "{text}"),
            Stmt::Block(body) => {
                let _ = writeln!(out, "{pad}{{");
                print_all(body, depth + 1, out);
                writeln!(out, "{pad}}}")
            }
            Stmt::If { condition, then, otherwise } => {
                let _ = writeln!(out, "{pad}if ({condition}) {{");
                print_all(then, depth + 1, out);
                if !otherwise.is_empty() {
                    let _ = writeln!(out, "{pad}}} else {{");
                    print_all(otherwise, depth + 1, out);
                }
                writeln!(out, "{pad}}}")
            }
        };
    }
}

/// The emitted text of one kernel.
#[derive(Clone, Debug)]
pub struct Source {
    /// The C symbol.
    pub symbol: String,
    /// `isa/NAME.h`, which the batch includes once.
    pub header: String,
    pub text: String,
    /// Scratch each thread needs, a multiple of 64.
    pub work_bytes: u64,
}

impl Source {
    /// Content hash: the text and every header it is compiled with.
    pub fn hash(&self) -> String {
        let mut all = Sha256::new();
        for (path, text) in crate::native::FILES.iter().filter(|(p, _)| p.starts_with("isa/") || *p == "kernel.h") {
            all.update(path.as_bytes());
            all.update(text.as_bytes());
        }
        all.update(self.text.as_bytes());
        hex(&all.finalize()[..8])
    }
}

/// One translation unit out of many kernels.
pub fn batch(sources: &[&Source]) -> String {
    let mut text = sources.first().map_or(String::new(), |s| format!("#include \"{}\"\n\n", s.header));
    for source in sources {
        text.push_str(&source.text);
        text.push('\n');
    }
    text
}

/// The unit with the table of kernels that the harness reads.
pub fn table(sources: &[&Source]) -> String {
    let mut text = String::from("#include \"kernel.h\"\n");
    for source in sources {
        let _ = writeln!(text, "extern bs_kernel {};", source.symbol);
    }
    text.push_str("const struct bs_entry bs_entries[] = {\n");
    for source in sources {
        let _ = writeln!(text, "    {{\"{0}\", {0}, {1}}},", source.symbol, source.work_bytes);
    }
    let _ = writeln!(text, "}};\nconst uint32_t bs_entry_count = {};", sources.len());
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// The first 12 hex digits of the SHA-256.
pub fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}
