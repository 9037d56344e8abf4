// What both halves of the shim share: how a failure reaches Rust.

#pragma once

#include <ATen/ATen.h>

#include <cstring>

// The body's value, or none and the words of what was thrown, for Rust to free.
template <typename Body>
auto guarded(char** error, Body body) -> decltype(body()) {
    try {
        *error = nullptr;
        return body();
    } catch (const std::exception& thrown) {
        *error = strdup(thrown.what());
    } catch (...) {
        *error = strdup("an exception without words");
    }
    return decltype(body())();
}

inline at::Tensor* owned(at::Tensor tensor) { return new at::Tensor(std::move(tensor)); }
