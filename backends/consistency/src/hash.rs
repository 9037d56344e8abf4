//! Hashes as text.

use sha2::{Digest, Sha256};

/// The SHA-256 of some bytes in hexadecimal digits.
pub fn sha256(content: impl AsRef<[u8]>) -> String {
    hex(Sha256::digest(content))
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
