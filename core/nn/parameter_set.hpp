// All parameters of a model. Those that are trained lie in flat buffers, one of values and one of gradients for each replication class,
// so that a reduction is one range, and what a rank owns of them is another. Their functions share one arena of workspaces.
#pragma once

#include "core/nn/flat_plan.hpp"
#include "core/nn/parameter.hpp"

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

namespace sluice {

/// How many ranks hold the parameters of each replication class alike.
struct Holders {
  std::int64_t dense = 1, expert = 1;
};

class ParameterSet {
 public:
  ParameterSet() = default;
  /// Takes the parameters in the order given (the order is a function of the model only) and, unless nothing is to be trained, moves the
  /// values of the trainable ones into flat buffers and gives them gradients. What is frozen keeps its value to itself.
  explicit ParameterSet(std::vector<Parameter*> parameters, bool with_gradients = true, const Holders& holders = {});

  const std::vector<Parameter*>& all() const { return parameters_; }
  /// Those with a gradient, in the same order: none in a model that does not train.
  const std::vector<Parameter*>& trained() const { return trained_; }

  /// The flat buffers of a class, of plan().whole() elements: undefined in a model that does not train. Gaps and padding are zeros.
  struct Buffers {
    at::Tensor value, gradient;
  };
  const Buffers& buffers(Replication replication) const { return class_of(replication).buffers; }
  const FlatPlan& plan(Replication replication) const { return class_of(replication).plan; }
  /// Where a trained parameter lies in the buffers of its class.
  const ElementRange& range_of(const Parameter& parameter) const { return ranges_.at(&parameter); }

  /// The content of the flat gradients, which is what a reduction sends: as much for any number of ranks.
  at::Tensor& dense_gradient() { return dense_.gradient_content; }
  at::Tensor& expert_gradient() { return expert_.gradient_content; }
  /// The gradients of a class one after the other, for sums whose order hangs on no gap: the content itself where it has none, as where
  /// every parameter is a multiple of 64 bytes, else a copy.
  at::Tensor packed_gradient(Replication replication) const;

  // The gradients of a step, in this order:
  /// Forgets them (without touching memory; the next backward overwrites).
  void clear_gradients();
  /// The forward pass of the last micro-batch is over: no use is opened any more.
  void all_uses_opened() { complete_->store(true, std::memory_order_release); }
  /// Whether nothing will be written to this one any more in this step. May be asked while backward runs, from any thread.
  bool is_final(const Parameter& parameter) const {
    return complete_->load(std::memory_order_acquire) && parameter.gradient.all_uses_done();
  }
  /// Backward of the last micro-batch is over. What no use reached counts as zero; from here on all are final.
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

  std::vector<Parameter*> parameters_, trained_;
  Class dense_, expert_;
  std::unordered_map<const Parameter*, ElementRange> ranges_;
  std::unique_ptr<std::atomic<bool>> complete_ = std::make_unique<std::atomic<bool>>(false);
};

}  // namespace sluice
