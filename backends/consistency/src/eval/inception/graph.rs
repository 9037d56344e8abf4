//! Inception-v3 as FID uses it (Szegedy et al. 2016; the TensorFlow graph of 2015-12-05 as torchvision names its layers),
//! as data: what each block computes, and which convolutions there are.
//!
//! Average pools do not count their padding, and the pool of the last block takes maxima.

/// A convolution without a bias, its batch normalisation, and a rectifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Its name in its block, and the whole name in the stem.
    pub name: &'static str,
    /// Channels out.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Every so many pixels only.
    pub stride: usize,
    /// Whether zeros around the image keep its size (before the stride).
    pub padded: bool,
}

/// What a branch does before its convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Nothing.
    None,
    /// Means of 3x3 pixels, padding left out.
    Mean,
    /// Largest of 3x3 pixels.
    Max,
    /// Largest of 3x3 pixels, every other one, no padding.
    MaxStride,
}

/// One path through a block.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// First of all.
    pub pool: Pool,
    /// Then these in turn.
    pub layers: Vec<Layer>,
    /// Then both of these, side by side.
    pub fork: Option<[Layer; 2]>,
}

/// Branches whose results are joined along channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// torchvision's name.
    pub name: &'static str,
    /// The branches in the order of their channels.
    pub branches: Vec<Branch>,
}

/// The layers before the first block; a pool follows the third and the last.
pub fn stem() -> [Layer; 5] {
    let valid = |name, outputs, side, stride| Layer { padded: false, ..layer(name, outputs, [side, side], stride) };
    [
        valid("Conv2d_1a_3x3", 32, 3, 2),
        valid("Conv2d_2a_3x3", 32, 3, 1),
        square("Conv2d_2b_3x3", 64, 3),
        square("Conv2d_3b_1x1", 80, 1),
        valid("Conv2d_4a_3x3", 192, 3, 1),
    ]
}

/// The eleven blocks.
pub fn blocks() -> Vec<Block> {
    vec![
        block_a("Mixed_5b", 32),
        block_a("Mixed_5c", 64),
        block_a("Mixed_5d", 64),
        block_b("Mixed_6a"),
        block_c("Mixed_6b", 128),
        block_c("Mixed_6c", 160),
        block_c("Mixed_6d", 160),
        block_c("Mixed_6e", 192),
        block_d("Mixed_7a"),
        block_e("Mixed_7b", Pool::Mean),
        block_e("Mixed_7c", Pool::Max),
    ]
}

impl Block {
    /// Its convolutions in order, each with the channels that it takes from an image of `inputs` channels.
    pub fn layers(&self, inputs: usize) -> Vec<(Layer, usize)> {
        let mut found = Vec::new();
        for branch in &self.branches {
            let mut width = inputs;
            for &layer in &branch.layers {
                found.push((layer, width));
                width = layer.outputs;
            }
            found.extend(branch.fork.into_iter().flatten().map(|layer| (layer, width)));
        }
        found
    }

    /// Channels that it makes of an image of `inputs` channels.
    pub fn outputs(&self, inputs: usize) -> usize {
        let width = |branch: &Branch| match branch.fork {
            Some([a, b]) => a.outputs + b.outputs,
            None => branch.layers.last().map_or(inputs, |layer| layer.outputs),
        };
        self.branches.iter().map(width).sum()
    }
}

fn layer(name: &'static str, outputs: usize, kernel: [usize; 2], stride: usize) -> Layer {
    Layer { name, outputs, kernel, stride, padded: stride == 1 }
}

fn square(name: &'static str, outputs: usize, side: usize) -> Layer {
    layer(name, outputs, [side, side], 1)
}

fn path(layers: impl Into<Vec<Layer>>) -> Branch {
    Branch { pool: Pool::None, layers: layers.into(), fork: None }
}

fn pooled(pool: Pool, outputs: usize) -> Branch {
    Branch { pool, layers: vec![square("branch_pool", outputs, 1)], fork: None }
}

