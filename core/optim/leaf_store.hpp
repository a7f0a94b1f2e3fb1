// Leaves by name: where the value and the optimizer's state of each are. This is the one place that knows how they lie in memory and
// what of them this rank owns.
#pragma once

#include "core/optim/adamw.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice {

/// What this rank owns of a leaf, all views, good until the model gets another optimizer. A frozen leaf, and any in a model that does not
/// train, has no state of the optimizer, undefined moments and no updates, and is owned as a whole.
struct LeafView {
  Leaf leaf;
  ElementRange owned;                     // elements of the leaf
  at::Tensor value, exp_avg, exp_avg_sq;  // of the leaf's shape if all of it is owned, else [owned.count()]
  UpdateCounts* updates;                  // of the whole leaf

  bool whole() const { return owned.count() == leaf.count(); }
  /// The owned elements of a tensor of the leaf's shape, in the shape of the views.
  at::Tensor owned_part(const at::Tensor& of_leaf) const;
};

/// Every leaf that this rank holds, in parameter order.
class LeafStore {
 public:
  LeafStore(const ParameterSet& parameters, AdamW& optimizer);

  std::vector<LeafView>::const_iterator begin() const { return leaves_.begin(); }
  std::vector<LeafView>::const_iterator end() const { return leaves_.end(); }
  std::size_t size() const { return leaves_.size(); }
  const LeafView& operator[](std::size_t i) const { return leaves_[i]; }

  /// Null where this rank holds no leaf of that name.
  const LeafView* find(std::string_view name) const;
  /// Usage error instead.
  const LeafView& at(std::string_view name) const;

 private:
  std::vector<LeafView> leaves_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace sluice
