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

// One warp a token. Each round takes the largest of what comes after the choice before it in the order (key descending, expert ascending).
template <class A>
__global__ void choose(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int64_t* experts) {
  using Key = decltype(order_key(A(0)));
  const std::int64_t token = static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
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
void sigmoid(const A* logits, std::int64_t count, A* out, Stream stream) {
  launch(sigmoid_elements<A>, ceil_div(count, kThreads), kThreads, stream, logits, count, out);
}

template void router_logits(const float*, const float*, std::int64_t, std::int64_t, std::int64_t, float*, Stream);
template void router_logits(const double*, const double*, std::int64_t, std::int64_t, std::int64_t, double*, Stream);
template void router_logits(const BFloat16*, const float*, std::int64_t, std::int64_t, std::int64_t, float*, Stream);
template void top_k(const float*, const float*, std::int64_t, std::int64_t, std::int64_t, std::int64_t*, Stream);
template void top_k(const double*, const double*, std::int64_t, std::int64_t, std::int64_t, std::int64_t*, Stream);
template void sigmoid(const float*, std::int64_t, float*, Stream);
template void sigmoid(const double*, std::int64_t, double*, Stream);

}  // namespace sluice::kernels::cuda
