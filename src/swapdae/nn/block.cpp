// What a transformer block does between its matrix products, on a CPU, in one pass over each row.
//
// Values are float or bfloat16 (as bits), sums are float. The columns of queries, keys and values are ordered
// (dimension, head), heads next to each other: then the attention of all heads is plain arithmetic on vectors of 16
// lanes, without a transposition or a sum across lanes but one. Sums over rows are kept per thread and added in the
// order of threads, so that the same number of threads gives the same bits.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <omp.h>

namespace {

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Bits __attribute__((vector_size(64), aligned(4), may_alias));
constexpr int L = 16;

float get(float x) { return x; }
float get(uint16_t x) {
    uint32_t bits = uint32_t(x) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}
void put(float& to, float x) { to = x; }
void put(uint16_t& to, float x) {  // to nearest, ties to even; a NaN stays one
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    to = x != x ? 0x7fc0 : uint16_t(rounded);
}

Lanes rotated(Lanes x, int by) {
    if (by == 8) return __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    if (by == 4) return __builtin_shufflevector(x, x, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
    if (by == 2) return __builtin_shufflevector(x, x, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
    return __builtin_shufflevector(x, x, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
}

// Every head's sum over its lanes, in each of them.
template <int H>
Lanes folded(Lanes x) {
    for (int by = H; by < L; by *= 2) x += rotated(x, by);
    return x;
}

// e^x for x <= 0, to 2 units in the last place: 2^n times a polynomial on the remainder.
Lanes exponential(Lanes x) {
    x = x < -87.0f ? Lanes{} - 87.0f : x;
    Lanes n = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    Bits power = (Bits)n;
    n -= 12582912.0f;
    Lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
    Lanes p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    Bits scaled = (Bits)p + (power << 23);
    return (Lanes)scaled;
}

// The row's tokens, d floats each; `step` values lie between them.
template <class T>
void unpack(const T* from, const float* bias, int tokens, int step, int d, float* to) {
    for (int t = 0; t < tokens; t++)
        for (int c = 0; c < d; c++) to[t * d + c] = get(from[t * step + c]) + (bias ? bias[c] : 0.0f);
}

// s[i][j] = a[i] . b[j] of each head.
template <int H>
void products(const float* a, const float* b, int tokens, int d, Lanes* s) {
    for (int i = 0; i < tokens; i++) {
        int j = 0;
        for (; j + 8 <= tokens; j += 8) {
            Lanes sum[8] = {};
            for (int c = 0; c < d; c += L) {
                Lanes x = *(const Lanes*)(a + i * d + c);
#pragma GCC unroll 8
                for (int m = 0; m < 8; m++) sum[m] += x * *(const Lanes*)(b + (j + m) * d + c);
            }
#pragma GCC unroll 8
            for (int m = 0; m < 8; m++) s[i * tokens + j + m] = folded<H>(sum[m]);
        }
        for (; j < tokens; j++) {
            Lanes sum = {};
            for (int c = 0; c < d; c += L) sum += *(const Lanes*)(a + i * d + c) * *(const Lanes*)(b + j * d + c);
            s[i * tokens + j] = folded<H>(sum);
        }
    }
}

// out[i] = sum over j of s[i * down + j * right] * b[j], then times `scale`.
template <class T>
void mixed(const Lanes* s, int down, int right, const float* b, int tokens, int d, float scale, T* out, int step) {
    for (int i = 0; i < tokens; i++)
        for (int c = 0; c < d; c += L) {
            Lanes sum = {};
            for (int j = 0; j < tokens; j++) sum += s[i * down + j * right] * *(const Lanes*)(b + j * d + c);
            sum *= scale;
            for (int l = 0; l < L; l++) put(out[i * step + c + l], sum[l]);
        }
}

void softmax(Lanes* s, int tokens, float scale) {
    for (int i = 0; i < tokens; i++, s += tokens) {
        Lanes most = s[0], sum = {};
        for (int j = 1; j < tokens; j++) most = s[j] > most ? s[j] : most;
        for (int j = 0; j < tokens; j++) sum += s[j] = exponential((s[j] - most) * scale);
        Lanes share = 1.0f / sum;
        for (int j = 0; j < tokens; j++) s[j] *= share;
    }
}

template <class T, int H>
void attend(long n, int tokens, int d, const T* qkv, const float* bias, T* out, T* weights) {
    const int cells = tokens * d, pairs = tokens * tokens;
    const float scale = 1.0f / std::sqrt(float(d / H));
#pragma omp parallel
    {
        std::vector<float> x(3 * cells);
        std::vector<Lanes> s(pairs);
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            for (int m = 0; m < 3; m++)
                unpack(qkv + row * 3 * cells + m * d, bias + m * d, tokens, 3 * d, d, &x[m * cells]);
            products<H>(&x[0], &x[cells], tokens, d, s.data());
            softmax(s.data(), tokens, scale);
            if (weights)
                for (int p = 0; p < pairs; p++)
                    for (int h = 0; h < H; h++) put(weights[(row * pairs + p) * H + h], s[p][h]);
            mixed(s.data(), tokens, 1, &x[2 * cells], tokens, d, 1.0f, out + row * cells, d);
        }
    }
}

// Per-thread sums of columns, added up at the end.
struct Columns {
    Columns(int d) : d(d), sums(size_t(omp_get_max_threads()) * d) {}
    float* mine() { return &sums[size_t(omp_get_thread_num()) * d]; }
    void total(float* to) const {
        std::fill(to, to + d, 0.0f);
        for (size_t start = 0; start < sums.size(); start += d)
            for (int c = 0; c < d; c++) to[c] += sums[start + c];
    }
    int d;
    std::vector<float> sums;
};

template <class T, int H>
void attend_backward(long n, int tokens, int d, const T* qkv, const float* bias, const T* weights, const T* d_out,
                     T* d_qkv, float* d_bias) {
    const int cells = tokens * d, pairs = tokens * tokens;
    const float scale = 1.0f / std::sqrt(float(d / H));
    Columns columns(3 * d);
#pragma omp parallel
    {
        std::vector<float> x(3 * cells), g(cells);
        std::vector<Lanes> p(pairs), s(pairs);
        float* sums = columns.mine();
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            T* to = d_qkv + row * 3 * cells;
            for (int m = 0; m < 3; m++)
                unpack(qkv + row * 3 * cells + m * d, bias + m * d, tokens, 3 * d, d, &x[m * cells]);
            unpack(d_out + row * cells, nullptr, tokens, d, d, g.data());
            for (int q = 0; q < pairs; q++)
                for (int l = 0; l < L; l++) p[q][l] = get(weights[(row * pairs + q) * H + l % H]);
            mixed(p.data(), 1, tokens, g.data(), tokens, d, 1.0f, to + 2 * d, 3 * d);
            products<H>(g.data(), &x[2 * cells], tokens, d, s.data());
            for (int i = 0; i < tokens; i++) {
                Lanes sum = {};
                for (int j = 0; j < tokens; j++) sum += p[i * tokens + j] * s[i * tokens + j];
                for (int j = 0; j < tokens; j++) s[i * tokens + j] = p[i * tokens + j] * (s[i * tokens + j] - sum);
            }
            mixed(s.data(), tokens, 1, &x[cells], tokens, d, scale, to, 3 * d);
            mixed(s.data(), 1, tokens, &x[0], tokens, d, scale, to + d, 3 * d);
            for (int t = 0; t < tokens; t++)
                for (int c = 0; c < 3 * d; c++) sums[c] += get(to[t * 3 * d + c]);
        }
    }
    columns.total(d_bias);
}

template <class T>
void norm(long n, int d, T* z, const T* x, const float* bias, const float* gain, const float* shift, float epsilon,
          T* out, float* mean, float* rate) {
#pragma omp parallel
    {
        std::vector<float> sum(d);
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            T* to = z + row * d;
            const T* from = x + row * d;
            float total = 0, squares = 0;
#pragma omp simd reduction(+ : total)
            for (int c = 0; c < d; c++) {
                put(to[c], get(to[c]) + get(from[c]) + bias[c]);
                sum[c] = get(to[c]);
                total += sum[c];
            }
            total /= d;
#pragma omp simd reduction(+ : squares)
            for (int c = 0; c < d; c++) squares += (sum[c] - total) * (sum[c] - total);
            float r = 1.0f / std::sqrt(squares / d + epsilon);
            for (int c = 0; c < d; c++) put(out[row * d + c], (sum[c] - total) * r * gain[c] + shift[c]);
            mean[row] = total;
            rate[row] = r;
        }
    }
}

// d_z of out = norm(z); sums holds the gradients of gain, shift and bias.
template <class T>
void norm_backward(long n, int d, const T* d_out, const T* more, const T* z, const float* mean, const float* rate,
                   const float* gain, T* d_z, float* sums) {
    Columns columns(3 * d);
#pragma omp parallel
    {
        std::vector<float> g(d), hat(d);
        float* gains = columns.mine();
        float *shifts = gains + d, *biases = gains + 2 * d;
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            const long at = row * d;
            float first = 0, second = 0;
            const float m = mean[row], r = rate[row];
            if (more)
                for (int c = 0; c < d; c++) g[c] = get(d_out[at + c]) + get(more[at + c]);
            else
                for (int c = 0; c < d; c++) g[c] = get(d_out[at + c]);
#pragma omp simd reduction(+ : first, second)
            for (int c = 0; c < d; c++) {
                hat[c] = (get(z[at + c]) - m) * r;
                gains[c] += g[c] * hat[c];
                shifts[c] += g[c];
                g[c] *= gain[c];
                first += g[c];
                second += g[c] * hat[c];
            }
            first /= d;
            second /= d;
            for (int c = 0; c < d; c++) {
                float value = (g[c] - first - hat[c] * second) * r;
                put(d_z[at + c], value);
                biases[c] += value;
            }
        }
    }
    columns.total(sums);
}

