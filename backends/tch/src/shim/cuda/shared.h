// What the host and the kernels have in common: both compilers read it.

#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

// Neighbouring channels that a thread holds, and threads of a block that works on images.
constexpr int WIDTH = 8;
constexpr int THREADS = 256;
// At most.
constexpr int CHANNELS = 1024;
constexpr int GROUPS = 256;
// Values of a parameter tensor that one block works on, and its threads.
constexpr int PIECE = 1 << 16;
constexpr int WORKERS = 512;

// A mask of dropout.
struct Dropout {
    const u64* drawn; // what was drawn for the step, where the step is recorded; else null
    u64 key;          // with what was drawn, or what that is to be joined with
    u64 start;        // of the hash, once a kernel has opened it
    u64 bound;
    float kept; // 0: nothing is dropped
};

// Group normalisation of x + shift, SiLU and dropout. Blocks: (chunk of pixels, image).
struct Norm {
    int area, channels, groups, chunks;
    int stride; // of a pixel of the gradient, in values: it may be a part of a wider image
    int beside; // the same of the trunk's gradient
    float eps;
    int silu;
    Dropout dropout;
};

// Values of a tensor in another format.
struct Copy {
    const void* from;
    void* to;
    int len;
};

// How parameters are updated: the coefficients of `Update`, folded. `shim/mod.rs` has the same.
struct Rule {
    float b1, b2, eps, root, rate, keep, give;
    int adapts;
};

// A piece of a parameter tensor and all that belongs to it.
struct Piece {
    const float *param, *ema, *m, *v, *gradient;
    float *new_param, *new_ema, *new_m, *new_v;
    int len, rule;
};
