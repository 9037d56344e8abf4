//! The metric `fd_network` with a real pretrained network, against PyTorch:
//! `EXP_PYTHON=venv/bin/python cargo test -p exp-consistency --test network -- --ignored --nocapture`.

use std::path::Path;
use std::process::Command;

use exp_api::spec::NetworkSpec;
use exp_consistency::data::Shape;
use exp_consistency::eval::{Moments, Network, frechet};
use safetensors::SafeTensors;

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

#[test]
#[ignore = "needs a Python with PyTorch and EfficientNet-Lite0 (tests/network/reference.py says what)"]
fn features_and_distances_are_pytorchs() {
    let python = std::env::var("EXP_PYTHON").expect("EXP_PYTHON names an interpreter");
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network/reference.py");
    assert!(Command::new(python).arg(script).arg(folder.path()).status().unwrap().success());
    let bytes = std::fs::read(folder.path().join("reference.safetensors")).unwrap();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f64> {
        let bytes = reference.tensor(name).unwrap().data();
        bytes.chunks_exact(4).map(|part| f64::from(f32::from_le_bytes(part.try_into().unwrap()))).collect()
    };
    let spec = NetworkSpec {
        onnx: Some(folder.path().join("network.onnx").display().to_string()),
        sha256: None,
        side: 224,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };
    let network = Network::open(&spec).unwrap();
    assert_eq!(network.dimensions(), 1280);
    let [first, second] = ["first", "second"].map(|name| network.of(reference.tensor(name).unwrap().data(), SHAPE));
    let wanted = floats("features");
    let scale = wanted.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let apart = first.iter().zip(&wanted).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / scale;
    println!("features apart by {apart:.1e} of the largest, {scale:.3}");
    assert!(first.len() == wanted.len() && apart <= 1e-3, "{apart}");
    let gaussian = |rows: &[f64]| {
        let mut moments = Moments::new(1280);
        moments.extend(rows).unwrap();
        moments.gaussian().unwrap()
    };
    let (distance, wanted) = (frechet(&gaussian(&first), &gaussian(&second)).unwrap().distance, floats("distance")[0]);
    let apart = (distance - wanted).abs() / wanted;
    println!("distance {distance:.6}, by PyTorch and NumPy {wanted:.6}, apart by {apart:.1e}");
    assert!(apart <= 1e-3, "{apart}");
}
