// A trainable tensor: its value in the optimizer's precision, what products see of it, and its gradient.
// Gradients are written straight into `grad` by the layers' backward functions (accumulating over micro-batches), not by
// autograd's leaf nodes: a bfloat16 model so gets float32 gradients, and no gradient is added twice over memory.
#pragma once

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
  at::Tensor grad;     // like value; a view into the flat gradient of its replication class; undefined where nothing is trained
  bool grad_written = false;
  bool decay = true;   // weight decay spares norms, biases and the router
  Replication replication = Replication::kWorld;
  RateGroup rate_group = RateGroup::kOther;
  std::vector<Leaf> leaves;
  // Where a leaf stands among the whole model's slices of the same kind is in its name: no rank enters here.

  /// Allocates `value` as zeros.
  static Parameter make(std::string name, std::vector<std::int64_t> shape, at::ScalarType type, std::vector<Leaf> leaves = {});

  /// grad += lhs^T rhs for lhs [R, out], rhs [R, in] and a slice of grad viewed as [out, in] (the whole of it by default).
  void add_product_gradient(const at::Tensor& lhs, const at::Tensor& rhs);
  /// grad += g (any float type, same shape).
  void add_gradient(const at::Tensor& g);
  /// To be called once per backward before writing grad by hand: returns 0 if it holds nothing yet, else 1 (BLAS beta).
  double begin_gradient();
  /// `grad` with zeros in it if nothing was written yet.
  at::Tensor& accumulated_gradient();

  /// Makes `compute` follow `value` for a model of element type `type`.
  void refresh_compute(at::ScalarType type);

  at::Tensor view(const at::Tensor& whole, const Leaf& leaf) const;
};

/// gradient += product, of another float type and as many elements, both contiguous: piece by piece, where ATen would first make a whole
/// copy of the product in the gradient's type.
void accumulate_rounded(const at::Tensor& gradient, const at::Tensor& product);

/// All parameters of a model with one flat gradient per replication class, so that a reduction is one range.
class ParameterSet {
 public:
  ParameterSet() = default;
  /// Takes the parameters in the order given (the order is a function of the model only) and, unless nothing is to be trained, gives
  /// them gradients.
  explicit ParameterSet(std::vector<Parameter*> parameters, bool with_gradients = true);

  const std::vector<Parameter*>& all() const { return parameters_; }
  at::Tensor& dense_gradient() { return dense_gradient_; }
  at::Tensor& expert_gradient() { return expert_gradient_; }
  Parameter* find(const std::string& name) const;

  /// Forgets the gradients (without touching memory; the next backward overwrites).
  void clear_gradients();
  /// A trainable parameter that no backward reached counts as zero.
  void fill_missing_gradients();

 private:
  std::vector<Parameter*> parameters_;
  at::Tensor dense_gradient_;
  at::Tensor expert_gradient_;
};

}  // namespace sluice
