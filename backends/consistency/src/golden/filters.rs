//! Golden resampling: the filters of NCSN++ and UNet++, with and without their convolutions.

use serde_json::json;

use super::case::Case;
use super::config;
use super::networks::planned;
use crate::engine::Engine;
use crate::net::layers::Conv;
use crate::net::ncsnpp::resize::{Channels, Resize};
use crate::net::resample::Resample;
use crate::net::scope::Scope;
use crate::net::unetpp::resample_conv::{FusedDown, ResampleConv};
use crate::params::Params;
use crate::tensor::Tensor;

/// Compares every output of the case; its name says which layer made it and with which filter.
pub(super) fn case<E: Engine>(engine: &E, case: &Case) -> Result<(), String> {
    let x = case.tensor(engine, "in/x")?;
    let bench = Bench { engine, case, side: x.shape()[2], x, kernel: kernel(engine, case)? };
    for name in case.names().filter(|name| name.starts_with("out/")) {
        let (layer, filter) = name["out/".len()..].split_once('/').unwrap_or((&name["out/".len()..], ""));
        let taps: Vec<f64> = match &case.config["kernels"][filter] {
            serde_json::Value::Null => Vec::new(),
            taps => serde_json::from_value(taps.clone()).map_err(|error| error.to_string())?,
        };
        case.close_tensor(name, &bench.found(layer, &taps)?)?;
    }
    Ok(())
}

/// What all layers are given.
struct Bench<'a, E: Engine> {
    engine: &'a E,
    case: &'a Case,
    side: usize,
    x: E::T,
    kernel: E::T,
}

impl<E: Engine> Bench<'_, E> {
    fn found(&self, layer: &str, taps: &[f64]) -> Result<E::T, String> {
        let (x, side) = (&self.x, self.side);
        let channels = Some((self.kernel.shape()[1], self.kernel.shape()[0]));
        let weight = |scope: &mut Scope| Conv::weight(scope, self.kernel.shape()[1], self.kernel.shape()[0], 3, 1.0);
        // In the reference's order of layers; those of UNet++ have a bias.
        Ok(match layer {
            "downsample_2d" => self.resize(taps, None, Resize::down)?,
            "upsample_2d" => self.resize(taps, None, Resize::up)?,
            "conv_downsample_2d" => self.resize(taps, channels, Resize::down)?,
            "upsample_conv_2d" => self.resize(taps, channels, Resize::up)?,
            "conv3_stride2_same" => self.resize(&[], channels, Resize::down)?,
            "naive_downsample_2d" => Resample::Average.apply(x),
            "naive_upsample_2d" | "resize_nearest_x2" => Resample::Nearest.apply(x),
            "edmconv_down_k0" => Resample::halve(taps, side).apply(x),
            "edmconv_up_k0" => Resample::double(taps, side).apply(x),
            "edmconv_plain_k3" => self.with_bias(weight, |conv, theta| conv.apply(theta, x))?,
            "edmconv_down_k3" => self.with_bias(weight, |conv, theta| {
                ResampleConv::new(Some(Resample::halve(taps, side)), conv.clone()).apply(theta, x)
            })?,
            "edmconv_up_k3" => self.with_bias(weight, |conv, theta| {
                ResampleConv::new(Some(Resample::double(taps, side)), conv.clone()).apply(theta, x)
            })?,
            "edmconv_down_k3_fused" => self.with_bias(
                |s| FusedDown::plan(s, taps, side, self.kernel.shape()[1], self.kernel.shape()[0]),
                |down, theta| down.apply(theta, x),
            )?,
            unknown => return Err(format!("no layer is called {unknown}")),
        })
    }

    /// A resizing module of NCSN++, without a filter if there are no taps, and without a bias.
    fn resize(
        &self,
        taps: &[f64],
        channels: Channels,
        plan: fn(&mut Scope, &exp_api::spec::NcsnppSpec, usize, Channels) -> Resize,
    ) -> Result<E::T, String> {
        let spec = config::ncsnpp(&json!({ "fir": !taps.is_empty(), "fir_kernel": taps }))?;
        self.run(None, |s| plan(s, &spec, self.side, channels), |resize, theta| resize.apply(theta, &self.x))
    }

    fn with_bias<L>(
        &self,
        plan: impl FnOnce(&mut Scope) -> L,
        apply: impl FnOnce(&L, &Params<E::T>) -> E::T,
    ) -> Result<E::T, String> {
        self.run(Some("in/b4"), plan, apply)
    }

    /// Plans a layer of at most one kernel and one bias, and applies it with those of the case.
    fn run<L>(
        &self,
        bias: Option<&str>,
        plan: impl FnOnce(&mut Scope) -> L,
        apply: impl FnOnce(&L, &Params<E::T>) -> E::T,
    ) -> Result<E::T, String> {
        let (layer, plan) = planned("layer", plan)?;
        let bias = bias.map(|name| self.case.tensor(self.engine, name)).transpose()?;
        let theta = Params::build(&plan, |(_, spec)| match (spec.shape.len(), &bias) {
            (4, _) => self.kernel.clone(),
            (_, Some(bias)) => bias.clone(),
            (_, None) => self.engine.upload(&spec.shape, &vec![0.0; spec.len()]),
        });
        Ok(apply(&layer, &theta))
    }
}

/// The case's 3x3 kernel, turned to OIHW.
fn kernel<E: Engine>(engine: &E, case: &Case) -> Result<E::T, String> {
    let kernel = case.tensors.get("in/w3")?.permuted(&[3, 2, 0, 1]);
    Ok(engine.upload(&kernel.shape, &kernel.single()))
}
