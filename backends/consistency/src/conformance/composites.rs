//! Cases of the composites and of the convolution, for which engines have kernels of their own: sizes that leave
//! something over whatever the kernel's tile is.

use super::case::{Case, Layout};
use super::operation::Operation;

/// Images as (batch, height, width).
const IMAGES: [[usize; 3]; 9] =
    [[1, 1, 1], [3, 2, 2], [1, 3, 4], [3, 4, 5], [1, 5, 8], [3, 1, 16], [1, 2, 17], [3, 3, 33], [1, 3, 32]];
const LAYOUTS: [Layout; 4] = [Layout::Plain, Layout::Permuted, Layout::Narrowed, Layout::Summed];

/// All of them; cases of one operation stand together.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    same_convolutions(&mut cases);
    other_convolutions(&mut cases);
    norms(&mut cases);
    others(&mut cases);
    cases
}

/// As large as their input, which is what networks mostly ask for.
fn same_convolutions(cases: &mut Vec<Case>) {
    let channels = [(1, 1), (3, 5), (4, 8), (5, 3), (7, 1), (2, 9)];
    for (size, [n, h, w]) in IMAGES.into_iter().enumerate() {
        for k in [1, 3] {
            for turn in 0..3 {
                let (c, o) = channels[(size + 2 * turn + k) % channels.len()];
                let shapes: [&[usize]; 3] = [&[n, c, h, w], &[o, c, k, k], &[o]];
                let operation = Operation::Conv2d { stride: 1, padding: k / 2 };
                let count = if turn == 1 { 2 } else { 3 };
                cases.push(Case::new(operation, &shapes[..count]));
            }
        }
    }
    for k in [1, 3] {
        let shapes: [&[usize]; 3] = [&[2, 5, 3, 6], &[6, 5, k, k], &[6]];
        for layout in LAYOUTS {
            for count in [2, 3] {
                cases.push(Case::laid(Operation::Conv2d { stride: 1, padding: k / 2 }, &shapes[..count], layout));
            }
        }
    }
    // One pixel more than registers of 16 take.
    cases.push(Case::new(Operation::Conv2d { stride: 1, padding: 1 }, &[&[1, 2, 3, 9], &[5, 2, 3, 3]]));
    // Several tiles of rows, columns and channels at once.
    cases.push(Case::new(Operation::Conv2d { stride: 1, padding: 1 }, &[&[2, 9, 16, 16], &[13, 9, 3, 3], &[13]]));
    cases.push(Case::new(Operation::Conv2d { stride: 1, padding: 1 }, &[&[1, 17, 8, 8], &[20, 17, 3, 3]]));
}

/// With a stride, with other padding, and with other kernels.
fn other_convolutions(cases: &mut Vec<Case>) {
    // (kernel, stride, padding)
    for [k, stride, padding] in
        [[3, 2, 1], [3, 2, 0], [1, 2, 0], [3, 1, 0], [1, 1, 1], [3, 1, 2], [2, 2, 0], [4, 2, 1], [5, 1, 2]]
    {
        for ([n, h, w], [c, o]) in [([1, 5, 5], [3, 5]), ([3, 6, 8], [4, 3]), ([1, 5, 33], [1, 2])] {
            let shapes: [&[usize]; 3] = [&[n, c, h, w], &[o, c, k, k], &[o]];
            cases.push(Case::new(Operation::Conv2d { stride, padding }, &shapes));
            cases.push(Case::new(Operation::Conv2d { stride, padding }, &shapes[..2]));
        }
    }
    for [down, across] in [[1, 7], [7, 1], [1, 3], [3, 1], [2, 3]] {
        let shapes: [&[usize]; 3] = [&[2, 3, 8, 9], &[4, 3, down, across], &[4]];
        for (stride, padding) in [(1, 0), (1, 1), (2, 0)] {
            cases.push(Case::new(Operation::Conv2d { stride, padding }, &shapes));
        }
    }
    let shapes: [&[usize]; 3] = [&[2, 3, 6, 4], &[5, 3, 3, 3], &[5]];
    for layout in LAYOUTS {
        cases.push(Case::laid(Operation::Conv2d { stride: 2, padding: 1 }, &shapes, layout));
    }
}

