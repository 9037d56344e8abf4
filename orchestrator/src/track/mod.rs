//! Runs for other programs that show them: TensorBoard, which reads a file in the run directory; MLflow and Weights & Biases,
//! which `exp sync` writes to when a user asks for it. What a run directory tells is the truth; all of this follows from it.

pub mod clock;
mod message;
pub mod mlflow;
pub mod tensorboard;
pub mod wandb;
