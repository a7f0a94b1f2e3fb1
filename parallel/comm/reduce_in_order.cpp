// With -O2, older compilers do not vectorise.
#pragma GCC optimize("O3")

#include "parallel/comm/reduce_in_order.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sluice::parallel {
namespace {

struct Sum {
  template <class T>
  static T apply(T a, T b) {
    return a + b;
  }
};
struct Min {
  template <class T>
  static T apply(T a, T b) {
    return (b < a || b != b) ? b : a;
  }
};
struct Max {
  template <class T>
  static T apply(T a, T b) {
    return (b > a || b != b) ? b : a;
  }
};

constexpr std::size_t kTile = 2048;  // elements: an accumulator that stays in the first cache level

template <class T, class Op>
void reduce(T* out, std::span<const void* const> sources, std::size_t count) {
  alignas(64) T sum[kTile];
  for (std::size_t begin = 0; begin < count; begin += kTile) {
    const std::size_t size = std::min(kTile, count - begin);
    std::memcpy(sum, static_cast<const T*>(sources[0]) + begin, size * sizeof(T));
    for (std::size_t s = 1; s < sources.size(); ++s) {
      const T* next = static_cast<const T*>(sources[s]) + begin;
      for (std::size_t i = 0; i < size; ++i) sum[i] = Op::apply(sum[i], next[i]);
    }
    std::memcpy(out + begin, sum, size * sizeof(T));
  }
}

template <class T>
void reduce(void* out, std::span<const void* const> sources, std::size_t count, ReduceOp op) {
  T* typed = static_cast<T*>(out);
  switch (op) {
    case ReduceOp::kSum: return reduce<T, Sum>(typed, sources, count);
    case ReduceOp::kMin: return reduce<T, Min>(typed, sources, count);
    case ReduceOp::kMax: return reduce<T, Max>(typed, sources, count);
  }
}

}  // namespace

void check_reducible(DType type) {
  if (type != DType::kFloat32 && type != DType::kFloat64 && type != DType::kInt64)
    throw usage_error("reductions take float32, float64 or int64 elements, not {}: convert before", name_of(type));
}

void reduce_in_order(void* out, std::span<const void* const> sources, std::size_t count, DType type, ReduceOp op) {
  check_reducible(type);
  if (count == 0 || sources.empty()) return;
  if (type == DType::kFloat32) return reduce<float>(out, sources, count, op);
  if (type == DType::kFloat64) return reduce<double>(out, sources, count, op);
  // Unsigned addition wraps; minimum and maximum need the sign.
  if (op == ReduceOp::kSum) return reduce<std::uint64_t, Sum>(static_cast<std::uint64_t*>(out), sources, count);
  return reduce<std::int64_t>(out, sources, count, op);
}

}  // namespace sluice::parallel
