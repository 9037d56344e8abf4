//! What libtorch says when it fails, in words for a person.
//!
//! The seam's operations cannot fail, so a failure of the device is a panic with such a message; the trainer's guard
//! makes it an error of the job. It does not decide what the job does next.

use tch::TchError;

#[cfg(test)]
#[path = "../../burn/tests/support/device.rs"]
mod named;

/// The value, or a panic with libtorch's reason.
pub(crate) fn done<R>(result: Result<R, TchError>) -> R {
    result.unwrap_or_else(|error| panic!("{}", words(&error)))
}

/// Leaves it to the guard to say what failed: the panic's own words on standard error would be a second time.
pub fn say_failures_once() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|place| place.file() != file!()) {
            usual(panic);
        }
    }));
}

/// The reason without libtorch's trace of C++ functions and its hints for Python, and what to do where that is known.
fn words(error: &TchError) -> String {
    let TchError::Torch(text) = error else { return error.to_string() };
    // The first two open the trace; the others are of no use here.
    let cause = ["\nException raised from", "\nframe #", " Including non-PyTorch memory", "\nSearch for `cuda"]
        .iter()
        .fold(text.as_str(), |text, mark| text.split(mark).next().unwrap_or(text));
    let cause = cause.trim().trim_end_matches('.');
    let advice = if cause.contains("out of memory") || cause.contains("can't allocate memory") {
        "; training needs less with a smaller train.micro_batch"
    } else if cause.contains("driver version is insufficient") || cause.contains("driver on your system is too old") {
        "; libtorch here is built for CUDA 13, which needs driver 580 or newer"
    } else if cause.contains("no kernel image is available") {
        "; libtorch here holds no code for this GPU"
    } else {
        ""
    };
    format!("{cause}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_cause_alone() {
        let torch = |text: &str| words(&TchError::Torch(text.to_owned()));
        let trace = "shapes differ\nException raised from infer at Size.cpp:9 (most recent call first):\nframe #0: x";
        assert_eq!(torch(trace), "shapes differ");
        assert_eq!(torch("cannot\nframe #0: x\nframe #1: y"), "cannot");
        let full =
            "CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has 1 GiB free. Including non-PyTorch memory, more";
        assert_eq!(
            torch(full),
            "CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has 1 GiB free; training needs less with a smaller train.micro_batch"
        );
        assert!(
            torch("CUDA out of memory. Tried to allocate 2 GiB.")
                .ends_with("training needs less with a smaller train.micro_batch")
        );
        assert!(torch("CUDA error: CUDA driver version is insufficient").contains("driver 580"));
    }

    /// On the device of the suite.
    #[test]
    #[should_panic(expected = "with a smaller train.micro_batch")]
    fn memory_that_is_not_there_is_a_panic_with_advice() {
        let device = crate::device::open(&named::device()).expect("the device is there");
        let huge = [1 << 40, 1 << 15];
        let _ = done(tch::Tensor::f_empty(huge, (tch::Kind::Float, device)));
    }
}
