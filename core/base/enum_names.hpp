// An enum's names in one table beside it, by which recipes, checkpoints, logs and messages read and write its values:
//
//   enum class Order { kShuffled, kContiguous };
//   inline constexpr EnumName<Order> kOrderNames[] = {{Order::kShuffled, "shuffled"}, {Order::kContiguous, "contiguous"}};
//   constexpr std::span<const EnumName<Order>> names_of(Order) { return kOrderNames; }
//
//   name_of(Order::kShuffled) == "shuffled"     value_of<Order>("contiguous") == Order::kContiguous
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sluice {

template <class E>
struct EnumName {
  E value;
  std::string_view name;
};

/// An enum with a table of names: names_of(), found in the enum's own namespace.
template <class E>
concept NamedEnum = requires(E value) { names_of(value).size(); };

/// "" for a value that the table leaves out.
template <NamedEnum E>
constexpr std::string_view name_of(E value) {
  for (const EnumName<E>& each : names_of(value))
    if (each.value == value) return each.name;
  return "";
}

/// Nothing if no value has that name.
template <NamedEnum E>
constexpr std::optional<E> value_of(std::string_view name) {
  for (const EnumName<E>& each : names_of(E{}))
    if (each.name == name) return each.value;
  return std::nullopt;
}

}  // namespace sluice
