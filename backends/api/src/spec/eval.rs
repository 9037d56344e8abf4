//! What is measured on drawn images.

use super::Method;
use crate::schema::{Kind, at_least, choice, group};

choice! {
    /// A figure of merit.
    pub enum Metric {
        /// Frechet distance to the data in pixels, average-pooled to 8x8 a channel.
        FdPixel = "fd_pixel",
    }
}

group! {
    /// The eval group.
    pub struct EvalSpec {
        /// The figures to compute.
        metrics: Vec<Metric> => Kind::List { item: &Kind::Choice(Metric::WORDS), min: 0 };
        /// Images drawn for them, at most as many as the data holds; for `fd_pixel` at most 2,000.
        n: u64 => at_least(2);
        /// The sampling methods that are judged at the end; `one_step` always is.
        methods: Vec<Method> => Kind::List { item: &Kind::Choice(Method::WORDS), min: 0 };
    }
}
