// Values brought to a GPU, and work on all parameters of a network at once.

#include "launch.h"

using namespace shim;

namespace {

// Bytes on the device of a tensor, by way of memory that a GPU reads by itself.
Tensor bytes(const void* from, size_t size, const Tensor& beside) {
    const Tensor host = at::empty({static_cast<int64_t>(size)}, at::TensorOptions(at::kByte).pinned_memory(true));
    std::memcpy(host.mutable_data_ptr(), from, size);
    return host.to(beside.device(), /*non_blocking=*/true);
}

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
    launch(kind == at::kFloat ? "to_float" : "to_bf16", dim3(copies.size()), WORKERS, data(table));
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

// One piece of memory for all: asking for each takes longer than filling it.
variable_list shim::beside(const variable_list& like, at::ScalarType kind) {
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

// f32 tensors of one GPU in bf16; `out` has a place for each.
extern "C" void exp_tch_lowered(const Tensor* const* tensors, size_t count, Tensor** out, char** error) {
    guarded(error, [&] {
        const variable_list leaves = listed(tensors, count);
        const variable_list made = Lowered::apply(at::TensorList(leaves));
        for (size_t i = 0; i < count; ++i) out[i] = owned(made[i]);
        return 0;
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
        launch("update", dim3(pieces.size()), WORKERS, data(table), data(coefficients));
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
        launch("squares", dim3(pieces.size()), WORKERS, data(table), data(sums));
        return owned(sums.sum().reshape({1}));
    });
}
