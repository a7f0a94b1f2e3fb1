// What a recipe chooses about its text, by name.
#pragma once

#include "core/base/enum_names.hpp"

namespace sluice::data {

/// What happens to bytes that are no UTF-8 (utf8.hpp).
enum class InvalidUtf8 { kReplace, kError };
inline constexpr EnumName<InvalidUtf8> kInvalidUtf8Names[] = {{InvalidUtf8::kReplace, "replace"}, {InvalidUtf8::kError, "error"}};
constexpr std::span<const EnumName<InvalidUtf8>> names_of(InvalidUtf8) { return kInvalidUtf8Names; }

/// The order of the training windows (sampler.hpp).
enum class Order { kShuffled, kContiguous };
inline constexpr EnumName<Order> kOrderNames[] = {{Order::kShuffled, "shuffled"}, {Order::kContiguous, "contiguous"}};
constexpr std::span<const EnumName<Order>> names_of(Order) { return kOrderNames; }

}  // namespace sluice::data
