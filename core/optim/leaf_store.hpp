// Finds the value and the optimizer's state of a leaf by its name. Only this file knows how leaves lie in the flat buffers and which of
// their elements this rank owns.
#pragma once

#include "core/optim/adamw.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice {

/// What this rank owns of one leaf. The tensors are views into the flat buffers and stay valid until the model gets another optimizer. A
/// leaf that is frozen, or in a model that does not train, is owned as a whole, and has no optimizer state: its moments are undefined and
/// `updates` is null.
struct LeafView {
  Leaf leaf;
  ElementRange owned;                     // the owned elements, counted within the leaf; may be empty
  at::Tensor value, exp_avg, exp_avg_sq;  // of the leaf's shape if all of it is owned, else flat, [owned.count()]
  UpdateCounts* updates;                  // of the whole leaf, not only of the owned part

  bool whole() const { return owned.count() == leaf.count(); }
  /// Returns the owned elements of `of_leaf`, a tensor of the leaf's shape, in the shape of the views.
  at::Tensor owned_part(const at::Tensor& of_leaf) const;
};

/// Every leaf that this rank holds, in the order of the parameters.
class LeafStore {
 public:
  LeafStore(const ParameterSet& parameters, AdamW& optimizer);

  std::vector<LeafView>::const_iterator begin() const { return leaves_.begin(); }
  std::vector<LeafView>::const_iterator end() const { return leaves_.end(); }
  std::size_t size() const { return leaves_.size(); }
  const LeafView& operator[](std::size_t i) const { return leaves_[i]; }

  /// Null if this rank holds no leaf of that name.
  const LeafView* find(std::string_view name) const;
  /// The same, but a usage error if there is none.
  const LeafView& at(std::string_view name) const;

 private:
  std::vector<LeafView> leaves_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace sluice
