//! What is handed in to a queue: a shell script that does the jobs of a list of run directories, one by its index.
//!
//! The binary is a copy, made when the jobs are handed in, so that it is the one that froze them whatever is built meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::files::write_atomically;
use crate::launch::this_binary;

/// The copy of this binary.
const BINARY: &str = "exp";

/// Copies this binary into a folder, unless it is there. The jobs of a search have a folder each: they share one copy.
pub(super) fn pin(folder: &Path) -> io::Result<PathBuf> {
    static FIRST: Mutex<Option<PathBuf>> = Mutex::new(None);
    let binary = folder.join(BINARY);
    if !binary.exists() {
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        let linked = first.as_ref().is_some_and(|first| fs::hard_link(first, &binary).is_ok());
        if !linked {
            // Under its name only when it is whole.
            let part = folder.join(".exp.part");
            fs::copy(this_binary()?, &part)?;
            fs::rename(&part, &binary)?;
            *first = Some(binary.canonicalize()?);
        }
    }
    binary.canonicalize()
}

/// Writes a script for run directories into a folder, beside the list of them, and gives back its path. `head` stands at its
/// top and says which shell reads it, `setup` stands before the job; `index` is what the queue's index of a job expands to in
/// the shell.
pub(super) fn write(
    folder: &Path,
    name: &str,
    head: &[String],
    setup: &[String],
    index: &str,
    dirs: &[PathBuf],
) -> io::Result<PathBuf> {
    let binary = pin(folder)?;
    let list = folder.join(format!("{name}.jobs"));
    let mut lines = String::new();
    for dir in dirs {
        lines += &format!("{}\n", dir.canonicalize()?.display());
    }
    write_atomically(&list, lines.as_bytes())?;
    // Backends are looked for beside the binary: beside the original too.
    let beside = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
    let mut text = String::new();
    head.iter().for_each(|line| text += &format!("{line}\n"));
    text += "# A signal that comes before the job listens must not end it.\ntrap '' USR1\n";
    setup.iter().for_each(|line| text += &format!("{line}\n"));
    text += &format!(
        "export EXP_BACKENDS=\"${{EXP_BACKENDS:+$EXP_BACKENDS:}}\"{}\n",
        quoted(&beside.display().to_string())
    );
    text += &format!("dir=$(sed -n \"$(({index} + 1))p\" {})\n", quoted(&list.canonicalize()?.display().to_string()));
    text += &format!("exec {} worker \"$dir\"\n", quoted(&binary.display().to_string()));
    let script = folder.join(format!("{name}.sh"));
    write_atomically(&script, text.as_bytes())?;
    script.canonicalize()
}

/// A word that the shell takes as it is.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_finds_its_directory() {
        let root = tempfile::tempdir().unwrap();
        let dirs: Vec<PathBuf> = ["a", "it's b"].map(|name| root.path().join(name)).to_vec();
        dirs.iter().for_each(|dir| fs::create_dir(dir).unwrap());
        let folder = root.path().join("queue's");
        fs::create_dir(&folder).unwrap();
        // In the place of the binary: what says its words.
        fs::write(folder.join(BINARY), "#!/bin/sh\necho \"$WORD $1 $2\"\n").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.join(BINARY), executable).unwrap();
        let setup = ["export WORD=ready".to_owned()];
        let head = ["#!/bin/sh", "#SBATCH --x"].map(str::to_owned);
        let script = write(&folder, "0", &head, &setup, "INDEX", &dirs).unwrap();
        assert!(fs::read_to_string(&script).unwrap().starts_with("#!/bin/sh\n#SBATCH --x\n"));
        let output = std::process::Command::new("sh").arg(&script).env("INDEX", "1").output().unwrap();
        let wanted = format!("ready worker {}\n", dirs[1].canonicalize().unwrap().display());
        assert_eq!(String::from_utf8_lossy(&output.stdout), wanted);
    }
}
