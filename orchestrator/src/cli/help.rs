//! Help of the commands that take overrides: what each does, and examples.

/// A command with its help.
const HELP: [(&str, &str); 8] = [
    (
        "data",
        "Look at a data set: format, counts, sizes, classes, a picture a split, and how to train on it

Usage: exp data inspect DIR

The pictures are outputs/inspect/NAME-train.png and NAME-test.png.

Examples:
  exp data inspect cifar-10-batches-bin
  exp data inspect photos.zip",
    ),
    (
        "doctor",
        "Say which engines and devices are here, how to get those that are not, and which keys have no effect

Usage: exp doctor [OVERRIDES]...

Examples:
  exp doctor
  exp doctor +experiment=score_guided",
    ),
    (
        "eval",
        "Measure images drawn from a checkpoint of a run

Usage: exp eval DIR [--checkpoint last|best|best:FIGURE|STEP] [OVERRIDES]...

Examples:
  exp eval outputs/2026-11-22/23-50-01
  exp eval outputs/2026-11-22/23-50-01 --checkpoint best eval.n=10000 'eval.metrics=[fd_pixel,fd_random]'",
    ),
    (
        "resume",
        "Go on with a run, or with a sweep, where it stopped

Usage: exp resume DIR [--allow KEY] [--retry-failed] [OVERRIDES]...

Examples:
  exp resume outputs/2026-11-22/23-50-01
  exp resume outputs/2026-11-22/23-50-01 train.steps=5000
  exp resume multirun/2026-11-22/23-55-10 --retry-failed",
    ),
    (
        "sample",
        "Draw images from a checkpoint of a run

Usage: exp sample DIR [--checkpoint last|best|best:FIGURE|STEP] [OVERRIDES]...

Examples:
  exp sample outputs/2026-11-22/23-50-01
  exp sample outputs/2026-11-22/23-50-01 sample.n=50000 sample.method=two_step sample.save=npz",
    ),
    (
        "watch",
        "Wait until a sweep or a run, handed in to a queue, has come to its end

Usage: exp watch DIR

Example:
  exp watch multirun/2026-11-22/23-55-10",
    ),
    (
        "why",
        "Say who set a value, or who chose an option of a group, and what it replaced

Usage: exp why KEY [OVERRIDES]...

Examples:
  exp why train.lr +experiment=score_guided
  exp why model",
    ),
    (
        "worker",
        "Do the job of a run directory: what launchers start

Usage: exp worker DIR

Example:
  exp worker outputs/2026-11-22/23-50-01",
    ),
];

/// The commands with their help.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    HELP.into_iter()
}

/// The help of a command.
pub fn of(command: &str) -> Option<&'static str> {
    HELP.iter().find(|(name, _)| *name == command).map(|(_, text)| *text)
}
