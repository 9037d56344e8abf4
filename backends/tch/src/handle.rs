//! A tensor of libtorch that threads may share.
//!
//! `tch::Tensor` can be sent to another thread but not seen by two. Its clones may live on different threads, since
//! libtorch counts references atomically and this crate never changes a value in place while it is in a handle; so a
//! lock held only while a clone is taken makes sharing safe, with no claim of our own about libtorch's threads.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tch::Tensor;

/// A tensor to be shared.
pub(crate) struct Handle(Mutex<Tensor>);

impl Handle {
    /// Takes a tensor that nobody changes any more.
    pub(crate) fn new(tensor: Tensor) -> Handle {
        Handle(Mutex::new(tensor))
    }

    /// Another reference to the same tensor.
    pub(crate) fn get(&self) -> Tensor {
        // Taking a reference leaves nothing half-done, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shallow_clone()
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::new(self.get())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.get())
    }
}