fn block_a(name: &'static str, pool: usize) -> Block {
    let branches = vec![
        path([square("branch1x1", 64, 1)]),
        path([square("branch5x5_1", 48, 1), square("branch5x5_2", 64, 5)]),
        path([square("branch3x3dbl_1", 64, 1), square("branch3x3dbl_2", 96, 3), square("branch3x3dbl_3", 96, 3)]),
        pooled(Pool::Mean, pool),
    ];
    Block { name, branches }
}

fn block_b(name: &'static str) -> Block {
    let halved = |name, outputs| layer(name, outputs, [3, 3], 2);
    let branches = vec![
        path([halved("branch3x3", 384)]),
        path([square("branch3x3dbl_1", 64, 1), square("branch3x3dbl_2", 96, 3), halved("branch3x3dbl_3", 96)]),
        Branch { pool: Pool::MaxStride, layers: Vec::new(), fork: None },
    ];
    Block { name, branches }
}

fn block_c(name: &'static str, width: usize) -> Block {
    let (row, column) =
        (|name, outputs| layer(name, outputs, [1, 7], 1), |name, outputs| layer(name, outputs, [7, 1], 1));
    let branches = vec![
        path([square("branch1x1", 192, 1)]),
        path([square("branch7x7_1", width, 1), row("branch7x7_2", width), column("branch7x7_3", 192)]),
        path([
            square("branch7x7dbl_1", width, 1),
            column("branch7x7dbl_2", width),
            row("branch7x7dbl_3", width),
            column("branch7x7dbl_4", width),
            row("branch7x7dbl_5", 192),
        ]),
        pooled(Pool::Mean, 192),
    ];
    Block { name, branches }
}

fn block_d(name: &'static str) -> Block {
    let halved = |name, outputs| layer(name, outputs, [3, 3], 2);
    let branches = vec![
        path([square("branch3x3_1", 192, 1), halved("branch3x3_2", 320)]),
        path([
            square("branch7x7x3_1", 192, 1),
            layer("branch7x7x3_2", 192, [1, 7], 1),
            layer("branch7x7x3_3", 192, [7, 1], 1),
            halved("branch7x7x3_4", 192),
        ]),
        Branch { pool: Pool::MaxStride, layers: Vec::new(), fork: None },
    ];
    Block { name, branches }
}

fn block_e(name: &'static str, pool: Pool) -> Block {
    let fork = |a, b| Some([layer(a, 384, [1, 3], 1), layer(b, 384, [3, 1], 1)]);
    let branches = vec![
        path([square("branch1x1", 320, 1)]),
        Branch { fork: fork("branch3x3_2a", "branch3x3_2b"), ..path([square("branch3x3_1", 384, 1)]) },
        Branch {
            fork: fork("branch3x3dbl_3a", "branch3x3dbl_3b"),
            ..path([square("branch3x3dbl_1", 448, 1), square("branch3x3dbl_2", 384, 3)])
        },
        pooled(pool, 192),
    ];
    Block { name, branches }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_parameters_are_the_published_ones() {
        let mut width = 192;
        let mut widths = Vec::new();
        let count = |layers: &[(Layer, usize)]| -> usize {
            layers.iter().map(|(l, inputs)| l.outputs * (inputs * l.kernel[0] * l.kernel[1] + 2)).sum()
        };
        let mut inputs = 3;
        let stem = stem().map(|layer| (layer, std::mem::replace(&mut inputs, layer.outputs)));
        let mut parameters = count(&stem);
        for block in blocks() {
            parameters += count(&block.layers(width));
            width = block.outputs(width);
            widths.push(width);
        }
        assert_eq!(widths, [256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048]);
        // torchvision's 27,161,264 with an auxiliary classifier (3,326,696) and the last layer (2,049,000).
        assert_eq!(parameters, 27_161_264 - 3_326_696 - 2_049_000);
    }
}
