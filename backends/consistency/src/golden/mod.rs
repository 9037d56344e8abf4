//! Golden values: what a reference implementation computed, for comparison with any engine.
//!
//! A directory holds `manifest.json`, with a kind, a configuration and a tolerance for every case, and a safetensors
//! file a case. Images are stored NHWC and kernels HWIO; parameters are stored as f16, exactly. Owns reading and
//! comparing; what a case computes stands in the file of its kind. In: an [`Engine`] and a directory. Out: a
//! [`Summary`], and a line for each case on standard output.

mod case;
mod config;
mod distances;
mod eight_bits;
mod ema;
mod filters;
mod losses;
mod lpips;
mod networks;
mod optimizer;
mod sample;
mod schedule;
mod tensors;
mod train;

use std::path::Path;

use serde_json::Value;

use self::case::{Case, number};
use self::networks::{network, params};
use crate::conformance::attempt;
use crate::engine::Engine;

/// How many cases agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Cases that agree within their tolerance.
    pub passed: usize,
    /// Cases compared.
    pub total: usize,
}

impl Summary {
    /// Whether every case agrees, and there is one.
    pub fn all_passed(&self) -> bool {
        self.passed == self.total && self.total > 0
    }
}

/// What to do with a case.
enum Verdict {
    Compared(Result<(), String>),
    /// It only holds what other cases read.
    Material,
}

/// Compares all cases in `dir`. A directory that cannot be read is one case that fails.
pub fn run<E: Engine>(engine: &E, dir: &Path) -> Summary {
    let mut summary = Summary { passed: 0, total: 0 };
    let mut count = |name: &str, outcome: Result<String, String>| {
        summary.total += 1;
        summary.passed += usize::from(outcome.is_ok());
        match outcome {
            Ok(remark) => println!("ok      {name}: {remark}"),
            Err(message) => println!("FAILED  {name}: {message}"),
        }
    };
    match manifest(dir) {
        Err(message) => count("manifest.json", Err(message)),
        Ok(manifest) => {
            for (name, entry) in manifest["cases"].as_object().into_iter().flatten() {
                let case = Case::open(dir, entry);
                match case.and_then(|case| attempt(|| Ok(verdict(engine, &case))).map(|verdict| (verdict, case))) {
                    Err(message) => count(name, Err(message)),
                    Ok((Verdict::Compared(outcome), case)) => count(name, outcome.and_then(|()| case.remark())),
                    Ok((Verdict::Material, _)) => println!("read    {name}: by other cases"),
                }
            }
        }
    }
    println!("golden: {}/{} cases", summary.passed, summary.total);
    summary
}

/// The one list of kinds.
fn verdict<E: Engine>(engine: &E, case: &Case) -> Verdict {
    Verdict::Compared(match case.kind.as_str() {
        "ncsnpp" | "unetpp" => networks::preconditioned(engine, case),
        "ncsnpp_bare" | "unet" => networks::bare(engine, case),
        "mincy" => networks::mincy(engine, case),
        "head" => networks::head(engine, case),
        "fir" => filters::case(engine, case),
        "schedule" => schedule::case(engine, case),
        "losses" => losses::case(engine, case),
        "lpips" => lpips::case(engine, case),
        "uint8" => eight_bits::case(case),
        "optimizer" => optimizer::case(engine, case),
        "ema" => ema::case(engine, case),
        "train" => case.weights().and_then(|weights| train::case(engine, case, &weights)),
        "sample" => case.weights().and_then(|weights| sample::case(engine, case, &weights)),
        "weights" => return Verdict::Material,
        "frechet" => distances::frechet_case(case),
        "resize" => distances::resize(case),
        "inception" => distances::inception(engine, case),
        "ideal_denoiser" => distances::ideal_denoiser(engine, case),
        unknown => Err(format!("unknown kind {unknown}")),
    })
}

fn manifest(dir: &Path) -> Result<Value, String> {
    let path = dir.join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;
    use serde_json::json;

    use super::*;
    use crate::oracle::OracleEngine;

    #[test]
    fn a_case_that_panics_hides_no_other() {
        let tensors: [(&str, &[f32]); 7] = [
            // Two values that follow three: no engine can.
            ("ema0", &[0.0, 1.0]),
            ("step0/param", &[0.0, 1.0, 2.0]),
            ("step0/decay", &[0.0]),
            ("in/x", &[-1.0, 1.0]),
            ("out/uint8", &[0.0, 255.0]),
            ("in/pixels", &[0.0, 255.0]),
            ("out/normalised", &[-1.0, 1.0]),
        ];
        let bytes = tensors.map(|(_, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        let views = tensors.iter().zip(&bytes).map(|((name, values), bytes)| {
            (*name, TensorView::new(Dtype::F32, vec![values.len()], bytes).expect("as many bytes as values take"))
        });
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).expect("it can be written");
        write("values", &safetensors::serialize(views, None).expect("a file"));
        let case = |kind: &str| json!({"kind": kind, "file": "values", "config": {"beta": 0.9}, "tolerance": {"atol": 0.0, "rtol": 0.0}});
        let manifest = json!({"cases": {"a panics": case("ema"), "b holds": case("uint8")}});
        write("manifest.json", manifest.to_string().as_bytes());
        assert_eq!(run(&OracleEngine, dir.path()), Summary { passed: 1, total: 2 });
    }
}
