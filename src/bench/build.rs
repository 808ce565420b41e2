//! Building batches: many kernels, one program, kept by content. A batch that does not compile is taken apart to find
//! whom to blame.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

use super::peer::confine;
use crate::emit::{self, Source, short_hash};
use crate::native;
use crate::target::{Compiler, Target};

/// Flags every batch is compiled with. Contraction is off because f32 epilogues are compared bit for bit.
const FLAGS: &[&str] =
    &["-std=gnu11", "-D_GNU_SOURCE", "-ffp-contract=off", "-falign-functions=64", "-fno-math-errno", "-w"];
/// Programs kept in the cache before the oldest go.
const KEPT_BYTES: u64 = 1 << 30;

/// Turns sources into programs for one target.
pub struct Builder {
    compiler: Compiler,
    cache: PathBuf,
    /// Native sources, unpacked.
    native: PathBuf,
    /// The target's vocabulary, compiled ahead: reading intrinsics takes longer than compiling a batch of kernels. None
    /// where the compiler has no use for it.
    ahead: Option<PathBuf>,
    /// CPUs that compilers keep to, so that they disturb nothing that is measured on others; all where none are named.
    keep_to: OnceLock<Vec<usize>>,
    /// Version and flags, as a record's `compiler` column says them: `gcc-12.2.0-<hash of the flags>`.
    pub id: String,
}

/// A source that did not compile, by its index, with the compiler's first error.
pub type Blame = (usize, String);
/// A built program, and the indices of its kernels in table order.
pub type Program = (PathBuf, Vec<usize>);

impl Builder {
    /// # Errors
    /// No such compiler, or a cache folder that cannot be written.
    pub fn new(target: &Target, cache: &Path) -> Result<Self> {
        let compiler = target.compiler.clone();
        let version = Command::new(&compiler.cc).arg("--version").output().map_err(|e| {
            anyhow!(
                "target {}: compiler `{}` cannot be run ({e}); install it or name another in the target's file",
                target.name,
                compiler.cc
            )
        })?;
        let version = String::from_utf8_lossy(&version.stdout).lines().next().unwrap_or_default().to_string();
        let kind = if version.contains("clang") { "clang" } else { "gcc" };
        let number =
            version.split_whitespace().rev().find(|w| w.starts_with(|c: char| c.is_ascii_digit())).unwrap_or("unknown");
        let facts = format!("{version}|{:?}|{:?}|{FLAGS:?}", compiler.flags, compiler.link);
        let id = format!("{kind}-{number}-{}", &short_hash(facts.as_bytes())[..6]);
        let all: String = native::FILES.iter().map(|(_, text)| *text).collect();
        let native = cache.join(format!("native-{}", short_hash(all.as_bytes())));
        for (path, text) in native::FILES {
            write_whole(&native.join(path), text.as_bytes())?;
        }
        let mut builder = Self { compiler, cache: cache.into(), native, ahead: None, keep_to: OnceLock::new(), id };
        if kind == "gcc" && !builder.compiler.flags.iter().any(|f| f == "-include") {
            builder.ahead = builder.compile_ahead(&native::header_of(&target.isa))?;
        }
        Ok(builder)
    }

