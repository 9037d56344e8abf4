//! What is learnt.

use crate::schema::{Kind, choice, group, variants};

choice! {
    /// A part of a data set.
    pub enum Split {
        /// The training images.
        Train = "train",
        /// The held-out images.
        Test = "test",
    }
}

variants! {
    /// The dataset group.
    pub enum DatasetSpec {
        /// 1,797 grey 8x8 digits, embedded in the program.
        Digits8(Digits8Spec) = "digits8",
        /// CIFAR-10 from a directory in the Hugging Face layout.
        Cifar10(Cifar10Spec) = "cifar10",
    }
}

group! {
    /// The embedded digits.
    pub struct Digits8Spec {
        /// Mirror each image left to right with probability 1/2.
        flip: bool => Kind::Bool;
    }
}

group! {
    /// CIFAR-10: 32x32 colour images in parquet files.
    pub struct Cifar10Spec {
        /// Directory that holds `train*.parquet` and `test*.parquet`.
        dir: String => Kind::Text;
        /// Which images.
        split: Split => Kind::Choice(Split::WORDS);
        /// Mirror each image left to right with probability 1/2.
        flip: bool => Kind::Bool;
    }
}

impl DatasetSpec {
    /// Image shape as (channels, side).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            DatasetSpec::Digits8(_) => (1, 8),
            DatasetSpec::Cifar10(_) => (3, 32),
        }
    }

    /// How many classes its labels tell apart.
    pub fn classes(&self) -> u64 {
        match self {
            DatasetSpec::Digits8(_) | DatasetSpec::Cifar10(_) => 10,
        }
    }

    /// Whether images are mirrored at random.
    pub fn flip(&self) -> bool {
        match self {
            DatasetSpec::Digits8(spec) => spec.flip,
            DatasetSpec::Cifar10(spec) => spec.flip,
        }
    }
}
