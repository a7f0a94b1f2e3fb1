// How far apart two sets of tensors are, by name: what is missing, and the largest difference of each tensor that both have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/checkpoint/accounting.hpp"
#include "core/checkpoint/tensor_index.hpp"

namespace sluice {

using TensorViews = std::map<std::string, checkpoint::TensorView>;

struct TensorDifference {
  std::string name;
  /// max |a - b| in float64. Infinite if one value is NaN or infinite and the other is not equal to it; two NaNs count as equal.
  double max_absolute = 0.0;
  /// max_absolute / max |a|, or max_absolute / max |b| if a is all zeros. Infinite if max_absolute is.
  double max_relative = 0.0;
  /// Whether both have the same type and the same bytes.
  bool identical = false;
};

struct TensorSetDifference {
  checkpoint::Accounting names;           // its "expected" tensors are A's, its "found" ones B's; floating-point types may differ
  std::vector<TensorDifference> tensors;  // of the tensors that both have in the same shape; the largest relative difference first
  bool identical() const;
  double max_relative() const { return tensors.empty() ? 0.0 : tensors.front().max_relative; }
};

/// Compares A with B. Values of types F64, F32, BF16, F16, I64 and I32 are compared as float64. The difference of tensors of other types
/// (8-bit floats, …) is 0 if type and bytes are equal, else infinite.
TensorSetDifference compare_tensors(const TensorViews& a, const TensorViews& b);

}  // namespace sluice
