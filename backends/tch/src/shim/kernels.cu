// CUDA kernels that libtorch lacks, compiled by NVRTC when a run first needs them.
//
// Features are channels-last, [N, area, C], with C a multiple of 8: a thread holds 8 neighbouring channels of a pixel, in
// registers as f32 whatever their format in memory. No sum depends on the order in which blocks run, so all repeat bit for
// bit.

typedef unsigned int u32;
typedef unsigned long long u64;

constexpr int WIDTH = 8;
constexpr int THREADS = 256;
constexpr int CHANNELS = 1024; // at most
constexpr int GROUPS = 256;    // at most

struct bf16 { unsigned short bits; };

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ float wide(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

// Neighbouring values as they lie in memory. A thread asks for those of several pixels at once, `DEPTH`, and then computes:
// memory answers late, but many at a time.
template <typename T>
struct Packed;

template <>
struct Packed<float> {
    static constexpr int DEPTH = 2;
    float4 a, b;
    __device__ __forceinline__ Packed() {}
    __device__ __forceinline__ explicit Packed(const float* from) : a(((const float4*)from)[0]), b(((const float4*)from)[1]) {}
    __device__ __forceinline__ void to(float (&to)[WIDTH]) const {
        to[0] = a.x, to[1] = a.y, to[2] = a.z, to[3] = a.w, to[4] = b.x, to[5] = b.y, to[6] = b.z, to[7] = b.w;
    }
};

template <>
struct Packed<bf16> {
    static constexpr int DEPTH = 4;
    uint4 words;
    __device__ __forceinline__ Packed() {}
    __device__ __forceinline__ explicit Packed(const bf16* from) : words(*(const uint4*)from) {}
    __device__ __forceinline__ void to(float (&to)[WIDTH]) const {
        const u32 pairs[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            to[2 * i] = __uint_as_float(pairs[i] << 16);
            to[2 * i + 1] = __uint_as_float(pairs[i] & 0xffff0000u);
        }
    }
};

template <typename T>
__device__ __forceinline__ void load(const T* from, float (&to)[WIDTH]) {
    Packed<T>(from).to(to);
}

__device__ __forceinline__ void store(float* to, const float (&from)[WIDTH]) {
    ((float4*)to)[0] = make_float4(from[0], from[1], from[2], from[3]);
    ((float4*)to)[1] = make_float4(from[4], from[5], from[6], from[7]);
}

__device__ __forceinline__ u32 pair(float low, float high) {
    u32 word;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
}

__device__ __forceinline__ void store(bf16* to, const float (&from)[WIDTH]) {
    *(uint4*)to = make_uint4(pair(from[0], from[1]), pair(from[2], from[3]), pair(from[4], from[5]), pair(from[6], from[7]));
}

__device__ __forceinline__ void store(float* to, float from) { *to = from; }
__device__ __forceinline__ void store(bf16* to, float from) { to->bits = (unsigned short)pair(from, 0.0f); }

// bf16 does not see the digits that the fast functions lose.
__device__ __forceinline__ float sigmoid(float x, float) { return 1.0f / (1.0f + expf(-x)); }
__device__ __forceinline__ float sigmoid(float x, bf16) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

// The mask of dropout, as `mask.rs` draws it on the host: number `index` of the tensor in the order [N, C, area].
constexpr u64 STEP = 0x9e3779b97f4a7c15ull;

__device__ __forceinline__ u64 hash(u64 counter) {
    u64 x = (counter ^ (counter >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

struct Dropout {
    u64 start;
    u64 bound;
    float kept;
};

__device__ __forceinline__ float factor(const Dropout& dropout, u64 index) {
    const u64 bits = hash(dropout.start + (index >> 1) * STEP);
    const u32 half = index & 1 ? (u32)bits : (u32)(bits >> 32);
    return half < dropout.bound ? 0.0f : dropout.kept;
}

template <typename T>
__device__ void mask(T* out, u64 len, Dropout dropout) {
    const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < len) store(out + i, factor(dropout, i));
}

// Group normalisation of x + shift, SiLU and dropout. Blocks: (chunk of pixels, image).
struct Norm {
    int area, channels, groups, chunks;
    int stride; // of a pixel of the gradient, in values: it may be a part of a wider image
    float eps;
    int silu;
    Dropout dropout; // kept = 0: none
};

// What a thread works on: 8 channels from `channel` of the pixels `first`, `first + step`, ... below `end`.
struct Share {
    int channel, first, step, end, lanes;
    bool idle;

    // Calls `work(row, values)` for each of the pixels, whose values lie `stride` apart from `from` on.
    template <typename T, typename Work>
    __device__ __forceinline__ void each(const T* from, size_t stride, Work work) const {
        constexpr int DEPTH = Packed<T>::DEPTH;
        for (int row = first; row < end; row += DEPTH * step) {
            Packed<T> packed[DEPTH];
#pragma unroll
            for (int i = 0; i < DEPTH; ++i)
                if (row + i * step < end) packed[i] = Packed<T>(from + (row + i * step) * stride + channel);
#pragma unroll
            for (int i = 0; i < DEPTH; ++i)
                if (row + i * step < end) {
                    float values[WIDTH];
                    packed[i].to(values);
                    work(row + i * step, values);
                }
        }
    }

    // The same with the values of two images.
    template <typename T, typename Work>
    __device__ __forceinline__ void both(const T* a, size_t stride_a, const T* b, size_t stride_b, Work work) const {
        constexpr int DEPTH = Packed<T>::DEPTH / 2;
        for (int row = first; row < end; row += DEPTH * step) {
            Packed<T> packed[2][DEPTH];
#pragma unroll
            for (int i = 0; i < DEPTH; ++i)
                if (row + i * step < end) {
                    packed[0][i] = Packed<T>(a + (row + i * step) * stride_a + channel);
                    packed[1][i] = Packed<T>(b + (row + i * step) * stride_b + channel);
                }
#pragma unroll
            for (int i = 0; i < DEPTH; ++i)
                if (row + i * step < end) {
                    float values[2][WIDTH];
                    packed[0][i].to(values[0]);
                    packed[1][i].to(values[1]);
                    work(row + i * step, values[0], values[1]);
                }
        }
    }

    __device__ Share(const Norm& norm) {
        lanes = norm.channels / WIDTH;
        step = THREADS / lanes;
        channel = (threadIdx.x % lanes) * WIDTH;
        const int size = (norm.area + norm.chunks - 1) / norm.chunks;
        first = blockIdx.x * size + threadIdx.x / lanes;
        end = min((int)(blockIdx.x + 1) * size, norm.area);
        idle = threadIdx.x >= step * lanes;
    }
};

// Sums over a block's pixels, by channel: `sums` of each thread into total[channel] of shared memory.
__device__ void by_channel(const Norm& norm, const Share& share, const float (&sums)[WIDTH], float* total) {
    __shared__ float rows[WIDTH * THREADS];
    __syncthreads();
    if (!share.idle)
        for (int i = 0; i < WIDTH; ++i) rows[(threadIdx.x / share.lanes) * norm.channels + share.channel + i] = sums[i];
    __syncthreads();
    for (int c = threadIdx.x; c < norm.channels; c += THREADS) {
        float sum = 0.0f;
        for (int row = 0; row < share.step; ++row) sum += rows[row * norm.channels + c];
        total[c] = sum;
    }
    __syncthreads();
}

// A value near those of the group, subtracted before squares are summed: a large mean would hide the variance.
template <typename T>
__device__ __forceinline__ float pivot(const Norm& norm, const T* x, const T* shift, int group) {
    const int c = group * (norm.channels / norm.groups);
    const size_t image = blockIdx.y;
    return wide(x[image * norm.area * norm.channels + c]) + (shift ? wide(shift[image * norm.channels + c]) : 0.0f);
}

// partial: [N, chunks, 2, groups], sums of x - pivot and of its square.
template <typename T>
__device__ void norm_sums(const T* x, const T* shift, float* partial, Norm norm) {
    __shared__ float total[2][CHANNELS];
    const Share share(norm);
    const int size = norm.channels / norm.groups;
    const size_t image = blockIdx.y;
    float sums[WIDTH] = {}, squares[WIDTH] = {}, offset[WIDTH];
    if (!share.idle) {
        for (int i = 0; i < WIDTH; ++i) {
            const int c = share.channel + i;
            offset[i] = (shift ? wide(shift[image * norm.channels + c]) : 0.0f) - pivot(norm, x, shift, c / size);
        }
        share.each(x + image * norm.area * norm.channels, norm.channels, [&](int, float (&v)[WIDTH]) {
            for (int i = 0; i < WIDTH; ++i) {
                const float d = v[i] + offset[i];
                sums[i] += d;
                squares[i] += d * d;
            }
        });
    }
    by_channel(norm, share, sums, total[0]);
    by_channel(norm, share, squares, total[1]);
    for (int at = threadIdx.x; at < 2 * norm.groups; at += THREADS) {
        const int which = at / norm.groups, group = at % norm.groups;
        float sum = 0.0f;
        for (int c = group * size; c < (group + 1) * size; ++c) sum += total[which][c];
        partial[((image * norm.chunks + blockIdx.x) * 2 + which) * norm.groups + group] = sum;
    }
}

// z = (x + centre) slope + term for each of a thread's channels.
template <typename T>
struct Affine {
    float centre[WIDTH], slope[WIDTH], term[WIDTH];
    __device__ __forceinline__ Affine(
        const Norm& norm, const Share& share, const T* shift, const T* scale, const T* bias, const float* mean, const float* inverse) {
        for (int i = 0; i < WIDTH; ++i) {
            const int c = share.channel + i, group = c / (norm.channels / norm.groups);
            centre[i] = (shift ? wide(shift[(size_t)blockIdx.y * norm.channels + c]) : 0.0f) - mean[group];
            slope[i] = inverse[group] * wide(scale[c]);
            term[i] = wide(bias[c]);
        }
    }
};

// y, and stats: [N, 2, groups], mean and 1 / deviation of x + shift.
template <typename T>
__device__ void norm_apply(
    const T* x, const T* shift, const T* scale, const T* bias, const float* partial, float* stats, T* y, Norm norm) {
    __shared__ float mean[GROUPS], inverse[GROUPS];
    const Share share(norm);
    const int size = norm.channels / norm.groups;
    const size_t image = blockIdx.y;
    for (int group = threadIdx.x; group < norm.groups; group += THREADS) {
        float sum = 0.0f, square = 0.0f;
        for (int chunk = 0; chunk < norm.chunks; ++chunk) {
            const float* at = partial + (image * norm.chunks + chunk) * 2 * norm.groups;
            sum += at[group];
            square += at[norm.groups + group];
        }
        const float count = (float)size * norm.area;
        const float centre = sum / count;
        mean[group] = centre + pivot(norm, x, shift, group);
        inverse[group] = rsqrtf(fmaxf(square / count - centre * centre, 0.0f) + norm.eps);
        if (blockIdx.x == 0) {
            stats[image * 2 * norm.groups + group] = mean[group];
            stats[(image * 2 + 1) * norm.groups + group] = inverse[group];
        }
    }
    __syncthreads();
    if (share.idle) return;
    const Affine<T> affine(norm, share, shift, scale, bias, mean, inverse);
    const size_t start = image * norm.area * norm.channels;
    share.each(x + start, norm.channels, [&](int row, float (&v)[WIDTH]) {
        for (int i = 0; i < WIDTH; ++i) {
            float z = (v[i] + affine.centre[i]) * affine.slope[i] + affine.term[i];
            if (norm.silu) z *= sigmoid(z, T());
            if (norm.dropout.kept != 0.0f)
                z *= factor(norm.dropout, (image * norm.channels + share.channel + i) * norm.area + row);
            v[i] = z;
        }
        store(y + start + (size_t)row * norm.channels + share.channel, v);
    });
}

// What the gradient dy at the end becomes at the output z of the normalisation.
template <typename T>
__device__ __forceinline__ float before_silu(const Norm& norm, float dy, float z, u64 index) {
    if (norm.dropout.kept != 0.0f) dy *= factor(norm.dropout, index);
    if (!norm.silu) return dy;
    const float s = sigmoid(z, T());
    return dy * s * (1.0f + z * (1.0f - s));
}

// partial: [N, chunks, 3, C], sums over pixels of dz, of dz times the normal value, and of the normal value.
template <typename T>
__device__ void norm_back_sums(const T* x, const T* shift, const T* scale, const T* bias, const float* stats, const T* dy,
    float* partial, Norm norm) {
    __shared__ float total[CHANNELS];
    const Share share(norm);
    const size_t image = blockIdx.y;
    const float *mean = stats + image * 2 * norm.groups, *inverse = mean + norm.groups;
    float sums[3][WIDTH] = {};
    if (!share.idle) {
        const Affine<T> affine(norm, share, shift, scale, bias, mean, inverse);
        const size_t pixel = image * norm.area;
        const T *from = x + pixel * norm.channels, *gradient = dy + pixel * norm.stride;
        share.both(from, norm.channels, gradient, norm.stride, [&](int row, float (&v)[WIDTH], float (&d)[WIDTH]) {
            for (int i = 0; i < WIDTH; ++i) {
                const float centred = v[i] + affine.centre[i], z = centred * affine.slope[i] + affine.term[i];
                const u64 index = (image * norm.channels + share.channel + i) * norm.area + row;
                const float dz = before_silu<T>(norm, d[i], z, index);
                sums[0][i] += dz;
                sums[1][i] += dz * centred;
                sums[2][i] += centred;
            }
        });
        for (int i = 0; i < WIDTH; ++i) {
            const float scaled = inverse[(share.channel + i) / (norm.channels / norm.groups)];
            sums[1][i] *= scaled;
            sums[2][i] *= scaled;
        }
    }
    for (int which = 0; which < 3; ++which) {
        by_channel(norm, share, sums[which], total);
        float* at = partial + ((image * norm.chunks + blockIdx.x) * 3 + which) * norm.channels;
        for (int c = threadIdx.x; c < norm.channels; c += THREADS) at[c] = total[c];
    }
}

// dx; dshift: [N, C], or none; weights: [N, 2, C], what each image adds to the gradients of bias and scale.
template <typename T>
__device__ void norm_back_apply(const T* x, const T* shift, const T* scale, const T* bias, const float* stats, const T* dy,
    const float* partial, T* dx, T* dshift, float* weights, Norm norm) {
    __shared__ float total[3][CHANNELS], means[2][GROUPS];
    const Share share(norm);
    const int size = norm.channels / norm.groups;
    const size_t image = blockIdx.y;
    const float *mean = stats + image * 2 * norm.groups, *inverse = mean + norm.groups;
    const float count = (float)size * norm.area;
    for (int at = threadIdx.x; at < 3 * norm.channels; at += THREADS) {
        float sum = 0.0f;
        for (int chunk = 0; chunk < norm.chunks; ++chunk)
            sum += partial[(image * norm.chunks + chunk) * 3 * norm.channels + at];
        total[at / norm.channels][at % norm.channels] = sum;
        if (blockIdx.x == 0 && at < 2 * norm.channels) weights[image * 2 * norm.channels + at] = sum;
    }
    __syncthreads();
    for (int at = threadIdx.x; at < 2 * norm.groups; at += THREADS) {
        const int which = at / norm.groups, group = at % norm.groups;
        float sum = 0.0f;
        for (int c = group * size; c < (group + 1) * size; ++c) sum += wide(scale[c]) * total[which][c];
        means[which][group] = sum / count;
    }
    __syncthreads();
    if (dshift && blockIdx.x == 0)
        for (int c = threadIdx.x; c < norm.channels; c += THREADS) {
            const int group = c / size;
            const float sum = wide(scale[c]) * total[0][c] - norm.area * means[0][group] - total[2][c] * means[1][group];
            store(dshift + image * norm.channels + c, sum * inverse[group]);
        }
    if (share.idle) return;
    const Affine<T> affine(norm, share, shift, scale, bias, mean, inverse);
    float level[WIDTH], tilt[WIDTH];
    for (int i = 0; i < WIDTH; ++i) {
        const int group = (share.channel + i) / size;
        level[i] = means[0][group] * inverse[group];
        tilt[i] = means[1][group] * inverse[group] * inverse[group];
    }
    const size_t pixel = image * norm.area, start = pixel * norm.channels;
    const T* gradient = dy + pixel * norm.stride;
    share.both(x + start, norm.channels, gradient, norm.stride, [&](int row, float (&v)[WIDTH], float (&d)[WIDTH]) {
        for (int i = 0; i < WIDTH; ++i) {
            const float centred = v[i] + affine.centre[i], z = centred * affine.slope[i] + affine.term[i];
            const u64 index = (image * norm.channels + share.channel + i) * norm.area + row;
            const float dz = before_silu<T>(norm, d[i], z, index);
            v[i] = affine.slope[i] * dz - level[i] - centred * tilt[i];
        }
        store(dx + start + (size_t)row * norm.channels + share.channel, v);
    });
}

// (a + b + bias) scale, of images of `channels`; the bias may be absent.
template <typename T>
__device__ void add_scaled(const T* a, const T* b, const T* bias, T* out, u64 len, int channels, float scale) {
    const u64 at = ((u64)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    if (at >= len) return;
    float x[WIDTH], y[WIDTH], z[WIDTH] = {};
    load(a + at, x);
    load(b + at, y);
    if (bias) load(bias + at % channels, z);
    for (int i = 0; i < WIDTH; ++i) x[i] = (x[i] + y[i] + z[i]) * scale;
    store(out + at, x);
}

// dy scale, and its sums by channel: partial [chunks, C]. All pixels of all images are one image here.
template <typename T>
__device__ void add_scaled_back(const T* dy, T* dx, float* partial, float scale, Norm norm) {
    __shared__ float total[CHANNELS];
    const Share share(norm);
    float sums[WIDTH] = {};
    if (!share.idle)
        share.each(dy, norm.stride, [&](int row, float (&d)[WIDTH]) {
            for (int i = 0; i < WIDTH; ++i) {
                d[i] *= scale;
                sums[i] += d[i];
            }
            store(dx + (size_t)row * norm.channels + share.channel, d);
        });
    by_channel(norm, share, sums, total);
    for (int c = threadIdx.x; c < norm.channels; c += THREADS) partial[blockIdx.x * norm.channels + c] = total[c];
}

// Lines of pixels through a map, along rows and columns: [N, from, from, C] to [N, to, to, C]. For each pixel of a line
// after, `table` holds the first pixel before that it sees, and `taps` weights.
template <typename T>
__device__ void along_lines(const T* x, T* y, const float* table, u64 len, int from, int to, int taps, int channels) {
    const u64 at = ((u64)blockIdx.x * blockDim.x + threadIdx.x) * WIDTH;
    if (at >= len) return;
    const int c = at % channels, column = at / channels % to, row = at / channels / to % to;
    const u64 image = at / channels / to / to;
    const float *rows = table + row * (1 + taps), *columns = table + column * (1 + taps);
    const int top = (int)rows[0], left = (int)columns[0];
    float sum[WIDTH] = {};
    for (int i = 0; i < taps; ++i)
        for (int j = 0; j < taps; ++j) {
            const float weight = rows[1 + i] * columns[1 + j];
            float v[WIDTH];
            load(x + ((image * from + top + i) * from + left + j) * channels + c, v);
            for (int k = 0; k < WIDTH; ++k) sum[k] += weight * v[k];
        }
    store(y + at, sum);
}

// Values of many tensors in another format; a block a piece.
struct Copy {
    const void* from;
    void* to;
    int len;
};

extern "C" __global__ void to_bf16(const Copy* copies) {
    const Copy copy = copies[blockIdx.x];
    for (int i = threadIdx.x; i < copy.len; i += blockDim.x) store((bf16*)copy.to + i, ((const float*)copy.from)[i]);
}

extern "C" __global__ void to_float(const Copy* copies) {
    const Copy copy = copies[blockIdx.x];
    for (int i = threadIdx.x; i < copy.len; i += blockDim.x) ((float*)copy.to)[i] = wide(((const bf16*)copy.from)[i]);
}

// Sums of squares, a number for each piece.
extern "C" __global__ void squares(const Copy* pieces, float* sums) {
    __shared__ float parts[512];
    const Copy piece = pieces[blockIdx.x];
    float sum = 0.0f;
    for (int i = threadIdx.x; i < piece.len; i += blockDim.x) {
        const float value = ((const float*)piece.from)[i];
        sum += value * value;
    }
    parts[threadIdx.x] = sum;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = parts[0];
}

// Sums of columns of rows [count, width]: the first `split` of them to `left`, the others to `right`. A block for every 32
// columns, 8 rows side by side.
template <typename T>
__device__ void columns(const float* rows, T* left, T* right, int count, int width, int split) {
    __shared__ float parts[8][32];
    const int lane = threadIdx.x % 32, part = threadIdx.x / 32, column = blockIdx.x * 32 + lane;
    float sum = 0.0f;
    if (column < width)
        for (int row = part; row < count; row += 8) sum += rows[(size_t)row * width + column];
    parts[part][lane] = sum;
    __syncthreads();
    if (part != 0 || column >= width) return;
    for (int i = 1; i < 8; ++i) sum += parts[i][lane];
    store(column < split ? left + column : right + (column - split), sum);
}

// One optimiser update of a piece of one parameter tensor; a block a piece. The coefficients are those of `Update`, folded.
struct Rule {
    float b1, b2, eps, root, rate, ema;
    int adapts;
};

struct Piece {
    const float *param, *ema, *m, *v, *gradient;
    float *new_param, *new_ema, *new_m, *new_v;
    int len, rule;
};

extern "C" __global__ void update(const Piece* pieces, const Rule* rules) {
    const Piece p = pieces[blockIdx.x];
    const Rule rule = rules[p.rule];
    for (int i = threadIdx.x; i < p.len; i += blockDim.x) {
        const float g = p.gradient[i];
        const float m = p.m[i] + rule.b1 * (g - p.m[i]);
        const float v = p.v[i] + rule.b2 * (g * g - p.v[i]);
        const float step = rule.adapts ? m / (sqrtf(v) * rule.root + rule.eps) : m;
        const float param = p.param[i] - rule.rate * step;
        p.new_m[i] = m;
        p.new_v[i] = v;
        p.new_param[i] = param;
        p.new_ema[i] = p.ema[i] + rule.ema * (param - p.ema[i]);
    }
}

#define KERNELS(T)                                                                                                          \
    extern "C" __global__ void mask_##T(T* out, u64 len, Dropout dropout) { mask(out, len, dropout); }                     \
    extern "C" __global__ void add_scaled_##T(                                                                              \
        const T* a, const T* b, const T* bias, T* out, u64 len, int channels, float scale) {                                \
        add_scaled(a, b, bias, out, len, channels, scale);                                                                  \
    }                                                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                                   \
        add_scaled_back_##T(const T* dy, T* dx, float* partial, float scale, Norm norm) {                                   \
        add_scaled_back(dy, dx, partial, scale, norm);                                                                      \
    }                                                                                                                       \
    extern "C" __global__ void columns_##T(const float* rows, T* left, T* right, int count, int width, int split) {         \
        columns(rows, left, right, count, width, split);                                                                    \
    }                                                                                                                       \
    extern "C" __global__ void along_lines_##T(                                                                             \
        const T* x, T* y, const float* table, u64 len, int from, int to, int taps, int channels) {                          \
        along_lines(x, y, table, len, from, to, taps, channels);                                                            \
    }                                                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                                   \
        norm_sums_##T(const T* x, const T* shift, float* partial, Norm norm) {                                              \
        norm_sums(x, shift, partial, norm);                                                                                 \
    }                                                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS) norm_apply_##T(const T* x, const T* shift, const T* scale,        \
        const T* bias, const float* partial, float* stats, T* y, Norm norm) {                                               \
        norm_apply(x, shift, scale, bias, partial, stats, y, norm);                                                         \
    }                                                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) norm_back_sums_##T(const T* x, const T* shift, const T* scale,    \
        const T* bias, const float* stats, const T* dy, float* partial, Norm norm) {                                        \
        norm_back_sums(x, shift, scale, bias, stats, dy, partial, norm);                                                    \
    }                                                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) norm_back_apply_##T(const T* x, const T* shift, const T* scale,   \
        const T* bias, const float* stats, const T* dy, const float* partial, T* dx, T* dshift, float* weights,             \
        Norm norm) {                                                                                                        \
        norm_back_apply(x, shift, scale, bias, stats, dy, partial, dx, dshift, weights, norm);                              \
    }

KERNELS(float)
KERNELS(bf16)
