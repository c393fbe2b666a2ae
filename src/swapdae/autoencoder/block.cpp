// What a transformer block does between its matrix products, on a CPU, in one pass over each row.
//
// Values are float or bfloat16 (as bits), sums are float. Everything is done 16 lanes at a time, so d is a multiple of
// 16. The columns of queries, keys and values are ordered (dimension, head), heads next to each other: then the
// attention of all heads is plain arithmetic on lanes, without a transposition or a sum across lanes but one. Sums
// over rows are kept per thread and added in the order of threads, so that the same threads give the same bits.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <omp.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

constexpr int L = 16;
typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Ints __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t Bits __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t Halves __attribute__((vector_size(32), aligned(2), may_alias));
typedef std::vector<float> Floats;

Lanes load(const float* from) { return *(const Lanes*)from; }
Lanes load(const uint16_t* from) { return (Lanes)(__builtin_convertvector(*(const Halves*)from, Bits) << 16); }
void store(float* to, Lanes x) { *(Lanes*)to = x; }
void store(uint16_t* to, Lanes x) {  // to nearest, ties to even; a NaN stays one
#ifdef __AVX512BF16__
    __m256bh rounded = _mm512_cvtneps_pbh((__m512)x);
    std::memcpy(to, &rounded, 32);
#else
    Bits bits = (Bits)x;
    Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    rounded = x != x ? Bits{} + 0x7fc0 : rounded;
    *(Halves*)to = __builtin_convertvector(rounded, Halves);
#endif
}

