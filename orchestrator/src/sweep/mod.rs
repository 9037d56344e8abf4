//! Sweeps that choose their points: from the outcomes so far to the next point. Nothing is composed or launched here.
//!
//! `choice` reads what `hydra.sweeper` asks for, also in the words of `optuna` and, of a space, in `older` ones; `filter`
//! leaves points out, `space` is what is searched, `sampler` chooses in it, `halving` gives up jobs that fall behind. A grid
//! needs only the first of them: its points are all known beforehand ([`crate::compose::sweep`]).

mod choice;
mod filter;
mod halving;
mod older;
mod optuna;
mod sampler;
mod space;

pub use choice::{Choice, Direction, Search};
pub use filter::Filter;
pub use halving::Halving;
pub use sampler::{Random, Sampler, Tpe};
pub use space::Space;
