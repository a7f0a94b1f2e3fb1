#include "core/nn/rope.hpp"

#include "core/kernels/rope.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice {

void RopeTable::reserve(std::int64_t positions) {
  if (cos_.defined() && cos_.size(0) >= positions) return;
  cos_ = at::empty({positions, head_dim_ / 2}, at::TensorOptions().dtype(type_));
  sin_ = at::empty_like(cos_);
  SLUICE_DISPATCH(type_, [&] { kernels::rope_tables(theta_, head_dim_, positions, data_of<A>(cos_), data_of<A>(sin_)); });
}

}  // namespace sluice
