// The gradient of one parameter, and the one way to write it.
//
// Backward functions write into the buffer themselves, in the optimizer's precision: a bfloat16 model so gets float32 gradients, and no
// leaf node of autograd adds a gradient over memory once more. The life of a gradient in a step:
//
//   clear()          it holds nothing (the memory is not touched: the first write overwrites)
//   open_use()       forward builds a node whose backward will write; a tied head is used twice
//   GradientWriter   that node's backward writes; when the writer goes, the use is done
//   close()          nothing more will come in this step: what no use reached is zero
//
// A gradient is final once all its uses of the last micro-batch are done. Done uses are only counted, by whatever thread backward runs on.
#pragma once

#include "core/tensor/workspaces.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace sluice {

class Gradient {
 public:
  /// Lives in `buffer` from now on, which has the shape of the parameter's value, and holds nothing. Its writers, and the functions that
  /// have one, borrow from `workspaces`.
  void place(at::Tensor buffer, std::shared_ptr<Workspaces> workspaces = nullptr);
  /// Whether there is a buffer: not for what is frozen, nor in a model that does not train.
  bool placed() const { return sum_.defined(); }
  /// The sum of what was written since clear(), for reading; without a buffer undefined, and before a write whatever was there.
  const at::Tensor& sum() const { return sum_; }

  /// Null where there are none.
  Workspaces* workspaces() const { return workspaces_.get(); }

  void clear();
  /// Counts a use and returns what ties its node to autograd's graph, to be passed to the node as an input that gets no gradient: the
  /// node's backward then runs whether or not its other inputs require a gradient.
  at::Tensor open_use();
  bool all_uses_done() const { return done_->load(std::memory_order_acquire) == opened_; }
  /// Zeros if nothing was written. Uses that backward did not reach count as done.
  void close();

 private:
  friend class GradientWriter;

  /// What a write multiplies the sum so far by: 0 for the first since clear().
  double begin();

  at::Tensor sum_, anchor_;
  std::shared_ptr<Workspaces> workspaces_;
  bool written_ = false;
  std::int64_t opened_ = 0;
  std::unique_ptr<std::atomic<std::int64_t>> done_ = std::make_unique<std::atomic<std::int64_t>>(0);
};

/// Writes a gradient for one use of its parameter, which is done when the writer goes.
class GradientWriter {
 public:
  explicit GradientWriter(Gradient& gradient) : gradient_(gradient) {}
  ~GradientWriter() { gradient_.done_->fetch_add(1, std::memory_order_release); }
  GradientWriter(const GradientWriter&) = delete;
  GradientWriter& operator=(const GradientWriter&) = delete;

  /// += g, of any floating-point type and as many elements.
  void add(const at::Tensor& g);
  /// += lhs^T rhs, of lhs [R, out], rhs [R, in] and a parameter of out x in elements.
  void add_product(const at::Tensor& lhs, const at::Tensor& rhs);
  /// `work` adds to the sum in place.
  template <class Work>
  void accumulate(const Work& work) {
    if (gradient_.begin() == 0.0) gradient_.sum_.zero_();
    work(gradient_.sum_);
  }

  /// The sum, and what it is to be multiplied by (0 or 1) before this use's part is added: for a function that does both itself.
  struct Target {
    at::Tensor sum;
    double beta;
  };
  Target target() { return {gradient_.sum_, gradient_.begin()}; }

 private:
  Gradient& gradient_;
};

}  // namespace sluice
