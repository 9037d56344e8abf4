//! Huge pages: training is faster with them, and a process that only waits for thousands of others is half as large without.
//!
//! The kernel keeps the choice for a process and hands it down to the processes that it starts, which must not have it: so it
//! is taken back while one starts.

use std::sync::{Mutex, PoisonError};

static CHOICE: Mutex<Choice> = Mutex::new(Choice { small: false, starting: 0 });

struct Choice {
    small: bool,
    /// How many processes are being started at this moment.
    starting: usize,
}

/// From now on this process takes no huge pages.
pub(super) fn small() {
    choose(|choice| choice.small = true);
}

/// Starts a process, which takes huge pages if it wants to.
pub(super) fn starting<R>(start: impl FnOnce() -> R) -> R {
    choose(|choice| choice.starting += 1);
    let started = start();
    choose(|choice| choice.starting -= 1);
    started
}

fn choose(change: impl FnOnce(&mut Choice)) {
    let mut choice = CHOICE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = choice.small && choice.starting == 0;
    change(&mut choice);
    let after = choice.small && choice.starting == 0;
    if before != after {
        set(after);
    }
}

#[cfg(target_os = "linux")]
fn set(small: bool) {
    // A kernel that does not know it goes on as it is.
    let _ = rustix::thread::disable_transparent_huge_pages(small);
}

#[cfg(not(target_os = "linux"))]
fn set(_: bool) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    fn flag(text: &str) -> Option<&str> {
        text.lines().find_map(|line| line.strip_prefix("THP_enabled:")).map(str::trim)
    }

    #[test]
    fn a_process_that_is_started_may_take_huge_pages_all_the_same() {
        small();
        let own = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
        if flag(&own).is_none() {
            return; // A kernel that does not tell.
        }
        let child = starting(|| Command::new("cat").arg("/proc/self/status").output()).expect("cat is everywhere");
        assert_eq!([flag(&own), flag(&String::from_utf8_lossy(&child.stdout))], [Some("0"), Some("1")]);
    }
}
