// CUDA kernels that libtorch lacks, compiled by NVRTC when a run first needs them.
//
// Features are channels-last, [N, area, C], with C a multiple of 8: a thread holds 8 neighbouring channels of a pixel, in
// registers as f32 whatever their format in memory. No sum depends on the order in which blocks run, so all repeat bit for
// bit.

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

#if __CUDA_ARCH__ >= 800
__device__ __forceinline__ u32 pair(float low, float high) {
    u32 word;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
}
#else
// To the nearest, to the even one of two; what is no number stays none.
__device__ __forceinline__ u32 rounded(float x) {
    const u32 bits = __float_as_uint(x);
    return isnan(x) ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}

__device__ __forceinline__ u32 pair(float low, float high) { return rounded(low) | rounded(high) << 16; }
#endif

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

__device__ __forceinline__ void open(Dropout& dropout) {
    dropout.start = hash((dropout.drawn ? dropout.key ^ *dropout.drawn : dropout.key) ^ STEP);
}

__device__ __forceinline__ float factor(const Dropout& dropout, u64 index) {
    const u64 bits = hash(dropout.start + (index >> 1) * STEP);
    const u32 half = index & 1 ? (u32)bits : (u32)(bits >> 32);
    return half < dropout.bound ? 0.0f : dropout.kept;
}

// Pixels, and how far apart they lie, in values.
template <typename T>
struct Image {
    const T* start;
    size_t stride;
};

// What a thread works on: 8 channels from `channel` of the pixels `first`, `first + step`, ... below `end`.
struct Share {
    int channel, first, step, end, lanes;
    bool idle;

    // Calls `work(row, values)` for each of the pixels, with the values of each of N images.
    template <int N, typename T, typename Work>
    __device__ __forceinline__ void each(const Image<T> (&images)[N], Work work) const {
        constexpr int DEPTH = (Packed<T>::DEPTH + N - 1) / N;
        for (int row = first; row < end; row += DEPTH * step) {
            Packed<T> packed[DEPTH][N];
#pragma unroll
            for (int i = 0; i < DEPTH; ++i)
                if (row + i * step < end)
#pragma unroll
                    for (int n = 0; n < N; ++n)
                        packed[i][n] = Packed<T>(images[n].start + (row + i * step) * images[n].stride + channel);
#pragma unroll
            for (int i = 0; i < DEPTH; ++i)
                if (row + i * step < end) {
                    float values[N][WIDTH];
#pragma unroll
                    for (int n = 0; n < N; ++n) packed[i][n].to(values[n]);
                    work(row + i * step, values);
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
