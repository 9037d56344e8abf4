//! What burn says when it fails, in words for a person.
//!
//! The seam's operations cannot fail, so a failure of the device is a panic with such a message; the trainer's guard
//! makes it an error of the job. Burn keeps a failure to itself until values that depend on it are read.

use std::panic::resume_unwind;

/// A panic with burn's reason. Nothing on standard error: the guard says it.
pub(crate) fn fail(reason: &str) -> ! {
    resume_unwind(Box::new(words(reason)))
}

/// The innermost cause without traces and sources, and what to do where that is known.
fn words(reason: &str) -> String {
    let cause = reason.rsplit("Caused by:\n").next().unwrap_or(reason);
    let cause = ["\nBacktrace", "\nNo backtrace available", "\nAsked at:", "\n   0: ", "\n[Source]"]
        .iter()
        .fold(cause, |cause, mark| cause.split(mark).next().unwrap_or(cause))
        .trim();
    let full = ["out of device memory", "can't allocate", "out of memory"];
    if full.iter().any(|words| cause.to_lowercase().contains(words)) {
        format!("{cause}; training needs less with a smaller train.micro_batch")
    } else {
        cause.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_innermost_cause_alone() {
        let unwritten = "The bytes were never written (failure #1, still claiming 9 buffer(s))\n  at add\nCaused by:\n  \
                         An IO error happened\nCaused by:\n  out of device memory allocating 1024 bytes\nNo backtrace \
                         available\nAsked at:\nNo backtrace available";
        assert_eq!(
            words(unwritten),
            "out of device memory allocating 1024 bytes; training needs less with a smaller train.micro_batch"
        );
        let full =
            "An IO error happened\nCaused by:\n  can't allocate buffer of size: 9\n   0: burn::create\n   1: main";
        assert_eq!(
            words(full),
            "can't allocate buffer of size: 9; training needs less with a smaller train.micro_batch"
        );
        let compiling = "A launch error happened\nCaused by:\n  A compilation error happened during launch\nCaused by:\n  \
                         [Compilation Error] \n    kernel.cu(3): no such type\n[Source]  \n__global__ void f() {}\nBacktrace:\nx";
        assert_eq!(words(compiling), "[Compilation Error] \n    kernel.cu(3): no such type");
        assert_eq!(words("no reason is known"), "no reason is known");
    }
}
