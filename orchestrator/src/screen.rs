//! What the program says on standard output and standard error, either of which may be gone: the reader of a pipe has
//! seen enough, a terminal was closed.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Writes a part of an answer to standard output. When its reader has gone (`exp why KEY | head -1`), the rest of the
/// answer has no use, and the program ends: well, since everything that was wanted has been read.
///
/// # Errors
/// The output cannot be written for another reason, such as a full disk.
pub fn answer(text: impl Display) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written,
    }
}

/// Writes a line about work that goes on also when nobody reads it, to standard output.
pub fn tell(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line about something wrong or odd, to standard error; it is no reason to stop when nobody can read it.
pub fn warn(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
