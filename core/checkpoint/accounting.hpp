// Every tensor is accounted for: what was expected against what was found, all of it in one report.
#pragma once

#include "core/checkpoint/tensor_info.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::checkpoint {

enum class TypeRule {
  kFloating,  // any floating-point type may stand for another (weights are converted on loading)
  kExact,     // optimizer and other state: the same type
};

struct Accounting {
  struct Differs {
    TensorInfo expected, found;
  };
  std::size_t expected = 0;
  std::size_t found = 0;
  std::vector<std::string> missing;  // each list in natural order
  std::vector<std::string> extra;
  std::vector<Differs> misshaped;  // shape, or type against the rule

  bool ok() const { return missing.empty() && extra.empty() && misshaped.empty(); }
  /// One line: counts, then every name, with numbers folded into ranges (layers.{0-23}); at most `shown` entries of a kind.
  std::string line(std::size_t shown = 12) const;
};

Accounting account_tensors(const std::vector<TensorInfo>& expected, const std::vector<TensorInfo>& found,
                           TypeRule rule = TypeRule::kFloating);

/// Data error with the line, naming `where`, unless all match.
void require_all_accounted(const Accounting& accounting, const std::string& where);

}  // namespace sluice::checkpoint