Lanes rotated(Lanes x, int by) {
    if (by == 8) return __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    if (by == 4) return __builtin_shufflevector(x, x, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3);
    if (by == 2) return __builtin_shufflevector(x, x, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
    return __builtin_shufflevector(x, x, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
}

// Every head's sum over its lanes, in each of them; with one head, the sum of all.
template <int H>
Lanes folded(Lanes x) {
    for (int by = H; by < L; by *= 2) x += rotated(x, by);
    return x;
}

// e^x for x <= 0, to 2 units in the last place: 2^n times a polynomial on the remainder (Cephes' expf).
Lanes exponential(Lanes x) {
    x = x < -87.0f ? Lanes{} - 87.0f : x;
    Lanes n = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    Ints power = (Ints)n;
    n -= 12582912.0f;
    Lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
    Lanes p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return (Lanes)((Ints)p + (power << 23));
}

// The row's tokens as floats: d of each, `step` apart.
template <class T>
void unpack(const T* from, const float* bias, int tokens, int step, int d, float* to) {
    for (int t = 0; t < tokens; t++)
        for (int c = 0; c < d; c += L) {
            Lanes x = load(from + t * step + c);
            store(to + t * d + c, bias ? x + load(bias + c) : x);
        }
}

// s[i][j] = a[i] . b[j] of each head.
template <int H>
void products(const float* a, const float* b, int tokens, int d, float* s) {
    for (int i = 0; i < tokens; i++) {
        int j = 0;
        for (; j + 8 <= tokens; j += 8) {
            Lanes sum[8] = {};
            for (int c = 0; c < d; c += L) {
                Lanes x = load(a + i * d + c);
#pragma GCC unroll 8
                for (int m = 0; m < 8; m++) sum[m] += x * load(b + (j + m) * d + c);
            }
#pragma GCC unroll 8
            for (int m = 0; m < 8; m++) store(s + (i * tokens + j + m) * L, folded<H>(sum[m]));
        }
        for (; j < tokens; j++) {
            Lanes sum = {};
            for (int c = 0; c < d; c += L) sum += load(a + i * d + c) * load(b + j * d + c);
            store(s + (i * tokens + j) * L, folded<H>(sum));
        }
    }
}

// out[i] = scale * sum over j of s[i * down + j * right] b[j]; adds each column's sum to `sums`.
template <class T>
void mixed(const float* s, int down, int right, const float* b, int tokens, int d, float scale, T* out, int step,
           float* sums) {
    for (int i = 0; i < tokens; i++) {
        int c = 0;
        for (; c + 8 * L <= d; c += 8 * L) {
            Lanes sum[8] = {};
            for (int j = 0; j < tokens; j++) {
                Lanes weight = load(s + (i * down + j * right) * L);
#pragma GCC unroll 8
                for (int m = 0; m < 8; m++) sum[m] += weight * load(b + j * d + c + m * L);
            }
#pragma GCC unroll 8
            for (int m = 0; m < 8; m++) {
                store(out + i * step + c + m * L, sum[m] * scale);
                if (sums) store(sums + c + m * L, load(sums + c + m * L) + sum[m] * scale);
            }
        }
        for (; c < d; c += L) {
            Lanes sum = {};
            for (int j = 0; j < tokens; j++) sum += load(s + (i * down + j * right) * L) * load(b + j * d + c);
            store(out + i * step + c, sum * scale);
            if (sums) store(sums + c, load(sums + c) + sum * scale);
        }
    }
}

void softmax(float* s, int tokens, float scale) {
    for (int i = 0; i < tokens; i++, s += tokens * L) {
        Lanes most = load(s), sum = {};
        for (int j = 1; j < tokens; j++) {
            Lanes x = load(s + j * L);
            most = x > most ? x : most;
        }
        for (int j = 0; j < tokens; j++) {
            Lanes x = exponential((load(s + j * L) - most) * scale);
            store(s + j * L, x);
            sum += x;
        }
        Lanes share = 1.0f / sum;
        for (int j = 0; j < tokens; j++) store(s + j * L, load(s + j * L) * share);
    }
}

// Attention weights hold a head once, lanes L / H times.
template <class T, int H>
void keep(const float* s, int pairs, T* weights) {
    float close[L];
    for (int start = 0; start < pairs * H; start += L) {
        for (int l = 0; l < L; l += H) std::memcpy(close + l, s + (start + l) / H * L, H * sizeof(float));
        store(weights + start, load(close));
    }
}

template <class T, int H>
void spread(const T* weights, int pairs, float* s) {
    float close[L];
    for (int start = 0; start < pairs * H; start += L) {
        store(close, load(weights + start));
        for (int l = 0; l < L; l += H)
            for (int copy = 0; copy < L; copy += H)
                std::memcpy(s + (start + l) / H * L + copy, close + l, H * sizeof(float));
    }
}

// A row's pairs of tokens times heads, rounded up to whole lanes.
int kept(int tokens, int heads) { return (tokens * tokens * heads + L - 1) / L * L; }

template <class T, int H>
void attend(long n, int tokens, int d, const T* qkv, const float* bias, T* out, T* weights) {
    const int cells = tokens * d, pairs = tokens * tokens, room = kept(tokens, H);
    const float scale = 1.0f / std::sqrt(float(d / H));
#pragma omp parallel
    {
        Floats x(3 * cells), s(pairs * L + L * L);
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            for (int m = 0; m < 3; m++)
                unpack(qkv + row * 3 * cells + m * d, bias + m * d, tokens, 3 * d, d, &x[m * cells]);
            products<H>(&x[0], &x[cells], tokens, d, s.data());
            softmax(s.data(), tokens, scale);
            if (weights) keep<T, H>(s.data(), pairs, weights + row * room);
            mixed(s.data(), tokens, 1, &x[2 * cells], tokens, d, 1.0f, out + row * cells, d, nullptr);
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
    Floats sums;
};

template <class T, int H>
void attend_backward(long n, int tokens, int d, const T* qkv, const float* bias, const T* weights, const T* d_out,
                     T* d_qkv, float* d_bias) {
    const int cells = tokens * d, pairs = tokens * tokens, room = kept(tokens, H);
    const float scale = 1.0f / std::sqrt(float(d / H));
    Columns columns(3 * d);
#pragma omp parallel
    {
        Floats x(3 * cells), g(cells), p(pairs * L + L * L), s(pairs * L);
        float* sums = columns.mine();
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            T* to = d_qkv + row * 3 * cells;
            for (int m = 0; m < 3; m++)
                unpack(qkv + row * 3 * cells + m * d, bias + m * d, tokens, 3 * d, d, &x[m * cells]);
            unpack(d_out + row * cells, nullptr, tokens, d, d, g.data());
            spread<T, H>(weights + row * room, pairs, p.data());
            mixed(p.data(), 1, tokens, g.data(), tokens, d, 1.0f, to + 2 * d, 3 * d, sums + 2 * d);
            products<H>(g.data(), &x[2 * cells], tokens, d, s.data());
            for (int i = 0; i < pairs * L; i += tokens * L) {
                Lanes sum = {};
                for (int j = i; j < i + tokens * L; j += L) sum += load(&p[j]) * load(&s[j]);
                for (int j = i; j < i + tokens * L; j += L) store(&s[j], load(&p[j]) * (load(&s[j]) - sum));
            }
            mixed(s.data(), tokens, 1, &x[cells], tokens, d, scale, to, 3 * d, sums);
            mixed(s.data(), 1, tokens, &x[0], tokens, d, scale, to + d, 3 * d, sums + d);
        }
    }
    columns.total(d_bias);
}

template <class T>
void norm(long n, int d, T* z, const T* x, const float* bias, const float* gain, const float* shift, float epsilon,
          T* out, float* mean, float* rate) {
#pragma omp parallel
    {
        Floats sum(d);
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            const long at = row * d;
            Lanes total = {}, squares = {};
            for (int c = 0; c < d; c += L) {
                store(z + at + c, load(z + at + c) + load(x + at + c) + load(bias + c));
                Lanes value = load(z + at + c);
                store(&sum[c], value);
                total += value;
            }
            const float m = folded<1>(total)[0] / d;
            for (int c = 0; c < d; c += L) squares += (load(&sum[c]) - m) * (load(&sum[c]) - m);
            const float r = 1.0f / std::sqrt(folded<1>(squares)[0] / d + epsilon);
            for (int c = 0; c < d; c += L)
                store(out + at + c, (load(&sum[c]) - m) * r * load(gain + c) + load(shift + c));
            mean[row] = m;
            rate[row] = r;
        }
    }
}

void add(float* to, Lanes x) { store(to, load(to) + x); }

// d_z of out = norm(z), where d_out is given in one or two parts; sums: the gradients of gain, shift and bias.
template <class T>
void norm_backward(long n, int d, const T* d_out, const T* more, const T* z, const float* mean, const float* rate,
                   const float* gain, T* d_z, float* sums) {
    Columns columns(3 * d);
#pragma omp parallel
    {
        Floats g(d), hat(d);
        float* gains = columns.mine();
        float *shifts = gains + d, *biases = gains + 2 * d;
#pragma omp for schedule(static)
        for (long row = 0; row < n; row++) {
            const long at = row * d;
            const float m = mean[row], r = rate[row];
            Lanes first = {}, second = {};
            for (int c = 0; c < d; c += L) {
                Lanes slope = load(d_out + at + c), unit = (load(z + at + c) - m) * r;
                if (more) slope += load(more + at + c);
                add(gains + c, slope * unit);
                add(shifts + c, slope);
                slope *= load(gain + c);
                first += slope;
                second += slope * unit;
                store(&g[c], slope);
                store(&hat[c], unit);
            }
            const float mean_slope = folded<1>(first)[0] / d, along = folded<1>(second)[0] / d;
            for (int c = 0; c < d; c += L) {
                Lanes value = (load(&g[c]) - mean_slope - load(&hat[c]) * along) * r;
                store(d_z + at + c, value);
                add(biases + c, value);
            }
        }
    }
    columns.total(sums);
}

template <class T>
void relu(long n, int d, T* x, const float* bias) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n; row++)
        for (int c = 0; c < d; c += L) {
            Lanes value = load(x + row * d + c) + load(bias + c);
            store(x + row * d + c, value < 0 ? Lanes{} : value);  // a NaN passes
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
            for (int c = 0; c < d; c += L) {
                Lanes value = load(x + row * d + c) > 0 ? load(d_x + row * d + c) : Lanes{};
                store(d_x + row * d + c, value);
                add(sums + c, value);
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

