//! The threads that share whatever can be done side by side: rayon's, one pool a process.

use std::error::Error;
use std::io;
use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

/// Starts the threads, if they are not there. Where the system refuses them, whoever shares work without having asked for this
/// panics.
///
/// # Errors
/// It does refuse.
pub fn ready() -> io::Result<()> {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let start = || {
        let error = ThreadPoolBuilder::new().build_global().err()?;
        // One that has no cause says that somebody else has started them.
        error.source().map(|cause| format!("the system refuses threads (RAYON_NUM_THREADS is their number): {cause}"))
    };
    REFUSED.get_or_init(start).clone().map_or(Ok(()), |reason| Err(io::Error::other(reason)))
}
