//! Products of matrices in `f32`.
//!
//! Left to itself, cubek multiplies `f32` on tensor cores, which round to the 10 bits of tf32. The routine named here
//! multiplies and adds in `f32`, on the units that every GPU has.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Cube, DispatchTensor};
use burn_cubecl::kernel::matmul::init_matmul_output;
use burn_cubecl::tensor::CubeTensor;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level;
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;

use crate::on_tape::{Operation, record};

/// As [`exp_consistency::tensor::Tensor::matmul`]; none where a tensor is not on a GPU.
pub(crate) fn matmul(lhs: &DispatchTensor, rhs: &DispatchTensor) -> Option<DispatchTensor> {
    record(Product, [lhs, rhs])
}

/// `[..,m,k]` x `[..,k,n]`, also where either lies transposed, or once for many.
pub(super) fn product(lhs: CubeTensor, rhs: CubeTensor) -> CubeTensor {
    let elem = dtype_to_storage_type(lhs.dtype);
    let out = init_matmul_output(&lhs, &rhs, lhs.dtype);
    let mut elems = MatmulElems::from_globals(&MatmulGlobalElems { lhs: elem, rhs: elem, out: elem });
    let strategy = Strategy::from(multi_level::Strategy::SimpleUnit(Default::default()));
    let [lhs, rhs] = [lhs, rhs].map(|tensor| InputBinding::new(tensor.binding(), elem));
    launch_ref(&strategy, &out.client, lhs, rhs, out.clone().binding(), &mut elems)
        .expect("the routine without tensor cores takes products of every size");
    out
}

#[derive(Debug, Clone, Copy)]
struct Product;

impl Operation<Cube, 2> for Product {
    type Kept = [CubeTensor; 2];

    fn forward(&self, inputs: [CubeTensor; 2]) -> (CubeTensor, Self::Kept) {
        let [lhs, rhs] = inputs.clone();
        (product(lhs, rhs), inputs)
    }

    fn backward(&self, [lhs, rhs]: Self::Kept, gradient: CubeTensor, wanted: [bool; 2]) -> [Option<CubeTensor>; 2] {
        [
            wanted[0].then(|| product(gradient.clone(), Cube::float_transpose(rhs))),
            wanted[1].then(|| product(Cube::float_transpose(lhs), gradient)),
        ]
    }
}
