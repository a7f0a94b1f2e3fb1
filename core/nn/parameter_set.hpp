// All parameters of a model. The values and the gradients of those that are trained lie in flat buffers, one of each for every replication
// class (Replication). So a reduction over ranks, and the part of the optimizer's work that a rank owns, are each one contiguous range.
#pragma once

#include "core/nn/flat_plan.hpp"
#include "core/nn/parameter.hpp"

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

namespace sluice {

/// How many ranks hold the same values of the parameters of each replication class.
struct Holders {
  std::int64_t dense = 1, expert = 1;
};

class ParameterSet {
 public:
  ParameterSet() = default;
  /// Takes the parameters in this order, which must be a function of the model alone. If `with_gradients`, moves the values of the
  /// trainable ones into the flat buffers and gives them gradients. A frozen parameter keeps memory of its own. All parameters must have
  /// one element type and device.
  explicit ParameterSet(std::vector<Parameter*> parameters, bool with_gradients = true, const Holders& holders = {});

  const std::vector<Parameter*>& all() const { return parameters_; }
  /// Those with a gradient, in the same order. Empty in a model that does not train.
  const std::vector<Parameter*>& trained() const { return trained_; }

  /// The flat buffers of a class, each of plan().whole() elements; undefined in a model that does not train. Gaps and padding of values and
  /// gradients are zeros. `compute` holds the copies that products read, where these are bfloat16 copies of float32 values; else undefined.
  struct Buffers {
    at::Tensor value, gradient, compute;
  };
  const Buffers& buffers(Replication replication) const { return class_of(replication).buffers; }
  /// Where the parameters of a class lie in its buffers.
  const FlatPlan& plan(Replication replication) const { return class_of(replication).plan; }
  /// Says that Buffers::compute was made from the values as they are now: by the optimizer, in the pass in which it changed them.
  void compute_is_current(Replication replication);
  /// The elements of a trained parameter in the buffers of its class.
  const ElementRange& range_of(const Parameter& parameter) const { return ranges_.at(&parameter); }

  /// The content of the flat gradients of kWorld and of kExpert, without the padding. This is what a reduction over ranks sends, and its
  /// size does not depend on the number of ranks.
  at::Tensor& dense_gradient() { return dense_.gradient_content; }
  at::Tensor& expert_gradient() { return expert_.gradient_content; }
  /// Returns the gradients of a class one after the other without gaps, flat, so that the order of a sum over them does not depend on gaps.
  /// If the content has no gaps (every parameter's size is a multiple of 64 bytes), this is a view of the flat gradients, else a copy.
  at::Tensor packed_gradient(Replication replication) const;

  // The following functions are called in this order in each step.

  /// Forgets the gradients of the step before. Memory is not touched, because the next backward overwrites it.
  void clear_gradients();
  /// To be called when the forward pass of the last micro-batch is over: no further use will be opened in this step.
  void all_uses_opened() { complete_->store(true, std::memory_order_release); }
  /// Whether nothing more will be written to this parameter's gradient in this step. Any thread may ask, also while backward runs.
  bool is_final(const Parameter& parameter) const {
    return complete_->load(std::memory_order_acquire) && parameter.gradient.all_uses_done();
  }
  /// To be called when backward of the last micro-batch is over. A gradient that nothing was written to becomes zero; all gradients are
  /// final.
  void close_gradients();

 private:
  struct Class {
    FlatPlan plan;
    Buffers buffers;
    at::Tensor gradient_content;
  };

  const Class& class_of(Replication replication) const { return replication == Replication::kWorld ? dense_ : expert_; }
  Class& class_of(Replication replication) { return replication == Replication::kWorld ? dense_ : expert_; }
  void move_values();
  void place_gradients();
  void place_compute();

  std::vector<Parameter*> parameters_, trained_;
  Class dense_, expert_;
  std::unordered_map<const Parameter*, ElementRange> ranges_;
  std::unique_ptr<std::atomic<bool>> complete_ = std::make_unique<std::atomic<bool>>(false);
};

}  // namespace sluice
