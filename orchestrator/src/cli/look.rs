//! Commands that look at runs which are there, each with words and flags of its own.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::track::PROJECT;

/// A command that looks at runs.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "exp", disable_help_subcommand = true)]
pub enum Look {
    /// List runs, the newest first.
    #[command(after_help = "\
Conditions: KEY=VALUE, with = (also ==), !=, <, <=, > or >=. KEY is a key of the configuration, a figure of the report, a
metric, of which the newest value counts, or one of dir (also run), state, date (also started: when the run began), tag
(also tags), note (also notes), step, seconds (also took: how long its last process worked), cause, overrides. A date is
YYYY-MM-DD HH:MM:SS or its beginning. All conditions must hold.

With --over runs whose configurations differ in that key alone are one row: how many they are, and of what they came to
the mean ± the standard deviation (over n - 1); in brackets for how many, if some of them lack it.

On a terminal lines are cut to its width; `exp ls | cat` prints them whole.

Examples:
  exp ls
  exp ls state=failed 'date>=2026-11-01'
  exp ls 'loss.lambda<0.2' tag=baseline --sort fd_pixel
  exp ls multirun/2026-11-22/23-50-01 --column loss.lambda --column train.lr
  exp ls state=done --over seed --sort fd_pixel
  exp ls --json | jq '.[].dir'
  exp ls state=done --over seed --csv > table.csv")]
    Ls(Ls),
    /// Show all that is known of a run.
    #[command(after_help = "\
Examples:
  exp show outputs/2026-11-22/23-50-01
  exp show outputs/2026-11-22/23-50-01 train        # only this part of the configuration")]
    Show(Show),
    /// Show in what two runs differ: configuration, code, machine, figures.
    #[command(after_help = "\
Settings are shown as JSON, figures with as many digits as tell them apart. On a terminal lines are cut to its width;
`exp diff A B | cat` prints them whole.

Example:
  exp diff outputs/2026-11-22/23-50-01 outputs/2026-11-23/09-12-40")]
    Diff(Diff),
    /// Write a run as one HTML file into its directory: curves, pictures, configuration with who set what.
    #[command(after_help = "\
Example:
  exp report outputs/2026-11-22/23-50-01")]
    Report(Report),
    /// Draw charts: of a run its metrics and its schedule, of several runs one metric, of a sweep its figures.
    #[command(after_help = "\
Examples:
  exp plot outputs/2026-11-22/23-50-01
  exp plot outputs/2026-11-22/23-50-01 outputs/2026-11-23/09-12-40 --key loss --out compared
  exp plot multirun/2026-11-22/23-55-10 --key fd_pixel")]
    Plot(Plot),
    /// Show runs in a browser: table, curves, pictures, comparison, sweeps; live, and without writing anything.
    #[command(after_help = "\
Examples:
  exp ui
  exp ui outputs/2026-11-22 --port 8080
  ssh -L 6160:localhost:6160 machine                # a browser elsewhere, while `exp ui` runs on that machine")]
    Ui(Ui),
    /// Send runs to a tracker. A run that is sent again is the same run there.
    #[command(after_help = "\
Examples:
  exp sync outputs/2026-11-22/23-50-01 --to mlflow --url http://localhost:5000
  exp sync outputs/2026-11-22/* --to wandb          # writes offline files; `wandb sync` sends them (experimental)

MLflow's name and password, or token, are taken from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or
MLFLOW_TRACKING_TOKEN; they are never written down.")]
    Sync(Sync),
    /// Write the metrics of runs as one table, a row for each run and step.
    #[command(after_help = "\
Examples:
  exp export outputs/2026-11-22/* --out metrics.csv
  exp export outputs/2026-11-22/* --out metrics.parquet")]
    Export(Export),
    /// Write manual pages of all commands into a folder.
    #[command(after_help = "\
Examples:
  exp man ~/.local/share/man/man1                   # then: man -M ~/.local/share/man exp-ls
  exp man pages && man pages/exp-ls.1")]
    Man(Man),
    /// Put tags on a run, or take them off.
    #[command(after_help = "\
Examples:
  exp tag outputs/2026-11-22/23-50-01 baseline paper
  exp tag outputs/2026-11-22/23-50-01 --remove paper")]
    Tag(Tag),
    /// Write a note about a run, in place of the one that it has.
    #[command(after_help = "\
Example:
  exp note outputs/2026-11-22/23-50-01 'the loss jumps where N(k) doubles'")]
    Note(Note),
    /// Move runs or sweeps to the folder .trash beside them, from where they can be moved back.
    #[command(after_help = "\
Examples:
  exp rm --dry-run outputs/2026-11-22/23-50-01
  exp rm outputs/2026-11-22/23-50-01 multirun/2026-11-22/23-55-10
  rm -r outputs/.trash                              # for good")]
    Rm(Rm),
    /// Delete old checkpoints of runs that are done: all but the last ones, and the best by each figure.
    #[command(after_help = "\
Examples:
  exp gc --dry-run
  exp gc --keep 2 outputs/2026-11-22")]
    Gc(Gc),
}

/// The commands of [`Look`], as they are typed.
pub const LOOKS: [&str; 13] =
    ["diff", "export", "gc", "ls", "man", "note", "plot", "report", "rm", "show", "sync", "tag", "ui"];

/// `exp ls`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Ls {
    /// Folders of runs, instead of those in which the configuration puts them; and conditions.
    pub words: Vec<String>,
    /// Sort by this key, the lowest value first.
    #[arg(long, value_name = "KEY")]
    pub sort: Option<String>,
    /// The other way round.
    #[arg(long)]
    pub reverse: bool,
    /// Show this key, in place of the figures that are shown unasked.
    #[arg(long, short, value_name = "KEY")]
    pub column: Vec<String>,
    /// Put runs together that differ in this setting alone.
    #[arg(long, value_name = "KEY")]
    pub over: Vec<String>,
    /// How many rows to show.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 30)]
    pub limit: usize,
    /// Show all rows.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Print everything about the runs as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print all rows as comma-separated values, whole: in what settings the runs differ, and all figures.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// `exp show`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Show {
    /// The run.
    pub dir: PathBuf,
    /// Only the keys of the configuration that are this one or below it.
    pub key: Option<String>,
}

/// `exp diff`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Diff {
    /// One run.
    pub a: PathBuf,
    /// The other one.
    pub b: PathBuf,
}

/// `exp report`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Report {
    /// The run.
    pub dir: PathBuf,
}

/// `exp plot`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Plot {
    /// A run, several runs, or a sweep.
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// What is drawn: a metric of runs, a figure of a sweep.
    #[arg(long, value_name = "KEY")]
    pub key: Vec<String>,
    /// As PNG instead of SVG.
    #[arg(long)]
    pub png: bool,
    /// The folder of the charts, instead of `plots` in the first directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `exp ui`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Ui {
    /// Folders of runs, instead of those in which the configuration puts them.
    pub dirs: Vec<PathBuf>,
    /// The port; 0 takes any that is free.
    #[arg(long, value_name = "N", default_value_t = 6160)]
    pub port: u16,
    /// The address of this machine to listen at. Whoever reaches it can look at all runs.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub host: IpAddr,
}

/// `exp sync`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Sync {
    /// Runs.
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// The tracker.
    #[arg(long)]
    pub to: Tracker,
    /// The address of the server, instead of MLFLOW_TRACKING_URI.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The experiment or project there.
    #[arg(long, value_name = "NAME", default_value = PROJECT)]
    pub project: String,
}

/// `exp export`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Export {
    /// Runs, and sweeps with all their runs.
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// The file; its name ends in .csv or .parquet.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `exp man`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Man {
    /// The folder.
    pub dir: PathBuf,
}

/// Programs that runs are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tracker {
    /// A server of MLflow.
    Mlflow,
    /// Offline files of Weights & Biases.
    Wandb,
}

/// `exp tag`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Tag {
    /// The run.
    pub dir: PathBuf,
    /// The tags.
    #[arg(required = true)]
    pub tags: Vec<String>,
    /// Take them off.
    #[arg(long)]
    pub remove: bool,
}

/// `exp note`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Note {
    /// The run.
    pub dir: PathBuf,
    /// The text; an empty one takes the note away.
    pub text: String,
}

/// `exp rm`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Rm {
    /// Runs or sweeps.
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// Only say what would be moved.
    #[arg(long)]
    pub dry_run: bool,
}

/// `exp gc`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Gc {
    /// Folders of runs, instead of those in which the configuration puts them.
    pub dirs: Vec<PathBuf>,
    /// How many of the last checkpoints of each run stay.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub keep: u64,
    /// Only say what would be deleted.
    #[arg(long)]
    pub dry_run: bool,
}
