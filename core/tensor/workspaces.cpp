#include "core/tensor/workspaces.hpp"

#include <algorithm>

namespace sluice {

Workspace::~Workspace() {
  if (from_ == nullptr) return;
  tensor_.reset();
  from_->give_back(std::move(buffer_));
}

std::int64_t Workspaces::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

at::Tensor Workspaces::take(std::int64_t bytes, const at::Device& device) {
  std::lock_guard lock(mutex_);
  auto found = std::find_if(free_.begin(), free_.end(), [&](const at::Tensor& buffer) { return buffer.numel() >= bytes; });
  if (found == free_.end() && !free_.empty()) {
    bytes_ -= free_.back().numel();
    free_.pop_back();  // gone before the larger one is there
    found = free_.end();
  }
  if (found == free_.end()) {
    at::Tensor buffer = at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device));
    bytes_ += bytes;
    return buffer;
  }
  at::Tensor buffer = std::move(*found);
  free_.erase(found);
  return buffer;
}

void Workspaces::give_back(at::Tensor buffer) {
  std::lock_guard lock(mutex_);
  const auto place =
      std::upper_bound(free_.begin(), free_.end(), buffer, [](const at::Tensor& a, const at::Tensor& b) { return a.numel() < b.numel(); });
  free_.insert(place, std::move(buffer));
}

Workspace borrow(Workspaces* from, at::IntArrayRef sizes, const at::TensorOptions& options) {
  const at::NoGradGuard no_grad;
  const at::TensorOptions plain = options.requires_grad(false);
  if (from == nullptr) return {nullptr, {}, at::empty(sizes, plain)};
  const at::ScalarType type = c10::typeMetaToScalarType(plain.dtype());
  const std::int64_t bytes = c10::multiply_integers(sizes) * static_cast<std::int64_t>(c10::elementSize(type));
  at::Tensor buffer = from->take(bytes, plain.device());
  at::Tensor tensor = buffer.narrow(0, 0, bytes).view(type).view(sizes);
  return {from, std::move(buffer), std::move(tensor)};
}

}  // namespace sluice
