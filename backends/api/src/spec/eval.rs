//! What is measured on drawn images.

use super::Method;
use crate::schema::{Kind, NUMBER, POSITIVE, at_least, choice, group, levels};

/// Images that `pae` holds in memory at once.
const IMAGES: Kind = Kind::Int { min: 1, max: 1 << 20 };
/// Draws of `pae`: each is an evaluation of the network for every image and level.
const DRAWS: Kind = Kind::Int { min: 1, max: 1 << 16 };

choice! {
    /// A figure of merit.
    pub enum Metric {
        /// Frechet distance to the data in pixels, average-pooled to 8x8 a channel.
        FdPixel = "fd_pixel",
        /// Frechet distance to the data in features of a random network.
        FdRandom = "fd_random",
        /// Frechet distance to the data in features of a network in an ONNX file.
        FdNetwork = "fd_network",
        /// FID as the papers compute it (TensorFlow 1's resizing).
        FidTf = "fid_tf",
        /// FID with Pillow's bilinear resizing of 8-bit images, as the score-guided system has it.
        FidPil = "fid_pil",
        /// FID with PyTorch's bilinear resizing, as pytorch-fid has it.
        FidTorch = "fid_torch",
        /// FID with Pillow's bicubic resizing, as clean-fid has it.
        FidClean = "fid_clean",
        /// Pixel-wise absolute error against the exact posterior mean, over noise levels.
        Pae = "pae",
    }
}

choice! {
    /// What is computed beside a Frechet distance, in the same features.
    pub enum Beside {
        /// The kernel distance KID.
        Kid = "kid",
        /// Precision and recall by nearest neighbours.
        PrecisionRecall = "precision_recall",
        /// The Inception score, of all images that are drawn; beside a FID whose weights hold the classifier.
        InceptionScore = "inception_score",
    }
}

group! {
    /// The network of FID.
    pub struct InceptionSpec {
        /// A safetensors file with the weights of FID's Inception-v3; `conf/README.md` says how to make it.
        weights: Option<String> => Kind::Text, nullable;
        /// The SHA-256 that the file must have, in hexadecimal digits. Null: any.
        sha256: Option<String> => Kind::Text, nullable;
        /// A .npz with `mu` and `sigma` to compare with, instead of those of the data set. Null: the data set's.
        statistics: Option<String> => Kind::Text, nullable;
    }
}

group! {
    /// The network of `fd_network`.
    pub struct NetworkSpec {
        /// An ONNX file: images `[N,3,side,side]` in, features `[N,d]` or maps `[N,d,h,w]`, which are averaged, out.
        onnx: Option<String> => Kind::Text, nullable;
        /// The SHA-256 that the file must have, in hexadecimal digits. Null: any.
        sha256: Option<String> => Kind::Text, nullable;
        /// The side of its images; they come to it by Pillow's bilinear resizing.
        side: u64 => Kind::Int { min: 1, max: 4096 };
        /// What is subtracted from the colours, which go from 0 to 1.
        mean: [f64; 3] => Kind::List { item: &NUMBER, min: 3 };
        /// By what they are divided then.
        std: [f64; 3] => Kind::List { item: &POSITIVE, min: 3 };
    }
}

group! {
    /// Over what `pae` is taken.
    pub struct PaeSpec {
        /// The first images of the data set.
        images: u64 => IMAGES;
        /// Noise levels, from the schedule's largest down.
        levels: u64 => levels(2);
        /// Draws that are averaged.
        draws: u64 => DRAWS;
        /// The smallest noise level; below the schedule's largest.
        sigma_min: f64 => POSITIVE;
    }
}

group! {
    /// The eval group.
    pub struct EvalSpec {
        /// The figures to compute.
        metrics: Vec<Metric> => Kind::List { item: &Kind::Choice(Metric::WORDS), min: 0 };
        /// What is computed beside every distance in features of a network; but for the score, of at most 10,000 images.
        beside: Vec<Beside> => Kind::List { item: &Kind::Choice(Beside::WORDS), min: 0 };
        /// Images drawn for them; for `fd_pixel` at most 2,000 and at most as many as the data holds.
        n: u64 => at_least(2);
        /// The sampling methods that are judged, at every evaluation. The main one always is: `one_step`, with `loss.kind=edm`
        /// `heun`.
        methods: Vec<Method> => Kind::List { item: &Kind::Choice(Method::WORDS), min: 0 };
        /// The network of FID.
        inception: InceptionSpec => Kind::Group(InceptionSpec::FIELDS);
        /// The network of `fd_network`.
        network: NetworkSpec => Kind::Group(NetworkSpec::FIELDS);
        /// Over what `pae` is taken.
        pae: PaeSpec => Kind::Group(PaeSpec::FIELDS);
    }
}
