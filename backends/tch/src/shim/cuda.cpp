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
    int area, channels, groups, chunks, stride;
    float eps;
    int silu;
    Dropout dropout;
};

struct Rule {
    float b1, b2, eps, root, rate, ema;
    int adapts;
};

struct Copy {
    const void* from;
    void* to;
    int len;
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

// Values from one pixel to the next, where pixels follow each other evenly with their channels side by side; else 0.
int pixel_stride(const Tensor& x) {
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
    const int64_t stride = w > 1 ? x.stride(3) : h > 1 ? x.stride(2) : n > 1 ? x.stride(0) : c;
    const bool even = (h == 1 || x.stride(2) == w * stride) && (n == 1 || x.stride(0) == h * w * stride);
    const bool aligned = stride % WIDTH == 0 && reinterpret_cast<uintptr_t>(x.data_ptr()) % 16 == 0;
    return (c == 1 || x.stride(1) == 1) && even && aligned && stride >= c ? static_cast<int>(stride) : 0;
}

// The same values as pixels that a kernel can read: as they lie, or copied.
Tensor pixels(const Tensor& x) { return pixel_stride(x) ? x : channels_last(x); }

void* data(const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr() : nullptr; }

// Enough blocks to fill the largest GPU a few times over, each with some pixels to sum.
int chunks(int64_t images, int64_t area, int64_t channels) {
    const int64_t rows = THREADS / (channels / WIDTH);
    return static_cast<int>(std::clamp<int64_t>(1024 / images, 1, std::max<int64_t>(1, area / (4 * rows))));
}

// The sums of rows of f32 into `left`, and what is wider than it into `right`.
void column_sums(const Tensor& rows, const Tensor& left, const Tensor& right) {
    const int count = static_cast<int>(rows.size(0)), width = static_cast<int>(rows.numel() / rows.size(0));
    launch(of_kind("columns", left), dim3((width + 31) / 32), THREADS, data(rows), data(left), data(right), count, width,
        static_cast<int>(left.numel()));
}

struct NormSilu : torch::autograd::Function<NormSilu> {
    static Tensor forward(AutogradContext* context, const Tensor& image, const std::optional<Tensor>& added, const Tensor& scale,
        const Tensor& bias, int64_t groups, double eps, bool silu, int64_t start, int64_t bound, double kept) {
        const c10::cuda::CUDAGuard guard(image.device());
        const Tensor x = channels_last(image), shift = added.value_or(Tensor());
        const int64_t n = x.size(0), c = x.size(1), area = x.size(2) * x.size(3);
        const Norm norm{static_cast<int>(area), static_cast<int>(c), static_cast<int>(groups), chunks(n, area, c), 0,
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
        const Tensor dy = pixels(gradients[0].to(x.scalar_type()));
        norm.stride = pixel_stride(dy);
        const int64_t n = x.size(0), c = x.size(1);
        const auto f32 = stats.options();
        const Tensor partial = at::empty({n, norm.chunks, 3, c}, f32), weights = at::empty({n, 2, c}, f32);
        const Tensor dx = at::empty_like(x), dshift = shift.defined() ? at::empty_like(shift) : Tensor();
        const dim3 blocks(norm.chunks, n);
        launch(of_kind("norm_back_sums", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(stats),
            data(dy), data(partial), norm);
        launch(of_kind("norm_back_apply", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(stats),
            data(dy), data(partial), data(dx), data(dshift), data(weights), norm);
        const Tensor dscale = at::empty_like(scale), dbias = at::empty_like(bias);
        column_sums(weights, dbias, dscale);
        return {dx, dshift, dscale, dbias, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

struct AddScaled : torch::autograd::Function<AddScaled> {
    static Tensor forward(AutogradContext* context, const Tensor& left, const Tensor& right, const std::optional<Tensor>& added,
        double factor) {
        const c10::cuda::CUDAGuard guard(left.device());
        const Tensor a = channels_last(left), b = channels_last(right), bias = added.value_or(Tensor());
        const Tensor out = at::empty_like(a);
        const uint64_t len = a.numel();
        launch(of_kind("add_scaled", a), dim3((len / WIDTH + THREADS - 1) / THREADS), THREADS, data(a), data(b), data(bias),
            data(out), len, static_cast<int>(a.size(1)), static_cast<float>(factor));
        context->saved_data["factor"] = factor;
        context->saved_data["biased"] = bias.defined();
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const double factor = context->saved_data["factor"].toDouble();
        if (!context->saved_data["biased"].toBool()) {
            const Tensor scaled = gradients[0] * factor;
            return {scaled, scaled, Tensor(), Tensor()};
        }
        const c10::cuda::CUDAGuard guard(gradients[0].device());
        const Tensor dy = pixels(gradients[0]);
        const int64_t c = dy.size(1), rows = dy.numel() / c;
        Norm norm{static_cast<int>(rows), static_cast<int>(c), 1, chunks(1, rows, c), pixel_stride(dy), 0, 0, {0, 0, 0}};
        const Tensor dx = at::empty(dy.sizes(), dy.options().memory_format(at::MemoryFormat::ChannelsLast));
        const Tensor partial = at::empty({norm.chunks, c}, dy.options().dtype(at::kFloat));
        launch(of_kind("add_scaled_back", dy), dim3(norm.chunks), THREADS, data(dy), data(dx), data(partial),
            static_cast<float>(factor), norm);
        const Tensor dbias = at::empty({c}, dy.options());
        column_sums(partial, dbias, Tensor());
        return {dx, dx, dbias, Tensor()};
    }
};

Tensor mapped(const Tensor& image, const Tensor& table, int64_t from, int64_t to, int64_t taps) {
    const c10::cuda::CUDAGuard guard(image.device());
    const Tensor x = channels_last(image);
    const Tensor y =
        at::empty({x.size(0), x.size(1), to, to}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
    const uint64_t len = y.numel();
    launch(of_kind("along_lines", x), dim3((len / WIDTH + THREADS - 1) / THREADS), THREADS, data(x), data(y), data(table), len,
        static_cast<int>(from), static_cast<int>(to), static_cast<int>(taps), static_cast<int>(x.size(1)));
    return y;
}

// The table of the map, and that of its transpose for the gradient.
struct AlongLines : torch::autograd::Function<AlongLines> {
    static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& there, const Tensor& back, int64_t from,
        int64_t to) {
        context->save_for_backward({back});
        context->saved_data["from"] = from;
        context->saved_data["to"] = to;
        return mapped(x, there, from, to, there.size(1) - 1);
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        const Tensor back = context->get_saved_variables()[0];
        const int64_t from = context->saved_data["from"].toInt(), to = context->saved_data["to"].toInt();
        return {mapped(gradients[0], back, to, from, back.size(1) - 1), Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

// Bytes on the device of a tensor, by way of memory that a GPU reads by itself.
Tensor bytes(const void* from, size_t size, const Tensor& beside) {
    const Tensor host = at::empty({static_cast<int64_t>(size)}, at::TensorOptions(at::kByte).pinned_memory(true));
    std::memcpy(host.mutable_data_ptr(), from, size);
    return host.to(beside.device(), /*non_blocking=*/true);
}

// New tensors that lie in memory as others do, without holes. One piece of memory for all: asking for each takes longer than
// filling it. Nothing changes them in place, so nobody has to know that they share it.
variable_list beside(const variable_list& like, at::ScalarType kind) {
    constexpr int64_t ALIGN = 128;
    int64_t total = 0;
    for (const Tensor& tensor : like) total += (tensor.numel() + ALIGN - 1) / ALIGN * ALIGN;
    const Tensor flat = at::empty({total}, like[0].options().dtype(kind).memory_format(at::MemoryFormat::Contiguous));
    variable_list made;
    int64_t offset = 0;
    for (const Tensor& tensor : like) {
        auto impl = c10::make_intrusive<at::TensorImpl>(c10::Storage(flat.storage()), flat.key_set(), flat.dtype());
        impl->set_sizes_and_strides(tensor.sizes(), tensor.strides(), offset);
        made.emplace_back(std::move(impl));
        offset += (tensor.numel() + ALIGN - 1) / ALIGN * ALIGN;
    }
    return made;
}

Tensor dense(const Tensor& x) { return x.is_non_overlapping_and_dense() ? x : x.contiguous(); }

// Many tensors in another format, by one kernel; undefined ones stay so.
variable_list converted(const variable_list& tensors, at::ScalarType kind) {
    variable_list old;
    for (const Tensor& tensor : tensors)
        if (tensor.defined()) old.push_back(dense(tensor));
    if (old.empty()) return tensors;
    const c10::cuda::CUDAGuard guard(old[0].device());
    const variable_list fresh = beside(old, kind);
    std::vector<Copy> copies;
    for (size_t i = 0; i < old.size(); ++i)
        for (int64_t at = 0; at < old[i].numel(); at += PIECE)
            copies.push_back({static_cast<const char*>(old[i].const_data_ptr()) + at * old[i].element_size(),
                static_cast<char*>(fresh[i].data_ptr()) + at * fresh[i].element_size(),
                static_cast<int>(std::min<int64_t>(PIECE, old[i].numel() - at))});
    const Tensor table = bytes(copies.data(), copies.size() * sizeof(Copy), old[0]);
    launch(kind == at::kFloat ? "to_float" : "to_bf16", dim3(copies.size()), 512, data(table));
    variable_list made(tensors.size());
    for (size_t i = 0, next = 0; i < tensors.size(); ++i)
        if (tensors[i].defined()) made[i] = fresh[next++];
    return made;
}

struct Lowered : torch::autograd::Function<Lowered> {
    static variable_list forward(AutogradContext*, at::TensorList leaves) { return converted(leaves.vec(), at::kBFloat16); }
    static variable_list backward(AutogradContext*, variable_list gradients) { return converted(gradients, at::kFloat); }
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
        const auto added = shift ? std::optional<Tensor>(shift->to(kind).contiguous()) : std::nullopt;
        return owned(NormSilu::apply(*x, added, scale->to(kind).contiguous(), bias->to(kind).contiguous(), groups, eps, silu,
            static_cast<int64_t>(start), static_cast<int64_t>(bound), kept));
    });
}

// (a + b + bias) factor: images of equal shapes and formats, and a value for each channel, or none.
extern "C" Tensor* exp_tch_add_scaled(const Tensor* a, const Tensor* b, const Tensor* bias, double factor, char** error) {
    return guarded(error, [&] {
        const auto added = bias ? std::optional<Tensor>(bias->to(a->scalar_type()).contiguous()) : std::nullopt;
        return owned(AddScaled::apply(*a, *b, added, factor));
    });
}

// An image of `from` pixels a side through a map of lines to `to` a side; `there` and `back` are its tables on the GPU.
extern "C" Tensor* exp_tch_along_lines(
    const Tensor* x, const Tensor* there, const Tensor* back, int64_t from, int64_t to, char** error) {
    return guarded(error, [&] { return owned(AlongLines::apply(*x, *there, *back, from, to)); });
}

// f32 tensors of one GPU in bf16; `out` has a place for each.
extern "C" void exp_tch_lowered(const Tensor* const* tensors, size_t count, Tensor** out, char** error) {
    guarded(error, [&] {
        variable_list leaves;
        for (size_t i = 0; i < count; ++i) leaves.push_back(*tensors[i]);
        const variable_list made = Lowered::apply(at::TensorList(leaves));
        for (size_t i = 0; i < count; ++i) out[i] = owned(made[i]);
        return 0;
    });
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

// Values on a GPU, by way of memory that it reads by itself, so that nobody waits for it.
extern "C" Tensor* exp_tch_upload(const float* values, const int64_t* sizes, size_t dims, int index, char** error) {
    return guarded(error, [&] {
        const auto pinned = at::TensorOptions(at::kFloat).pinned_memory(true);
        const Tensor host = at::empty(at::IntArrayRef(sizes, dims), pinned);
        std::memcpy(host.mutable_data_ptr(), values, host.nbytes());
        return owned(host.to(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index)), /*non_blocking=*/true));
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
        variable_list params, moved;
        for (size_t i = 0; i < count; ++i) params.push_back(*slots[5 * i]);
        variable_list news[4];
        for (variable_list& part : news) part = beside(params, at::kFloat);
        for (size_t i = 0; i < count; ++i) {
            const Tensor& param = params[i];
            const float* old[5];
            for (int part = 0; part < 5; ++part) {
                const Tensor* tensor = slots[5 * i + part];
                // All walk through memory together, so all lie in it as the weights do.
                if (tensor->strides() != param.strides()) tensor = &moved.emplace_back(at::empty_like(param).copy_(*tensor));
                old[part] = tensor->const_data_ptr<float>();
            }
            float* fresh[4];
            for (int part = 0; part < 4; ++part) fresh[part] = news[part][i].data_ptr<float>();
            for (int64_t from = 0; from < param.numel(); from += PIECE)
                pieces.push_back({old[0] + from, old[1] + from, old[2] + from, old[3] + from, old[4] + from, fresh[0] + from,
                    fresh[1] + from, fresh[2] + from, fresh[3] + from,
                    static_cast<int>(std::min<int64_t>(PIECE, param.numel() - from)), rule_of[i]});
        }
        const Tensor table = bytes(pieces.data(), pieces.size() * sizeof(Piece), params[0]);
        const Tensor coefficients = bytes(rules, kinds * sizeof(Rule), params[0]);
        launch("update", dim3(pieces.size()), 512, data(table), data(coefficients));
        for (size_t i = 0; i < count; ++i)
            for (int part = 0; part < 4; ++part) out[4 * i + part] = owned(news[part][i]);
        return 0;
    });
}

// The sum of squares of all values of f32 tensors on one GPU, `[1]`.
extern "C" Tensor* exp_tch_sum_squares(const Tensor* const* tensors, size_t count, char** error) {
    return guarded(error, [&] {
        const c10::cuda::CUDAGuard guard(tensors[0]->device());
        variable_list kept;
        std::vector<Copy> pieces;
        for (size_t i = 0; i < count; ++i) {
            const Tensor& tensor = kept.emplace_back(dense(*tensors[i]));
            for (int64_t at = 0; at < tensor.numel(); at += PIECE)
                pieces.push_back({tensor.const_data_ptr<float>() + at, nullptr,
                    static_cast<int>(std::min<int64_t>(PIECE, tensor.numel() - at))});
        }
        const Tensor table = bytes(pieces.data(), pieces.size() * sizeof(Copy), kept[0]);
        const Tensor sums = at::empty({static_cast<int64_t>(pieces.size())}, kept[0].options().memory_format(at::MemoryFormat::Contiguous));
        launch("squares", dim3(pieces.size()), 512, data(table), data(sums));
        return owned(sums.sum().reshape({1}));
    });
}
