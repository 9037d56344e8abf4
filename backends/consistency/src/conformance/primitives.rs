//! Cases of the primitives: ranks 1 to 4, odd sizes, and broadcasting along every axis.

use super::case::{Case, Layout};
use super::operation::Operation;

/// A shape of each rank, none of whose sizes fills a register.
const SHAPES: [&[usize]; 4] = [&[7], &[3, 5], &[2, 3, 9], &[2, 3, 5, 3]];

/// All of them; cases of one operation stand together.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    binary(&mut cases);
    unary(&mut cases);
    reductions(&mut cases);
    moves(&mut cases);
    products(&mut cases);
    cases
}

fn binary(cases: &mut Vec<Case>) {
    for operation in [Operation::Add, Operation::Sub, Operation::Mul, Operation::Div] {
        for shape in SHAPES {
            cases.push(Case::new(operation.clone(), &[shape, shape]));
            cases.push(Case::laid(operation.clone(), &[shape, shape], Layout::Permuted));
            // One side is stretched along one axis, or along all but one.
            for axis in 0..shape.len() {
                let (mut flat, mut line) = (shape.to_vec(), vec![1; shape.len()]);
                (flat[axis], line[axis]) = (1, shape[axis]);
                for small in [&flat, &line] {
                    cases.push(Case::new(operation.clone(), &[shape, small]));
                    cases.push(Case::new(operation.clone(), &[small, shape]));
                }
            }
        }
        // Both sides are stretched.
        cases.push(Case::new(operation.clone(), &[&[3, 1], &[1, 5]]));
        cases.push(Case::new(operation.clone(), &[&[2, 1, 4, 1], &[1, 3, 1, 5]]));
        cases.push(Case::new(operation.clone(), &[&[1, 3, 1, 5], &[2, 1, 4, 1]]));
        cases.push(Case::laid(operation, &[&[2, 3, 1], &[1, 3, 4]], Layout::Narrowed));
    }
}

fn unary(cases: &mut Vec<Case>) {
    let operations = [
        Operation::Scale(-1.7),
        Operation::Offset(0.25),
        Operation::Exp,
        Operation::Log,
        Operation::Sqrt,
        Operation::Recip,
        Operation::Square,
        Operation::Sin,
        Operation::Cos,
        Operation::Sigmoid,
        Operation::Clamp(-0.5, 1.0),
    ];
    for operation in operations {
        for shape in SHAPES.into_iter().chain([[1].as_slice(), &[133]]) {
            cases.push(Case::new(operation.clone(), &[shape]));
        }
        for layout in [Layout::Permuted, Layout::Narrowed] {
            cases.push(Case::laid(operation.clone(), &[&[3, 4, 5]], layout));
        }
    }
}

fn reductions(cases: &mut Vec<Case>) {
    let axes: [(usize, &'static [usize]); 12] = [
        (1, &[0]),
        (2, &[0]),
        (2, &[1]),
        (2, &[0, 1]),
        (3, &[1]),
        (3, &[2]),
        (3, &[0, 2]),
        (4, &[0]),
        (4, &[1]),
        (4, &[3]),
        (4, &[2, 3]),
        (4, &[0, 1, 2, 3]),
    ];
    for operation in [Operation::Sum, Operation::Mean] {
        for (rank, axes) in axes {
            for layout in [Layout::Plain, Layout::Permuted, Layout::Narrowed] {
                cases.push(Case::laid(operation(axes), &[SHAPES[rank - 1]], layout));
            }
        }
        cases.push(Case::new(operation(&[1]), &[&[2, 1, 3]]));
        cases.push(Case::new(operation(&[0]), &[&[1031]]));
    }
    for shape in SHAPES.into_iter().chain([[4, 1].as_slice(), &[3, 65]]) {
        for layout in [Layout::Plain, Layout::Permuted, Layout::Narrowed] {
            cases.push(Case::laid(Operation::Softmax, &[shape], layout));
        }
    }
}

fn moves(cases: &mut Vec<Case>) {
    let reshapes: [(&[usize], &'static [usize]); 5] = [
        (&[6], &[2, 3]),
        (&[2, 3, 5], &[30]),
        (&[2, 6, 5], &[4, 3, 5]),
        (&[2, 3, 4, 5], &[6, 20]),
        (&[3], &[1, 3, 1, 1]),
    ];
    for (from, to) in reshapes {
        for layout in [Layout::Plain, Layout::Permuted, Layout::Narrowed] {
            cases.push(Case::laid(Operation::Reshape(to), &[from], layout));
        }
    }
    let orders: [&'static [usize]; 6] = [&[0], &[1, 0], &[0, 2, 1], &[2, 0, 1], &[0, 2, 3, 1], &[3, 1, 0, 2]];
    for order in orders {
        for layout in [Layout::Plain, Layout::Permuted, Layout::Narrowed] {
            cases.push(Case::laid(Operation::Permute(order), &[SHAPES[order.len() - 1]], layout));
        }
    }
    for shape in SHAPES {
        for (axis, &size) in shape.iter().enumerate() {
            for (start, len) in [(0, 1), (1, size - 1), (size - 1, 1), (0, size)] {
                cases.push(Case::new(Operation::Narrow { axis, start, len }, &[shape]));
            }
            cases.push(Case::laid(Operation::Narrow { axis, start: 1, len: 1 }, &[shape], Layout::Permuted));
        }
    }
    for shape in SHAPES {
        for axis in 0..shape.len() {
            let mut longer = shape.to_vec();
            longer[axis] = 4;
            cases.push(Case::new(Operation::Cat(axis), &[shape]));
            cases.push(Case::new(Operation::Cat(axis), &[shape, &longer]));
            cases.push(Case::new(Operation::Cat(axis), &[&longer, shape, &longer]));
            cases.push(Case::laid(Operation::Cat(axis), &[shape, &longer], Layout::Permuted));
        }
    }
}

fn products(cases: &mut Vec<Case>) {
    let pairs: [[&[usize]; 2]; 7] = [
        [&[1, 1], &[1, 1]],
        [&[3, 5], &[5, 2]],
        [&[1, 17], &[17, 33]],
        [&[33, 4], &[4, 1]],
        [&[3, 2, 7], &[3, 7, 5]],
        [&[1, 16, 9], &[1, 9, 16]],
        [&[2, 3, 4, 5], &[2, 3, 5, 1]],
    ];
    for pair in pairs {
        for layout in [Layout::Plain, Layout::Permuted, Layout::Narrowed, Layout::Summed] {
            cases.push(Case::laid(Operation::Matmul, &pair, layout));
        }
    }
    let inputs: [[&[usize]; 3]; 3] = [[&[1, 1], &[1, 1], &[1]], [&[3, 5], &[5, 4], &[4]], [&[2, 33], &[33, 17], &[17]]];
    for shapes in inputs {
        for layout in [Layout::Plain, Layout::Permuted, Layout::Narrowed, Layout::Summed] {
            cases.push(Case::laid(Operation::Linear, &shapes, layout));
        }
    }
}
