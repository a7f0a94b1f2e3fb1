#include "core/kernels/cuda/router.hpp"

#include "core/base/integers.hpp"
#include "core/kernels/cuda/block.hpp"

#include <bit>
#include <limits>
#include <type_traits>

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 32;                          // tokens and experts of a block, and columns read at a time
constexpr int kTokens = kTile * kTile / kThreads;  // of a thread, which has one expert

template <class T>
__global__ void logit_tile(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, std::int64_t expert_tiles,
                           AccumulateOf<T>* out) {
  using A = AccumulateOf<T>;
  __shared__ A x_tile[kTile][kTile + 1], w_tile[kTile][kTile + 1];
  const std::int64_t first_token = blockIdx.x / expert_tiles * kTile, first_expert = blockIdx.x % expert_tiles * kTile;
  const int column = threadIdx.x % kTile, line = threadIdx.x / kTile;
  A total[kTokens] = {};
  for (std::int64_t d = 0; d < D; d += kTile) {
    for (int i = 0; i < kTokens; ++i) {
      const int row = line + i * (kThreads / kTile);
      const bool inside = d + column < D;
      x_tile[row][column] = inside && first_token + row < N ? widen(x[(first_token + row) * D + d + column]) : A(0);
      w_tile[row][column] = inside && first_expert + row < E ? w[(first_expert + row) * D + d + column] : A(0);
    }
    __syncthreads();
    for (int i = 0; i < kTokens; ++i) {
      const int row = line + i * (kThreads / kTile);
      A sum = 0;
      for (int c = 0; c < kTile; ++c) sum += x_tile[row][c] * w_tile[column][c];
      total[i] += sum;
    }
    __syncthreads();
  }
  for (int i = 0; i < kTokens; ++i) {
    const std::int64_t token = first_token + line + i * (kThreads / kTile), expert = first_expert + column;
    if (token < N && expert < E) out[token * E + expert] = total[i];
  }
}

// An integer that is ordered as the value is: -0 equals 0, and NaN is below all other values.
template <class A>
__device__ auto order_key(A value) {
  using Key = std::conditional_t<sizeof(A) == 4, std::int32_t, std::int64_t>;
  const Key bits = std::bit_cast<Key>(value + A(0));
  const Key ordered = bits < 0 ? static_cast<Key>(bits ^ std::numeric_limits<Key>::max()) : bits;
  return value != value ? std::numeric_limits<Key>::min() : ordered;
}

// The token of this warp; N or more if there is none.
__device__ std::int64_t token_of_warp() { return static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp; }

// One warp a token. Each round takes the largest of what comes after the choice before it in the order (key descending, expert ascending).
template <class A>
__global__ void choose(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int64_t* experts) {
  using Key = decltype(order_key(A(0)));
  const std::int64_t token = token_of_warp();
  if (token >= N) return;
  const int lane = threadIdx.x % kWarp;
  const A* own = scores + token * E;
  Key last_key = 0;
  std::int64_t last = -1;
  for (std::int64_t k = 0; k < K; ++k) {
    Key key = std::numeric_limits<Key>::min();
    std::int64_t expert = E;
    for (std::int64_t e = lane; e < E; e += kWarp) {
      const Key candidate = order_key(bias != nullptr ? own[e] + bias[e] : own[e]);
      const bool left = k == 0 || candidate < last_key || (candidate == last_key && e > last);
      if (left && (expert == E || candidate > key)) {
        key = candidate;
        expert = e;
      }
    }
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      const Key other_key = __shfl_xor_sync(kAllLanes, key, distance);
      const std::int64_t other = __shfl_xor_sync(kAllLanes, expert, distance);
      if (other_key > key || (other_key == key && other < expert)) {
        key = other_key;
        expert = other;
      }
    }
    last_key = key;
    last = expert;
    if (lane == 0) experts[token * K + k] = expert;
  }
}

