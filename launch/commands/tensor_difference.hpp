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
  /// max |a - b| in float64. Infinite where a number stands against a NaN or an infinity; equal NaNs and infinities count as 0.
  double max_absolute = 0.0;
  /// max |a - b| / max |a|, over max |b| if a is all zeros.
  double max_relative = 0.0;
  /// The same type and the same bytes.
  bool identical = false;
};

struct TensorSetDifference {
  checkpoint::Accounting names;           // expected is A, found is B; floating-point types may differ
  std::vector<TensorDifference> tensors;  // of both and of the same shape, the largest relative difference first
  bool identical() const;
  double max_relative() const { return tensors.empty() ? 0.0 : tensors.front().max_relative; }
};

/// Values of F64, F32, BF16, F16, I64 and I32 are compared as float64; tensors of other types (8-bit floats, …) differ by
/// 0 if their bytes are equal, else infinitely.
TensorSetDifference compare_tensors(const TensorViews& a, const TensorViews& b);

}  // namespace sluice
