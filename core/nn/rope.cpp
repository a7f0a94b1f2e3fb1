#include "core/nn/rope.hpp"

#include "core/ops/rope.hpp"

namespace sluice {

void RopeTable::reserve(std::int64_t positions) {
  if (cos_.defined() && cos_.size(0) >= positions) return;
  const ops::RopeTables tables = ops::rope_tables(theta_, head_dim_, positions, options_);
  cos_ = tables.cos;
  sin_ = tables.sin;
}

}  // namespace sluice
