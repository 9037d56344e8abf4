//! Sums over axes by many threads.
//!
//! Left to itself, burn takes one thread for each value of the result: 32 for the means of 32 groups. Here a block of
//! threads makes each value, always in the same order.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, DispatchTensor, Shape, TensorMetadata};
use burn_cubecl::kernel::reduce::{KernelReduceStrategy, reduce_dims};
use burn_cubecl::tensor::CubeTensor;
use cubek::reduce::components::instructions::ReduceOperationConfig;
use cubek::reduce::launch::{ReduceStrategy, RoutineStrategy, VectorizationStrategy};
use cubek::reduce::routines::BlueprintStrategy;
use cubek::reduce::routines::cube::CubeStrategy;

use crate::on_tape::{Operation, record};

/// As [`exp_consistency::tensor::Tensor::sum`]; none where the tensor is not on a GPU.
pub(crate) fn sum(x: &DispatchTensor, axes: &[usize]) -> Option<DispatchTensor> {
    record(Sum(axes.to_vec()), [x])
}

/// The sum over axes, each of which stays with size 1.
pub(super) fn sum_of(x: CubeTensor, axes: &[usize]) -> CubeTensor {
    let strategy = ReduceStrategy {
        routine: RoutineStrategy::Cube(BlueprintStrategy::Inferred(CubeStrategy { use_planes: false })),
        vectorization: VectorizationStrategy { parallel_output_vectorization: false },
        autotune_level: Default::default(),
    };
    let sum = ReduceOperationConfig::Sum;
    reduce_dims(x, None, axes, KernelReduceStrategy::Specific(strategy), sum).expect("axes of the tensor")
}

#[derive(Debug, Clone)]
struct Sum(Vec<usize>);

impl Operation<Cube, 1> for Sum {
    type Kept = Shape;

    fn forward(&self, [x]: [CubeTensor; 1]) -> (CubeTensor, Shape) {
        let shape = x.shape();
        (sum_of(x, &self.0), shape)
    }

    fn backward(&self, shape: Shape, gradient: CubeTensor, _: [bool; 1]) -> [Option<CubeTensor>; 1] {
        [Some(Cube::float_expand(gradient, shape))]
    }
}
