// How our tensors lie in the tensors that a model's files hold: each of ours is a contiguous part of a stored one, whole or one of several
// in a stack, in our order, transposed, or with its rows permuted.
#pragma once

#include "core/checkpoint/tensor_info.hpp"
#include "recipes/convert/model_description.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::recipes {

/// One of our tensors inside a stored one: as many elements, which follow each other there from element `offset` on.
struct StoredPart {
  CanonicalTensor tensor;
  std::int64_t offset = 0;
  bool transposed = false;              // stored as [columns, rows]
  std::vector<std::int64_t> rows = {};  // row i of ours is the row rows[i] that is stored; empty: in our order

  bool is_rearranged() const { return transposed || !rows.empty(); }
};

/// A tensor as it lies in a model's files.
struct StoredTensor {
  checkpoint::TensorInfo info;    // with the architecture's name
  std::vector<StoredPart> parts;  // one: our tensor under the architecture's name; several: a stack of ours; none: zeros, which the
                                  // architecture requires and the model does not have
};

/// The bytes of a part in our order, made of those that are stored, and the other way round; `element_size` bytes an element. The part's
/// tensor is a matrix if it is rearranged.
std::vector<std::byte> from_stored(const StoredPart& part, std::span<const std::byte> stored, std::size_t element_size);
std::vector<std::byte> to_stored(const StoredPart& part, std::span<const std::byte> ours, std::size_t element_size);

}  // namespace sluice::recipes
