//! A run on an MLflow server, by its REST interface (mlflow.org/docs/latest/rest-api.html, version 2.0).
//!
//! In: what a run directory tells. Out: the run there. What was sent is noted in the run directory: a run that is sent again, perhaps
//! longer or with its last steps done anew, is the same run there, and only what is new is sent.

mod rest;
mod server;
mod unsent;

pub use server::{Sent, Server};
