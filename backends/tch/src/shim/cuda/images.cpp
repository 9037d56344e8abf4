// The kernels of norm.cu and images.cu on libtorch's tensors, and on its tape.

#include "launch.h"

using namespace shim;

namespace {

// A mask whose key is what was drawn for a step joined to a place.
Dropout mask_of(u64 drawn, u64 place, u64 bound, double kept) {
    const u64* recorded = recorded_number();
    return {recorded, recorded ? place : drawn ^ place, 0, bound, static_cast<float>(kept)};
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

// The image as it is, and normalised.
struct NormSilu : torch::autograd::Function<NormSilu> {
    static variable_list forward(AutogradContext* context, const Tensor& image, const std::optional<Tensor>& added, const Tensor& scale,
        const Tensor& bias, int64_t groups, double eps, bool silu, const Dropout& dropout) {
        const c10::cuda::CUDAGuard guard(image.device());
        const Tensor x = channels_last(image), shift = added.value_or(Tensor());
        const int64_t n = x.size(0), c = x.size(1), area = x.size(2) * x.size(3);
        const Norm norm{static_cast<int>(area), static_cast<int>(c), static_cast<int>(groups), chunks(n, area, c), 0,
            0, static_cast<float>(eps), silu, dropout};
        const auto f32 = x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
        const Tensor partial = at::empty({n, norm.chunks, 2, groups}, f32), stats = at::empty({n, 2, groups}, f32);
        const Tensor y = at::empty_like(x);
        const dim3 blocks(norm.chunks, n);
        launch(of_kind("norm_sums", x), blocks, THREADS, data(x), data(shift), data(partial), norm);
        launch(of_kind("norm_apply", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(partial),
            data(stats), data(y), norm);
        context->save_for_backward({x, shift, scale, bias, stats});
        context->saved_data["norm"] = std::string(reinterpret_cast<const char*>(&norm), sizeof norm);
        context->set_materialize_grads(false);
        return {x, y};
    }

    static variable_list backward(AutogradContext* context, variable_list gradients) {
        if (!gradients[1].defined())
            return {gradients[0], Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
        const variable_list saved = context->get_saved_variables();
        const Tensor &x = saved[0], &shift = saved[1], &scale = saved[2], &bias = saved[3], &stats = saved[4];
        Norm norm;
        std::memcpy(&norm, context->saved_data["norm"].toStringRef().data(), sizeof norm);
        const c10::cuda::CUDAGuard guard(x.device());
        const Tensor dy = pixels(gradients[1].to(x.scalar_type()));
        norm.stride = pixel_stride(dy);
        Tensor trunk;
        if (gradients[0].defined()) {
            trunk = pixels(gradients[0].to(x.scalar_type()));
            norm.beside = pixel_stride(trunk);
        }
        const int64_t n = x.size(0), c = x.size(1);
        const auto f32 = stats.options();
        const Tensor partial = at::empty({n, norm.chunks, 3, c}, f32), weights = at::empty({n, 2, c}, f32);
        const Tensor dx = at::empty_like(x), dshift = shift.defined() ? at::empty_like(shift) : Tensor();
        const dim3 blocks(norm.chunks, n);
        launch(of_kind("norm_back_sums", x), blocks, THREADS, data(x), data(shift), data(scale), data(bias), data(stats),
            data(dy), data(partial), norm);
        launch(of_kind(trunk.defined() ? "norm_back_join" : "norm_back_apply", x), blocks, THREADS, data(x), data(shift),
            data(scale), data(bias), data(stats), data(dy), data(trunk), data(partial), data(dx), data(dshift), data(weights),
            norm);
        const Tensor dscale = at::empty_like(scale), dbias = at::empty_like(bias);
        column_sums(weights, dbias, dscale);
        return {dx, dshift, dscale, dbias, Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

struct AddScaled : torch::autograd::Function<AddScaled> {
    static Tensor forward(AutogradContext* context, const Tensor& left, const Tensor& right, const std::optional<Tensor>& added,
        double factor) {
        const c10::cuda::CUDAGuard guard(left.device());
        const Tensor a = channels_last(left), b = channels_last(right), bias = added.value_or(Tensor());
        const Tensor out = at::empty_like(a);
        const u64 len = a.numel();
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
        Norm norm{static_cast<int>(rows), static_cast<int>(c), 1, chunks(1, rows, c), pixel_stride(dy), 0, 0, 0, {}};
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
    const u64 len = y.numel();
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

} // namespace

// Whether these kernels work on such an image tensor: on a GPU of compute capability 8 at least.
extern "C" bool exp_tch_has_kernels(const Tensor* x, int64_t groups, char** error) {
    return guarded(error, [&] {
        const bool kind = x->scalar_type() == at::kFloat || x->scalar_type() == at::kBFloat16;
        if (!x->is_cuda() || !kind || x->dim() != 4) return false;
        const bool fits = x->size(1) % WIDTH == 0 && x->size(1) <= CHANNELS && groups <= GROUPS && x->size(0) <= IMAGES;
        if (!fits) return false;
        int major = 0;
        check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, x->device().index()));
        return major >= 8;
    });
}

// Group normalisation of x + shift, then SiLU if asked, then dropout if `kept` is not 0; and into `trunk` x itself.
extern "C" Tensor* exp_tch_norm(const Tensor* x, const Tensor* shift, const Tensor* scale, const Tensor* bias, int64_t groups,
    double eps, bool silu, uint64_t drawn, uint64_t place, uint64_t bound, double kept, Tensor** trunk,
    char** error) {
    return guarded(error, [&] {
        const auto kind = x->scalar_type();
        const auto added = shift ? std::optional<Tensor>(shift->to(kind).contiguous()) : std::nullopt;
        const variable_list parted = NormSilu::apply(*x, added, scale->to(kind).contiguous(), bias->to(kind).contiguous(),
            groups, eps, silu, mask_of(drawn, place, bound, kept));
        *trunk = owned(parted[0]);
        return owned(parted[1]);
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

// The factors of dropout in the shape and format of x.
extern "C" Tensor* exp_tch_mask(
    const Tensor* x, uint64_t drawn, uint64_t place, uint64_t bound, double kept, char** error) {
    return guarded(error, [&] {
        const c10::cuda::CUDAGuard guard(x->device());
        const Tensor out = at::empty(x->sizes(), x->options().memory_format(at::MemoryFormat::Contiguous));
        const u64 len = out.numel();
        launch(of_kind("mask", out), dim3((len + THREADS - 1) / THREADS), THREADS, data(out), len,
            mask_of(drawn, place, bound, kept));
        return owned(out);
    });
}
