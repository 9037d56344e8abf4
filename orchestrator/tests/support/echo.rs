//! A backend that is a few lines of shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{Running, Scratch};

/// Says what it is, and finds nothing wrong with any spec.
pub const CALM: &str = r#"
describe() { echo '{"protocol":2,"name":"echo","devices":[{"name":"cpu","description":"a shell"}]}'; }
problems='[]'
# A job is printed with its spec last, each key on a line of its own.
check() {
    for file; do
        printf '{"spec":'; sed -n '/^  "spec": {/,$p' "$file" | sed '1s/.*/{/; $d'; printf ',"problems":%s}\n' "$problems"
    done
}
"#;

/// An empty directory with an executable `exp-echo` aside, which is these shell functions.
pub struct Echo {
    pub scratch: Scratch,
    backends: tempfile::TempDir,
}

impl Echo {
    pub fn new(functions: &[&str]) -> Echo {
        let echo = Echo { scratch: Scratch::new(), backends: tempfile::tempdir().unwrap() };
        let script = format!("#!/bin/sh\n{}\n\"$@\"\n", functions.concat());
        let path = echo.backends.path().join("exp-echo");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        echo
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.scratch.command(words);
        command.env("EXP_BACKENDS", self.backends.path());
        command
    }

    pub fn start(&self, words: &[&str]) -> Running {
        Running::of(self.command(words))
    }
}
