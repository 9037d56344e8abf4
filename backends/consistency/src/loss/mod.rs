//! The training objective: a consistency distance, and denoising score matching of the head.
//!
//! Owns how clean images become noised pairs ([`Noised`]) and what is minimised on them ([`joint`]). Knows neither data
//! sets nor optimisers. In: a batch and the parameters. Out: [`Terms`], the total that is differentiated and its parts.

pub(crate) mod consistency;
pub(crate) mod dsm;
mod joint;
mod noised;

pub use joint::{Terms, joint};
pub use noised::{Clean, Noised};
