// Compiles the kernels when a run first needs them.

#include "launch.h"

#include <nvrtc.h>

#include <map>
#include <mutex>

namespace shim {

static const char* const SOURCE =
#include "kernels.inc"
    ;

void check(cudaError_t status) { TORCH_CHECK(status == cudaSuccess, "CUDA error: ", cudaGetErrorString(status)); }

static void check(nvrtcResult status, const std::string& log = "") {
    TORCH_CHECK(status == NVRTC_SUCCESS, "NVRTC: ", nvrtcGetErrorString(status), log.empty() ? "" : ": ", log);
}

// The kernels as machine code of the current device.
static cudaLibrary_t compiled() {
    int device = 0, major = 0, minor = 0;
    check(cudaGetDevice(&device));
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
    const std::string target = "--gpu-architecture=sm_" + std::to_string(10 * major + minor);
    const char* options[] = {target.c_str(), "--std=c++17"};
    nvrtcProgram program;
    check(nvrtcCreateProgram(&program, SOURCE, "kernels.cu", 0, nullptr, nullptr));
    const nvrtcResult status = nvrtcCompileProgram(program, 2, options);
    size_t size = 0;
    nvrtcGetProgramLogSize(program, &size);
    std::string log(size, '\0');
    nvrtcGetProgramLog(program, log.data());
    check(status, log);
    check(nvrtcGetCUBINSize(program, &size));
    std::string code(size, '\0');
    check(nvrtcGetCUBIN(program, code.data()));
    nvrtcDestroyProgram(&program);
    cudaLibrary_t library;
    check(cudaLibraryLoadData(&library, code.data(), nullptr, nullptr, 0, nullptr, nullptr, 0));
    return library;
}

cudaKernel_t kernel(const std::string& name) {
    static std::mutex lock;
    static std::map<std::pair<int, std::string>, cudaKernel_t> kernels;
    static std::map<int, cudaLibrary_t> libraries;
    const std::lock_guard<std::mutex> held(lock);
    int device = 0;
    check(cudaGetDevice(&device));
    auto found = kernels.find({device, name});
    if (found == kernels.end()) {
        auto library = libraries.find(device);
        if (library == libraries.end()) library = libraries.emplace(device, compiled()).first;
        cudaKernel_t made;
        check(cudaLibraryGetKernel(&made, library->second, name.c_str()));
        found = kernels.emplace(std::make_pair(device, name), made).first;
    }
    return found->second;
}

} // namespace shim
