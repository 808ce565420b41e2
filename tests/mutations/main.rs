//! Mutations: small mistakes planted in what is compiled or packed. The check that every candidate passes before it is
//! timed must find each of them, and must find nothing wrong with the kernels as they are.

#[path = "../common/mod.rs"]
mod common;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bitsmith::bench::problem::Problem;
use bitsmith::bench::runner;
use bitsmith::bench::session::Session;
use bitsmith::candidate::{Contract, Schedule};
use bitsmith::emit::{Source, short_hash};
use bitsmith::kernel::Task;
use bitsmith::layer::Shape;
use bitsmith::native;
use bitsmith::record::Outcome;
use bitsmith::target::Target;
use common::{Lab, TINY, cache, rig};
use table::{MUTATIONS, VICTIMS};

/// A kernel that mistakes are planted in.
struct Victim {
    name: &'static str,
    target: &'static str,
    shape: fn() -> Shape,
    scheme: &'static str,
    contract: Contract,
    threads: usize,
    schedule: &'static str,
}

/// Texts to find, and what takes the place of each; every one must be there.
type Edits = &'static [(&'static str, &'static str)];

/// What a mistake is planted in.
enum Place {
    /// The emitted text.
    Text(Edits),
    /// A header, by its path below `native/`.
    Header(&'static str, Edits),
    /// The packed weights.
    Weights(fn(&mut [u8])),
}

struct Mutation {
    what: &'static str,
    place: Place,
    victims: &'static [&'static str],
}

/// A victim made ready, and the mutation that was planted in it.
struct Kernel {
    victim: &'static Victim,
    mutation: Option<&'static Mutation>,
    task: Task,
    schedule: Schedule,
    source: Source,
}

fn find(name: &str) -> &'static Victim {
    VICTIMS.iter().find(|v| v.name == name).unwrap_or_else(|| panic!("no victim `{name}`"))
}

fn edit(text: &str, edits: Edits, what: &str) -> String {
    edits.iter().fold(text.into(), |text, (from, to)| {
        assert!(text.contains(from), "{what}: no `{from}` in\n{text}");
        text.replace(from, to)
    })
}

/// The native sources with an edited header, unpacked; the header's path.
fn edited_header(path: &str, edits: Edits, what: &str) -> PathBuf {
    let (_, text) = native::FILES.iter().find(|(p, _)| *p == path).unwrap();
    let text = edit(text, edits, what);
    let all: String = native::FILES.iter().map(|(_, text)| *text).collect();
    let folder = cache().join(format!("mutant-{}", short_hash(format!("{text}{all}").as_bytes())));
    for (p, original) in native::FILES {
        let file = folder.join(p);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, if *p == path { &text } else { *original }).unwrap();
    }
    folder
}

impl Kernel {
    fn new(lab: &Lab, victim: &'static Victim, mutation: Option<&'static Mutation>) -> Self {
        let mut task = lab.task((victim.shape)(), victim.scheme, victim.contract, true, victim.threads);
        task.caches = TINY;
        let schedule: Schedule = victim.schedule.parse().unwrap();
        let legal = task.space().unwrap().points().contains(&schedule);
        assert!(legal, "{}: {schedule} is no schedule of it", victim.name);
        let mut source = task.emit(&schedule).unwrap();
        match mutation.map(|m| (m.what, &m.place)) {
            Some((what, Place::Text(edits))) => source.text = edit(&source.text, edits, what),
            Some((what, Place::Header(path, edits))) => {
                let folder = edited_header(path, edits, what);
                source.header = folder.join(&source.header).display().to_string();
            }
            _ => {}
        }
        Self { victim, mutation, task, schedule, source }
    }

    fn describe(&self) -> String {
        format!("{} [{}]", self.mutation.map_or("as it is", |m| m.what), self.victim.name)
    }

