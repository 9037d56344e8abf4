//! A folder, a zip or a tar as a list of named files.
//!
//! Nothing is ever unpacked to disk, so no name within an archive can lead out of it.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::archive::{damaged, tar, unreadable, whole, zip};
use crate::data::DataError;
use crate::hash::hex;

/// Where files are.
#[derive(Debug)]
pub(super) enum Container {
    Folder(PathBuf),
    Zip(PathBuf),
    /// Compressed by gzip or not.
    Tar(PathBuf),
}

impl Container {
    /// # Errors
    /// A path that cannot be read, or a file of another kind.
    pub(super) fn open(path: &Path) -> Result<Container, DataError> {
        let kind = std::fs::metadata(path).map_err(|source| unreadable(path, source))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match name.as_str() {
            _ if kind.is_dir() => Ok(Container::Folder(path.to_owned())),
            name if name.ends_with(".zip") => Ok(Container::Zip(path.to_owned())),
            name if [".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end)) => {
                Ok(Container::Tar(path.to_owned()))
            }
            _ => Err(DataError::Container(path.to_owned())),
        }
    }

    /// In words.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Container::Folder(_) => "folder",
            Container::Zip(_) => "zip",
            Container::Tar(_) => "tar",
        }
    }

    /// Where a file is, for a person.
    pub(super) fn place(&self, name: &str) -> String {
        match self {
            Container::Folder(root) => root.join(name).display().to_string(),
            Container::Zip(path) | Container::Tar(path) => format!("{}: {name}", path.display()),
        }
    }

    /// The path of a file that can be opened by itself.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        match self {
            Container::Folder(root) => Some(root.join(name)),
            Container::Zip(_) | Container::Tar(_) => None,
        }
    }

    /// The names of all files, sorted.
    ///
    /// # Errors
    /// What cannot be read, and a name that is no text.
    pub(super) fn names(&self) -> Result<Vec<String>, DataError> {
        let mut names = match self {
            Container::Folder(root) => folder_names(root)?,
            Container::Zip(path) => {
                let archive = zip(path)?;
                let names = archive.file_names().map(|name| name.map(|name| name.into_owned()));
                names.collect::<Result<_, _>>().map_err(|error| damaged(path, &error))?
            }
            Container::Tar(path) => {
                let mut names = Vec::new();
                tar(path, |name, _| {
                    names.push(name.to_owned());
                    Ok(())
                })?;
                names
            }
        };
        // Folders, and what desktops leave behind.
        let hidden = |name: &String| name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        names.retain(|name| !name.ends_with('/') && !hidden(name));
        names.sort();
        Ok(names)
    }

    /// Hands the content of each of `names` to `take`, in their order.
    ///
    /// # Errors
    /// What cannot be read, files larger than 4 GiB, and the first error of `take`.
    pub(super) fn each(
        &self,
        names: &[String],
        take: &mut dyn FnMut(usize, Vec<u8>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        match self {
            Container::Folder(root) => names.iter().enumerate().try_for_each(|(index, name)| {
                let path = root.join(name);
                let file = File::open(&path).map_err(|source| unreadable(&path, source))?;
                take(index, whole(file, &self.place(name))?)
            }),
            Container::Zip(path) => {
                let mut archive = zip(path)?;
                names.iter().enumerate().try_for_each(|(index, name)| {
                    let place = self.place(name);
                    let entry = archive.by_name(name).map_err(|error| damaged(path, &error))?;
                    take(index, whole(entry, &place)?)
                })
            }
            // A tar is read from its beginning to its end, in its own order.
            Container::Tar(path) => {
                let wanted: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
                let mut found: Vec<Option<Vec<u8>>> = names.iter().map(|_| None).collect();
                tar(path, |name, entry| {
                    if let Some(&index) = wanted.get(name) {
                        found[index] = Some(whole(entry, &self.place(name))?);
                    }
                    Ok(())
                })?;
                found.into_iter().enumerate().try_for_each(|(index, bytes)| take(index, bytes.unwrap_or_default()))
            }
        }
    }

    /// A hash of the name, size and times of change of each of `names`, or of the archive.
    ///
    /// # Errors
    /// A file that is not there.
    pub(super) fn fingerprint(&self, names: &[String]) -> Result<String, DataError> {
        let files: Vec<PathBuf> = match self {
            Container::Folder(root) => names.iter().map(|name| root.join(name)).collect(),
            Container::Zip(path) | Container::Tar(path) => vec![path.clone()],
        };
        let mut hash = Sha256::new();
        for file in files {
            let kind = std::fs::metadata(&file).map_err(|source| unreadable(&file, source))?;
            let changed =
                kind.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            let path = std::path::absolute(&file).unwrap_or(file);
            hash.update(format!("{}\0{}\0{}\0{}\0", path.display(), kind.len(), changed.as_nanos(), set(&kind)));
        }
        Ok(hex(hash.finalize()))
    }
}