fn norms(cases: &mut Vec<Case>) {
    // (channels, groups)
    let channels = [(3, 1), (6, 3), (5, 5), (8, 2), (32, 32), (36, 12)];
    for operation in [|groups| Operation::GroupNorm { groups }, |groups| Operation::NormSilu { groups }] {
        for (size, [n, h, w]) in IMAGES.into_iter().enumerate() {
            for turn in 0..3 {
                let (c, groups) = channels[(size + turn) % channels.len()];
                cases.push(Case::new(operation(groups), &[&[n, c, h, w], &[c], &[c]]));
            }
        }
        for layout in LAYOUTS {
            cases.push(Case::laid(operation(3), &[&[2, 6, 3, 5], &[6], &[6]], layout));
        }
    }
    // With a shift of the channels, also in sizes that kernels for several channels at once take.
    for ([n, h, w], (c, groups)) in
        [([1, 2, 2], (6, 3)), ([3, 2, 5], (6, 2)), ([2, 8, 8], (8, 2)), ([3, 9, 7], (64, 32)), ([2, 16, 16], (24, 6))]
    {
        for layout in LAYOUTS {
            let shapes: [&[usize]; 4] = [&[n, c, h, w], &[c], &[c], &[n, c]];
            cases.push(Case::laid(Operation::NormSilu { groups }, &shapes, layout));
            cases.push(Case::laid(Operation::Parted { groups }, &shapes, layout));
            cases.push(Case::laid(Operation::GroupNorm { groups }, &shapes[..3], layout));
        }
    }
    let shapes: [&[usize]; 6] = [&[3, 5], &[1, 33], &[2, 1], &[3, 5, 2, 3], &[1, 8, 4, 4], &[2, 17, 1, 1]];
    for shape in shapes {
        for layout in LAYOUTS {
            cases.push(Case::laid(Operation::LayerNorm, &[shape, &[shape[1]], &[shape[1]]], layout));
        }
    }
}

fn others(cases: &mut Vec<Case>) {
    let sizes: [[usize; 3]; 6] = [[1, 1, 1], [3, 5, 4], [1, 8, 16], [2, 3, 17], [1, 4, 33], [2, 7, 1]];
    for shape in &sizes {
        for layout in LAYOUTS {
            cases.push(Case::laid(Operation::Attention, &[shape, shape, shape], layout));
        }
    }
    let image: &[usize] = &[2, 3, 4, 6];
    for sides in [[1, 1, 1, 1], [2, 1, 0, 3], [0, 0, 1, 0], [0, 2, 0, 0], [0, 0, 0, 0]] {
        for layout in LAYOUTS {
            cases.push(Case::laid(Operation::Pad(sides), &[image], layout));
        }
    }
    for (channels, from, to) in [(3, 4, 2), (8, 4, 8), (16, 8, 4), (2, 6, 13), (8, 1, 2), (8, 9, 4)] {
        for layout in LAYOUTS {
            cases.push(Case::laid(Operation::AlongLines { from, to }, &[&[2, channels, from, from]], layout));
        }
    }
    for operation in [Operation::UpsampleNearest, Operation::AveragePool, Operation::MaxPool] {
        for shape in [[1, 1, 2, 2], [3, 2, 4, 6], [1, 5, 2, 34], [2, 1, 8, 16]] {
            cases.push(Case::new(operation.clone(), &[&shape]));
        }
        for layout in LAYOUTS {
            cases.push(Case::laid(operation.clone(), &[image], layout));
        }
    }
    for [n, h, w] in [[1, 1, 1], [3, 3, 5]] {
        cases.push(Case::new(Operation::UpsampleNearest, &[&[n, 2, h, w]]));
    }
    for shape in [[1, 1, 1, 1], [2, 3, 4, 6], [3, 8, 5, 5], [2, 16, 8, 8]] {
        for layout in LAYOUTS {
            cases.push(Case::laid(Operation::AddScaled(0.7), &[&shape, &shape], layout));
            cases.push(Case::laid(Operation::SumSquaresOf, &[&shape, &[33], &[3, 5]], layout));
        }
    }
    for operation in [Operation::Relu, Operation::Silu, Operation::MeanAll, Operation::SumAll, Operation::SumSquares] {
        for shape in [[1].as_slice(), &[7], &[8], &[9], &[3, 5], &[2, 3, 4], &[2, 3, 5, 3], &[1031]] {
            cases.push(Case::new(operation.clone(), &[shape]));
        }
        for layout in [Layout::Permuted, Layout::Narrowed] {
            cases.push(Case::laid(operation.clone(), &[image], layout));
        }
    }
}