    /// What the check says of kernel `at` of a program of `count`.
    fn checked(&self, lab: &Lab, program: &Path, at: usize, count: usize) -> Option<(Outcome, String)> {
        let mut problem = Problem::new(self.task.clone(), 1).unwrap();
        if let Some(Mutation { place: Place::Weights(edit), .. }) = self.mutation {
            problem.pack(&self.schedule).unwrap();
            problem.packed.values_mut().for_each(|bytes| edit(bytes));
        }
        let runner = runner::of(&lab.device.target);
        let schedules = vec![&self.schedule; count];
        Session::start(runner, program.into(), &mut problem, schedules).unwrap().unwrap().check(at).unwrap()
    }
}

/// Builds kernels that share their header into one program and tells those whose verdict is not what it should be.
fn judge(lab: &Lab, kernels: &[Kernel], wrong: &mut Vec<String>) {
    let sources: Vec<Source> = kernels.iter().map(|k| k.source.clone()).collect();
    let program = rig::program(lab, &sources);
    for (at, kernel) in kernels.iter().enumerate() {
        let verdict = kernel.checked(lab, &program, at, kernels.len());
        println!("{:<75}{verdict:?}", kernel.describe());
        let found = matches!(verdict, Some((Outcome::WrongAnswer | Outcome::Crashed, _)));
        if found != kernel.mutation.is_some() || verdict.is_some() != found {
            wrong.push(format!("{}: {verdict:?}", kernel.describe()));
        }
    }
}

/// Every mutation of the victims of one target.
fn hunt(target: &'static str) {
    let lab = Lab::new(target);
    let here = |name: &&&str| find(name).target == target;
    let mut together: Vec<Kernel> =
        VICTIMS.iter().filter(|v| v.target == target).map(|v| Kernel::new(&lab, v, None)).collect();
    let mut wrong = Vec::new();
    for mutation in MUTATIONS {
        let kernels: Vec<Kernel> =
            mutation.victims.iter().filter(here).map(|name| Kernel::new(&lab, find(name), Some(mutation))).collect();
        match mutation.place {
            Place::Header(..) if !kernels.is_empty() => judge(&lab, &kernels, &mut wrong),
            _ => together.extend(kernels),
        }
    }
    judge(&lab, &together, &mut wrong);
    assert!(wrong.is_empty(), "not judged as they should be: {wrong:#?}");
}

#[test]
fn scalar() {
    hunt("x86-scalar");
}

#[test]
fn avx2() {
    hunt("x86-avx2");
}

#[test]
fn avxvnni() {
    hunt("x86-avxvnni");
}

#[test]
fn avx512vnni() {
    hunt("x86-avx512vnni");
}

#[test]
fn avx512vpopcnt() {
    hunt("x86-avx512vpopcnt");
}

#[test]
fn avx512bf16() {
    hunt("x86-avx512bf16");
}

#[test]
fn arm_neon() {
    hunt("arm-neon");
}

#[test]
fn arm_i8mm() {
    hunt("arm-i8mm");
}

#[test]
fn arm_sve256() {
    hunt("arm-sve256");
}

#[test]
fn armv7_neon() {
    hunt("armv7-neon");
}

#[test]
fn every_row_of_the_table_is_tried() {
    let tried = [
        "x86-scalar",
        "x86-avx2",
        "x86-avxvnni",
        "x86-avx512vnni",
        "x86-avx512vpopcnt",
        "x86-avx512bf16",
        "arm-neon",
        "arm-i8mm",
        "arm-sve256",
        "armv7-neon",
    ];
    assert!(MUTATIONS.iter().all(|m| !m.victims.is_empty()), "a mutation without a victim");
    assert!(
        VICTIMS.iter().all(|v| tried.contains(&v.target) && Target::find(v.target).is_ok()),
        "a victim without a test"
    );
    let names: BTreeSet<&str> = VICTIMS.iter().map(|v| v.name).collect();
    assert_eq!(names.len(), VICTIMS.len(), "two victims have one name");
}
