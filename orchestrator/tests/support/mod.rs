//! What the end-to-end tests share: an empty directory to call `exp` in, a run small enough for a test, and looks at
//! what it left behind.
#![allow(dead_code, reason = "each test file uses its own part of this")]

pub mod echo;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use exp::status::{State, Status};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// Longest wait for anything; far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pixels of a digit, enlarged until it can be made out, and between two of them.
pub const TILE: u32 = 40;
pub const GAP: u32 = 4;

/// A run of a tenth of a second: 7 thousand parameters, 6 steps.
const TINY: [&str; 9] = [
    "model.torso.nf=4",
    "model.torso.ch_mult=[1]",
    "model.head.n_channels=4",
    "train.steps=6",
    "train.batch=4",
    "train.log_every=2",
    "train.checkpoint_every=2",
    "eval.n=32",
    "sample.steps=2",
];

/// The words of a tiny run, then `more`, which may say some of them anew.
pub fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    TINY.iter().chain(more).copied().collect()
}

/// An empty directory, and `exp` called in it.
pub struct Scratch(TempDir);

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A call that has not ended; it is killed when the test is over.
pub struct Running(Child);

impl Scratch {
    pub fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `exp` with these words: not started yet, with no conf/ beside it.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exp"));
        command.args(words).current_dir(self.0.path()).env_remove("EXP_BACKENDS");
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn start(&self, words: &[&str]) -> Running {
        Running::of(self.command(words))
    }

    /// Calls `exp` to its end, whatever that is. A panic is never a way to end.
    pub fn exp(&self, words: &[&str]) -> Ended {
        self.start(words).ended()
    }

    /// Calls `exp`, which must succeed.
    pub fn ok(&self, words: &[&str]) -> Ended {
        let ended = self.exp(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:#?}");
        ended
    }

    /// A tiny run in the directory `name`, which must succeed.
    pub fn tiny_run(&self, name: &str, more: &[&str]) -> PathBuf {
        let place = format!("hydra.run.dir={name}");
        self.ok(&[&tiny(more)[..], &[&place]].concat());
        self.path(name)
    }

    /// A run of a program in `outputs/NAME` whose loss and figure are given.
    pub fn told_run(&self, name: &str, fd: f64, more: &[&str]) {
        let line = format!("echo '{{\\\"step\\\":1,\\\"loss\\\":{}}}'; echo '{{\\\"fd\\\":{fd}}}'", 2.0 * fd);
        let (argv, dir) = (format!("backend.argv=[sh,-c,\"{line}\"]"), format!("hydra.run.dir=outputs/{name}"));
        self.ok(&[&["backend=command", argv.as_str(), dir.as_str()], more].concat());
    }

    /// The names in this directory.
    pub fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

impl Ended {
    pub fn of(output: &std::process::Output) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ended = Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(!ended.err.contains("panicked"), "{ended:#?}");
        ended
    }

    /// Both streams hold what `parts` say, somewhere.
    pub fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.out.contains(part) || self.err.contains(part), "`{part}` is missing: {self:#?}");
        }
    }
}

impl Running {
    pub fn of(mut command: Command) -> Running {
        Running(command.spawn().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success(), "there is no process to send {name} to");
    }

    /// Ends it at this very instant.
    pub fn kill_9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Waits for `ready`; false if the process ended first.
    pub fn until(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        loop {
            if ready() {
                return true;
            }
            if self.has_ended() {
                return ready();
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain");
            // Short, since some wait for what is there for a moment.
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Waits until a run has `count` rows of metrics.
    pub fn until_rows(&mut self, run: &Path, count: usize) {
        let rows = || fs::read_to_string(run.join("metrics.jsonl")).is_ok_and(|text| text.lines().count() >= count);
        assert!(self.until(rows), "it ended before row {count}");
    }

    /// Waits for its end.
    pub fn ended(self) -> Ended {
        self.ended_within(PATIENCE)
    }

    pub fn ended_within(mut self, patience: Duration) -> Ended {
        // Read while it runs: a full pipe would keep it from its end.
        let (out, err) = (read(self.0.stdout.take()), read(self.0.stderr.take()));
        let start = Instant::now();
        while !self.has_ended() {
            assert!(start.elapsed() < patience, "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
        let (stdout, stderr) = (out.join().unwrap(), err.join().unwrap());
        Ended::of(&std::process::Output { status: self.0.wait().unwrap(), stdout, stderr })
    }
}

/// Reads a piped stream to its end, on a thread of its own.
fn read(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    })
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether it is written down that a run is at work: a program says something before that.
pub fn is_at_work(run: &Path) -> bool {
    Status::read(run).is_some_and(|status| status.state == State::Running)
}

/// Waits for the end of a process, given by its number. One that was killed dies when its turn comes, and is a zombie until
/// somebody has asked for its end.
pub fn until_gone(pid: &str) {
    let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let start = Instant::now();
    while !stat().is_empty() && !stat().contains(") Z ") {
        assert!(start.elapsed() < PATIENCE, "it still runs: {}", stat());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The first words of the lines below the heading of a table.
pub fn first_words(ended: &Ended) -> Vec<String> {
    ended.out.lines().skip(1).map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

/// The names in a directory, in order; none if there is no such directory.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

pub fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

/// The objects of a file with one a line.
pub fn rows(path: impl AsRef<Path>) -> Vec<Map<String, Value>> {
    text(path).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The `step` of each row.
pub fn steps(path: impl AsRef<Path>) -> Vec<u64> {
    rows(path).iter().map(|row| row["step"].as_u64().unwrap()).collect()
}

/// The steps that have a checkpoint, rising.
pub fn checkpoints(run: &Path) -> Vec<u64> {
    let mut steps: Vec<u64> = names(&run.join("checkpoints")).iter().filter_map(|name| name.parse().ok()).collect();
    steps.sort_unstable();
    steps
}

/// Width and height of a PNG, as its header has them.
pub fn png_size(path: &Path) -> (u32, u32) {
    let bytes = fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{} is no PNG", path.display());
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// What a rerun repeats: the bytes of metrics, figures, pictures and checkpoints, by their path in the run directory.
pub fn repeated(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for name in ["metrics.jsonl", "report.json", "samples", "checkpoints"] {
        collect(&run.join(name), name, &mut files);
    }
    files
}

fn collect(path: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    if !path.is_dir() {
        files.insert(name.to_owned(), fs::read(path).unwrap());
        return;
    }
    // A name with a dot in front is the rest of a write that a kill cut short; no reader ever takes it.
    for child in names(path).iter().filter(|child| !child.starts_with('.')) {
        collect(&path.join(child), &format!("{name}/{child}"), files);
    }
}

/// Holds two runs equal, byte for byte.
pub fn assert_same(run: &Path, other: &Path) {
    let (files, others) = (repeated(run), repeated(other));
    let listed = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(listed(&files), listed(&others), "{} and {} hold other files", run.display(), other.display());
    let metrics = |files: &BTreeMap<String, Vec<u8>>| String::from_utf8(files["metrics.jsonl"].clone()).unwrap();
    assert_eq!(metrics(&files), metrics(&others));
    let differ: Vec<&String> = files.keys().filter(|name| files[*name] != others[*name]).collect();
    assert!(differ.is_empty(), "{} and {} differ in {differ:?}", run.display(), other.display());
}

/// A copy of conf/ as `name` in a scratch directory, to be changed.
pub fn copy_conf(to: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf"), to);
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        names(from).iter().for_each(|name| copy(&from.join(name), &to.join(name)));
    } else {
        fs::copy(from, to).unwrap();
    }
}
