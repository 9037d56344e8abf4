//! An engine in a process of its own that works on request (`orchestrator/benches/engine/on_request.rs`).

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use exp_api::spec::RunSpec;

/// One process, at the end of its first piece of work. It ends when this is dropped.
pub struct Rival {
    /// The engine, with its version where that is not ours.
    pub name: String,
    /// By what its work is known to be that of the others: the loss of its first step, a mean feature.
    pub loss: f64,
    /// Steps or images a second, one value a round.
    pub rates: Vec<f64>,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Rival {
    /// This engine: this program once more.
    pub fn tch(spec: &RunSpec, folder: &Path) -> Result<Rival, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(written(spec, folder)?);
        Rival::start(command)
    }

    /// Burn, built with the whole workspace so that nothing is built twice, and with CUDA for a GPU; one replica a thread, as
    /// the backend opens.
    /// `example` is what it does.
    pub fn burn(example: &str, spec: &RunSpec, folder: &Path, threads: &str) -> Result<Rival, Box<dyn Error>> {
        let built = std::env::var_os("EXP_BURN_STEPS").filter(|_| example == "steps");
        let mut command = Command::new(built.as_deref().unwrap_or(OsStr::new(env!("CARGO"))));
        if built.is_none() {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            command.current_dir(root).args(["run", "--release", "--quiet", "--example", example]);
            if spec.backend.device != "cpu" {
                command.args(["--features", "exp-burn/cuda"]);
            }
            command.arg("--");
        }
        command.arg(written(spec, folder)?).arg(threads);
        Rival::start(command)
    }

    /// A Python with PyTorch, and a script of `benches/`, or of the folder EXP_TEST_FOLDER, with its folder and words.
    pub fn pytorch(python: &OsStr, script: &str, folder: &Path, words: &[&str]) -> Result<Rival, Box<dyn Error>> {
        let mut command = Command::new(python);
        let scripts = std::env::var_os("EXP_TEST_FOLDER").map(PathBuf::from);
        let scripts = scripts.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches"));
        command.arg(scripts.join(script)).arg(folder).args(words);
        // It must not find the libtorch that this program is linked to.
        command.env_remove("LD_LIBRARY_PATH");
        Rival::start(command)
    }

    fn start(mut command: Command) -> Result<Rival, Box<dyn Error>> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("it has no output")?).lines();
        let mut rival = Rival { name: String::new(), loss: f64::NAN, rates: Vec::new(), child, lines };
        let first = rival.lines.next().ok_or_else(|| format!("{command:?} said nothing"))??;
        let (name, loss) = first.rsplit_once(' ').ok_or_else(|| format!("`{first}` is no name and loss"))?;
        (rival.name, rival.loss) = (name.to_owned(), loss.parse()?);
        Ok(rival)
    }

    /// Steps or images a second, over at least `time`.
    pub fn rate(&mut self, time: Duration) -> Result<f64, Box<dyn Error>> {
        let input = self.child.stdin.as_mut().ok_or("it has no input")?;
        writeln!(input, "{}", time.as_secs_f64())?;
        Ok(self.lines.next().ok_or_else(|| format!("{} ended", self.name))??.parse()?)
    }

    /// Its peak memory in MiB, NaN where it does not know.
    pub fn finish(mut self) -> Result<f64, Box<dyn Error>> {
        drop(self.child.stdin.take());
        let memory = self.lines.next().ok_or_else(|| format!("{} ended", self.name))??.parse()?;
        self.child.wait()?;
        Ok(memory)
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // Gone already, unless it failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file of a spec. It is read before the next one is written.
fn written(spec: &RunSpec, folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let file = folder.join("spec.json");
    std::fs::write(&file, serde_json::to_string(spec)?)?;
    Ok(file)
}
