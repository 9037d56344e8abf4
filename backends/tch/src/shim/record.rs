//! Work of a GPU recorded once and repeated: the shim's `cuda/record.cpp`.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

use super::{Words, call, each};

unsafe extern "C" {
    fn exp_tch_record(
        index: c_int,
        work: unsafe extern "C" fn(*mut c_void) -> bool,
        data: *mut c_void,
        error: Words,
    ) -> *mut c_void;
    fn exp_tch_repeat(graph: *mut c_void, drawn: u64, error: Words);
    fn exp_tch_forget(graph: *mut c_void);
    fn exp_tch_copies(tensors: *const *const C_tensor, count: usize, out: *mut *mut C_tensor, error: Words);
    fn exp_tch_fill(to: *const *const C_tensor, from: *const *const C_tensor, count: usize, error: Words);
}

/// Work on a GPU as a whole, with the places in memory that it reads and writes: inputs are copied there before it is done,
/// and what it makes is copied from there after.
pub(crate) struct Recording {
    graph: Graph,
    inputs: Vec<Tensor>,
    made: Vec<Tensor>,
}

impl Recording {
    /// Records what `work` makes of inputs like these, on this thread; none of it is done yet, so no value may be read on the
    /// way. What it reads besides must live as long as the recording, on the GPU.
    pub(crate) fn of(
        gpu: usize,
        inputs: &[Tensor],
        work: impl FnOnce(&[Tensor]) -> Vec<Tensor>,
    ) -> Result<Recording, TchError> {
        // Nobody sees these places after the work is recorded, so that they may be changed.
        let inputs = copies(inputs)?;
        let (graph, made) = Graph::of(gpu, || work(&inputs))?;
        Ok(Recording { graph, inputs, made })
    }

    /// What is made of these inputs, with this number drawn for dropout keys. The first is in memory of its own: it may be
    /// read when the others are long gone. Nobody waits for it.
    pub(crate) fn repeat(&mut self, inputs: &[Tensor], drawn: u64) -> Result<Vec<Tensor>, TchError> {
        assert_eq!(inputs.len(), self.inputs.len(), "a tensor for each place");
        let pointers = |tensors: &[Tensor]| -> Vec<*const C_tensor> { tensors.iter().map(Tensor::as_ptr).collect() };
        let (to, from) = (pointers(&self.inputs), pointers(inputs));
        // SAFETY: as the module around says, but that the places are changed, which are this recording's own.
        call(|error| unsafe { exp_tch_fill(to.as_ptr(), from.as_ptr(), to.len(), error) })?;
        self.graph.repeat(drawn)?;
        let (first, others) = self.made.split_at(1.min(self.made.len()));
        let mut made = copies(first)?;
        made.extend(copies(others)?);
        Ok(made)
    }
}

/// What a GPU is to do.
struct Graph(NonNull<c_void>);

// SAFETY: the shim's graph is bound to a GPU, not to a thread, and `repeat` takes it by `&mut`: one thread at a time.
unsafe impl Send for Graph {}

impl Graph {
    fn of<R>(gpu: usize, work: impl FnOnce() -> R) -> Result<(Graph, R), TchError> {
        let index = c_int::try_from(gpu).unwrap_or(c_int::MAX);
        let mut call_back = CallBack { work: Some(work), result: None };
        let (function, data) = (call_back.function(), (&raw mut call_back).cast());
        // SAFETY: the shim calls the function with `data` before it returns, and does not keep it.
        let graph = call(|error| unsafe { exp_tch_record(index, function, data, error) });
        match (graph.map(NonNull::new), call_back.result) {
            (_, Some(Err(panic))) => resume_unwind(panic),
            (Ok(Some(graph)), Some(Ok(result))) => Ok((Graph(graph), result)),
            (Err(error), _) => Err(error),
            _ => Err(TchError::Torch("nothing was recorded".to_owned())),
        }
    }

    fn repeat(&mut self, drawn: u64) -> Result<(), TchError> {
        // SAFETY: the pointer is the shim's own, and lives until `drop`.
        call(|error| unsafe { exp_tch_repeat(self.0.as_ptr(), drawn, error) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: nobody uses it after this.
        unsafe { exp_tch_forget(self.0.as_ptr()) }
    }
}

/// Work that C++ asks for, and what came of it: its result or its panic, which must not pass through C++.
struct CallBack<W, R> {
    work: Option<W>,
    result: Option<Result<R, Box<dyn Any + Send>>>,
}

impl<W: FnOnce() -> R, R> CallBack<W, R> {
    fn function(&self) -> unsafe extern "C" fn(*mut c_void) -> bool {
        CallBack::<W, R>::done_for
    }

    /// Does the work; whether it came to its end.
    ///
    /// # Safety
    /// `data` is a `CallBack` of this type that nobody else uses meanwhile.
    unsafe extern "C" fn done_for(data: *mut c_void) -> bool {
        // SAFETY: as the caller promises.
        let own = unsafe { &mut *data.cast::<CallBack<W, R>>() };
        own.result = own.work.take().map(|work| catch_unwind(AssertUnwindSafe(work)));
        matches!(own.result, Some(Ok(_)))
    }
}

/// Copies of `f32` tensors of one GPU, which lie in memory as these do, but without holes.
fn copies(tensors: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
    each(tensors, exp_tch_copies)
}
