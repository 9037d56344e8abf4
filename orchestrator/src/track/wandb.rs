//! A run as an offline file of Weights & Biases, which `wandb sync` sends. Experimental: read back by the package's own
//! reader, never sent.
//!
//! The file: wandb/sdk/internal/datastore.py (LevelDB's log format with CRC-32), field numbers: wandb/proto/wandb_internal.proto.

use std::path::{Path, PathBuf};

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use serde_json::Value;

use super::clock::Clock;
use super::message::Message;
use super::note::Note;
use crate::files::write_atomically;
use crate::history::{Detail, started};
use crate::lock::alone;
use crate::recorder::METRICS;
use crate::rows;
use crate::status::State;

const ZLIB: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
/// `:W&B`, a magic number and a version.
const HEAD: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, 0];
/// How the name of the folder of a run begins.
const FOLDER: &str = "offline-run-";
const BLOCK: usize = 32768;
/// Bytes before the data of a piece: checksum, length, kind.
const PIECE: usize = 7;

/// Writes the file of the run in `dir` into its folder `wandb`, in place of an earlier one; gives back its folder.
///
/// # Errors
/// The directory cannot be written.
pub fn write(dir: &Path, detail: &Detail, project: &str) -> std::io::Result<PathBuf> {
    let _alone = alone(dir);
    let id = &Note::of(dir)?.id;
    let clock = Clock::of(dir);
    let start = started(&detail.run).map_or_else(jiff::Timestamp::now, |time| time.timestamp());
    let mut log = Log { bytes: HEAD.to_vec(), records: 0 };
    log.add(21, Message::default());
    let setting = |(key, value): (&String, &Value)| item(key, value);
    let config = detail.config.iter().map(setting).fold(Message::default(), |config, item| config.message(1, item));
    let time = Message::default().int(1, start.as_second().max(0) as u64);
    let tags = detail.run.labels.tags.iter();
    let run = Message::default().bytes(1, id).bytes(3, project).message(4, config).bytes(8, dir.display().to_string());
    let run = run.bytes(9, detail.run.labels.notes.as_deref().unwrap_or_default());
    log.add(17, tags.fold(run, |run, tag| run.bytes(10, tag)).message(17, time));
    for (step, row) in rows::read(&dir.join(METRICS)) {
        let since = clock.time(step) - start.as_second() as f64;
        let own =
            [("_step", step.into()), ("_timestamp", clock.time(step).into()), ("_runtime", since.max(0.0).into())];
        let numbers = row.iter().filter(|(name, value)| *name != "step" && value.is_number());
        let items = numbers.map(|(name, value)| (name.as_str(), value.clone())).chain(own);
        let history = items.fold(Message::default(), |row, (name, value)| row.message(1, item(name, &value)));
        log.add(2, history.message(2, Message::default().int(1, step)));
    }
    let summary = detail.run.last.iter().chain(&detail.run.figures).filter(|(name, _)| *name != "step");
    let summary = summary.fold(Message::default(), |all, (name, value)| all.message(1, item(name, &(*value).into())));
    log.add(3, summary);
    if !matches!(detail.state, State::Created | State::Running) {
        log.add(18, Message::default().int(1, u64::from(detail.state != State::Done)));
    }
    let folder = dir.join("wandb").join(format!("{FOLDER}{}-{id}", start.strftime("%Y%m%d_%H%M%S")));
    remove(&dir.join("wandb"), id)?;
    std::fs::create_dir_all(&folder)?;
    write_atomically(&folder.join(format!("run-{id}.wandb")), &log.bytes)?;
    Ok(folder)
}

/// Removes what was written before of the run with this name; also the mark in it that says that it was sent.
fn remove(folders: &Path, id: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folders).into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(FOLDER));
        if name.is_some_and(|name| name.rsplit_once('-').is_some_and(|(_, of)| of == id)) {
            std::fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// A name and its value as JSON: an item of a configuration, a row or a summary.
fn item(name: &str, value: &Value) -> Message {
    Message::default().bytes(1, name).bytes(16, value.to_string())
}

/// Records in LevelDB's log format: cut into pieces that never cross the border of a block.
struct Log {
    bytes: Vec<u8>,
    records: u64,
}

impl Log {
    /// Adds a record of this kind.
    fn add(&mut self, kind: u64, content: Message) {
        const FULL: u8 = 1;
        const FIRST: u8 = 2;
        const MIDDLE: u8 = 3;
        const LAST: u8 = 4;
        self.records += 1;
        let record = Message::default().int(1, self.records).message(kind, content).into_bytes();
        let mut rest = &record[..];
        let mut first = true;
        loop {
            let room = BLOCK - self.bytes.len() % BLOCK;
            if room < PIECE {
                self.bytes.resize(self.bytes.len() + room, 0);
                continue;
            }
            let (piece, behind) = rest.split_at(rest.len().min(room - PIECE));
            let kind = match (first, behind.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            let mut digest = ZLIB.digest();
            digest.update(&[kind]);
            digest.update(piece);
            self.bytes.extend(digest.finalize().to_le_bytes());
            self.bytes.extend((piece.len() as u16).to_le_bytes());
            self.bytes.push(kind);
            self.bytes.extend(piece);
            (rest, first) = (behind, false);
            if rest.is_empty() {
                return;
            }
        }
    }
}
