// All parameters of a model, with one flat gradient per replication class, so that a reduction is one range.
#pragma once

#include "core/nn/parameter.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace sluice {

class ParameterSet {
 public:
  ParameterSet() = default;
  /// Takes the parameters in the order given (the order is a function of the model only) and, unless nothing is to be trained, gives
  /// the trainable ones gradients.
  explicit ParameterSet(std::vector<Parameter*> parameters, bool with_gradients = true);

  const std::vector<Parameter*>& all() const { return parameters_; }
  /// Those with a gradient, in the same order: none in a model that does not train.
  const std::vector<Parameter*>& trained() const { return trained_; }
  at::Tensor& dense_gradient() { return dense_gradient_; }
  at::Tensor& expert_gradient() { return expert_gradient_; }
  Parameter* find(const std::string& name) const;

  // The gradients of a step, in this order:
  /// Forgets them (without touching memory; the next backward overwrites).
  void clear_gradients();
  /// The forward pass of the last micro-batch is over: no use is opened any more.
  void all_uses_opened() { complete_->store(true, std::memory_order_release); }
  /// Whether nothing will be written to this one any more in this step. May be asked while backward runs, from any thread.
  bool is_final(const Parameter& parameter) const { return complete_->load(std::memory_order_acquire) && parameter.gradient.all_uses_done(); }
  /// Backward of the last micro-batch is over. What no use reached counts as zero; from here on all are final.
  void close_gradients();
  bool closed() const { return closed_; }

 private:
  std::vector<Parameter*> parameters_, trained_;
  at::Tensor dense_gradient_;
  at::Tensor expert_gradient_;
  std::unique_ptr<std::atomic<bool>> complete_ = std::make_unique<std::atomic<bool>>(false);
  bool closed_ = false;
};

}  // namespace sluice
