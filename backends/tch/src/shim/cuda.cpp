// Launches the kernels of kernels.cu on libtorch's tensors and streams, and puts those with a gradient on its tape.

#include "shim.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <nvrtc.h>
#include <torch/csrc/autograd/custom_function.h>

#include <map>
#include <mutex>

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const char* const SOURCE =
#include "kernels.inc"
    ;

// These mirror kernels.cu.
constexpr int WIDTH = 8, THREADS = 256, CHANNELS = 1024, GROUPS = 256, PIECE = 1 << 16;

struct Dropout {
    uint64_t start, bound;
    float kept;
};

struct Norm {
    int area, channels, groups, chunks;
    float eps;
    int silu;
    Dropout dropout;
};

struct Rule {
    float b1, b2, eps, root, rate, ema;
    int adapts;
};

struct Piece {
    const float *param, *ema, *m, *v, *gradient;
    float *new_param, *new_ema, *new_m, *new_v;
    int len, rule;
};

void check(cudaError_t status) { TORCH_CHECK(status == cudaSuccess, "CUDA error: ", cudaGetErrorString(status)); }

void check(nvrtcResult status, const std::string& log = "") {
    TORCH_CHECK(status == NVRTC_SUCCESS, "NVRTC: ", nvrtcGetErrorString(status), log.empty() ? "" : ": ", log);
}

// The kernels as machine code of the current device.
cudaLibrary_t compiled() {
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

// A kernel by its name, compiled once for each kind of GPU in the process.
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

template <typename... Arguments>
void launch(const std::string& name, dim3 blocks, int threads, Arguments... arguments) {
    void* places[] = {&arguments...};
    const auto stream = c10::cuda::getCurrentCUDAStream().stream();
    check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel(name)), blocks, dim3(threads), places, 0, stream));
}

std::string of_kind(const char* name, const Tensor& tensor) {
    return std::string(name) + (tensor.scalar_type() == at::kFloat ? "_float" : "_bf16");
}

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

void* data(const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr() : nullptr; }

// Enough blocks to fill the largest GPU a few times over, each with some pixels to sum.
int chunks(int64_t images, int64_t area, int64_t channels) {
    const int64_t rows = THREADS / (channels / WIDTH);
    return static_cast<int>(std::clamp<int64_t>(2048 / images, 1, std::max<int64_t>(1, area / (4 * rows))));
}

