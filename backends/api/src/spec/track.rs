//! What is written about a run for other programs.

use crate::schema::{Kind, group};

group! {
    /// The MLflow server that a run is sent to while it trains.
    pub struct MlflowSpec {
        /// Its address, such as `http://localhost:5000`. Null: none.
        url: Option<String> => Kind::Text, nullable;
        /// The experiment there that the run belongs to.
        experiment: String => Kind::Text;
    }
}

group! {
    /// The track group.
    pub struct TrackSpec {
        /// Whether the run directory gets a file of events for TensorBoard.
        tensorboard: bool => Kind::Bool;
        /// The MLflow server that it is sent to while it trains.
        mlflow: MlflowSpec => Kind::Group(MlflowSpec::FIELDS);
    }
}
