//! The last step of a training, and what it computed; the test around it has `Kept` and `folder_with`.

use std::collections::BTreeMap;

use exp_api::spec::RunSpec;
use exp_api::{Backend, Event, Job, Stop, Task};
use exp_consistency::checkpoint::decode;
use exp_tch::TchBackend;

use super::{Kept, folder_with};

/// Its row of metrics, and by parameter the first moment, which after one step is its gradient times 1 - b1, and the weights after it.
pub struct Step {
    pub row: BTreeMap<String, f64>,
    pub moments: BTreeMap<String, Vec<f32>>,
    pub weights: BTreeMap<String, Vec<f32>>,
}

/// The last step of a run that saves it.
pub fn last_of(spec: RunSpec) -> Step {
    assert_eq!(TchBackend.check(&spec), []);
    let last = spec.train.steps;
    let job = Job::new(Task::Train, spec);
    let (dir, mut kept) = (folder_with(&job), Kept::default());
    TchBackend.run(dir.path(), &job, &mut kept, &Stop::default()).unwrap();
    let row = kept.events.into_iter().find_map(|event| match event {
        Event::Metrics { step, values } if step == last => Some(values.into_iter().collect()),
        _ => None,
    });
    let bytes = std::fs::read(dir.path().join(format!("checkpoints/{last}/state.safetensors"))).unwrap();
    let part =
        |name: &str| decode(&bytes, name).unwrap().into_iter().map(|tensor| (tensor.name, tensor.values)).collect();
    Step { row: row.unwrap(), moments: part("m/"), weights: part("param/") }
}