struct NormSilu : torch::autograd::Function<NormSilu> {
    static Tensor forward(AutogradContext* context, const Tensor& image, const Tensor& shift, const Tensor& scale,
        const Tensor& bias, int64_t groups, double eps, bool silu, int64_t start, int64_t bound, double kept) {
        const c10::cuda::CUDAGuard guard(image.device());
        const Tensor x = channels_last(image);
        const int64_t n = x.size(0), c = x.size(1), area = x.size(2) * x.size(3);
        const Norm norm{static_cast<int>(area), static_cast<int>(c), static_cast<int>(groups), chunks(n, area, c),
            static_cast<float>(eps), silu,
            {static_cast<uint64_t>(start), static_cast<uint64_t>(bound), static_cast<float>(kept)}};
        const auto f32 = x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
        const Tensor partial = at::empty({n, norm.chunks, 2, groups}, f32), stats = at::empty({n, 2, groups}, f32);
        const Tensor y = at::empty_like(x);
        const dim3 blocks(norm.chunks, n);
        launch(of_kind("norm_sums", x), blocks, THREADS, data(x), data(shift), data(partial), norm);
        launch(of_kind("norm_apply", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(partial),
            data(stats), data(y), norm);
        context->save_for_backward({x, shift, scale, bias, stats});
        context->saved_data["norm"] = std::string(reinterpret_cast<const char*>(&norm), sizeof norm);
        return y;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const variable_list saved = context->get_saved_variables();
        const Tensor &x = saved[0], &shift = saved[1], &scale = saved[2], &bias = saved[3], &stats = saved[4];
        Norm norm;
        std::memcpy(&norm, context->saved_data["norm"].toStringRef().data(), sizeof norm);
        const c10::cuda::CUDAGuard guard(x.device());
        const Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
        const int64_t n = x.size(0), c = x.size(1);
        const auto f32 = stats.options();
        const Tensor partial = at::empty({n, norm.chunks, 3, c}, f32), weights = at::empty({n, 2, c}, f32);
        const Tensor dx = at::empty_like(x), dshift = shift.defined() ? at::empty_like(shift) : Tensor();
        const dim3 blocks(norm.chunks, n);
        launch(of_kind("norm_back_sums", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(stats),
            data(dy), data(partial), norm);
        launch(of_kind("norm_back_apply", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(stats),
            data(dy), data(partial), data(dx), data(dshift), data(weights), norm);
        const Tensor sums = weights.sum(0).to(scale.scalar_type());
        return {dx, dshift, sums[1], sums[0], Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

struct AddScaled : torch::autograd::Function<AddScaled> {
    static Tensor forward(AutogradContext* context, const Tensor& left, const Tensor& right, double factor) {
        const c10::cuda::CUDAGuard guard(left.device());
        const Tensor a = channels_last(left), b = channels_last(right), out = at::empty_like(a);
        const uint64_t len = a.numel();
        launch(of_kind("add_scaled", a), dim3((len / WIDTH + THREADS) / THREADS), THREADS, data(a), data(b), data(out), len,
            static_cast<float>(factor));
        context->saved_data["factor"] = factor;
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const Tensor scaled = gradients[0] * context->saved_data["factor"].toDouble();
        return {scaled, scaled, Tensor()};
    }
};

} // namespace

// Whether these kernels work on such an image tensor: on a GPU of compute capability 8 at least.
extern "C" bool exp_tch_has_kernels(const Tensor* x, int64_t groups, char** error) {
    return guarded(error, [&] {
        const bool kind = x->scalar_type() == at::kFloat || x->scalar_type() == at::kBFloat16;
        if (!x->is_cuda() || !kind || x->dim() != 4 || x->size(1) % WIDTH != 0 || x->size(1) > CHANNELS || groups > GROUPS)
            return false;
        int major = 0;
        check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, x->device().index()));
        return major >= 8;
    });
}

// Group normalisation of x + shift, then SiLU if asked, then dropout if `kept` is not 0.
extern "C" Tensor* exp_tch_norm(const Tensor* x, const Tensor* shift, const Tensor* scale, const Tensor* bias, int64_t groups,
    double eps, bool silu, uint64_t start, uint64_t bound, double kept, char** error) {
    return guarded(error, [&] {
        const auto kind = x->scalar_type();
        const Tensor moved = shift ? shift->to(kind).contiguous() : Tensor();
        return owned(NormSilu::apply(*x, moved, scale->to(kind).contiguous(), bias->to(kind).contiguous(), groups, eps, silu,
            static_cast<int64_t>(start), static_cast<int64_t>(bound), kept));
    });
}

// (a + b) factor, of equal shapes and formats.
extern "C" Tensor* exp_tch_add_scaled(const Tensor* a, const Tensor* b, double factor, char** error) {
    return guarded(error, [&] { return owned(AddScaled::apply(*a, *b, factor)); });
}

// The factors of dropout in the shape and format of x.
extern "C" Tensor* exp_tch_mask(const Tensor* x, uint64_t start, uint64_t bound, double kept, char** error) {
    return guarded(error, [&] {
        const c10::cuda::CUDAGuard guard(x->device());
        const Tensor out = at::empty(x->sizes(), x->options().memory_format(at::MemoryFormat::Contiguous));
        const uint64_t len = out.numel();
        launch(of_kind("mask", out), dim3((len + THREADS - 1) / THREADS), THREADS, data(out), len,
            Dropout{start, bound, static_cast<float>(kept)});
        return owned(out);
    });
}

// One update of many parameter tensors in one launch. `slots` holds param, ema, m, v and the gradient of each; `rule_of` the
// place of its rule. Writes new param, ema, m and v of each to `out`.
extern "C" void exp_tch_update(const Tensor* const* slots, const int* rule_of, size_t count, const Rule* rules, size_t kinds,
    Tensor** out, char** error) {
    guarded(error, [&] {
        if (count == 0) return 0;
        const c10::cuda::CUDAGuard guard(slots[0]->device());
        std::vector<Piece> pieces;
        std::vector<Tensor> news, kept;
        for (size_t i = 0; i < count; ++i) {
            const Tensor& param = *slots[5 * i];
            const float* old[5];
            for (int part = 0; part < 5; ++part) {
                Tensor tensor = *slots[5 * i + part];
                // All walk through memory together, so all lie in it as the weights do.
                if (tensor.strides() != param.strides()) tensor = at::empty_like(param).copy_(tensor);
                old[part] = tensor.const_data_ptr<float>();
                kept.push_back(tensor);
            }
            float* fresh[4];
            for (float*& place : fresh) {
                news.push_back(at::empty_like(param));
                place = news.back().mutable_data_ptr<float>();
            }
            for (int64_t from = 0; from < param.numel(); from += PIECE)
                pieces.push_back({old[0] + from, old[1] + from, old[2] + from, old[3] + from, old[4] + from, fresh[0] + from,
                    fresh[1] + from, fresh[2] + from, fresh[3] + from,
                    static_cast<int>(std::min<int64_t>(PIECE, param.numel() - from)), rule_of[i]});
        }
        const auto bytes = [&](const void* from, size_t size) {
            const Tensor host = at::empty({static_cast<int64_t>(size)}, at::TensorOptions(at::kByte).pinned_memory(true));
            std::memcpy(host.mutable_data_ptr(), from, size);
            return host.to(slots[0]->device(), /*non_blocking=*/true);
        };
        const Tensor table = bytes(pieces.data(), pieces.size() * sizeof(Piece)), coefficients = bytes(rules, kinds * sizeof(Rule));
        launch("update", dim3(pieces.size()), 512, data(table), data(coefficients));
        for (size_t i = 0; i < news.size(); ++i) out[i] = owned(news[i]);
        return 0;
    });
}
