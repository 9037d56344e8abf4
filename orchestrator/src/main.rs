//! Reads the world once, calls, and maps the outcome to an exit code.

use std::process::ExitCode;
use std::sync::Arc;

use exp::cli::Cli;
use exp::compose::World;
use exp::{commands, screen};
use exp_api::limits::fail_on_large_files;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let words: Result<Vec<String>, _> = std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect();
    let words = match words {
        Ok(words) => words,
        // A path that was changed to be text would be another one.
        Err(word) => {
            screen::warn(format_args!("error: `{}` is no text in UTF-8", word.display()));
            return ExitCode::from(2);
        }
    };
    let cli = match Cli::parse(words) {
        Ok(cli) => cli,
        // Help and the version come this way too, and have their own code.
        Err(error) => error.exit(),
    };
    if let Err(error) = fail_on_large_files() {
        screen::warn(format_args!("error: signals cannot be listened to: {error}"));
        return ExitCode::from(3);
    }
    let cwd = match std::env::current_dir() {
        Ok(cwd) => cwd,
        Err(error) => {
            screen::warn(format_args!("error: the working directory is gone: {error}"));
            return ExitCode::from(3);
        }
    };
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let world = World {
        env: Arc::new(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()),
        now: jiff::Zoned::now(),
        cwd,
        job_name: "exp".to_owned(),
    };
    match commands::execute(&cli, &world) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen::warn(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
