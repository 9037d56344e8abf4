//! A line of a program's output, until its end is there.

/// The longest line that is looked at, in bytes.
pub const LONGEST: usize = 1 << 20;

/// The beginning of a line.
#[derive(Default)]
pub(super) struct Begun {
    bytes: Vec<u8>,
    /// Whether it is too long to be one of ours.
    overlong: bool,
}

impl Begun {
    /// Adds to it. Of a progress bar what it writes over is dropped at once: it may be longer than any line.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // A carriage return with nothing behind it may be part of the end of the line.
        let seen = self.bytes.trim_ascii_end().len();
        if let Some(bar) = self.bytes[..seen].iter().rposition(|byte| *byte == b'\r') {
            self.bytes.drain(..bar);
            self.overlong = false;
        }
        if self.bytes.len() > LONGEST {
            let returned = self.bytes[self.bytes.trim_ascii_end().len()..].contains(&b'\r');
            self.overlong = true;
            self.bytes.clear();
            self.bytes.extend(returned.then_some(b'\r'));
        }
    }

    /// The line, which has come to its end; none if it was too long. The next one begins.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let Begun { bytes, overlong } = std::mem::take(self);
        (!overlong).then_some(bytes)
    }
}
