// The gradient of one parameter, and the only way to write it.
//
// Backward functions write into the buffer themselves, in the optimizer's precision. So a bfloat16 model gets float32 gradients, and
// autograd does not add a leaf's gradient in a further pass over memory. The life of a gradient in one step:
//
//   clear()          It holds nothing. Memory is not touched, because the first write overwrites it.
//   open_use()       Forward builds a node whose backward will write. One parameter may have several uses: a tied head has two.
//   GradientWriter   Backward of that node writes. When the writer is destroyed, the use is done.
//   close()          Nothing more will be written in this step. If nothing was written, the gradient becomes zero.
//
// A gradient is final once all its uses of the last micro-batch are done. The count of done uses is atomic, since backward may run on any
// thread.
#pragma once

#include "core/shape/recompute.hpp"
#include "core/tensor/workspaces.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace sluice {

class Gradient {
 public:
  /// Makes `buffer`, which has the shape of the parameter's value, the memory of the gradient, which then holds nothing. `workspaces` is
  /// the arena from which its writers and the functions that use the parameter borrow temporary memory; it may be null.
  void place(at::Tensor buffer, std::shared_ptr<Workspaces> workspaces = nullptr);
  /// Whether there is a buffer. There is none for a frozen parameter, nor in a model that does not train.
  bool placed() const { return sum_.defined(); }
  /// The sum of what was written since clear(), for reading. Undefined without a buffer. Between clear() and the first write its values
  /// mean nothing.
  const at::Tensor& sum() const { return sum_; }

  /// Null if there is no arena.
  Workspaces* workspaces() const { return workspaces_.get(); }

  /// Forgets what was written and all uses. Memory is not touched.
  void clear();
  /// Counts one more use, but for those of a second pass (RecomputedUses). Returns a tensor that the node of that use must take as an
  /// input: it requires a gradient, but gets none. It makes autograd run the node's backward even if no other input requires a gradient.
  at::Tensor open_use();
  /// Whether every use opened since clear() is done. Any thread may ask.
  bool all_uses_done() const { return done_->load(std::memory_order_acquire) == opened_; }
  /// Sets the gradient to zero if nothing was written. Uses that backward did not reach count as done.
  void close();

 private:
  friend class GradientWriter;

  /// Records that a write happens now. Returns the factor by which that write must multiply the sum so far: 0 for the first write since
  /// clear(), else 1.
  double begin();

  at::Tensor sum_, anchor_;
  std::shared_ptr<Workspaces> workspaces_;
  bool written_ = false;
  std::int64_t opened_ = 0;
  std::unique_ptr<std::atomic<std::int64_t>> done_ = std::make_unique<std::atomic<std::int64_t>>(0);
};

/// While it lives, a part of the model is computed on this thread that is computed twice (core/nn/recompute.hpp). Its uses are counted in
/// the first pass, although that is not recorded, and not again in the second.
class RecomputedUses {
 public:
  explicit RecomputedUses(RecomputePass pass);
  ~RecomputedUses();
  RecomputedUses(const RecomputedUses&) = delete;
  RecomputedUses& operator=(const RecomputedUses&) = delete;
  /// Whether a first pass is under way on this thread.
  static bool in_first_pass();

 private:
  std::optional<RecomputePass> before_;
};

/// Writes the gradient for one use of its parameter. The use is done when the writer is destroyed.
class GradientWriter {
 public:
  explicit GradientWriter(Gradient& gradient) : gradient_(gradient) {}
  ~GradientWriter() { gradient_.done_->fetch_add(1, std::memory_order_release); }
  GradientWriter(const GradientWriter&) = delete;
  GradientWriter& operator=(const GradientWriter&) = delete;

  /// Adds g, of any floating-point type and with as many elements as the parameter.
  void add(const at::Tensor& g);
  /// Adds lhs^T rhs, for lhs [R, out] and rhs [R, in] of R rows and a parameter of out x in elements.
  void add_product(const at::Tensor& lhs, const at::Tensor& rhs);
  /// Calls work(sum), which must add to the sum in place. The sum is zeros if nothing was written before.
  template <class Work>
  void accumulate(const Work& work) {
    if (gradient_.begin() == 0.0) gradient_.sum_.zero_();
    work(gradient_.sum_);
  }

  /// For a function that computes sum = beta * sum + (the gradient of this use) itself. beta is 0 or 1. Calling target() counts as the
  /// write.
  struct Target {
    at::Tensor sum;
    double beta;
  };
  Target target() { return {gradient_.sum_, gradient_.begin()}; }

 private:
  Gradient& gradient_;
};

}  // namespace sluice
