//! Basic blocks of a compiler's assembly: where they begin, what they hold, and a copy of the text in which each counts how
//! often it runs.

use std::collections::HashSet;
use std::fmt::Write;

/// One basic block: a run of instructions that is entered at its first and left at its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The function it is in.
    pub function: String,
    /// Instructions without calls and returns, one a line, as the compiler wrote them.
    pub text: String,
    pub instructions: usize,
    /// Calls out of it, by the name of what is called.
    pub calls: Vec<String>,
}

impl Block {
    /// With moves from one vector register to another as instructions that only take a place among those taken up.
    pub fn with_free_moves(self) -> Self {
        let line = |line: &str| if is_vector_move(line) { "\tnop\n".to_string() } else { format!("{line}\n") };
        Self { text: self.text.lines().map(line).collect(), ..self }
    }
}

/// `vmovdqa %ymm1, %ymm2`, `mov v1.16b, v2.16b`.
fn is_vector_move(line: &str) -> bool {
    let Some((name, operands)) = line.trim().split_once(char::is_whitespace) else { return false };
    let vector = |operand: &str| {
        let name = operand.trim().trim_start_matches('%');
        let rest = ["xmm", "ymm", "zmm", "v"].iter().find_map(|kind| name.strip_prefix(kind));
        rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()) && !r.contains(['[', '{']))
    };
    let plain = ["mov", "vmovdqa", "vmovdqu", "vmovap", "vmovup"].iter().any(|m| name.starts_with(m));
    let operands: Vec<&str> = operands.split(',').collect();
    plain && operands.len() == 2 && operands.iter().all(|o| vector(o))
}

/// Instructions that go to another function and come back, or return from one. What they cost is not the block's.
const CALLS: &[&str] = &["call", "callq", "bl", "blr"];
const RETURNS: &[&str] = &["ret", "retq"];

/// The macro of `native/count/*.s` that counts a block.
const COUNT: &str = "bs_count";

/// Basic blocks of an assembly text in its order, numbered from `first` on, and the text in which each counts.
pub fn split(assembly: &str, first: usize) -> (Vec<Block>, String) {
    let labels = labels_of_code(assembly);
    let mut reader = Reader { labels, first, blocks: vec![], counted: String::new(), function: None, begun: false };
    for line in assembly.lines() {
        reader.line(line);
    }
    (reader.blocks, reader.counted)
}

/// Local labels of functions: what jumps go to. Labels of constants are followed by data.
fn labels_of_code(assembly: &str) -> HashSet<&str> {
    let mut all = HashSet::new();
    let mut waiting: Vec<&str> = Vec::new();
    for line in assembly.lines() {
        if let Some(label) = label(line) {
            waiting.push(label);
        } else if is_instruction(line) {
            all.extend(waiting.drain(..));
        } else if is_data(line) {
            waiting.clear();
        }
    }
    all
}

struct Reader<'a> {
    labels: HashSet<&'a str>,
    first: usize,
    blocks: Vec<Block>,
    counted: String,
    function: Option<String>,
    /// Does the next instruction belong to the last block?
    begun: bool,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) {
        if let Some(label) = label(line) {
            if self.labels.contains(label) {
                if !label.starts_with('.') {
                    self.function = Some(label.to_string());
                }
                self.begun = false;
            }
        } else if is_instruction(line)
            && let Some(function) = self.function.clone()
        {
            if !self.begun {
                let index = self.first + self.blocks.len();
                let (text, calls) = (String::new(), vec![]);
                self.blocks.push(Block { function, text, instructions: 0, calls });
                self.begun = true;
                let _ = writeln!(self.counted, "\t{COUNT} {index}");
            }
            self.instruction(line);
        }
        self.counted.push_str(line);
        self.counted.push('\n');
    }

    fn instruction(&mut self, line: &str) {
        let code = line.trim();
        let (name, operands) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
        let Some(block) = self.blocks.last_mut() else { return };
        if CALLS.contains(&name) || RETURNS.contains(&name) {
            block.instructions += 1;
            if CALLS.contains(&name) {
                block.calls.push(operands.split('@').next().unwrap_or_default().trim().to_string());
            }
            self.begun = false;
            return;
        }
        block.instructions += 1;
        let _ = writeln!(block.text, "\t{code}");
        let target = operands.rsplit([',', ' ', '\t']).next().unwrap_or_default();
        if self.labels.contains(target) {
            self.begun = false;
        }
    }
}

/// `f` of `f:`.
fn label(line: &str) -> Option<&str> {
    let name = line.split(['#', ';']).next()?.trim_end().strip_suffix(':')?;
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
}

fn is_instruction(line: &str) -> bool {
    let code = line.trim_start();
    line.starts_with([' ', '\t']) && !code.is_empty() && !code.starts_with(['.', '#', '/', '@'])
}

fn is_data(line: &str) -> bool {
    let code = line.trim_start();
    let data = [
        ".long", ".quad", ".byte", ".word", ".xword", ".2byte", ".4byte", ".8byte", ".string", ".ascii", ".zero",
        ".value", ".hword",
    ];
    data.iter().any(|d| code.starts_with(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86: &str = "\t.text\n\t.type\tf, @function\nf:\n.LFB0:\n\tmovl\t$1, %eax\n\t.p2align 4\n.L2:\n\tvmovdqa\t%ymm1, %ymm2\n\
        \taddq\t.LC0(%rip), %rax\n\tjne\t.L2\n\tcall\tmemcpy@PLT\n\tret\n\t.section\t.rodata\n.LC0:\n\t.quad\t1\n";
    const ARM: &str = "f:\n\tmov\tx0, 1\n.L2:\n\tmov\tv0.16b, v1.16b\n\tldr\tq2, [x1, #:lo12:.LC0]\n\ttbz\tx0, 3, .L2\n\tbl\tmemcpy\n\tret\n\
        .LC0:\n\t.word\t1\n";

    #[test]
    fn blocks_end_at_jumps_calls_and_labels() {
        for (text, jump) in [(X86, "jne"), (ARM, "tbz")] {
            let (blocks, counted) = split(text, 7);
            let sizes: Vec<usize> = blocks.iter().map(|b| b.instructions).collect();
            assert_eq!(sizes, [1, 3, 1, 1], "{blocks:?}");
            assert!(blocks[1].text.contains(jump) && blocks[1].function == "f");
            assert_eq!((blocks[2].calls.as_slice(), blocks[2].text.as_str()), (&["memcpy".to_string()][..], ""));
            let at = |what: &str| counted.find(what).unwrap();
            assert!(at("bs_count 7") < at(".L2:") && at(".L2:") < at("bs_count 8") && at("bs_count 9") < at("memcpy"));
            assert_eq!(counted.matches("bs_count").count(), 4);
            // nothing else is changed
            assert_eq!(
                counted.lines().filter(|l| !l.contains("bs_count")).collect::<Vec<_>>(),
                text.lines().collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn moves_between_vector_registers_are_found() {
        let (blocks, _) = split(X86, 0);
        assert_eq!(blocks[1].clone().with_free_moves().text.matches("nop").count(), 1);
        let is = |line: &str| is_vector_move(line);
        assert!(is("\tvmovdqa64\t%zmm3, %zmm4") && is("\tmov\tv0.16b, v31.16b"));
        for line in [
            "\tvmovdqa\t(%rax), %ymm1",
            "\tmov\tx0, x1",
            "\tmov\tv0.s[0], v1.s[1]",
            "\tvmovdqa32\t%zmm1, %zmm2{%k1}",
            "\tret",
        ] {
            assert!(!is(line), "{line}");
        }
    }
}
