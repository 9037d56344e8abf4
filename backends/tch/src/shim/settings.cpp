// Switches of libtorch that its C interface lacks.

#include "shim.h"

#include <ATen/Context.h>
#ifdef EXP_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#endif

// What CUDA's libraries read from the environment; set before there is a second thread that might read it.
__attribute__((constructor)) static void environment() {
    // cuBLAS repeats bit for bit with workspaces of fixed sizes.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    // GPUs are counted as nvidia-smi counts them, not the fastest first.
    setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);
}

// How the whole process multiplies f32 on a GPU, and whether it may only use what repeats bit for bit.
extern "C" void exp_tch_settings(bool tf32, bool deterministic, char** error) {
    guarded(error, [&] {
        at::Context& context = at::globalContext();
        context.setAllowTF32CuBLAS(tf32);
        context.setAllowTF32CuDNN(tf32);
        context.setDeterministicCuDNN(deterministic);
        // Trying every algorithm once finds the fastest, and another one the next time.
        context.setBenchmarkCuDNN(!deterministic);
        // Attention without its matrix has gradients that do not repeat, or only where all else that does not is refused.
        context.setSDPUseMemEfficient(!deterministic);
        context.setSDPUseFlash(!deterministic);
        context.setSDPUseCuDNN(!deterministic);
        // A warning where there is no such algorithm: some gradients that no loss of ours asks for.
        context.setDeterministicAlgorithms(deterministic, true);
        // Otherwise each new tensor is filled before it is written, against reads of what nobody wrote.
        context.setDeterministicFillUninitializedMemory(false);
        return 0;
    });
}

// Makes a GPU the current one of this thread. Most operations see to it themselves; what asks for the properties of "the" GPU,
// such as the choice of a kernel for attention, asks for those of the current one.
extern "C" void exp_tch_work_on(int index, char** error) {
    guarded(error, [&] {
#ifdef EXP_CUDA
        c10::cuda::set_device(static_cast<c10::DeviceIndex>(index));
#else
        (void)index;
#endif
        return 0;
    });
}

// The same values with channels innermost in memory.
extern "C" at::Tensor* exp_tch_channels_last(const at::Tensor* tensor, char** error) {
    return guarded(error, [&] { return owned(tensor->contiguous(at::MemoryFormat::ChannelsLast)); });
}

// The most bytes that tensors have taken on a GPU.
extern "C" uint64_t exp_tch_peak_bytes(int index, char** error) {
    return guarded(error, [&]() -> uint64_t {
#ifdef EXP_CUDA
        using c10::CachingAllocator::StatType;
        const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(index);
        return stats.allocated_bytes[static_cast<size_t>(StatType::AGGREGATE)].peak;
#else
        (void)index;
        return 0;
#endif
    });
}
