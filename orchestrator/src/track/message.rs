//! Messages in the wire format of protocol buffers, as far as trackers need it
//! (protobuf.dev/programming-guides/encoding).

/// A message that is being written.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A whole number, also a boolean or the value of an enumeration.
    pub fn int(mut self, field: u64, value: u64) -> Message {
        self.key(field, 0);
        self.varint(value);
        self
    }

    /// A number of 64 bits.
    pub fn double(mut self, field: u64, value: f64) -> Message {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A number of 32 bits.
    pub fn float(mut self, field: u64, value: f32) -> Message {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A text, or plain bytes.
    pub fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Message {
        let value = value.as_ref();
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A message within this one.
    pub fn message(self, field: u64, value: Message) -> Message {
        self.bytes(field, value.0)
    }

    /// The bytes of the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
