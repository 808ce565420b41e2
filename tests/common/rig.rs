//! Programs of kernels driven without a session: many shapes in one program, and operands of the test's own choice.

use std::path::PathBuf;
use std::time::Duration;

use bitsmith::bench::harness::{Failure, Harness};
use bitsmith::bench::problem::Problem;
use bitsmith::candidate::Schedule;
use bitsmith::emit::Source;
use bitsmith::kernel::Task;

use super::Lab;

/// Kernels that share a program: enough to pay for the headers once, few enough for the two halves to balance.
const PROGRAM: usize = 96;
const LIMIT: Duration = Duration::from_secs(60);

/// One kernel that must be right.
pub struct Case {
    pub task: Task,
    pub schedule: Schedule,
}

/// The operands of one call, as bytes.
pub struct Operands<'a> {
    pub lhs: &'a [u8],
    pub rhs: &'a [u8],
    pub cols: &'a [u8],
    pub out_bytes: usize,
    /// Of the activations, and of the output.
    pub zeros: [i32; 2],
    pub threads: usize,
}

/// The sources with distinct names: one program may hold a schedule more than once.
pub fn distinct(sources: &[Source]) -> Vec<Source> {
    let rename = |(i, s): (usize, &Source)| {
        let symbol = format!("{}_case{i}", s.symbol);
        Source { text: s.text.replace(&s.symbol, &symbol), symbol, ..s.clone() }
    };
    sources.iter().enumerate().map(rename).collect()
}

/// Every source in one program.
pub fn program(lab: &Lab, sources: &[Source]) -> PathBuf {
    let sources = distinct(sources);
    let (mut programs, blamed) = lab.device.builder.build(&sources.iter().collect::<Vec<_>>()).unwrap();
    assert!(blamed.is_empty(), "{}: {}", sources[blamed[0].0].symbol, blamed[0].1);
    programs.remove(0).0
}

/// A running program.
pub struct Rig {
    pub harness: Harness,
}

impl Rig {
    /// Builds every source into one program and starts it.
    pub fn start(lab: &Lab, sources: &[Source]) -> Self {
        let command = lab.device.runner.command(&program(lab, sources), 1).unwrap();
        Self { harness: Harness::start(command, LIMIT).unwrap() }
    }

    /// The output of one call with every buffer flush against a guard page on `side`.
    pub fn run(&mut self, kernel: usize, o: &Operands, side: &str) -> Result<Vec<u8>, Failure> {
        self.hash(kernel, o, side)?;
        self.harness.dump()
    }

    /// The same, without fetching the output: its hash.
    pub fn hash(&mut self, kernel: usize, o: &Operands, side: &str) -> Result<u64, Failure> {
        self.harness.load(0, o.lhs)?;
        self.harness.load(1, o.rhs)?;
        self.harness.load(2, o.cols)?;
        self.harness.alloc(3, o.out_bytes)?;
        self.harness.bind(kernel, [0, 1, 2, 3], o.zeros, o.threads)?;
        self.harness.check(kernel, side)
    }

    /// What is wrong with a kernel, on every set of operands that the tool itself checks with, at both ends of its
    /// buffers.
    fn wrong(&mut self, kernel: usize, case: &Case) -> Result<Option<String>, Failure> {
        let mut problem = Problem::new(case.task.clone(), kernel as u64).unwrap();
        let rhs = problem.pack(&case.schedule).unwrap().to_vec();
        let shape = &case.task.shape;
        for (set, input) in problem.inputs.iter().enumerate() {
            let operands = Operands {
                lhs: &input.lhs,
                rhs: &rhs,
                cols: &problem.columns,
                out_bytes: shape.out_len() * case.task.out_width(),
                zeros: [input.zero, input.out_zero],
                threads: case.task.threads,
            };
            for side in ["left", "right"] {
                if input.expected.proves(self.hash(kernel, &operands, side)?) {
                    continue;
                }
                let out = self.harness.dump()?;
                if let Some(wrong) = input.expected.first_wrong(&out, shape.n()) {
                    return Ok(Some(format!("input {set}, {side}: {wrong}")));
                }
            }
        }
        Ok(None)
    }
}

impl Lab {
    /// Checks every case against the law, many to a program.
    /// # Panics
    /// Names those that are wrong.
    pub fn prove(&self, cases: &[Case]) {
        assert!(!cases.is_empty(), "nothing to prove");
        let mut bad = Vec::new();
        for group in cases.chunks(PROGRAM) {
            let sources: Vec<Source> = group.iter().map(|c| c.task.emit(&c.schedule).unwrap()).collect();
            let mut rig = Rig::start(self, &sources);
            for (i, case) in group.iter().enumerate() {
                let wrong = rig.wrong(i, case).unwrap_or_else(|f| Some(f.to_string()));
                bad.extend(wrong.map(|why| format!("{}: {why}", describe(case))));
                if rig.harness.is_dead() {
                    rig = Rig::start(self, &sources);
                }
            }
        }
        assert!(
            bad.is_empty(),
            "{} of {} kernels are wrong, the first: {:#?}",
            bad.len(),
            cases.len(),
            &bad[..bad.len().min(5)]
        );
    }
}

fn describe(case: &Case) -> String {
    let t = &case.task;
    let name = t.name(&case.schedule).unwrap();
    format!("{name} {} relu={} threads={} {:?}", t.contract.name(), t.relu, t.threads, t.shape)
}