/// When a file was changed last in any way: the time of its content is set at will, as archives and copies do, and this one is
/// not.
fn set(kind: &Metadata) -> String {
    format!("{}.{:09}", kind.ctime(), kind.ctime_nsec())
}

fn folder_names(root: &Path) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in WalkDir::new(root).follow_links(true) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            unreadable(&path, error.into())
        })?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_str();
            let nameless = || std::io::Error::other("its name is no UTF-8");
            names.push(name.ok_or_else(|| unreadable(entry.path(), nameless()))?.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
pub(in crate::data) mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// The same files as a folder, a zip, a tar and a packed tar, in a folder.
    pub(in crate::data) fn everywhere(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut zip = ::zip::ZipWriter::new(File::create(at("set.zip")).unwrap());
        let mut tar = ::tar::Builder::new(Vec::new());
        // Archives in another order than that of the names.
        for (name, bytes) in files.iter().rev() {
            let path = at("set").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
            let mut header = ::tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, Cursor::new(bytes)).unwrap();
        }
        zip.finish().unwrap();
        let tar = tar.into_inner().unwrap();
        let mut packed = GzEncoder::new(File::create(at("set.tar.gz")).unwrap(), Compression::fast());
        packed.write_all(&tar).unwrap();
        packed.finish().unwrap();
        std::fs::write(at("set.tar"), tar).unwrap();
        let paths = ["set", "set.zip", "set.tar", "set.tar.gz"].map(at).to_vec();
        (dir, paths)
    }

    #[test]
    fn all_containers_hold_the_same() {
        let files: [(&str, &[u8]); 3] = [("a/1.txt", b"one"), ("a/2.txt", b""), ("b.txt", b"three")];
        let (_dir, paths) = everywhere(&files);
        for path in paths {
            let container = Container::open(&path).unwrap();
            let names = container.names().unwrap();
            assert_eq!(names, files.map(|(name, _)| name), "{path:?}");
            let mut found = Vec::new();
            container
                .each(&names[1..], &mut |index, bytes| {
                    found.push((index, bytes));
                    Ok(())
                })
                .unwrap();
            assert_eq!(found, [(0, b"".to_vec()), (1, b"three".to_vec())], "{path:?}");
        }
    }

    #[test]
    fn what_is_no_container_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("set.zip");
        std::fs::write(&file, "no zip").unwrap();
        let text = Container::open(&file).and_then(|c| c.names()).unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot read {} as an archive: ", file.display())), "{text}");
        for name in ["set.tar", "set.tar.gz"] {
            let file = dir.path().join(name);
            std::fs::write(&file, [7; 700]).unwrap();
            let text = Container::open(&file).and_then(|c| c.names()).unwrap_err().to_string();
            assert!(text.contains("as an archive"), "{text}");
        }
        let other = dir.path().join("set.rar");
        std::fs::write(&other, "").unwrap();
        assert!(matches!(Container::open(&other), Err(DataError::Container(_))));
        assert!(matches!(Container::open(&dir.path().join("none")), Err(DataError::Unreadable { .. })));
    }

    #[test]
    fn a_change_changes_the_fingerprint() {
        let (_dir, paths) = everywhere(&[("1.txt", b"one"), ("2.txt", b"two")]);
        let container = Container::open(&paths[0]).unwrap();
        let names = container.names().unwrap();
        let before = container.fingerprint(&names).unwrap();
        assert_eq!(container.fingerprint(&names).unwrap(), before);
        assert_ne!(container.fingerprint(&names[..1]).unwrap(), before);
        std::fs::write(paths[0].join("1.txt"), "longer").unwrap();
        assert_ne!(container.fingerprint(&names).unwrap(), before);
    }

    /// As `touch -r`, rsync and tar do.
    #[test]
    fn a_change_of_the_same_length_under_the_old_time_changes_the_fingerprint() {
        let (_dir, paths) = everywhere(&[("1.txt", b"one")]);
        for (path, file) in [(&paths[0], paths[0].join("1.txt")), (&paths[2], paths[2].clone())] {
            let (container, names) = (Container::open(path).unwrap(), ["1.txt".to_owned()]);
            let before = container.fingerprint(&names).unwrap();
            let (time, mut content) =
                (std::fs::metadata(&file).unwrap().modified().unwrap(), std::fs::read(&file).unwrap());
            content[0] ^= 1;
            // The clock of a file system ticks some hundred times a second.
            std::thread::sleep(std::time::Duration::from_millis(50));
            std::fs::write(&file, content).unwrap();
            File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
            assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), time);
            assert_ne!(container.fingerprint(&names).unwrap(), before, "{file:?}");
        }
    }
}
