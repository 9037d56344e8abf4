//! The `hydra` node: what files and words set in it, its groups, and what it says of the words.

use super::Case;
use super::random::Random;
use crate::case::Ask;

/// What both programs print in the same words; the rest of the node names files and versions.
const PARTS: [&str; 15] = [
    "run",
    "sweep",
    "verbose",
    "output_subdir",
    "searchpath",
    "job.name",
    "job.num",
    "job.chdir",
    "job.override_dirname",
    "job.env_set",
    "job.config",
    "job_logging",
    "sweeper.params",
    "callbacks",
    "overrides",
];

/// A configuration that sets some of it, groups that it lacks, and words for both.
pub fn settings(random: &mut Random) -> Case {
    let mut list = String::new();
    if random.chance(40) {
        let choice = random.word(&[
            "job_logging: none",
            "job_logging: mine",
            "job_logging: nope",
            "hydra_logging: disabled",
            "output: mine",
            "callbacks: mine",
            "launcher: basic",
            "sweeper: basic",
        ]);
        list = format!("defaults:\n- override hydra/{choice}\n- _self_\n");
    }
    let mut text = list + "name: n\nlr: 0.1\nskip: [lr]\nhydra:\n  output_subdir: .hydra\n";
    if random.chance(50) {
        text.push_str("  run:\n    dir: ");
        text.push_str(&random.word(&["out/${name}", "out/${hydra.job.override_dirname}", "1", "${nope}", "a b"]));
        text.push('\n');
    }
    if random.chance(60) {
        text.push_str("  job:\n    config:\n      override_dirname:\n");
        for (key, values) in [
            ("kv_sep", ["'-'", "${name}", "': '", "''", "2"]),
            ("item_sep", ["'/'", "''", "'='", "${name}", "1"]),
            ("exclude_keys", ["[lr]", "${skip}", "['${name}', lr]", "[]", "[+new, name]"]),
        ] {
            if random.chance(60) {
                text.push_str(&format!("        {key}: {}\n", random.word(&values)));
            }
        }
    }
    let mut case = Case::new(text);
    for (name, text) in [
        ("hydra/output/mine.yaml", "# @package hydra\nsweep: {dir: mine}\n"),
        ("hydra/job_logging/mine.yaml", "version: 1\nroot: {level: INFO}\n"),
        ("hydra/callbacks/mine.yaml", "note: {_target_: a.b}\n"),
    ] {
        case.files.insert(name.to_owned(), text.to_owned());
    }
    for _ in 0..random.below(3) {
        let word = word(random);
        case.words.push(word);
    }
    let package = format!("hydra.{}", random.pick(&PARTS));
    case.ask = Ask::Cfg { part: "all", package: Some(package), resolve: random.chance(40) };
    case
}

fn word(random: &mut Random) -> String {
    random.word(&[
        "lr=2",
        "++lr= 3",
        "name=q",
        "+new='a=b'",
        "+new={a: 1}",
        "~name",
        "hydra/output=mine",
        "hydra/job_logging=mine",
        "hydra/job_logging=none",
        "hydra/callbacks=mine",
        "hydra.run.dir=x/${name}",
        "hydra.run.dir=null",
        "hydra.run={dir:y}",
        "hydra.sweep.subdir=1.5",
        "hydra.job.num='7'",
        "hydra.job.num=7.0",
        "hydra.job.chdir=on",
        "hydra.job.chdir=maybe",
        "hydra.job.name=3",
        "hydra.verbose=[a,b]",
        "hydra.mode=MULTIRUN",
        "hydra.output_subdir=null",
        "hydra.job.env_set.X=1",
        "+hydra.job.env_set.X=true",
        "hydra.job.env_copy=[ORACLE_V]",
        "hydra.job.env_copy=[NOPE]",
        "+hydra.sweeper.params.lr='1,2'",
        "hydra.sweeper.params={lr:1}",
        "hydra.nope=1",
        "+hydra.nope=1",
        "hydra.callbacks.x=1",
        "+hydra.callbacks.x={a:1}",
        "hydra.job_logging.root.level=DEBUG",
    ])
}
