// Soft-DTW with the batch in SIMD lanes: what a compiler makes of the recursion at best.
// cost, gradient: (M, N, B); values: (B). gradient may be null.
#include <cmath>
#include <vector>

extern "C" void soft_dtw(const float* cost, float* values, float* gradient, int B, int M, int N,
                         float gamma) {
    const float big = 1e15f, scale = 1 / gamma;
    std::vector<float> rows(2 * (N + 1) * B, big);
    std::vector<float> shares(gradient ? 3 * size_t(M) * N * B : 3 * size_t(B));
    float* last = rows.data();
    float* self = last + (N + 1) * B;
    for (int i = 0; i < M; ++i) {
        for (int k = 0; k < B; ++k) last[k] = i ? big : 0.0f;
        for (int j = 0; j < N; ++j) {
            const float* __restrict a = last + j * B;
            const float* __restrict b = self + j * B;
            const float* __restrict c = last + (j + 1) * B;
            const float* __restrict x = cost + (size_t(i) * N + j) * B;
            float* __restrict out = self + (j + 1) * B;
            float* __restrict s = shares.data() + (gradient ? (size_t(i) * N + j) * 3 * B : 0);
#pragma omp simd
            for (int k = 0; k < B; ++k) {
                float low = std::fmin(a[k], std::fmin(b[k], c[k]));
                float p = std::exp(low - a[k]), q = std::exp(low - b[k]), r = std::exp(low - c[k]);
                float total = p + q + r, inverse = 1 / total;
                out[k] = x[k] * scale + low - std::log(total);
                s[k] = p * inverse;
                s[B + k] = q * inverse;
                s[2 * B + k] = r * inverse;
            }
        }
        std::swap(last, self);
        for (int k = 0; k < B; ++k) self[k] = big;
    }
    for (int k = 0; k < B; ++k) values[k] = gamma * last[N * B + k];
    if (!gradient) return;
    std::vector<float> zeros(3 * B, 0.0f);
    for (int i = M - 1; i >= 0; --i)
        for (int j = N - 1; j >= 0; --j) {
            auto at = [&](int u, int v) { return (size_t(u) * N + v) * B; };
            bool below = i + 1 < M, right = j + 1 < N;
            const float* __restrict a = below && right ? &shares[3 * at(i + 1, j + 1)] : zeros.data();
            const float* __restrict b = right ? &shares[3 * at(i, j + 1)] + B : zeros.data();
            const float* __restrict c = below ? &shares[3 * at(i + 1, j)] + 2 * B : zeros.data();
            const float* fa = below && right ? gradient + at(i + 1, j + 1) : zeros.data();
            const float* fb = right ? gradient + at(i, j + 1) : zeros.data();
            const float* fc = below ? gradient + at(i + 1, j) : zeros.data();
            float seed = !below && !right;
            float* out = gradient + at(i, j);
#pragma omp simd
            for (int k = 0; k < B; ++k) out[k] = seed + a[k] * fa[k] + b[k] * fb[k] + c[k] * fc[k];
        }
}
