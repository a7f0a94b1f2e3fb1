#include "recipes/stages/router_movement.hpp"

#include "core/ops/reduce.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/plan/shards.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace sluice::recipes {

double router_gradient_norm(const ParameterSet& parameters) {
  double squares = 0.0;
  for (const Parameter* p : parameters.trained())
    if (p->rate_group == RateGroup::kRouter) squares += ops::sum_of_squares(p->gradient.sum());
  return std::sqrt(squares);
}

at::Tensor held_choices(TrainModel& model, const Layout& layout, const EvaluationSet& held, std::int64_t batch, std::int64_t step) {
  at::NoGradGuard no_grad;
  const auto layers = static_cast<std::int64_t>(model.sparse.size());
  const std::int64_t k = model.moe->top_k, sequences = held.sequences();
  const std::int64_t most = parallel::shard_of(sequences, layout.size(), 0).count;
  const std::int64_t own_first = parallel::shard_of(sequences, layout.size(), layout.rank()).first;
  FeatureRequest request;
  request.paths = feed_forward_inputs(model.moe->layers);
  const at::TensorOptions integers = at::TensorOptions().dtype(at::kLong).device(model.decoder->device());
  at::Tensor own = at::zeros({most * held.length, layers, k}, integers);
  for_each_share(layout, sequences, batch, [&](std::int64_t first, std::int64_t count) {
    const ModelInput input = evaluation_input(model, held, first, count);
    const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {step, "eval"}, request);
    for (std::int64_t i = 0; i < layers && count > 0; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const at::Tensor chosen = model.sparse[index]->router.route(output.features.at(request.paths[index]), input.batch.rows).experts;
      own.narrow(0, (first - own_first) * held.length, count * held.length).select(1, i).copy_(std::get<0>(chosen.sort(1)));
    }
  });
  at::Tensor all = at::zeros({layout.size(), most * held.length, layers, k}, integers);
  const HostMemory sent = to_host(own), gathered = from_host(all);
  layout.world->start_all_gather(sent.bytes().data(), gathered.bytes().data(), own.nbytes(), {"held choices", step, "", "eval"}).finish();
  gathered.give_back();
  std::vector<at::Tensor> parts;
  for (int rank = 0; rank < layout.size(); ++rank)
    parts.push_back(all[rank].narrow(0, 0, parallel::shard_of(sequences, layout.size(), rank).count * held.length));
  return at::cat(parts, 0);
}

std::optional<double> changed_share(const at::Tensor& before, const at::Tensor& now) {
  if (!before.defined() || before.sizes() != now.sizes() || now.numel() == 0) return std::nullopt;
  return (before != now).any(2).to(at::kDouble).mean().item<double>();
}

}  // namespace sluice::recipes
