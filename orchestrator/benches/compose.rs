//! Composing beside Hydra itself: `EXP_HYDRA_PYTHON=venv/bin/python cargo bench --bench compose`.
//!
//! Whole processes, from start to printed configuration, in turns on the same trees, so that both see the same machine; both
//! must print the same. Then an answer to a shell's completion, and a sweep of a million points: its time and its memory.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

mod sheet;

use sheet::{Sheet, median};

/// Starts of each program on a tree: Hydra's are slow.
const ROUNDS: usize = 5;
/// Our starts for one of Hydra's.
const OURS: usize = 5;
/// The big tree: groups, and keys in the chosen option of each.
const GROUPS: usize = 50;
const KEYS: usize = 1_000;
/// Points of the sweeps whose memory is compared.
const POINTS: [(usize, usize); 2] = [(10, 100), (1_000, 1_000)];
/// Targets: times as fast as Hydra, and milliseconds of an answer to a shell.
const FASTER: f64 = 50.0;
const ANSWER: f64 = 20.0;

/// A program as Hydra's users write it.
const APP: &str = "import hydra\n@hydra.main(version_base=None, config_path='conf', config_name='config')\ndef main(_):\n    pass\nmain()\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut sheet = Sheet::new("compose", &["figure", "exp", "Hydra", "ratio", "target", ""]);
    let root = tempfile::tempdir()?;
    let own = root.path().join("own");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf"), &own.join("conf"))?;
    let big = root.path().join("big");
    many_groups(&big.join("conf"))?;
    let met = |held: bool| if held { "met" } else { "missed" }.to_owned();
    let python = std::env::var("EXP_HYDRA_PYTHON").ok();
    let wide = format!("{GROUPS} groups x {KEYS} keys");
    for (name, dir, words) in
        [("conf/", &own, &["+experiment=quickstart", "train.lr=1e-3"][..]), (&wide, &big, &["g7.k3=x"])]
    {
        let Some(python) = &python else {
            println!("EXP_HYDRA_PYTHON is not set: no comparison with Hydra on {name}");
            continue;
        };
        fs::write(dir.join("app.py"), APP)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let hydra = timed(Command::new(python).arg("app.py").args(["--cfg", "job"]).args(words).current_dir(dir))?;
            for _ in 0..OURS {
                let exp = timed(exp().args(["--cfg", "job"]).args(words).current_dir(dir))?;
                if exp.text != hydra.text {
                    return Err(format!("{name}: the two print different configurations").into());
                }
                ours.push(exp.ms);
            }
            theirs.push(hydra.ms);
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        let ratio = theirs / ours;
        let cells = [format!("{ours:.1} ms"), format!("{theirs:.0} ms"), format!("{ratio:.0}"), format!(">= {FASTER}")];
        sheet.row([format!("compose and print {name}")].into_iter().chain(cells).chain([met(ratio >= FASTER)]));
        sheet.figure(if dir == &own { "ratio_conf" } else { "ratio_groups" }, ratio);
    }
    for (name, dir, line) in [("conf/", &own, "exp model.torso."), (&*wide, &big, "exp g49.k")] {
        let mut ms = Vec::new();
        for _ in 0..ROUNDS * OURS {
            let mut query = exp();
            query.arg("-sc").arg("query=bash").env("COMP_LINE", line).env("COMP_POINT", line.len().to_string());
            ms.push(timed(query.current_dir(dir))?.ms);
        }
        let ms = median(&ms);
        let cells = [format!("{ms:.1} ms"), String::new(), String::new(), format!("<= {ANSWER} ms"), met(ms <= ANSWER)];
        sheet.row([format!("complete a word, {name}")].into_iter().chain(cells));
        sheet.figure(if dir == &own { "completion_conf_ms" } else { "completion_groups_ms" }, ms);
    }
    let small = root.path().join("small");
    fs::create_dir_all(small.join("conf"))?;
    fs::write(small.join("conf/config.yaml"), "a: 1\nb: 2\n")?;
    for (a, b) in POINTS {
        let (seconds, kib, lines) = sweep(&small, a, b)?;
        if lines != a * b {
            return Err(format!("{lines} of {} points were listed", a * b).into());
        }
        let cells =
            [format!("{seconds:.1} s"), String::new(), String::new(), format!("peak {} KiB", kib), String::new()];
        sheet.row([format!("list a sweep of {} points", a * b)].into_iter().chain(cells));
        sheet.figure(&format!("sweep_{}_kib", a * b), kib as f64);
    }
    sheet.print();
    Ok(())
}

/// What a process printed, and how long it took.
struct Timed {
    text: Vec<u8>,
    ms: f64,
}

fn exp() -> Command {
    Command::new(env!("CARGO_BIN_EXE_exp"))
}

fn timed(command: &mut Command) -> Result<Timed, Box<dyn Error>> {
    let start = Instant::now();
    let output = command.output()?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(Timed { text: output.stdout, ms })
}

/// Seconds, the most memory that was resident, in KiB, and lines of a dry run of `a * b` points.
fn sweep(dir: &Path, a: usize, b: usize) -> Result<(f64, u64, usize), Box<dyn Error>> {
    let start = Instant::now();
    let words = [format!("a=range({a})"), format!("b=range({b})")];
    let mut child = exp().args(["-m", "--dry-run"]).args(words).current_dir(dir).stdout(Stdio::piped()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let (mut kib, mut lines) = (0, 0);
    let stdout = child.stdout.take().ok_or("no output")?;
    for line in std::io::BufRead::lines(std::io::BufReader::new(stdout)) {
        line?;
        lines += 1;
        // The process writes the last line before it ends, so its peak is told as long as it writes.
        if lines % 100 == 0 || lines == 1 {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let peak =
                text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
            kib = peak.unwrap_or(kib).max(kib);
        }
    }
    child.wait()?;
    Ok((start.elapsed().as_secs_f64(), kib, lines))
}

/// A tree with many groups, each with a chosen option of many keys.
fn many_groups(conf: &Path) -> std::io::Result<()> {
    let mut defaults = "defaults:\n".to_owned();
    for group in 0..GROUPS {
        defaults.push_str(&format!("- g{group}: o\n"));
        let value = |key: usize| ["0.5", "text", "[1, 2]", "true"][key % 4];
        let body: String = (0..KEYS).map(|key| format!("k{key}: {}\n", value(key))).collect();
        let dir = conf.join(format!("g{group}"));
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("o.yaml"), body)?;
    }
    fs::write(conf.join("config.yaml"), defaults)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}
