// Kernels by their names, and how they are launched on libtorch's tensors and streams.

#pragma once

#include "../shim.h"
#include "shared.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <string>

namespace shim {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of blocks that CUDA launches at most.
constexpr int IMAGES = 65535;

void check(cudaError_t status);

// A kernel by its name, compiled once for each GPU in the process.
cudaKernel_t kernel(const std::string& name);

template <typename... Arguments>
void launch(const std::string& name, dim3 blocks, int threads, Arguments... arguments) {
    void* places[] = {&arguments...};
    const auto stream = c10::cuda::getCurrentCUDAStream().stream();
    check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel(name)), blocks, dim3(threads), places, 0, stream));
}

// The name of a kernel for tensors of this format.
inline std::string of_kind(const char* name, const Tensor& tensor) {
    return std::string(name) + (tensor.scalar_type() == at::kFloat ? "_float" : "_bf16");
}

inline void* data(const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr() : nullptr; }

// Where a GPU finds the number drawn for a step, while this thread records one; else null.
const u64* recorded_number();

// New tensors that lie in memory as others do, all in one piece of it. None of them is ever resized, so none has to know.
variable_list beside(const variable_list& like, at::ScalarType kind);

// The tensors that Rust points to.
inline variable_list listed(const Tensor* const* tensors, size_t count) {
    variable_list list;
    for (size_t i = 0; i < count; ++i) list.push_back(*tensors[i]);
    return list;
}

// A tensor without holes in memory.
inline Tensor dense(const Tensor& x) { return x.is_non_overlapping_and_dense() ? x : x.contiguous(); }

} // namespace shim
