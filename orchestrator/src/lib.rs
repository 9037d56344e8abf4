//! `exp`: composes, freezes, runs and resumes experiments.

pub mod compose;
