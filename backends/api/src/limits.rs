//! Limits that a process was started with.

use std::io;
use std::sync::Arc;

use signal_hook::consts::SIGXFSZ;

/// Makes it an error to write more into a file than `ulimit -f` allows, as it is one on a full disk: otherwise it is the end of
/// this process. What this process starts is as before.
///
/// # Errors
/// Nobody may listen to that signal.
pub fn fail_on_large_files() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}
