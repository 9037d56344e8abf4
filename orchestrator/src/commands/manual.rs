//! `exp man`: manual pages, made from what the commands say of themselves.

use clap::{Command, CommandFactory};

use super::Failure;
use crate::cli::{Flags, Look, Man, help};
use crate::screen::tell;

/// Writes a page for the program and one for each command into a folder.
pub(super) fn man(man: &Man) -> Result<(), Failure> {
    let others = help::all().map(|(name, text)| {
        let (about, rest) = text.split_once('\n').unwrap_or((text, ""));
        Command::new(name).about(about).after_help(rest.trim_start())
    });
    let looks: Vec<Command> = Look::command().get_subcommands().cloned().collect();
    let whole = Flags::command().subcommands(others).subcommands(looks);
    let written = std::fs::create_dir_all(&man.dir).and_then(|()| clap_mangen::generate_to(whole, &man.dir));
    written.map_err(|error| Failure::Look(format!("cannot write {}: {error}", man.dir.display())))?;
    tell(format_args!("to read them: man {}", man.dir.join("exp.1").display()));
    Ok(())
}
