//! The topology of UNet++: which blocks there are at each resolution, how wide they are, what they are called.

use exp_api::spec::{Decoder, Embedding, Encoder, UnetppSpec};

use super::block::{Block, Role, Style};
use super::resample_conv::{Change, FusedDown};
use super::{Auxiliary, Down, Edges, Entrance, Map, ToImage, Unetpp, Up};
use crate::net::embedding::Frequencies;
use crate::net::layers::{Conv, Dense, NEAR_ZERO};
use crate::net::norm::GroupNorm;
use crate::net::resample::Resample;
use crate::net::scope::Scope;

impl Unetpp {
    /// Plans the network directly in `scope`, whose side its resolutions must divide.
    pub fn plan(scope: &mut Scope, spec: &UnetppSpec, edges: Edges) -> Unetpp {
        let style = Style {
            kind: spec.resblock_type,
            embedding: 4 * spec.n_channels as usize,
            groups: spec.n_groups as usize,
            heads: spec.n_heads as usize,
            dropout: spec.dropout_rate,
            taps: spec.resample_filter.clone(),
        };
        let map = plan_map(scope, spec, edges.joined);
        let (encoder, skips) = plan_encoder(scope, spec, &style, edges);
        let decoder = plan_decoder(scope, spec, &style, edges, skips);
        Unetpp { kind: spec.resblock_type, map, encoder, decoder }
    }
}

fn plan_map(scope: &mut Scope, spec: &UnetppSpec, joined: Option<usize>) -> Map {
    let width = 4 * spec.n_channels as usize;
    // Twice the frequencies where the filter is longer than a pair, as in the original.
    let channels = spec.n_channels as usize * if spec.resample_filter.len() == 2 { 1 } else { 2 };
    let count = channels / 2;
    let frequencies = match spec.embedding_type {
        Embedding::Fourier => scope
            .child("map_noise", |s| Frequencies::plan(s, Embedding::Fourier, "freqs", count, spec.fourier_layer_scale)),
        Embedding::Positional => Frequencies::plan(scope, Embedding::Positional, "freqs", count, 0.0),
    };
    Map {
        frequencies,
        first: scope.child("map_layer0", |s| Dense::weight(s, 2 * count, width)),
        second: scope.child("map_layer1", |s| Dense::weight(s, width, width)),
        join: joined.map(|joined| scope.child("map_noise_proj", |s| Dense::weight(s, width + joined, width))),
    }
}

/// The encoder, and the width of every feature map that it leaves for the decoder.
fn plan_encoder(scope: &mut Scope, spec: &UnetppSpec, style: &Style, edges: Edges) -> (Vec<Down>, Vec<usize>) {
    let mut width = spec.n_channels as usize;
    let mut auxiliary = edges.inputs;
    let (mut levels, mut skips) = (Vec::new(), Vec::new());
    for (level, &mult) in spec.ch_mults.iter().enumerate() {
        let name = Level(level);
        let enter = if level == 0 {
            Entrance::Input(scope.child(&name.enc("conv"), |s| Conv::weight(s, edges.inputs, width, 3, 1.0)))
        } else {
            let side = edges.side >> (level - 1);
            let role = Role { inputs: width, outputs: width, side, change: Change::Down, attends: false };
            let block = Block::plan(scope, &name.enc("down"), style, role);
            let join = match spec.encoder_type {
                Encoder::Standard => Auxiliary::None,
                Encoder::Skip => {
                    let conv = scope.child(&name.enc("aux_skip"), |s| Conv::weight(s, auxiliary, width, 1, 1.0));
                    Auxiliary::Skip(Resample::halve(&style.taps, side), conv)
                }
                Encoder::Residual => Auxiliary::Residual(scope.child(&name.enc("aux_residual"), |s| {
                    FusedDown::plan(s, &style.taps, side, std::mem::replace(&mut auxiliary, width), width)
                })),
            };
            Entrance::Halve(Box::new(block), join)
        };
        skips.push(width);
        let attends = spec.is_atten.get(level).copied().unwrap_or(false);
        let blocks = (0..spec.n_blocks)
            .map(|i| {
                let outputs = spec.n_channels as usize * mult as usize;
                let side = edges.side >> level;
                let role = Role { inputs: width, outputs, side, change: Change::Keep, attends };
                width = outputs;
                skips.push(width);
                Block::plan(scope, &name.enc(&format!("block{i}")), style, role)
            })
            .collect();
        levels.push(Down { enter, blocks });
    }
    (levels, skips)
}

fn plan_decoder(scope: &mut Scope, spec: &UnetppSpec, style: &Style, edges: Edges, mut skips: Vec<usize>) -> Vec<Up> {
    let mut width = skips.last().copied().unwrap_or(0);
    let lowest = spec.ch_mults.len() - 1;
    let mut levels = Vec::new();
    for (level, &mult) in spec.ch_mults.iter().enumerate().rev() {
        let (name, side) = (Level(level), edges.side >> level);
        let plain = Role { inputs: width, outputs: width, side, change: Change::Keep, attends: false };
        let enter = if level == lowest {
            vec![
                Block::plan(scope, &name.dec("in0"), style, Role { attends: true, ..plain }),
                Block::plan(scope, &name.dec("in1"), style, plain),
            ]
        } else {
            vec![Block::plan(scope, &name.dec("up"), style, Role { side: side / 2, change: Change::Up, ..plain })]
        };
        let attends = spec.is_atten.get(level).copied().unwrap_or(false);
        let blocks = (0..=spec.n_blocks)
            .map(|i| {
                let (inputs, outputs) = (width + skips.pop().unwrap_or(0), spec.n_channels as usize * mult as usize);
                width = outputs;
                let role = Role { inputs, outputs, attends: attends && i == spec.n_blocks, ..plain };
                Block::plan(scope, &name.dec(&format!("block{i}")), style, role)
            })
            .collect();
        let output = (level == 0 || spec.decoder_type == Decoder::Skip).then(|| ToImage {
            double: (level < lowest && spec.decoder_type == Decoder::Skip)
                .then(|| Resample::double(&style.taps, side / 2)),
            norm: scope.child(&name.dec("aux_norm"), |s| GroupNorm::plan(s, width, style.groups)),
            conv: scope.child(&name.dec("aux_conv"), |s| Conv::weight(s, width, edges.outputs, 3, NEAR_ZERO)),
        });
        levels.push(Up { enter, blocks, output });
    }
    levels
}

/// A resolution in names, which count from 32x32 whatever the image.
struct Level(usize);

impl Level {
    fn enc(&self, part: &str) -> String {
        format!("enc_{0}x{0}_{part}", 32 >> self.0)
    }

    fn dec(&self, part: &str) -> String {
        format!("dec_{0}x{0}_{part}", 32 >> self.0)
    }
}
