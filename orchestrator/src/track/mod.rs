//! Runs for other programs that show them: TensorBoard, which reads a file in the run directory; an MLflow server, which a
//! run may be sent to while it trains; Weights & Biases, for which `exp sync` writes a folder. What a run directory tells is
//! the truth; all of this follows from it.

pub mod clock;
pub mod live;
mod message;
pub mod mlflow;
mod note;
pub mod tensorboard;
pub mod wandb;

/// The experiment or project that runs are sent to where none is named.
pub const PROJECT: &str = "exp";
