// Group normalisation with what stands around it in a residual block, forwards and backwards.

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
        const Image<T> images[] = {{x + image * norm.area * norm.channels, (size_t)norm.channels}};
        share.each(images, [&](int, float (&v)[1][WIDTH]) {
            for (int i = 0; i < WIDTH; ++i) {
                const float d = v[0][i] + offset[i];
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
    open(norm.dropout);
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
    const Image<T> images[] = {{x + start, (size_t)norm.channels}};
    share.each(images, [&](int row, float (&v)[1][WIDTH]) {
        for (int i = 0; i < WIDTH; ++i) {
            float z = (v[0][i] + affine.centre[i]) * affine.slope[i] + affine.term[i];
            if (norm.silu) z *= sigmoid(z, T());
            if (norm.dropout.kept != 0.0f)
                z *= factor(norm.dropout, (image * norm.channels + share.channel + i) * norm.area + row);
            v[0][i] = z;
        }
        store(y + start + (size_t)row * norm.channels + share.channel, v[0]);
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
    open(norm.dropout);
    const Share share(norm);
    const size_t image = blockIdx.y;
    const float *mean = stats + image * 2 * norm.groups, *inverse = mean + norm.groups;
    float sums[3][WIDTH] = {};
    if (!share.idle) {
        const Affine<T> affine(norm, share, shift, scale, bias, mean, inverse);
        const size_t pixel = image * norm.area;
        const Image<T> images[] = {
            {x + pixel * norm.channels, (size_t)norm.channels}, {dy + pixel * norm.stride, (size_t)norm.stride}};
        share.each(images, [&](int row, float (&v)[2][WIDTH]) {
            for (int i = 0; i < WIDTH; ++i) {
                const float centred = v[0][i] + affine.centre[i], z = centred * affine.slope[i] + affine.term[i];
                const u64 index = (image * norm.channels + share.channel + i) * norm.area + row;
                const float dz = before_silu<T>(norm, v[1][i], z, index);
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

// dx, to which `trunk`, the gradient of x by another way, is added if there are N = 3 images; dshift: [N, C], or none; weights: [N, 2, C], what each image adds to the gradients of bias and scale.
template <int N, typename T>
__device__ void norm_back_apply(const T* x, const T* shift, const T* scale, const T* bias, const float* stats, const T* dy,
    const T* trunk, const float* partial, T* dx, T* dshift, float* weights, Norm norm) {
    __shared__ float total[3][CHANNELS], means[2][GROUPS];
    open(norm.dropout);
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
    Image<T> images[N] = {{x + start, (size_t)norm.channels}, {dy + pixel * norm.stride, (size_t)norm.stride}};
    if (N == 3) images[N - 1] = {trunk + pixel * norm.beside, (size_t)norm.beside};
    share.each(images, [&](int row, float (&v)[N][WIDTH]) {
        for (int i = 0; i < WIDTH; ++i) {
            const float centred = v[0][i] + affine.centre[i], z = centred * affine.slope[i] + affine.term[i];
            const u64 index = (image * norm.channels + share.channel + i) * norm.area + row;
            const float dz = before_silu<T>(norm, v[1][i], z, index);
            v[0][i] = affine.slope[i] * dz - level[i] - centred * tilt[i] + (N == 3 ? v[N - 1][i] : 0.0f);
        }
        store(dx + start + (size_t)row * norm.channels + share.channel, v[0]);
    });
}

#define NORM_BACK(NAME, N, T)                                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) NAME##_##T(const T* x, const T* shift, const T* scale,    \
        const T* bias, const float* stats, const T* dy, const T* trunk, const float* partial, T* dx, T* dshift,        \
        float* weights, Norm norm) {                                                                                   \
        norm_back_apply<N>(x, shift, scale, bias, stats, dy, trunk, partial, dx, dshift, weights, norm);               \
    }

#define NORM(T)                                                                                                        \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                              \
        norm_sums_##T(const T* x, const T* shift, float* partial, Norm norm) {                                         \
        norm_sums(x, shift, partial, norm);                                                                            \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS) norm_apply_##T(const T* x, const T* shift, const T* scale,   \
        const T* bias, const float* partial, float* stats, T* y, Norm norm) {                                          \
        norm_apply(x, shift, scale, bias, partial, stats, y, norm);                                                    \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) norm_back_sums_##T(const T* x, const T* shift,            \
        const T* scale, const T* bias, const float* stats, const T* dy, float* partial, Norm norm) {                   \
        norm_back_sums(x, shift, scale, bias, stats, dy, partial, norm);                                               \
    }                                                                                                                  \
    NORM_BACK(norm_back_apply, 2, T)                                                                                   \
    NORM_BACK(norm_back_join, 3, T)

NORM(float)
NORM(bf16)
