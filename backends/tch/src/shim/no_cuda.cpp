// The kernels' place in a libtorch without CUDA: no tensor ever lies on a GPU.

#include "shim.h"

namespace {

void absent(char** error) { *error = strdup("libtorch here has no CUDA"); }

} // namespace

using at::Tensor;

extern "C" bool exp_tch_has_kernels(const Tensor*, int64_t, char** error) {
    *error = nullptr;
    return false;
}

extern "C" Tensor* exp_tch_norm(const Tensor*, const Tensor*, const Tensor*, const Tensor*, int64_t, double, bool, uint64_t,
    uint64_t, uint64_t, double, Tensor**, char** error) {
    absent(error);
    return nullptr;
}

extern "C" Tensor* exp_tch_add_scaled(const Tensor*, const Tensor*, const Tensor*, double, char** error) {
    absent(error);
    return nullptr;
}

extern "C" Tensor* exp_tch_along_lines(const Tensor*, const Tensor*, const Tensor*, int64_t, int64_t, char** error) {
    absent(error);
    return nullptr;
}

extern "C" void exp_tch_lowered(const Tensor* const*, size_t, Tensor**, char** error) { absent(error); }

extern "C" Tensor* exp_tch_mask(const Tensor*, uint64_t, uint64_t, uint64_t, double, char** error) {
    absent(error);
    return nullptr;
}

extern "C" Tensor* exp_tch_upload(const float*, const int64_t*, size_t, int, char** error) {
    absent(error);
    return nullptr;
}

extern "C" Tensor* exp_tch_sum_squares(const Tensor* const*, size_t, char** error) {
    absent(error);
    return nullptr;
}

extern "C" void exp_tch_update(const Tensor* const*, const int*, size_t, const void*, size_t, Tensor**, char** error) {
    absent(error);
}

extern "C" void* exp_tch_record(int, bool (*)(void*), void*, char** error) {
    absent(error);
    return nullptr;
}

extern "C" void exp_tch_repeat(void*, uint64_t, char** error) { absent(error); }

extern "C" void exp_tch_forget(void*) {}

extern "C" void exp_tch_copies(const Tensor* const*, size_t, Tensor**, char** error) { absent(error); }

extern "C" void exp_tch_fill(const Tensor* const*, const Tensor* const*, size_t, char** error) { absent(error); }
