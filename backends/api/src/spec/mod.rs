//! The run spec: everything a worker needs to know about a run, typed, one file per configuration group.
//!
//! A spec is composed and checked by the orchestrator, frozen as `spec.json`, and never changed by a backend. All
//! defaults live in `conf/`; a spec holds a value for every key.

mod backend;
mod dataset;
mod eval;
mod job;
mod loss;
mod model;
mod sample;
mod schedule;
mod track;
mod train;

pub use backend::{BackendSpec, FastPath, Precision};
pub use dataset::{Cifar10Spec, Colour, DatasetSpec, Digits8Spec, Faulty, ImagesSpec, Split};
pub use eval::{Beside, EvalSpec, InceptionSpec, Metric, NetworkSpec, PaeSpec};
pub use job::{Job, JobFileError, Source, Task, Which};
pub use loss::{HuberNorm, HuberSpec, LossKind, LossSpec, LpipsSpec};
pub use model::{
    AttentionSites, BaselineHeadSpec, BlockType, Combine, ConvHeadSpec, Decoder, Embedding, Encoder, FactorSpec,
    HeadSpec, MincyAttention, MincySpec, ModelSpec, NcsnppSpec, Nonlinearity, Precondition, Progressive,
    ProgressiveInput, ScorePdeHeadSpec, TorsoSpec, UnetSpec, UnetppSpec,
};
pub use sample::{Method, SampleSpec, Save};
pub use schedule::{EctPairsSpec, EdmPairsSpec, ScheduleKind, ScheduleSpec};
pub use track::{MlflowSpec, TrackSpec};
pub use train::{Clip, EmaSpec, OptimizerKind, TrainSpec};

use crate::schema::{COUNT, Kind, group};

group! {
    /// A complete description of one run.
    pub struct RunSpec {
        /// Seed of every random draw.
        seed: u64 => COUNT;
        /// Where and how tensors are computed.
        backend: BackendSpec => Kind::Group(BackendSpec::FIELDS);
        /// What is learnt.
        dataset: DatasetSpec => Kind::Variants(DatasetSpec::VARIANTS);
        /// The network and its score head.
        model: ModelSpec => Kind::Group(ModelSpec::FIELDS);
        /// The training objective.
        loss: LossSpec => Kind::Group(LossSpec::FIELDS);
        /// Noise levels and their curriculum.
        schedule: ScheduleSpec => Kind::Group(ScheduleSpec::FIELDS);
        /// Budget, optimiser and cadences.
        train: TrainSpec => Kind::Group(TrainSpec::FIELDS);
        /// The moving average of the weights that sampling uses.
        ema: EmaSpec => Kind::Group(EmaSpec::FIELDS);
        /// How images are drawn.
        sample: SampleSpec => Kind::Group(SampleSpec::FIELDS);
        /// What is measured on them.
        eval: EvalSpec => Kind::Group(EvalSpec::FIELDS);
        /// Where the initial weights come from: a run directory (its last averaged weights), or a safetensors file with
        /// the parameter names of EDM's SongUNet.
        init_from: Option<String> => Kind::Text, nullable;
        /// What is written about the run for other programs.
        track: TrackSpec => Kind::Group(TrackSpec::FIELDS);
        /// Words to find the run by.
        tags: Vec<String> => Kind::List { item: &Kind::Text, min: 0 };
        /// Free text about the run.
        notes: Option<String> => Kind::Text, nullable;
        /// The one free map: carried along, never read.
        params: serde_json::Map<String, serde_json::Value> => Kind::Free;
    }
}
