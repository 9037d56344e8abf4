//! What is here and what is not: engines with their devices, and what a configuration says in vain.

use std::fmt::Write;

use super::Failure;
use super::run::composed;
use crate::cli::Cli;
use crate::compose::{Library, Mode, Node, World};
use crate::registry;
use crate::screen::answer;

/// Keys of the `hydra` node that compose as in Hydra and change nothing here, with the reason. A longer path comes first.
const WITHOUT_EFFECT: [(&str, &str); 9] = [
    ("hydra_logging", "`exp` says what it does on the terminal, always in the same way"),
    ("job_logging.loggers", "levels are those of root.level and hydra.verbose"),
    ("job_logging.filters", "messages are not filtered"),
    ("job_logging.disable_existing_loggers", "there are no loggers beside the job's own"),
    ("job_logging.formatters.colorlog", "the terminal has its own form; only the format of the log file counts"),
    ("sweeper.max_batch_size", "all jobs of a sweep are composed and checked before the first one starts"),
    (
        "launcher",
        "only basic, inline, local, slurm, submitit_slurm and template are here; a sweep with another launcher is refused",
    ),
    ("sweeper", "only basic, random and tpe are here; a sweep with another sweeper is refused"),
    ("env", "it has no meaning"),
];

/// The options of hydra/launcher and hydra/sweeper that mean something here.
const LAUNCHERS: [&str; 6] = ["basic", "inline", "local", "slurm", "submitit_slurm", "template"];
const SWEEPERS: [&str; 3] = ["basic", "random", "tpe"];

/// Prints the engines and the keys without effect.
pub(super) fn doctor(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    answer(engines())?;
    let composed = composed(cli, library, world, &cli.overrides, Mode::Multirun)?;
    let mut found = Vec::new();
    let mut heeded = Vec::new();
    for (group, own) in [("launcher", &LAUNCHERS[..]), ("sweeper", &SWEEPERS)] {
        let chosen = composed
            .stack
            .selected
            .choices
            .get(&format!("hydra/{group}"))
            .and_then(Option::as_deref)
            .unwrap_or("basic");
        match own.contains(&chosen) {
            true if chosen != "basic" => heeded.push(group),
            true => {}
            false => found
                .push(format!("hydra/{group}={chosen}: one run ignores it, as in Hydra; a sweep with it is refused")),
        }
    }
    for (key, child) in composed.tree.child("hydra").and_then(Node::as_map).into_iter().flatten() {
        if !heeded.iter().any(|group| *group == key.to_string()) {
            in_vain(child, &mut vec![key.to_string()], &mut found);
        }
    }
    if found.is_empty() {
        found.push("none".to_owned());
    }
    Ok(answer(format_args!("\nKeys without effect\n  {}\n", found.join("\n  ")))?)
}

/// The engines that are here with their devices, those that are broken, and how to set up those that are missing.
fn engines() -> String {
    let mut text =
        format!("exp {}, composing as Hydra {}\n\nEngines\n", env!("CARGO_PKG_VERSION"), crate::compose::HYDRA);
    for name in registry::names() {
        match registry::find(&name) {
            Ok(backend) => {
                let devices = backend.devices();
                for device in &devices {
                    let _ = writeln!(text, "  {name:8}{:8}{}", device.name, device.description);
                }
                if devices.is_empty() {
                    let _ = writeln!(text, "  {name:8}has no device here");
                }
            }
            Err(error) => {
                let _ = writeln!(text, "  {name:8}broken: {error}");
            }
        }
    }
    for (name, command) in registry::missing() {
        let _ = writeln!(text, "  {name:8}not here; to set it up: {command}");
    }
    text
}

/// The leaves below a node that somebody set and that mean nothing.
fn in_vain(node: &Node, path: &mut Vec<String>, found: &mut Vec<String>) {
    if let Some(map) = node.as_map().filter(|map| !map.is_empty()) {
        for (key, child) in map {
            path.push(key.to_string());
            in_vain(child, path, found);
            path.pop();
        }
        return;
    }
    let Some(origin) = node.trail.winner().filter(|_| !node.trail.is_built_in()) else { return };
    let dotted = path.join(".");
    let below = |key: &str| dotted.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let callback = path.len() == 3 && path[0] == "callbacks" && path[2] == "_target_";
    let why = match WITHOUT_EFFECT.iter().find(|(key, _)| below(key)) {
        _ if callback => Some("a class in Python cannot be called; write on_job_end: \"a shell command\""),
        // The sweep that a configuration spells out is heeded.
        Some(_) if below("sweeper.params") => None,
        Some((_, why)) => Some(*why),
        None => None,
    };
    if let Some(why) = why {
        found.push(format!("hydra.{dotted} ({origin}): {why}"));
    }
}
