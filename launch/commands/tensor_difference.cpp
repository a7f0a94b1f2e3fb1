#include "launch/commands/tensor_difference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <span>

#include "core/checkpoint/name_order.hpp"
#include "core/kernels/bfloat16.hpp"

namespace sluice {
namespace {

using checkpoint::StoredType;
using checkpoint::TensorView;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// IEEE 754 binary16.
double from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  double value = exponent == 0x1f ? (fraction == 0 ? kInfinity : std::numeric_limits<double>::quiet_NaN())
                 : exponent == 0  ? std::ldexp(fraction, -24)
                                  : std::ldexp(fraction + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

// Bytes of mapped files may be unaligned: they are copied, never cast.
template <class Stored, class Widen>
void widen_all(std::span<const std::byte> bytes, double* out, Widen widen) {
  for (std::size_t i = 0; i * sizeof(Stored) < bytes.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
    out[i] = widen(stored);
  }
}

/// False if values of the type are not compared.
bool widen_values(StoredType type, std::span<const std::byte> bytes, double* out) {
  const auto plain = [](auto value) { return static_cast<double>(value); };
  switch (type) {
    case StoredType::kF64: widen_all<double>(bytes, out, plain); return true;
    case StoredType::kF32: widen_all<float>(bytes, out, plain); return true;
    case StoredType::kBF16: widen_all<kernels::BFloat16>(bytes, out, kernels::to_float); return true;
    case StoredType::kF16: widen_all<std::uint16_t>(bytes, out, from_half); return true;
    case StoredType::kI64: widen_all<std::int64_t>(bytes, out, plain); return true;
    case StoredType::kI32: widen_all<std::int32_t>(bytes, out, plain); return true;
    default: return false;
  }
}

// The largest values and the largest difference seen so far.
struct Largest {
  double difference = 0.0, a = 0.0, b = 0.0;

  void take(double x, double y) {
    if (std::isfinite(x)) a = std::max(a, std::abs(x));
    if (std::isfinite(y)) b = std::max(b, std::abs(y));
    if (x == y || (std::isnan(x) && std::isnan(y))) return;
    const double apart = std::abs(x - y);
    difference = std::isnan(apart) ? kInfinity : std::max(difference, apart);
  }
  double relative() const { return difference == 0.0 || std::isinf(difference) ? difference : difference / (a > 0.0 ? a : b); }
};

TensorDifference difference_of(const std::string& name, const TensorView& a, const TensorView& b) {
  if (a.info.type == b.info.type && std::ranges::equal(a.bytes, b.bytes)) return {name, 0.0, 0.0, true};
  const std::size_t count = *checkpoint::element_count(a.info.shape);
  const auto width_a = static_cast<std::size_t>(checkpoint::bits_of(a.info.type)) / 8,
             width_b = static_cast<std::size_t>(checkpoint::bits_of(b.info.type)) / 8;
  constexpr std::size_t kBlock = 4096;
  double values_a[kBlock], values_b[kBlock];
  Largest largest;
  for (std::size_t done = 0; done < count; done += kBlock) {
    const std::size_t n = std::min(kBlock, count - done);
    if (!widen_values(a.info.type, a.bytes.subspan(done * width_a, n * width_a), values_a) ||
        !widen_values(b.info.type, b.bytes.subspan(done * width_b, n * width_b), values_b))
      return {name, kInfinity, kInfinity, false};
    for (std::size_t i = 0; i < n; ++i) largest.take(values_a[i], values_b[i]);
  }
  return {name, largest.difference, largest.relative(), false};
}

std::vector<checkpoint::TensorInfo> infos_of(const TensorViews& views) {
  std::vector<checkpoint::TensorInfo> infos;
  for (const auto& [name, view] : views) infos.push_back({name, view.info.type, view.info.shape});
  return infos;
}

}  // namespace

bool TensorSetDifference::identical() const { return names.ok() && std::ranges::all_of(tensors, &TensorDifference::identical); }

TensorSetDifference compare_tensors(const TensorViews& a, const TensorViews& b) {
  TensorSetDifference difference;
  difference.names = checkpoint::account_tensors(infos_of(a), infos_of(b));
  std::set<std::string> apart;
  for (const auto& [expected, found] : difference.names.misshaped) apart.insert(expected.name);
  for (const auto& [name, view] : a) {
    const auto other = b.find(name);
    if (other != b.end() && apart.count(name) == 0) difference.tensors.push_back(difference_of(name, view, other->second));
  }
  std::ranges::sort(difference.tensors, [](const TensorDifference& x, const TensorDifference& y) {
    if (x.max_relative != y.max_relative) return x.max_relative > y.max_relative;
    if (x.identical != y.identical) return y.identical;
    return checkpoint::natural_less(x.name, y.name);
  });
  return difference;
}

}  // namespace sluice
