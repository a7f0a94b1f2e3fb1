// An arena of workspaces: memory that a step's functions borrow for what they need only while they run (a block of logits, an expert's
// hidden rows, a product on its way into a gradient), and that the next one, and the next step, has again. Fresh memory costs more than
// what is done with it where it is large: the system hands out its pages one by one, and zeroed.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

namespace sluice {

class Workspaces;

/// A tensor whose memory goes back when this goes; what it holds at first is anything.
class Workspace {
 public:
  Workspace(Workspaces* from, at::Tensor buffer, at::Tensor tensor) : from_(from), buffer_(std::move(buffer)), tensor_(std::move(tensor)) {}
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const at::Tensor& operator*() const { return tensor_; }

 private:
  Workspaces* from_;  // null: the memory is of this one alone
  at::Tensor buffer_, tensor_;
};

/// As many buffers as were ever lent at once, each for whatever is borrowed next: the smallest that is large enough, else the largest grows.
/// All of one device. Safe to borrow from on several threads; the workspaces must go before it does.
class Workspaces {
 public:
  Workspaces() = default;
  Workspaces(const Workspaces&) = delete;
  Workspaces& operator=(const Workspaces&) = delete;

  /// Of all its buffers, those that are lent included.
  std::int64_t bytes() const;

 private:
  friend class Workspace;
  friend Workspace borrow(Workspaces* from, at::IntArrayRef sizes, const at::TensorOptions& options);

  at::Tensor take(std::int64_t bytes, const at::Device& device);
  void give_back(at::Tensor buffer);

  mutable std::mutex mutex_;
  std::vector<at::Tensor> free_;  // bytes, the smallest first
  std::int64_t bytes_ = 0;
};

/// A contiguous tensor of the element type and device of `options`, as `from` has it; of its own memory where that is null.
Workspace borrow(Workspaces* from, at::IntArrayRef sizes, const at::TensorOptions& options);

}  // namespace sluice
