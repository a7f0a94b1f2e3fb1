// Division of whole numbers that rounds up.
#pragma once

#include <concepts>
#include <type_traits>

namespace sluice {

/// count / unit, rounded up. Requires count >= 0, unit >= 1 and a type that holds count + unit.
template <std::integral T>
constexpr T ceil_div(T count, std::type_identity_t<T> unit) {
  return (count + unit - 1) / unit;
}

/// The least multiple of `unit` that is not below `count`, with the same requirements.
template <std::integral T>
constexpr T round_up(T count, std::type_identity_t<T> unit) {
  return ceil_div(count, unit) * unit;
}

}  // namespace sluice
