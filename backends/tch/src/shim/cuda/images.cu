// What else happens between the convolutions of a residual block: dropout, sums and resampling.

template <typename T>
__device__ void mask(T* out, u64 len, Dropout dropout) {
    const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    open(dropout);
    if (i < len) store(out + i, factor(dropout, i));
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
    if (!share.idle) {
        const Image<T> images[] = {{dy, (size_t)norm.stride}};
        share.each(images, [&](int row, float (&d)[1][WIDTH]) {
            for (int i = 0; i < WIDTH; ++i) {
                d[0][i] *= scale;
                sums[i] += d[0][i];
            }
            store(dx + (size_t)row * norm.channels + share.channel, d[0]);
        });
    }
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

#define IMAGES(T)                                                                                                      \
    extern "C" __global__ void mask_##T(T* out, u64 len, Dropout dropout) { mask(out, len, dropout); }                 \
    extern "C" __global__ void add_scaled_##T(                                                                         \
        const T* a, const T* b, const T* bias, T* out, u64 len, int channels, float scale) {                           \
        add_scaled(a, b, bias, out, len, channels, scale);                                                             \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS)                                                              \
        add_scaled_back_##T(const T* dy, T* dx, float* partial, float scale, Norm norm) {                              \
        add_scaled_back(dy, dx, partial, scale, norm);                                                                 \
    }                                                                                                                  \
    extern "C" __global__ void along_lines_##T(                                                                        \
        const T* x, T* y, const float* table, u64 len, int from, int to, int taps, int channels) {                     \
        along_lines(x, y, table, len, from, to, taps, channels);                                                       \
    }                                                                                                                  \
    extern "C" __global__ void columns_##T(const float* rows, T* left, T* right, int count, int width, int split) {    \
        columns(rows, left, right, count, width, split);                                                               \
    }

IMAGES(float)
IMAGES(bf16)
