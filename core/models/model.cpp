#include "core/models/model.hpp"

namespace sluice {

void Model::refresh_compute() {
  for (Parameter* p : parameters()) p->refresh_compute(type());
}

}  // namespace sluice