// One warp a token.
template <class A>
__global__ void softmax_rows(const A* logits, std::int64_t N, std::int64_t E, A* scores, A* log_sums) {
  const std::int64_t token = token_of_warp();
  if (token >= N) return;
  const int lane = threadIdx.x % kWarp;
  const A* own = logits + token * E;
  A largest = -std::numeric_limits<A>::infinity();
  for (std::int64_t e = lane; e < E; e += kWarp) largest = own[e] > largest ? own[e] : largest;
  largest = warp_max(largest);
  A sum = 0;
  for (std::int64_t e = lane; e < E; e += kWarp) sum += std::exp(own[e] - largest);
  sum = warp_sum(sum);
  for (std::int64_t e = lane; e < E; e += kWarp) scores[token * E + e] = std::exp(own[e] - largest) / sum;
  if (lane != 0) return;
  // Of infinities the differences above are no numbers; their sum is the largest, unless a NaN is among them.
  const bool infinite = largest - largest != A(0);
  A among = largest;
  for (std::int64_t e = 0; infinite && e < E; ++e) among = own[e] != own[e] ? own[e] : among;
  log_sums[token] = infinite ? among : largest + std::log(sum);
}

// One warp a token.
template <class A>
__global__ void softmax_rows_backward(const A* dscores, const A* dlog_sums, const A* logits, const A* scores, const A* log_sums,
                                      std::int64_t N, std::int64_t E, A* dlogits) {
  const std::int64_t token = token_of_warp();
  if (token >= N) return;
  const int lane = threadIdx.x % kWarp;
  const std::int64_t first = token * E;
  A mean = 0;
  if (dscores != nullptr)
    for (std::int64_t e = lane; e < E; e += kWarp) mean += dscores[first + e] * scores[first + e];
  mean = warp_sum(mean);
  for (std::int64_t e = lane; e < E; e += kWarp) {
    A sum = dscores != nullptr ? scores[first + e] * (dscores[first + e] - mean) : A(0);
    if (dlog_sums != nullptr) sum += dlog_sums[token] * std::exp(logits[first + e] - log_sums[token]);
    dlogits[first + e] = sum;
  }
}

template <class A>
__global__ void sigmoid_elements(const A* logits, std::int64_t count, A* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) out[i] = A(1) / (A(1) + std::exp(-logits[i]));
}

}  // namespace

template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out,
                   Stream stream) {
  const std::int64_t expert_tiles = ceil_div(E, kTile);
  launch(logit_tile<T>, ceil_div(N, kTile) * expert_tiles, kThreads, stream, x, w, N, E, D, expert_tiles, out);
}

template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int64_t* experts, Stream stream) {
  launch(choose<A>, ceil_div(N, kThreads / kWarp), kThreads, stream, scores, bias, N, E, K, experts);
}

template <class A>
void softmax(const A* logits, std::int64_t N, std::int64_t E, A* scores, A* log_sums, Stream stream) {
  launch(softmax_rows<A>, ceil_div(N, kThreads / kWarp), kThreads, stream, logits, N, E, scores, log_sums);
}

template <class A>
void softmax_backward(const A* dscores, const A* dlog_sums, const A* logits, const A* scores, const A* log_sums, std::int64_t N,
                      std::int64_t E, A* dlogits, Stream stream) {
  launch(softmax_rows_backward<A>, ceil_div(N, kThreads / kWarp), kThreads, stream, dscores, dlog_sums, logits, scores, log_sums, N, E,
         dlogits);
}

template <class A>
void sigmoid(const A* logits, std::int64_t count, A* out, Stream stream) {
  launch(sigmoid_elements<A>, ceil_div(count, kThreads), kThreads, stream, logits, count, out);
}

template void router_logits(const float*, const float*, std::int64_t, std::int64_t, std::int64_t, float*, Stream);
template void router_logits(const double*, const double*, std::int64_t, std::int64_t, std::int64_t, double*, Stream);
template void router_logits(const BFloat16*, const float*, std::int64_t, std::int64_t, std::int64_t, float*, Stream);
template void top_k(const float*, const float*, std::int64_t, std::int64_t, std::int64_t, std::int64_t*, Stream);
template void top_k(const double*, const double*, std::int64_t, std::int64_t, std::int64_t, std::int64_t*, Stream);
#define SLUICE_INSTANTIATE(A)                                                  \
  template void softmax(const A*, std::int64_t, std::int64_t, A*, A*, Stream); \
  template void softmax_backward(const A*, const A*, const A*, const A*, const A*, std::int64_t, std::int64_t, A*, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
#undef SLUICE_INSTANTIATE
template void sigmoid(const float*, std::int64_t, float*, Stream);
template void sigmoid(const double*, std::int64_t, double*, Stream);

}  // namespace sluice::kernels::cuda
