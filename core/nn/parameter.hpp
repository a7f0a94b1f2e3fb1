// A tensor of the model's weights: its value in the optimizer's precision, the copy that products multiply by, and its gradient.
#pragma once

#include "core/nn/derived_forms.hpp"
#include "core/nn/gradient.hpp"
#include "core/shape/model_tensors.hpp"
#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

/// A part of a parameter, a contiguous range of its elements, that has a name of its own: the tensor's name in a Hugging Face checkpoint.
/// For instance the fused query-key-value weight has three leaves.
struct Leaf {
  std::string name;
  std::int64_t offset = 0;  // first element in the parameter
  std::vector<std::int64_t> shape;

  std::int64_t count() const;
};

/// Which ranks hold the same values of a parameter: all of them (kWorld), or those that own the same experts (kExpert).
enum class Replication { kWorld, kExpert };

/// Which factor of the learning rate applies to a parameter (AdamWConfig): kRouter for the rows of routers (gate and family_gate), kExpert
/// for the weights of routed experts, kOther for all else.
enum class RateGroup { kOther, kRouter, kExpert };

struct Parameter {
  std::string name;
  at::Tensor value;  // in the accumulation type: float64 in a float64 model, else float32
  /// What products multiply by. In a float32 or float64 model it is `value` itself. In a bfloat16 model it is the value rounded to
  /// bfloat16, stored as bfloat16, or as float32 if the device does not multiply bfloat16 natively (product_type() in
  /// core/tensor/dtype_map.hpp).
  at::Tensor compute;
  at::Tensor compute_memory;  // of place_compute(); undefined: `compute` has memory of its own
  DerivedForms forms;         // copies of `value` in other forms, for products; `compute` may be one of them
  Gradient gradient;
  /// False: frozen. No gradient is computed, no moments are kept and nothing is updated. Must be set before a ParameterSet is made.
  bool trainable = true;
  bool decay = true;  // false: no weight decay, as for the weights of norms and the rows of routers
  Replication replication = Replication::kWorld;
  RateGroup rate_group = RateGroup::kOther;
  /// In order, without gaps, covering the whole parameter. The name of an expert's leaf has the number of the expert in the whole model,
  /// so nothing here depends on the rank.
  std::vector<Leaf> leaves;

  /// Returns a parameter whose value is zeros. `options` are the model's element type and the device. Without `leaves` the parameter is one
  /// leaf of its own name. Usage error if the leaves leave gaps, overlap or do not cover it.
  static Parameter make(std::string name, std::vector<std::int64_t> shape, const at::TensorOptions& options, std::vector<Leaf> leaves = {});
  /// Returns the parameter that is this one tensor of the model.
  static Parameter of(const ModelTensor& tensor, const at::TensorOptions& options);
  /// Returns one parameter for several matrices with the same number of columns, stacked row-wise in this order. Each matrix is a leaf.
  static Parameter of_rows(std::string name, const std::vector<ModelTensor>& tensors, const at::TensorOptions& options);

  /// Returns the input that a node which multiplies by this parameter, or adds it, takes beside its tensors (Gradient::open_use). It
  /// requires a gradient exactly if the node's backward must write this parameter's gradient: if there is a gradient buffer and autograd
  /// records.
  at::Tensor open_use();

  /// Copies the value into `place`, which has its shape and type, and makes that the value's memory. Nothing else gives `value` other
  /// memory.
  void move_value(at::Tensor place);

  /// From now on a bfloat16 `compute` lies in `place`, which has the value's shape, and has the value as it is now.
  void place_compute(at::Tensor place);
  /// Says that `place` was made from the value as it is now, by somebody else. Nothing is said if `compute` does not lie there.
  void compute_is_current();

  /// A number that changes whenever `value` is written, by whatever code (derived_forms.hpp).
  std::int64_t version() const { return static_cast<std::int64_t>(value._version()); }

  /// Computes `compute` from `value` for a model of element type `type`. Does nothing if it is up to date.
  void refresh_compute(at::ScalarType type);

  /// Returns the elements of `leaf` in `whole`, a tensor of the parameter's size (value, gradient), as a view of the leaf's shape.
  at::Tensor view(const at::Tensor& whole, const Leaf& leaf) const;
};

}  // namespace sluice
