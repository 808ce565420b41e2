//! The index in both kinds of store: the same questions have the same answers, old files are migrated, later ones refused, and a
//! PostgreSQL server (Debian's, started here in a folder of its own) may go away.

#[path = "common/nights.rs"]
mod nights;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bitsmith::store::{self, History, Query};
use nights::{Night, kernels};

/// Nights of three layers; from the tenth on the device's own pace is 3 % slower.
fn written(nights: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for day in 0..nights {
        let mut night = Night::new("t", day);
        night.pace = if day >= 10 { 1.03 } else { 1.0 };
        night.write(&dir.path().join(format!("results/t/{}-1", night.date())), &kernels(3, day));
    }
    dir
}

fn history(dir: &Path, store: &str, args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_bitsmith"))
        .args([&["history"], args].concat())
        .current_dir(dir)
        .env("BITSMITH_STORE", store)
        .output()
        .unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

fn filled(address: &str, results: &Path) -> Vec<History> {
    let mut store = store::open(address).unwrap();
    store::update(store.as_mut(), results).unwrap();
    store.history(&Query::default()).unwrap()
}

/// A server of its own, as an unprivileged user, on a socket in its own folder.
struct Server {
    dir: PathBuf,
    child: Option<std::process::Child>,
    user: Option<&'static str>,
}

fn bin() -> PathBuf {
    let root = Path::new("/usr/lib/postgresql");
    let versions = std::fs::read_dir(root).expect("no PostgreSQL; run `make setup`, which installs it");
    let mut all: Vec<PathBuf> =
        versions.flatten().map(|e| e.path().join("bin")).filter(|p| p.join("initdb").is_file()).collect();
    all.sort();
    all.pop().expect("no initdb; run `make setup`, which installs PostgreSQL")
}

impl Server {
    fn start() -> Self {
        // PostgreSQL refuses to run as root
        let root = user() == 0;
        let dir = tempfile::Builder::new().prefix("bitsmith-pg").tempdir_in("/tmp").unwrap().keep();
        let mut server = Self { dir, child: None, user: root.then_some("nobody") };
        if root {
            assert!(Command::new("chown").args(["-R", "nobody"]).arg(&server.dir).status().unwrap().success());
        }
        let data = server.dir.join("data");
        let made =
            server.command("initdb").args(["-A", "trust", "-U", "lab", "--no-sync", "-D"]).arg(&data).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        server
    }

    fn command(&self, program: &str) -> Command {
        let path = bin().join(program);
        let mut command = match self.user {
            None => Command::new(path),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--clear-groups", "--"]).arg(path);
                command
            }
        };
        command.current_dir("/").env("LC_ALL", "C");
        command
    }

    fn run(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.dir.join("data")).arg("-k").arg(&self.dir);
        command.args(["-c", "listen_addresses=", "-c", "fsync=off"]).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while store::open(&self.address()).is_err() {
            assert!(Instant::now() < end, "the server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SIGQUIT: at once
        let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        let _ = child.wait();
    }

    fn address(&self) -> String {
        format!("postgres://lab@/postgres?host={}", self.dir.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn user() -> u32 {
    // SAFETY: it has no preconditions
    unsafe { libc::getuid() }
}

#[test]
fn postgres_answers_as_the_file_does() {
    let mut server = Server::start();
    let dir = written(20);
    let results = dir.path().join("results");
    let (file, address) = (dir.path().join("index.sqlite").display().to_string(), server.address());
    let (a, b) = (filled(&file, &results), filled(&address, &results));
    assert_eq!(a.len(), 3);
    let same = |a: &[History], b: &[History]| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).for_each(|(a, b)| assert_eq!((&a.key, &a.points), (&b.key, &b.points)));
    };
    same(&a, &b);
    assert!(a[0].points[0].pace_ns.is_some_and(|p| (p / 50.0 - 1.0).abs() < 0.01));
    // every kind of question
    for (layer, scheme, target) in [
        ("l1", "", ""),
        ("net/l1", "w8a8", "t"),
        ("1", "", ""),
        ("net/l1net/l1net/l1", "", ""),
        ("", "x", ""),
        ("", "", "u"),
    ] {
        let query = Query { layer: layer.into(), scheme: scheme.into(), target: target.into() };
        let of = |address: &str| store::open(address).unwrap().history(&query).unwrap();
        let (a, b) = (of(&file), of(&address));
        assert_eq!(a.len(), usize::from(layer.ends_with("l1") && layer.len() < 8), "{query:?}");
        same(&a, &b);
    }
    // the verb, by the variable and by the option; a run that grew is indexed anew, and none twice
    let said = history(dir.path(), &file, &[]);
    assert_eq!(history(dir.path(), &address, &[]), said);
    assert_eq!(history(dir.path(), "", &["--store", &address]), said);
    assert!(said.1.contains("the device's own pace went with it: its products take +3"), "{}", said.1);
    assert!(!results.join("history.sqlite").exists());
    let mut store = store::open(&address).unwrap();
    assert_eq!(store::update(store.as_mut(), &results).unwrap().known, 20);
    let finals = results.join("t/2026-01-02-1/finals.csv");
    let text = std::fs::read_to_string(&finals).unwrap();
    std::fs::write(&finals, &text[..text.len() - 3]).unwrap();
    let updated = store::update(store.as_mut(), &results).unwrap();
    assert_eq!((updated.added, updated.known, updated.notes.len()), (1, 19, 1));
    drop(store);
    // a server that is gone, and one that comes back
    server.stop();
    let (code, _, noted) = history(dir.path(), &address.replace("lab@", "lab:secret@"), &[]);
    assert!(code == 2 && noted.lines().count() == 1 && noted.contains("cannot use postgres://lab:...@"), "{noted}");
    server.run();
    std::fs::write(&finals, &text).unwrap();
    assert_eq!(history(dir.path(), &address, &[]).1, said.1);
    // another version
    let mut client = postgres::Client::connect(&address, postgres::NoTls).unwrap();
    client.batch_execute("UPDATE bitsmith_version SET version = 99").unwrap();
    let (code, _, noted) = history(dir.path(), &address, &[]);
    assert!(code == 2 && noted.lines().count() == 1 && noted.contains("version 99"), "{noted}");
}

#[test]
fn several_machines_fill_one_database_at_once() {
    let server = Server::start();
    let dir = written(6);
    let (address, results) = (server.address(), dir.path().join("results"));
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| filled(&address, &results)))));
    let found = store::open(&address).unwrap().history(&Query::default()).unwrap();
    assert_eq!(found.iter().map(|h| h.points.len()).collect::<Vec<_>>(), [6, 6, 6]);
}

