// What a step does on a GPU, recorded once as a CUDA graph and repeated as a whole.

#include "launch.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include <torch/headeronly/version.h>

#include <memory>

using namespace shim;

static_assert(TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 11, "an older libtorch reuses memory that a recording reads");

namespace {

thread_local const u64* number = nullptr;

// This thread finds the number there, until this goes.
struct Recorded {
    explicit Recorded(const Tensor& drawn) { number = reinterpret_cast<const u64*>(drawn.const_data_ptr<int64_t>()); }
    ~Recorded() { number = nullptr; }
};

struct Graph {
    Tensor drawn;
    at::cuda::CUDAGraph graph;
};

} // namespace

const u64* shim::recorded_number() { return number; }

// Records what `work(data)` asks of a GPU, from this thread and from libtorch's own for gradients; nothing of it is done yet.
// `work` says whether it came to its end. What it asked for before on this thread, with the same shapes, has compiled and
// chosen every kernel: neither is possible here, nor on another thread meanwhile.
//
// What is sent to the GPU on the way is copied from memory of the host each time that it is repeated. libtorch gives memory
// that was asked for while it recorded to nobody else as long as the process lives, from version 2.11 on.
extern "C" Graph* exp_tch_record(int index, bool (*work)(void*), void* data, char** error) {
    return guarded(error, [&]() -> Graph* {
        const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
        const c10::cuda::CUDAGuard guard(device);
        auto recording = std::make_unique<Graph>();
        recording->drawn = at::zeros({1}, at::TensorOptions(at::kLong).device(device));
        // A recording has memory of its own, as much as the work has taken so far.
        c10::cuda::CUDACachingAllocator::emptyCache();
        const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool(false, device.index()));
        // Relaxed: memory that the host shares with the GPU may be asked for on the way.
        recording->graph.capture_begin({0, 0}, cudaStreamCaptureModeRelaxed);
        bool whole = false;
        {
            const Recorded recorded(recording->drawn);
            whole = work(data);
        }
        try {
            recording->graph.capture_end();
        } catch (...) {
            // libtorch's memory still refers to it.
            recording.release();
            if (whole) throw;
        }
        TORCH_CHECK(whole, "a step could not be recorded");
        return recording.release();
    });
}

// Does once what was recorded, with this number drawn.
extern "C" void exp_tch_repeat(Graph* recorded, uint64_t drawn, char** error) {
    guarded(error, [&] {
        const c10::cuda::CUDAGuard guard(recorded->drawn.device());
        const Tensor host = at::empty({1}, at::TensorOptions(at::kLong).pinned_memory(true));
        *host.mutable_data_ptr<int64_t>() = static_cast<int64_t>(drawn);
        recorded->drawn.copy_(host, /*non_blocking=*/true);
        recorded->graph.replay();
        return 0;
    });
}

extern "C" void exp_tch_forget(Graph* recorded) { delete recorded; }

// Copies of f32 tensors of one GPU; `out` has a place for each.
extern "C" void exp_tch_copies(const Tensor* const* tensors, size_t count, Tensor** out, char** error) {
    guarded(error, [&] {
        if (count == 0) return 0;
        const c10::cuda::CUDAGuard guard(tensors[0]->device());
        variable_list old;
        for (const Tensor& tensor : listed(tensors, count)) old.push_back(dense(tensor));
        const variable_list fresh = beside(old, at::kFloat);
        at::_foreach_copy_(fresh, old);
        for (size_t i = 0; i < count; ++i) out[i] = owned(fresh[i]);
        return 0;
    });
}

// Puts values into tensors that a recording reads.
extern "C" void exp_tch_fill(const Tensor* const* to, const Tensor* const* from, size_t count, char** error) {
    guarded(error, [&] {
        if (count == 0) return 0;
        const c10::cuda::CUDAGuard guard(to[0]->device());
        for (size_t i = 0; i < count; ++i) TORCH_CHECK(to[i]->sizes() == from[i]->sizes(), "input ", i, " has another shape");
        at::_foreach_copy_(listed(to, count), listed(from, count));
        return 0;
    });
}
