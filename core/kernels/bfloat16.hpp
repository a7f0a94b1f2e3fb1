// bfloat16 storage: the upper half of a float, rounded to nearest even. Arithmetic happens in float.
// Gives: BFloat16, to_float(), to_bfloat16(), widen(), narrow(), AccumulateOf<T>.
#pragma once

#include <cstdint>
#include <cstring>

namespace sluice::kernels {

/// One bfloat16 number, with the same bits as in every framework.
struct BFloat16 {
  std::uint16_t bits;
};
static_assert(sizeof(BFloat16) == 2);

inline float to_float(BFloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

/// Rounds to the nearest bfloat16, ties to even. Overflow gives infinity; a NaN stays a (quiet) NaN.
inline BFloat16 to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// widen() and narrow() let code be written once for all storage types: widen() gives a stored value in its accumulation type, narrow()
// rounds a value to the storage type.
inline float widen(float value) { return value; }
inline double widen(double value) { return value; }
inline float widen(BFloat16 value) { return to_float(value); }
inline void narrow(double value, double& to) { to = value; }
inline void narrow(double value, float& to) { to = static_cast<float>(value); }
inline void narrow(double value, BFloat16& to) { to = to_bfloat16(static_cast<float>(value)); }

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
