// bfloat16 storage: the upper half of a float, rounded to nearest even. Arithmetic happens in float.
// Gives: BFloat16, to_float(), to_bfloat16(), widen(), narrow(), AccumulateOf<T>.
#pragma once

#include <bit>
#include <cstdint>

namespace sluice::kernels {

/// One bfloat16 number, with the same bits as in every framework.
struct BFloat16 {
  std::uint16_t bits;
};
static_assert(sizeof(BFloat16) == 2);

constexpr float to_float(BFloat16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }

/// Rounds to the nearest bfloat16, ties to even. Overflow gives infinity; a NaN stays a (quiet) NaN.
constexpr BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// widen() and narrow() let code be written once for all storage types: widen() gives a stored value in its accumulation type, narrow()
// rounds a value to the storage type. Functions here are constexpr, so that code for a device can call them as they are.
constexpr float widen(float value) { return value; }
constexpr double widen(double value) { return value; }
constexpr float widen(BFloat16 value) { return to_float(value); }
constexpr void narrow(double value, double& to) { to = value; }
constexpr void narrow(double value, float& to) { to = static_cast<float>(value); }
constexpr void narrow(double value, BFloat16& to) { to = to_bfloat16(static_cast<float>(value)); }

template <class T>
struct Accumulate {
  using Type = float;
};
template <>
struct Accumulate<double> {
  using Type = double;
};

/// The type in which values stored as T are computed and accumulated: double for double, float for float and BFloat16.
template <class T>
using AccumulateOf = typename Accumulate<T>::Type;

}  // namespace sluice::kernels
