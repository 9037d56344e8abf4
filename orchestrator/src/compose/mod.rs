//! Composes configuration as Hydra 1.3.2 does: files and words in, one typed tree out.
//!
//! Pure: reads configuration files and nothing else of the world, prints nothing, starts nothing.
//! What the environment, the clock and the command line say comes in with the [`Request`].
//!
//! | step | module | in -> out |
//! |---|---|---|
//! | find | [`search`], [`fragment`], `yaml` | name -> file in parts, every value with its line |
//! | parse | [`overrides`] | word -> [`Override`] |
//! | select | [`defaults`] | defaults lists and choices -> files in order, with their packages |
//! | stack | `stack`, `merge`, `repeated` | files -> one tree |
//! | edit | `overrides::apply` | `a=1`, `+a=1`, `~a` -> the tree changed |
//! | finish | `hydra_node` | the `hydra` node checked and filled in |
//! | ask | [`composed`], `interpolate`, `emit` | path -> value; tree -> YAML |
//! | type | [`extract`] | resolved tree -> `RunSpec`, or all problems |
//! | sweep | [`sweep`] | words -> the words of each job |
//!
//! Everything that is wrong comes back as [`Problems`], with who set the value and what to type.

pub(crate) mod base64;
mod builtin;
pub mod composed;
mod conform;
mod cursor;
mod decimal;
pub mod defaults;
mod emit;
pub mod extract;
pub mod fragment;
mod glob;
#[cfg(test)]
mod hostile;
mod hydra_node;
mod interpolate;
mod json;
mod key;
mod lexeme;
mod map;
mod merge;
pub mod node;
pub mod origin;
pub mod overrides;
mod place;
mod plugin;
pub mod problem;
#[cfg(test)]
mod properties;
mod python;
mod repeated;
mod request;
mod scalar;
pub mod search;
pub mod secret;
mod stack;
pub mod sweep;
mod world;
mod yaml;

pub use composed::{Composed, Part, View};
pub use emit::{yaml as to_yaml, yaml_with_origins as to_yaml_with_origins};
pub use fragment::Library;
pub use hydra_node::VERSION as HYDRA;
pub use json::to_json;
pub use node::{Key, Map, Node, Value};
pub use origin::{Origin, Trail};
pub use overrides::Override;
pub use problem::{Problem, Problems};
pub use python::{float as float_text, str as text};
pub use request::{Mode, Request, compose, select};
pub use search::{Place, SearchPath};
pub use stack::Stack;
pub use world::World;
pub use yaml::load as load_yaml;
