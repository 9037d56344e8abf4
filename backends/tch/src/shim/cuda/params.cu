// Work on all parameters of a network at once, cut into pieces; a block a piece.

// Values in another format.
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
    __shared__ float parts[WORKERS];
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

// One optimiser update.
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
        // From the nearer end: in f32, `keep` and `give` do not sum to 1.
        const float ema = p.ema[i];
        p.new_ema[i] = rule.give < 0.5f ? ema + (param - ema) * rule.give : param + (ema - param) * rule.keep;
    }
}