    /// A folder in which the compiler finds the header before it finds its text; none if it does not compile.
    fn compile_ahead(&self, header: &str) -> Result<Option<PathBuf>> {
        let facts = format!("{}{}", self.id, self.native.display());
        let folder = self.cache.join(format!("ahead-{}", short_hash(facts.as_bytes())));
        let path = folder.join(format!("{header}.gch"));
        if path.is_file() {
            return Ok(Some(folder));
        }
        let name = || format!("cannot write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(&folder)).with_context(name)?;
        let temporary = unique(&path);
        let mut cc = Command::new(&self.compiler.cc);
        cc.args(FLAGS).args(&self.compiler.flags).args(["-x", "c-header"]).arg(self.native.join(header));
        cc.arg("-o").arg(&temporary);
        if self.run(cc)?.is_err() {
            return Ok(None); // a batch will say what is wrong
        }
        fs::rename(&temporary, &path).with_context(name)?;
        Ok(Some(folder))
    }

    /// Programs that together hold every source that compiles, each with the indices of its kernels in table order, and
    /// the sources that do not.
    pub fn build(&self, sources: &[&Source]) -> Result<(Vec<Program>, Vec<Blame>)> {
        let all: Vec<usize> = (0..sources.len()).collect();
        if let Ok(program) = self.program(sources)? {
            return Ok((vec![(program, all)], vec![]));
        }
        let mut good = Vec::new();
        let mut blamed = Vec::new();
        for i in all {
            match self.program(&[sources[i]])? {
                Ok(_) => good.push(i),
                Err(message) => blamed.push((i, message)),
            }
        }
        if good.is_empty() {
            return Ok((vec![], blamed));
        }
        let kept: Vec<&Source> = good.iter().map(|i| sources[*i]).collect();
        match self.program(&kept)? {
            Ok(program) => Ok((vec![(program, good)], blamed)),
            Err(message) => bail!("kernels that build one by one do not build together: {message}"),
        }
    }

    /// One program, or the compiler's complaint.
    fn program(&self, sources: &[&Source]) -> Result<Result<PathBuf, String>> {
        // two halves keep two cores busy
        let (first, second) = sources.split_at(sources.len().div_ceil(2));
        let texts = [emit::batch(first), emit::batch(second), emit::table(sources), self.harness_text()];
        let path = self.cache.join(format!(
            "batch-{}",
            short_hash(format!("{}{}{}", self.id, self.native.display(), texts.concat()).as_bytes())
        ));
        if let Ok(program) = fs::File::open(&path) {
            let _ = program.set_modified(std::time::SystemTime::now()); // used: the cache drops the oldest
            return Ok(Ok(path));
        }
        let kept = [false, false, false, true];
        let objects: Vec<_> = std::thread::scope(|s| {
            let running: Vec<_> =
                texts.iter().zip(kept).map(|(t, kept)| s.spawn(move || self.object(t, kept))).collect();
            running.into_iter().map(|r| r.join().unwrap_or_else(|_| Err(anyhow!("a build thread panicked")))).collect()
        });
        let mut paths = Vec::new();
        for object in objects {
            match object? {
                Ok(path) => paths.push(path),
                Err(message) => return Ok(Err(message)),
            }
        }
        let temporary = unique(&path);
        let mut link = Command::new(&self.compiler.cc);
        link.args(&paths).args(&self.compiler.link).args(["-pthread", "-lm", "-o"]).arg(&temporary);
        let linked = self.run(link);
        paths.iter().zip(kept).filter(|(_, kept)| !kept).for_each(|(p, _)| drop(fs::remove_file(p)));
        if let Err(message) = linked? {
            return Ok(Err(message));
        }
        fs::rename(&temporary, &path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Ok(path))
    }

    fn harness_text(&self) -> String {
        "#include \"harness.c\"\n".into()
    }

    /// Compiles one unit to an object: one that is kept, by content, or one of its own, as somebody else who builds the same
    /// would remove it.
    fn object(&self, text: &str, kept: bool) -> Result<Result<PathBuf, String>> {
        let stem = short_hash(format!("{}{text}{}", self.id, self.native.display()).as_bytes());
        let shared = self.cache.join(format!("unit-{stem}.o"));
        let object = if kept { shared } else { unique(&shared).with_extension("o") };
        if object.is_file() {
            return Ok(Ok(object));
        }
        let temporary = unique(&object);
        if let Err(message) = self.compile(text, &format!("unit-{stem}"), "-c", &temporary)? {
            return Ok(Err(message));
        }
        fs::rename(&temporary, &object).with_context(|| format!("cannot write {}", object.display()))?;
        Ok(Ok(object))
    }

    /// Has the compiler make of a text, in a file of that stem, what `-c` or `-S` asks for.
    fn compile(&self, text: &str, stem: &str, what: &str, to: &Path) -> Result<Result<(), String>> {
        let unit = unique(&self.cache.join(stem)).with_extension("c");
        write_whole(&unit, text.as_bytes())?;
        let mut cc = Command::new(&self.compiler.cc);
        cc.args(FLAGS).args(&self.compiler.flags);
        for folder in self.ahead.iter().chain([&self.native]) {
            cc.arg("-I").arg(folder);
        }
        cc.arg(what).arg(&unit).arg("-o").arg(to);
        cc.current_dir(&self.native);
        let built = self.run(cc)?;
        let _ = fs::remove_file(&unit);
        if built.is_err() {
            let _ = fs::remove_file(to);
        }
        Ok(built)
    }

    /// One unit as the compiler's assembly: what an object of it is made of.
    pub fn assembly(&self, text: &str) -> Result<Result<String, String>> {
        let stem = short_hash(format!("{}{text}", self.id).as_bytes());
        let temporary = unique(&self.cache.join(format!("unit-{stem}.s")));
        if let Err(message) = self.compile(text, &format!("unit-{stem}"), "-S", &temporary)? {
            return Ok(Err(message));
        }
        let assembly = fs::read_to_string(&temporary).with_context(|| format!("cannot read {}", temporary.display()));
        let _ = fs::remove_file(&temporary);
        assembly.map(Ok)
    }

    /// A program of the harness, units in assembly and units in C. Nobody keeps it: whoever asks removes it.
    pub fn assembled(&self, assembly: &[String], texts: &[String]) -> Result<Result<PathBuf, String>> {
        let program = unique(&self.cache.join("batch-counted"));
        let mut units = Vec::new();
        let mut made = || -> Result<Result<(), String>> {
            for text in texts.iter().chain([&self.harness_text()]) {
                match self.object(text, true)? {
                    Ok(object) => units.push(object),
                    Err(message) => return Ok(Err(message)),
                }
            }
            for text in assembly {
                let unit = unique(&self.cache.join("unit-counted")).with_extension("s");
                fs::write(&unit, text).with_context(|| format!("cannot write {}", unit.display()))?;
                units.push(unit);
            }
            let mut link = Command::new(&self.compiler.cc);
            link.args(&units).args(&self.compiler.flags).args(&self.compiler.link).args(["-pthread", "-lm", "-o"]);
            self.run({
                link.arg(&program);
                link
            })
        };
        let built = made();
        units.iter().filter(|u| u.extension().is_some_and(|e| e == "s")).for_each(|u| drop(fs::remove_file(u)));
        Ok(built?.map(|()| program))
    }

    /// From now on compilers run on these CPUs only.
    pub fn keep_to(&self, cpus: Vec<usize>) {
        let _ = self.keep_to.set(cpus);
    }

    /// Runs the compiler; a complaint is its first error, on one line.
    fn run(&self, mut command: Command) -> Result<Result<(), String>> {
        if let Some(cpus) = self.keep_to.get() {
            confine(&mut command, cpus.clone());
        }
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        let output = command.output().with_context(|| format!("compiler `{}` cannot be run", self.compiler.cc))?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let first = said.lines().find(|l| l.contains("error") || l.contains("undefined")).or(said.lines().next());
        Ok(Err(first.map_or_else(|| format!("the compiler ended with {}", output.status), |l| l.trim().to_string())))
    }

    /// Removes the programs used longest ago until the cache is small again.
    pub fn trim(&self) {
        let Ok(entries) = fs::read_dir(&self.cache) else { return };
        let mut files: Vec<_> = entries
            .flatten()
            .filter_map(|e| {
                let meta = e.metadata().ok()?;
                let built = e.file_name().to_string_lossy().starts_with(['b', 'u']); // batch-, unit-
                (meta.is_file() && built).then(|| Some((meta.modified().ok()?, meta.len(), e.path())))?
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|f| f.1).sum();
        for (_, bytes, path) in files {
            if total <= KEPT_BYTES {
                break;
            }
            let _ = fs::remove_file(path);
            total -= bytes;
        }
    }
}

/// A text as a file in the cache, named by its content and this ending.
pub fn kept(cache: &Path, ending: &str, text: &str) -> Result<PathBuf> {
    let path = cache.join(format!("{}-{ending}", short_hash(text.as_bytes())));
    write_whole(&path, text.as_bytes())?;
    Ok(path)
}

/// A name beside a file under which it is made before it is there.
pub fn unique(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    path.with_extension(format!("{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// Writes a file so that it is there whole or not at all; one that is there already is left alone.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let name = || format!("cannot write {}", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(name)?;
    }
    let temporary = unique(path);
    fs::write(&temporary, bytes).with_context(name)?;
    fs::rename(&temporary, path).with_context(name)
}

/// Where programs and probes are kept between runs: `$BITSMITH_CACHE`, or `bitsmith` in the user's cache folder.
pub fn cache_folder() -> Result<PathBuf> {
    let env = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = env("BITSMITH_CACHE")
        .or_else(|| env("XDG_CACHE_HOME").map(|p| p.join("bitsmith")))
        .or_else(|| env("HOME").map(|p| p.join(".cache/bitsmith")))
        .context("cannot tell where to keep built kernels; set BITSMITH_CACHE to a folder")?;
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot write {}; set BITSMITH_CACHE to another folder", folder.display()))?;
    Ok(folder)
}
