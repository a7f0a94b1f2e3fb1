// An arena of temporary memory. A function borrows from it what it needs only while it runs (a block of logits, the hidden rows of an
// expert, a product to be added to a gradient); later functions and steps borrow the same memory again. A large new allocation would cost
// more than the work done in it, because the operating system hands out each page separately and zeroed.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

namespace sluice {

class Workspaces;

/// A borrowed tensor; the destructor gives its memory back to the arena. Its initial values are undefined.
class Workspace {
 public:
  Workspace(Workspaces* from, at::Tensor buffer, at::Tensor tensor) : from_(from), buffer_(std::move(buffer)), tensor_(std::move(tensor)) {}
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const at::Tensor& operator*() const { return tensor_; }

 private:
  Workspaces* from_;  // null: the memory was allocated for this tensor alone
  at::Tensor buffer_, tensor_;
};

/// The arena. It has as many buffers as were ever borrowed at the same time. A borrower gets the smallest free buffer that is large enough;
/// if there is none, the largest free buffer is replaced by a larger one. All buffers must be on one device. Several threads may borrow at
/// once. Every Workspace must be destroyed before its arena.
class Workspaces {
 public:
  Workspaces() = default;
  Workspaces(const Workspaces&) = delete;
  Workspaces& operator=(const Workspaces&) = delete;

  /// Bytes of all buffers, borrowed or free.
  std::int64_t bytes() const;

 private:
  friend class Workspace;
  friend Workspace borrow(Workspaces* from, at::IntArrayRef sizes, const at::TensorOptions& options);

  at::Tensor take(std::int64_t bytes, const at::Device& device);
  void give_back(at::Tensor buffer);

  mutable std::mutex mutex_;
  std::vector<at::Tensor> free_;  // byte tensors, the smallest first
  std::int64_t bytes_ = 0;
};

/// Borrows a contiguous tensor of these sizes, with the element type and device of `options`, from the arena `from`. If `from` is null, the
/// tensor is allocated.
Workspace borrow(Workspaces* from, at::IntArrayRef sizes, const at::TensorOptions& options);

}  // namespace sluice