/// `version1.sql` was dumped from a file that version 1 wrote: three nights of three layers below /lab.
#[test]
fn a_file_of_the_first_version_is_migrated() {
    let dir = written(12);
    let results = dir.path().join("results");
    let index = results.join("history.sqlite");
    // one of its runs is still there, and unchanged since version 1 read it
    let here = results.join("t/2026-01-01-1").canonicalize().unwrap().display().to_string();
    let fresh = dir.path().join("fresh.sqlite");
    filled(&fresh.display().to_string(), &results);
    let stamp: String = rusqlite::Connection::open(&fresh)
        .unwrap()
        .query_row("SELECT stamp FROM runs WHERE folder = ?1", [&here], |r| r.get(0))
        .unwrap();
    let dump = include_str!("data/store/version1.sql").replace("/lab/results/t/2026-01-01-1", &here);
    let old = rusqlite::Connection::open(&index).unwrap();
    old.execute_batch(&dump).unwrap();
    assert_eq!(old.execute("UPDATE runs SET stamp = ?1 WHERE folder = ?2", [&stamp, &here]).unwrap(), 1);
    drop(old);
    let found = filled(&index.display().to_string(), &results);
    assert_eq!(found.len(), 3);
    for h in &found {
        // two nights whose folders are gone stay as they were; the one that is there says more now
        let old: Vec<_> = h.points.iter().filter(|p| p.run.starts_with("/lab")).collect();
        assert_eq!((old.len(), h.points.len()), (2, 14));
        assert!(old.iter().all(|p| p.pace_ns.is_none() && p.median_ns > 9000.0));
        assert!(h.points.iter().filter(|p| !p.run.starts_with("/lab")).all(|p| p.pace_ns.is_some()));
    }
    let version: i64 =
        rusqlite::Connection::open(&index).unwrap().query_row("PRAGMA user_version", [], |r| r.get(0)).unwrap();
    assert_eq!(version, store::SCHEMA);
    // again: nothing left to do
    let mut store = store::open(&index.display().to_string()).unwrap();
    assert_eq!(store::update(store.as_mut(), &results).unwrap().added, 0);
}
