//! One place that holds configuration files: a directory, or files that are part of the binary.

use std::path::PathBuf;

use super::problem::Problem;

/// The largest file that is read.
const MAX_BYTES: u64 = 8 << 20;

/// A place that holds configuration files.
#[derive(Clone, Debug)]
pub enum Place {
    /// A directory on disk.
    Dir(PathBuf),
    /// Files that are part of the binary: path from the root, text.
    Embedded(&'static [(&'static str, &'static str)]),
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A file.
    File(String),
    /// A directory.
    Group(String),
}

impl Entry {
    /// The option that a file is.
    pub fn option(self) -> Option<String> {
        match self {
            Self::File(name) => name.strip_suffix(".yaml").map(str::to_owned),
            Self::Group(_) => None,
        }
    }

    /// The name of a directory.
    pub fn group(self) -> Option<String> {
        match self {
            Self::Group(name) => Some(name),
            Self::File(_) => None,
        }
    }
}

impl Place {
    /// What stands before the name of a file in messages.
    pub fn shown(&self) -> String {
        match self {
            Self::Embedded(_) => "<built-in>".to_owned(),
            Self::Dir(dir) => {
                let text = dir.to_string_lossy();
                let text = text.strip_prefix("./").unwrap_or(&text);
                text.trim_end_matches('/').to_owned()
            }
        }
    }

    /// The text of a file, which messages call `shown`; `None` if there is none.
    pub fn read(&self, file: &str, shown: &str) -> Result<Option<String>, Problem> {
        let path = match self {
            Self::Embedded(files) => {
                return Ok(files.iter().find(|(name, _)| *name == file).map(|(_, t)| (*t).to_owned()));
            }
            Self::Dir(dir) => dir.join(file),
        };
        let refused = |why: String| Problem::new(format!("cannot read {shown}: {why}"));
        match std::fs::metadata(&path) {
            Ok(meta) if !meta.is_file() => return Ok(None),
            Ok(meta) if meta.len() > MAX_BYTES => {
                return Err(refused(format!("larger than {MAX_BYTES} bytes")));
            }
            Ok(_) => {}
            Err(_) => return Ok(None),
        }
        let bytes = std::fs::read(&path).map_err(|error| refused(error.to_string()))?;
        String::from_utf8(bytes).map(Some).map_err(|_| refused("not UTF-8 text".to_owned()))
    }

    /// Whether there is such a file.
    pub fn has_file(&self, file: &str) -> bool {
        match self {
            Self::Dir(dir) => dir.join(file).is_file(),
            Self::Embedded(files) => files.iter().any(|(name, _)| *name == file),
        }
    }

    /// Whether there is such a directory.
    pub fn has_group(&self, group: &str) -> bool {
        match self {
            Self::Dir(dir) => dir.join(group).is_dir(),
            Self::Embedded(files) => files.iter().any(|(name, _)| below(name, group).is_some()),
        }
    }

    /// What a directory holds.
    pub fn entries(&self, group: &str) -> Vec<Entry> {
        match self {
            Self::Embedded(files) => files
                .iter()
                .filter_map(|(name, _)| below(name, group))
                .map(|rest| match rest.split_once('/') {
                    Some((group, _)) => Entry::Group(group.to_owned()),
                    None => Entry::File(rest.to_owned()),
                })
                .collect(),
            Self::Dir(dir) => {
                let Ok(entries) = std::fs::read_dir(dir.join(group)) else { return Vec::new() };
                entries
                    .filter_map(|entry| {
                        let entry = entry.ok()?;
                        let name = entry.file_name().into_string().ok()?;
                        let is_dir = entry.path().is_dir();
                        Some(if is_dir { Entry::Group(name) } else { Entry::File(name) })
                    })
                    .collect()
            }
        }
    }
}

/// The rest of a file's name below a group.
fn below<'a>(name: &'a str, group: &str) -> Option<&'a str> {
    match group {
        "" => Some(name),
        group => name.strip_prefix(group)?.strip_prefix('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_and_embedded_files_answer_alike() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("db/sub")).expect("a directory");
        std::fs::write(dir.path().join("db/a.yaml"), "x: 1").expect("a file");
        std::fs::write(dir.path().join("db/sub/b.yaml"), "x: 2").expect("a file");
        let files = &[("db/a.yaml", "x: 1"), ("db/sub/b.yaml", "x: 2")];
        for place in [Place::Dir(dir.path().to_owned()), Place::Embedded(files)] {
            assert_eq!(place.read("db/a.yaml", "").ok().flatten().as_deref(), Some("x: 1"));
            assert_eq!(place.read("db/c.yaml", ""), Ok(None));
            assert!(place.has_file("db/sub/b.yaml") && !place.has_file("db/sub"));
            assert!(place.has_group("db/sub") && !place.has_group("db/a.yaml"));
            let mut entries = place.entries("db");
            entries.sort();
            assert_eq!(entries, [Entry::File("a.yaml".into()), Entry::Group("sub".into())]);
        }
    }

    #[test]
    fn text_that_is_no_utf_8_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("a.yaml"), [0xff]).expect("a file");
        let place = Place::Dir(dir.path().to_owned());
        assert!(place.read("a.yaml", "conf/a.yaml").is_err_and(|p| p.message.contains("conf/a.yaml")));
    }
}
