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
pub fn snapshot(dir: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let Some(commit) = git(dir, &["rev-parse", "HEAD"]) else { return Vec::new() };
    let branch = git(dir, &["rev-parse", "--abbrev-ref", "HEAD"]).unwrap_or_default();
    // Whatever a user's own git shows: this is to be applied again.
    let plain = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD"];
    let patch = git(dir, &plain).unwrap_or_default();
    let state = json!({
        "commit": String::from_utf8_lossy(&commit).trim(),
        "branch": String::from_utf8_lossy(&branch).trim(),
        "dirty": !patch.is_empty(),
        "patch_bytes": patch.len(),
    });
    let mut files = vec![(GIT, format!("{state:#}\n").into_bytes())];
    if !patch.is_empty() && patch.len() <= PATCH_LIMIT {
        files.push(("uncommitted.patch", patch));
    }
    files
}

fn git(dir: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(words).stdin(Stdio::null()).stderr(Stdio::null());
    // Never take a lock beside a user's own git.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().ok()?;
    output.status.success().then_some(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_can_be_applied_whatever_git_is_told_to_show() {
        let root = tempfile::tempdir().unwrap();
        let (file, changed) = (root.path().join("a.txt"), b"one\n\xff\xe9\n");
        std::fs::write(&file, "one\n").unwrap();
        let call = |words: &[&str]| git(root.path(), words).unwrap();
        call(&["init", "-q"]);
        call(&["add", "."]);
        call(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a"]);
        for [key, value] in [["diff.external", "true"], ["color.ui", "always"]] {
            call(&["config", key, value]);
        }
        std::fs::write(&file, changed).unwrap();
        let files = snapshot(root.path());
        assert_eq!(files.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [GIT, "uncommitted.patch"]);
        std::fs::write(root.path().join("p"), &files[1].1).unwrap();
        call(&["checkout", "-q", "a.txt"]);
        call(&["apply", "p"]);
        assert_eq!(std::fs::read(file).unwrap(), changed);
    }
}
