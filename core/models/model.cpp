#include "core/models/model.hpp"

namespace sluice {

std::int64_t ModelState::bytes() const {
  std::int64_t total = 0;
  for (const AttentionCache& layer : layers) {
    if (layer.key.defined()) total += static_cast<std::int64_t>(layer.key.nbytes() + layer.value.nbytes());
  }
  return total;
}

void Model::refresh_compute() {
  for (Parameter* p : parameters()) p->refresh_compute(type());
}

}  // namespace sluice
