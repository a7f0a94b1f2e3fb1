#include "recipes/stages/finite_check.hpp"

#include "core/base/error.hpp"
#include "core/ops/reduce.hpp"

#include <cstdio>
#include <vector>

namespace sluice::recipes {
namespace {

// The first leaf, in parameter order, that is not finite in what `of` gives of its parameter.
template <class Of>
std::string first_non_finite(const std::vector<Parameter*>& parameters, parallel::Communicator& world, std::int64_t step, const Of& of) {
  char name[256] = "";
  std::int64_t named_by = world.size();
  for (const Parameter* p : parameters) {
    if (named_by == world.rank()) break;
    const at::Tensor& whole = of(*p);
    const bool finite = ops::all_finite(whole);
    for (const Leaf& leaf : p->leaves) {
      if (finite || named_by == world.rank() || p->view(whole, leaf).isfinite().all().item<bool>()) continue;
      std::snprintf(name, sizeof name, "%s", leaf.name.c_str());
      named_by = world.rank();
    }
  }
  world.start_all_reduce(&named_by, 1, DType::kInt64, parallel::ReduceOp::kMin, {"diverged", step, "", "finite"}).finish();
  if (named_by == world.size()) return "";
  world.start_broadcast(name, sizeof name, static_cast<int>(named_by), {"diverged", step, "", "finite"}).finish();
  return name;
}

}  // namespace

std::string first_non_finite_weight(const TrainModel& model, const Layout& layout, std::int64_t step) {
  return first_non_finite(model.parameters.all(), *layout.world, step, [](const Parameter& p) -> const at::Tensor& { return p.value; });
}

std::string first_non_finite_gradient(const TrainModel& model, const Layout& layout, std::int64_t step) {
  return first_non_finite(model.parameters.trained(), *layout.world, step,
                          [](const Parameter& p) -> const at::Tensor& { return p.gradient.sum(); });
}

void require_finite_weights(const TrainModel& model, const Layout& layout, std::int64_t step) {
  const std::string name = first_non_finite_weight(model, layout, step);
  if (!name.empty()) throw diverged_error("step {}: the update made weights not finite, the first in {}", step, name);
}

}  // namespace sluice::recipes