template <class T>
void relu(long n, int d, T* x, const float* bias) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n; row++)
        for (int c = 0; c < d; c++) {
            float value = get(x[row * d + c]) + bias[c];
            put(x[row * d + c], value < 0 ? 0.0f : value);
        }
}

template <class T>
void relu_backward(long n, int d, T* d_x, const T* x, float* d_bias) {
    Columns columns(d);
#pragma omp parallel
    {
        float* sums = columns.mine();
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++)
            for (int c = 0; c < d; c++) {
                float value = get(x[row * d + c]) > 0 ? get(d_x[row * d + c]) : 0.0f;
                put(d_x[row * d + c], value);
                sums[c] += value;
            }
    }
    columns.total(d_bias);
}

template <class T, class... Rest>
void attend_heads(int heads, Rest... rest) {
    if (heads == 1) attend<T, 1>(rest...);
    if (heads == 2) attend<T, 2>(rest...);
    if (heads == 4) attend<T, 4>(rest...);
    if (heads == 8) attend<T, 8>(rest...);
    if (heads == 16) attend<T, 16>(rest...);
}

template <class T, class... Rest>
void attend_backward_heads(int heads, Rest... rest) {
    if (heads == 1) attend_backward<T, 1>(rest...);
    if (heads == 2) attend_backward<T, 2>(rest...);
    if (heads == 4) attend_backward<T, 4>(rest...);
    if (heads == 8) attend_backward<T, 8>(rest...);
    if (heads == 16) attend_backward<T, 16>(rest...);
}

}  // namespace

