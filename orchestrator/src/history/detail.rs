//! All that is known of one run.

use std::fs::read_dir;
use std::path::{Path, PathBuf};

use exp_api::Job;
use exp_api::figure::explains;
use exp_consistency::checkpoint::FOLDER;
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::{Map, Value};

use super::column::{seconds, started};
use super::newest::last_row;
use super::run::{Run, flat, read_json};
use crate::git::GIT;
use crate::machine::ENVIRONMENT;
use crate::report::number;
use crate::run_dir::ORIGINS;
use crate::status::State;

/// Folders of a run in which there are pictures.
pub const PICTURES: [&str; 2] = [DRAWN, "samples/previews"];
/// The folder of what `exp sample` drew, a folder each time, with this picture in it.
const DRAWN: &str = "samples";
const GRID: &str = "grid.png";
/// The folder of what `exp eval` measured, a folder each time.
const MEASURED: &str = "eval";

/// A run with everything that its directory tells.
#[derive(Debug, Clone, Serialize)]
pub struct Detail {
    /// What is known of every run.
    pub run: Run,
    /// Where it is in its life.
    pub state: State,
    /// When it began, in the time zone of this machine.
    pub started: Option<String>,
    /// How long its last process worked, in seconds.
    pub seconds: Option<f64>,
    /// Its configuration by dotted keys.
    pub config: IndexMap<String, Value>,
    /// Who set each of them.
    pub origins: Map<String, Value>,
    /// What the code was.
    pub code: Map<String, Value>,
    /// The machine of its last process.
    pub machine: Map<String, Value>,
    /// Its pictures, as seen from its directory; previews in the order of their steps, what came at the end before them, and
    /// what was drawn from its checkpoints.
    pub pictures: Vec<PathBuf>,
    /// What was measured of its checkpoints.
    pub evaluations: Vec<Evaluation>,
    /// The steps of its checkpoints.
    pub checkpoints: Vec<u64>,
}

/// What `exp eval` came to.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Its directory, as seen from that of the run.
    pub dir: PathBuf,
    /// Where it is in its life.
    pub state: State,
    /// The overrides that it was asked for with.
    pub words: String,
    /// Its figures, without those that only explain others.
    pub figures: IndexMap<String, f64>,
}

impl Evaluation {
    /// What was measured as a table, with the figures of all: its heading, and a row for each.
    pub fn table(all: &[Evaluation]) -> (Vec<&str>, Vec<Vec<String>>) {
        let figures: IndexSet<&str> = all.iter().flat_map(|one| one.figures.keys().map(String::as_str)).collect();
        let row = |one: &Evaluation| {
            let figure = |name: &&str| one.figures.get(*name).copied().map(number).unwrap_or_default();
            let cells = [one.dir.display().to_string(), one.state.word()].into_iter();
            cells.chain(figures.iter().map(figure)).chain([one.words.clone()]).collect()
        };
        let rows = all.iter().map(row).collect();
        (["directory", "state"].into_iter().chain(figures).chain(["overrides"]).collect(), rows)
    }
}

impl Detail {
    /// Reads a run directory.
    ///
    /// # Errors
    /// It is none; in words.
    pub fn read(dir: &Path) -> Result<Detail, String> {
        let none = || match dir.join(Job::FILE).is_file() {
            true => {
                format!("{0}/status.json is missing or damaged; `exp resume {0}` goes on with the run", dir.display())
            }
            false => format!("{} is no run directory: it has no readable status.json", dir.display()),
        };
        let (run, _) = Run::read(dir).ok_or_else(none)?;
        let unreadable = || format!("{} cannot be read", dir.join(Job::FILE).display());
        let config = config(dir).ok_or_else(unreadable)?;
        let entries = read_dir(dir.join(FOLDER)).into_iter().flatten().flatten();
        let mut checkpoints: Vec<u64> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        checkpoints.sort_unstable();
        Ok(Detail {
            state: run.state(),
            started: started(&run).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            seconds: seconds(&run),
            run,
            config,
            origins: read_json(&dir.join(ORIGINS)).unwrap_or_default(),
            code: read_json(&dir.join(GIT)).unwrap_or_default(),
            machine: last_row(&dir.join(ENVIRONMENT)).unwrap_or_default(),
            pictures: pictures(dir),
            evaluations: evaluations(dir),
            checkpoints,
        })
    }
}

/// The configuration of a run, of a job or a program, by dotted keys; none where it cannot be read.
pub fn config(dir: &Path) -> Option<IndexMap<String, Value>> {
    let file = read_json(&dir.join(Job::FILE))?;
    let tree = file.get("spec").or_else(|| file.get("command")?.get("config"))?;
    let mut leaves = IndexMap::new();
    flat("", tree, &mut leaves);
    Some(leaves)
}

/// The pictures of a run.
fn pictures(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in PICTURES {
        let entries = read_dir(dir.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".png")).collect();
        // Those that are named by a step, in the order of steps.
        names.sort_by_cached_key(|name| (name.trim_end_matches(".png").parse::<u64>().ok(), name.clone()));
        found.extend(names.into_iter().map(|name| Path::new(folder).join(name)));
        if folder == DRAWN {
            let grids = folders(dir, DRAWN).into_iter().map(|folder| folder.join(GRID));
            found.extend(grids.filter(|grid| dir.join(grid).is_file()));
        }
    }
    found
}

/// What was measured of the checkpoints of a run.
fn evaluations(dir: &Path) -> Vec<Evaluation> {
    let read = |folder: PathBuf| {
        let (run, _) = Run::read(&dir.join(&folder))?;
        let (state, words) = (run.state(), run.words);
        let figures = run.figures.into_iter().filter(|(name, _)| !explains(name)).collect();
        Some(Evaluation { dir: folder, state, words, figures })
    };
    folders(dir, MEASURED).into_iter().filter_map(read).collect()
}

/// The folders in one of a run, by their names, as seen from the run.
fn folders(dir: &Path, name: &str) -> Vec<PathBuf> {
    let entries = read_dir(dir.join(name)).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut found: Vec<PathBuf> = entries.map(|entry| Path::new(name).join(entry.file_name())).collect();
    found.sort();
    found
}
