//! `fid_log_METHOD.txt`: FID over the course of training, in the lines of the score-guided system, for scripts that read them.
//!
//! The figures are in `metrics.jsonl` too. Of several ways to compute FID the first of `eval.metrics` is here.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use exp_api::figure::{OF_MEANS, explains};
use exp_api::spec::Method;

use crate::files::whole;

/// Writes the lines of one evaluation behind those of earlier steps, if there is an FID among `figures`; lines of this step
/// and later ones, which a run that was taken up again has yet to reach, go.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn record(dir: &Path, step: u64, method: Method, figures: &[(String, f64)]) -> io::Result<()> {
    let of = |name: &str| figures.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
    let is_fid = |name: &&String| name.starts_with("fid") && !explains(name);
    let Some(name) = figures.iter().map(|(name, _)| name).find(is_fid) else { return Ok(()) };
    let (Some(fid), Some(means)) = (of(name), of(&format!("{name}{OF_MEANS}"))) else { return Ok(()) };
    let path = dir.join(format!("fid_log_{}.txt", method.word()));
    let before = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let earlier = |line: &&str| {
        let written = line.split_once(" of Step ").and_then(|(_, rest)| rest.split_once(' ')?.0.parse::<u64>().ok());
        written.is_some_and(|written| written < step)
    };
    let kept: String = before.lines().filter(earlier).map(|line| format!("{line}\n")).collect();
    whole(&path, |file| {
        write!(file, "{kept}FID score of Step {step} : {fid:.4}\nMean difference of Step {step} : {means:.4}\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_seeds_and_a_resumed_run_writes_them_anew() {
        let dir = tempfile::tempdir().unwrap();
        let record = |step, fid| {
            let figures = [("fd_random", 9.0), ("fid50k_pil", fid), ("fid50k_pil_mu_diff", 0.25), ("fid50k_tf", 8.0)];
            let figures = figures.map(|(name, value)| (name.to_owned(), value));
            record(dir.path(), step, Method::OneStep, &figures).unwrap();
            fs::read_to_string(dir.path().join("fid_log_one_step.txt")).unwrap()
        };
        record(10_000, 7.123_46);
        let both = record(20_000, 3.0);
        let lines = "FID score of Step 10000 : 7.1235\nMean difference of Step 10000 : 0.2500\n\
                     FID score of Step 20000 : 3.0000\nMean difference of Step 20000 : 0.2500\n";
        assert_eq!(both, lines);
        record(30_000, 2.0);
        assert_eq!(record(20_000, 3.0), lines);
    }

    #[test]
    fn without_fid_there_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        record(dir.path(), 5, Method::TwoStep, &[("fd_pixel".to_owned(), 1.0)]).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
