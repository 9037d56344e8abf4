//! Programs that outlived whoever had started them: the exit code beside their run tells how they ended, also before a process
//! that works there writes it down.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use crate::command::{CODE, ended, exit_code};
use crate::launch::end::{last_line, unsaid};
use crate::process::{LOG, Process};
use crate::status::{Exit, State, Status};

/// The status of a run directory, with how its program ended where nobody was there to write that down; none if it cannot be read.
pub fn known(dir: &Path) -> Option<Status> {
    let status = Status::read(dir)?;
    let is_orphan = matches!(status.state, State::Created | State::Running) && status.owner.is_gone();
    let Some(exit) = is_orphan.then(|| exit_code(dir)).flatten().map(ended) else { return Some(status) };
    let log = || {
        let process = Process::open(dir).unwrap_or_default();
        last_line(&dir.join(process.logging.file.as_deref().unwrap_or(LOG)), 0)
    };
    let cause = (!exit.success()).then(|| unsaid(exit, log()));
    let time = dir.join(CODE).metadata().and_then(|file| file.modified()).ok();
    Some(Status {
        state: if exit.success() { State::Done } else { State::Failed },
        cause,
        ended: time.and_then(|time| jiff::Timestamp::try_from(time).ok()).map(|time| time.to_string()),
        exit: Some(Exit { code: exit.code(), signal: exit.signal(), peak_rss_mib: None }),
        ..status
    })
}
