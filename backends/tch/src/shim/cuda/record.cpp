// What a step does on a GPU, recorded once as a CUDA graph and repeated as a whole.

#include "launch.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include <memory>
#include <mutex>

using namespace shim;

namespace {

thread_local const uint64_t* number = nullptr;

// This thread finds the number there, until this goes.
struct Recorded {
    explicit Recorded(const Tensor& drawn) { number = reinterpret_cast<const uint64_t*>(drawn.const_data_ptr<int64_t>()); }
    ~Recorded() { number = nullptr; }
};

struct Recording {
    Tensor drawn;
    at::cuda::CUDAGraph graph;
};

variable_list listed(const Tensor* const* tensors, size_t count) {
    variable_list list;
    for (size_t i = 0; i < count; ++i) list.push_back(*tensors[i]);
    return list;
}

} // namespace

const uint64_t* shim::recorded_number() { return number; }

// Records what `work(data)` asks of a GPU, on this thread and on its tape; nothing of it is done yet. `work` says whether it
// came to its end. What it asked for before, with the same shapes, has compiled and chosen every kernel.
extern "C" Recording* exp_tch_record(int index, bool (*work)(void*), void* data, char** error) {
    return guarded(error, [&]() -> Recording* {
        // Two replicas may share a GPU, and memory is given back to it below.
        static std::mutex one_at_a_time;
        const std::lock_guard<std::mutex> held(one_at_a_time);
        const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
        const c10::cuda::CUDAGuard guard(device);
        auto recording = std::make_unique<Recording>();
        recording->drawn = at::zeros({1}, at::TensorOptions(at::kLong).device(device));
        // A recording has memory of its own, as much as the work has taken so far.
        c10::cuda::CUDACachingAllocator::emptyCache();
        const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool(false, device.index()));
        // Relaxed: memory that the host shares with the GPU is asked for on the way, which is safe.
        recording->graph.capture_begin({0, 0}, cudaStreamCaptureModeRelaxed);
        bool whole = false;
        {
            const Recorded recorded(recording->drawn);
            whole = work(data);
        }
        try {
            recording->graph.capture_end();
        } catch (...) {
            if (whole) throw;
        }
        TORCH_CHECK(whole, "a step could not be recorded");
        return recording.release();
    });
}

// Does once what was recorded, with this number drawn.
extern "C" void exp_tch_repeat(Recording* recording, uint64_t drawn, char** error) {
    guarded(error, [&] {
        const c10::cuda::CUDAGuard guard(recording->drawn.device());
        const Tensor host = at::empty({1}, at::TensorOptions(at::kLong).pinned_memory(true));
        *host.mutable_data_ptr<int64_t>() = static_cast<int64_t>(drawn);
        recording->drawn.copy_(host, /*non_blocking=*/true);
        recording->graph.replay();
        return 0;
    });
}

extern "C" void exp_tch_forget(Recording* recording) { delete recording; }

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
        at::_foreach_copy_(listed(to, count), listed(from, count));
        return 0;
    });
}
