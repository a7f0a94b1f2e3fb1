// A trainable tensor: its value in the optimizer's precision, what products see of it, and its gradient.
#pragma once

#include "core/nn/derived_forms.hpp"
#include "core/nn/gradient.hpp"
#include "core/shape/model_tensors.hpp"
#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

/// A named part of a parameter under its global (Hugging Face) name: a contiguous range of elements.
struct Leaf {
  std::string name;
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape;

  std::int64_t count() const;
};

/// Which ranks hold the same values: all of them, or the ranks that own the same experts.
enum class Replication { kWorld, kExpert };

/// Whose learning rate a parameter follows: rows of routers (gate, family_gate), weights of routed experts, all others.
enum class RateGroup { kOther, kRouter, kExpert };

struct Parameter {
  std::string name;
  at::Tensor value;    // float32 (float64 for float64 models)
  at::Tensor compute;  // what products see: `value`, or value rounded to bfloat16 (kept as product_type)
  DerivedForms forms;  // of `value`, for products; `compute` may be one
  Gradient gradient;
  bool trainable =
      true;           // false: frozen; no gradient is computed, no moments are kept, nothing is updated. Set before a ParameterSet is made
  bool decay = true;  // weight decay spares norms, biases and the router
  Replication replication = Replication::kWorld;
  RateGroup rate_group = RateGroup::kOther;
  std::vector<Leaf> leaves;
  // Where a leaf stands among the whole model's slices of the same kind is in its name: no rank enters here.

  /// Allocates `value` as zeros. options: the model's element type, and the device that it lives on.
  static Parameter make(std::string name, std::vector<std::int64_t> shape, const at::TensorOptions& options, std::vector<Leaf> leaves = {});
  /// The parameter that is this tensor of the model.
  static Parameter of(const ModelTensor& tensor, const at::TensorOptions& options);
  /// Several matrices with as many columns, the rows of one behind those of the other: each is a leaf.
  static Parameter of_rows(std::string name, const std::vector<ModelTensor>& tensors, const at::TensorOptions& options);

  /// For a function of nn/ that multiplies by, or adds, this parameter: the input that its node takes beside its tensors
  /// (Gradient::open_use), which requires a gradient exactly if the node's backward is to write this parameter's.
  at::Tensor open_use();

  /// `place`, of the value's shape and type, becomes the value's memory: takes its elements over. Nothing else gives `value` other memory.
  void move_value(at::Tensor place);

  /// Another than before whenever `value` was written since, whoever did it (derived_forms.hpp).
  std::int64_t version() const { return static_cast<std::int64_t>(value._version()); }

  /// Makes `compute` follow `value` for a model of element type `type`. Nothing is done where the value is the one that it was made of.
  void refresh_compute(at::ScalarType type);

  at::Tensor view(const at::Tensor& whole, const Leaf& leaf) const;
};

}  // namespace sluice
