//! What the code was when a run was made: commit, branch and uncommitted changes, by asking `git` itself.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

/// The state of the code in a run directory.
pub const GIT: &str = "git.json";
/// Largest patch that is kept.
const PATCH_LIMIT: usize = 8 << 20;

/// Files for the run directory, by name: `git.json`, and `uncommitted.patch` if there are changes. Nothing outside a
/// repository, or without git.
pub fn snapshot(dir: &Path) -> Vec<(&'static str, String)> {
    let Some(commit) = git(dir, &["rev-parse", "HEAD"]) else { return Vec::new() };
    let branch = git(dir, &["rev-parse", "--abbrev-ref", "HEAD"]).unwrap_or_default();
    let patch = git(dir, &["diff", "HEAD", "--binary"]).unwrap_or_default();
    let state = json!({
        "commit": commit.trim(),
        "branch": branch.trim(),
        "dirty": !patch.is_empty(),
        "patch_bytes": patch.len(),
    });
    let mut files = vec![(GIT, format!("{state:#}\n"))];
    if !patch.is_empty() && patch.len() <= PATCH_LIMIT {
        files.push(("uncommitted.patch", patch));
    }
    files
}

fn git(dir: &Path, words: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(words).stdin(Stdio::null()).stderr(Stdio::null());
    // Never take a lock beside a user's own git.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
