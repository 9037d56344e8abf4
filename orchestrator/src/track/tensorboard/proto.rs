//! The few messages of TensorBoard's files, and their framing.
//!
//! Field numbers: tensorflow/core/util/event.proto and framework/summary.proto, tensorboard/plugins/hparams/plugin_data.proto
//! and google/protobuf/struct.proto. Framing: TFRecord, a length and the data, each followed by its masked CRC-32C.

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::track::message::Message;

const CASTAGNOLI: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// A message as a record of a file.
pub fn record(message: Message) -> Vec<u8> {
    let data = message.into_bytes();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), &data, &masked(&data)].concat()
}

/// The checksum of data that may themselves hold checksums.
fn masked(data: &[u8]) -> [u8; 4] {
    CASTAGNOLI.checksum(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// `Event` with a `Summary` of values, at a step and a time in seconds since 1970.
pub fn event(time: f64, step: u64, values: impl IntoIterator<Item = Message>) -> Message {
    let summary = values.into_iter().fold(Message::default(), |summary, value| summary.message(1, value));
    Message::default().double(1, time).int(2, step).message(5, summary)
}

/// The first `Event` of a file.
pub fn version(time: f64) -> Message {
    Message::default().double(1, time).bytes(3, "brain.Event:2")
}

/// An `Event` after which what was read before, of this step and later ones, is void.
pub fn start(time: f64, step: u64) -> Message {
    Message::default().double(1, time).int(2, step).message(7, Message::default().int(1, 1))
}

/// `Summary.Value`: a number.
pub fn scalar(tag: &str, value: f64) -> Message {
    Message::default().bytes(1, tag).float(2, value as f32)
}

/// `Summary.Value`: a PNG of this width and height.
pub fn picture(tag: &str, (width, height): (u32, u32), png: &[u8]) -> Message {
    let image = Message::default().int(1, height.into()).int(2, width.into()).int(3, 3).bytes(4, png);
    Message::default().bytes(1, tag).message(4, image)
}

/// `Summary.Value`: a text, in Markdown.
pub fn markdown(tag: &str, text: &str) -> Message {
    const STRING: u64 = 7;
    let one = Message::default().message(2, Message::default().int(1, 1));
    let tensor = Message::default().int(1, STRING).message(2, one).bytes(8, text);
    Message::default().bytes(1, tag).message(8, tensor).message(9, plugin("text", Message::default()))
}

/// `Summary.Value`: the settings of a run; texts, truth values and numbers, as JSON has them.
pub fn settings<'a>(time: f64, values: impl IntoIterator<Item = (&'a str, &'a serde_json::Value)>) -> Message {
    let start = values.into_iter().fold(Message::default().double(5, time), |start, (name, value)| {
        let value = match value {
            serde_json::Value::Number(number) => Message::default().double(2, number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::Bool(value) => Message::default().int(4, (*value).into()),
            serde_json::Value::String(text) => Message::default().bytes(3, text),
            other => Message::default().bytes(3, other.to_string()),
        };
        start.message(1, Message::default().bytes(1, name).message(2, value))
    });
    hyperparameters("_hparams_/session_start_info", 3, start)
}

/// `Summary.Value`: how a run ended.
pub fn outcome(time: f64, well: bool) -> Message {
    let status = if well { 1 } else { 2 };
    hyperparameters("_hparams_/session_end_info", 4, Message::default().int(1, status).double(2, time))
}

fn hyperparameters(tag: &str, field: u64, content: Message) -> Message {
    Message::default().bytes(1, tag).message(9, plugin("hparams", Message::default().int(1, 0).message(field, content)))
}

fn plugin(name: &str, content: Message) -> Message {
    Message::default().message(1, Message::default().bytes(1, name).message(2, content))
}
