// Compares the tensors that are expected with those that were found, and reports every difference at once.
#pragma once

#include "core/checkpoint/tensor_info.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::checkpoint {

enum class TypeRule {
  kFloating,  // any type of is_floating() matches any other: weights are converted on loading
  kExact,     // only the same type: the optimizer's and other state
};

struct Accounting {
  struct Differs {
    TensorInfo expected, found;
  };
  std::size_t expected = 0;
  std::size_t found = 0;
  std::vector<std::string> missing;  // expected, not found; each list is in natural order (name_order.hpp)
  std::vector<std::string> extra;    // found, not expected
  std::vector<Differs> misshaped;    // found with another shape, or with a type that does not match

  bool ok() const { return missing.empty() && extra.empty() && misshaped.empty(); }
  /// One line: the two counts, then every name, with numbers folded into ranges (layers.{0-23}). At most `shown` entries of each list are
  /// given; the others are counted.
  std::string line(std::size_t shown = 12) const;
};

/// Compares the two lists by name.
Accounting account_tensors(const std::vector<TensorInfo>& expected, const std::vector<TensorInfo>& found,
                           TypeRule rule = TypeRule::kFloating);

/// Data error (exit 3), "WHERE: " and the whole line, unless everything matches.
void require_all_accounted(const Accounting& accounting, const std::string& where);

}  // namespace sluice::checkpoint
