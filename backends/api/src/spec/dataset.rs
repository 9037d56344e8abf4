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

choice! {
    /// The planes of an image.
    pub enum Colour {
        /// One.
        Grey = "grey",
        /// Red, green and blue.
        Rgb = "rgb",
    }
}

choice! {
    /// What happens to a picture, or to a whole file of them, that cannot be used.
    pub enum Faulty {
        /// The run is refused, and the picture named.
        Refuse = "refuse",
        /// It is left out and counted.
        Skip = "skip",
    }
}

variants! {
    /// The dataset group.
    pub enum DatasetSpec {
        /// 1,797 grey 8x8 digits, embedded in the program.
        Digits8(Digits8Spec) = "digits8",
        /// CIFAR-10 as parquet files or binary batches.
        Cifar10(Cifar10Spec) = "cifar10",
        /// Any pictures.
        Images(ImagesSpec) = "images",
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
    /// CIFAR-10: 32x32 colour images in ten classes.
    pub struct Cifar10Spec {
        /// A folder, zip or tar that holds `train*.parquet` and `test*.parquet`, or the binary batches.
        dir: String => Kind::Text;
        /// Which images.
        split: Split => Kind::Choice(Split::WORDS);
        /// Mirror each image left to right with probability 1/2.
        flip: bool => Kind::Bool;
        /// What happens to a picture, or to a whole file of them, that cannot be used.
        faulty: Faulty => Kind::Choice(Faulty::WORDS);
    }
}

group! {
    /// Pictures of any size, scaled to cover a square and cut at their middle.
    pub struct ImagesSpec {
        /// A folder, zip or tar of .png and .jpg files or of parquet files with an image column. Folders `train` and `test`
        /// part the splits; the folders below are the classes.
        dir: String => Kind::Text;
        /// Which images.
        split: Split => Kind::Choice(Split::WORDS);
        /// The planes of the images.
        colour: Colour => Kind::Choice(Colour::WORDS);
        /// Rows and columns.
        side: u64 => Kind::Int { min: 4, max: 1024 };
        /// How many classes the labels tell apart.
        classes: u64 => Kind::Int { min: 1, max: 65536 };
        /// Mirror each image left to right with probability 1/2.
        flip: bool => Kind::Bool;
        /// What happens to a picture, or to a whole file of them, that cannot be used.
        faulty: Faulty => Kind::Choice(Faulty::WORDS);
    }
}

impl DatasetSpec {
    /// Image shape as (channels, side).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            DatasetSpec::Digits8(_) => (1, 8),
            DatasetSpec::Cifar10(_) => (3, 32),
            DatasetSpec::Images(spec) => (if spec.colour == Colour::Grey { 1 } else { 3 }, spec.side as usize),
        }
    }

    /// How many classes its labels tell apart.
    pub fn classes(&self) -> u64 {
        match self {
            DatasetSpec::Digits8(_) | DatasetSpec::Cifar10(_) => 10,
            DatasetSpec::Images(spec) => spec.classes,
        }
    }

    /// Whether images are mirrored at random.
    pub fn flip(&self) -> bool {
        match self {
            DatasetSpec::Digits8(spec) => spec.flip,
            DatasetSpec::Cifar10(spec) => spec.flip,
            DatasetSpec::Images(spec) => spec.flip,
        }
    }
}
