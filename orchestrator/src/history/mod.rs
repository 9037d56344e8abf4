//! The runs that there are: what their directories tell, found again quickly.
//!
//! In: a folder of run directories, such as `outputs`. Out: a [`History`], of which [`Filter`] chooses runs and [`Column`]
//! takes values; [`together`] and [`Spread`] make one of several. The directories are the truth; [`index`] keeps a copy of what was read, which may be deleted at any
//! time. Nothing here writes into a run directory except [`Labels`], which are a user's own words.

mod alike;
mod column;
mod detail;
mod filter;
mod find;
mod index;
mod labels;
mod newest;
mod run;
mod spread;

pub use alike::together;
pub use column::{Column, common, seconds, started, varied};
pub use detail::{Detail, Evaluation, PICTURES, config};
pub use filter::{Filter, known, select, text};
pub use find::{History, is_hidden, outermost};
pub use labels::Labels;
pub use newest::first_row;
pub use run::{OVERRIDES, Part, Run, flat, overrides, read_json};
pub use spread::Spread;