// `bits` is 16 for bfloat16, 32 for float. heads: 1, 2, 4, 8 or 16; d is a multiple of 16 and of heads.
#define OF_BITS(call)                             \
    if (bits == 16) {                             \
        typedef uint16_t T;                          \
        call;                                     \
    } else {                                      \
        typedef float T;                          \
        call;                                     \
    }

extern "C" {

void attention(int bits, long n, int tokens, int d, int heads, const void* qkv, const float* bias, void* out,
               void* weights) {
    OF_BITS((attend_heads<T>(heads, n, tokens, d, (const T*)qkv, bias, (T*)out, (T*)weights)))
}

void attention_backward(int bits, long n, int tokens, int d, int heads, const void* qkv, const float* bias,
                        const void* weights, const void* d_out, void* d_qkv, float* d_bias) {
    OF_BITS((attend_backward_heads<T>(heads, n, tokens, d, (const T*)qkv, bias, (const T*)weights, (const T*)d_out,
                                      (T*)d_qkv, d_bias)))
}

void residual_norm(int bits, long n, int d, void* z, const void* x, const float* bias, const float* gain,
                   const float* shift, float epsilon, void* out, float* mean, float* rate) {
    OF_BITS((norm(n, d, (T*)z, (const T*)x, bias, gain, shift, epsilon, (T*)out, mean, rate)))
}

void residual_norm_backward(int bits, long n, int d, const void* d_out, const void* more, const void* z,
                            const float* mean, const float* rate, const float* gain, void* d_z, float* sums) {
    OF_BITS((norm_backward(n, d, (const T*)d_out, (const T*)more, (const T*)z, mean, rate, gain, (T*)d_z, sums)))
}

void bias_relu(int bits, long n, int d, void* x, const float* bias) { OF_BITS((relu(n, d, (T*)x, bias))) }

void bias_relu_backward(int bits, long n, int d, void* d_x, const void* x, float* d_bias) {
    OF_BITS((relu_backward(n, d, (T*)d_x, (const T*)x, d_bias)))
}
}

