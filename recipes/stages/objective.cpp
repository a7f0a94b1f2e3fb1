#include "recipes/stages/objective.hpp"

#include "core/base/error.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::recipes {

void LayerCounts::add(const std::vector<SlotStatistics>& statistics) {
  const bool first = layers_.empty();
  if (first) layers_.resize(statistics.size());
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    const SlotStatistics& s = statistics[i];
    const Layer local = {s.counts.sum(0), s.child_counts.sum(0), at::tensor(s.expert_counts, at::kLong), at::tensor({s.dropped}, at::kLong)};
    if (first) {
      layers_[i] = local;
      continue;
    }
    layers_[i].counts.add_(local.counts);
    layers_[i].children.add_(local.children);
    layers_[i].experts.add_(local.experts);
    layers_[i].dropped.add_(local.dropped);
  }
}

void LayerCounts::reduce(parallel::Communicator& world, std::int64_t step, const char* phase) {
  if (layers_.empty() || world.size() == 1) return;
  std::vector<at::Tensor> parts;
  for (const Layer& layer : layers_) parts.insert(parts.end(), {layer.counts, layer.children, layer.experts, layer.dropped});
  at::Tensor all = at::cat(parts, 0).contiguous();
  world.start_all_reduce(data_of<std::int64_t>(all), static_cast<std::size_t>(all.numel()), DType::kInt64, parallel::ReduceOp::kSum, {"routing counts", step, -1, phase}).finish();
  std::int64_t begin = 0;
  const auto take = [&](at::Tensor& part) {
    part = all.narrow(0, begin, part.numel()).clone();
    begin += part.numel();
  };
  for (Layer& layer : layers_) {
    take(layer.counts);
    take(layer.children);
    take(layer.experts);
    take(layer.dropped);
  }
}

moe::BalanceCounts LayerCounts::of(std::size_t layer) const {
  return {layers_[layer].counts.unsqueeze(0), layers_[layer].children.unsqueeze(0)};
}

std::int64_t LayerCounts::dropped() const {
  std::int64_t total = 0;
  for (const Layer& layer : layers_) total += layer.dropped.item<std::int64_t>();
  return total;
}

bool LayerCounts::same_as(const LayerCounts& other) const {
  if (layers_.size() != other.layers_.size()) return false;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (!at::equal(layers_[i].counts, other.layers_[i].counts) || !at::equal(layers_[i].children, other.layers_[i].children)) return false;
  }
  return true;
}

std::vector<moe::BalanceCounts> balance_counts(const TrainModel& model, const std::vector<SlotStatistics>& statistics, const LayerCounts& step_counts) {
  std::vector<moe::BalanceCounts> counts;
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    switch (model.moe->balance_loss) {
      case moe::BalanceLoss::kGlobal: counts.push_back(step_counts.of(i)); break;
      case moe::BalanceLoss::kSequence: counts.push_back({statistics[i].counts, statistics[i].child_counts}); break;
      case moe::BalanceLoss::kLagged:
        if (model.lagged[i].counts.defined()) counts.push_back(model.lagged[i]);
        else counts.push_back({at::ones(statistics[i].probability_sum.sizes(), at::kLong), at::ones(statistics[i].child_probability_sum.sizes(), at::kLong)});
        break;
    }
  }
  return counts;
}

std::vector<ObjectiveTerm> auxiliary_terms(const TrainModel& model, const std::vector<SlotStatistics>& statistics,
                                           const std::vector<moe::BalanceCounts>& counts, const StepCounts& totals) {
  std::vector<ObjectiveTerm> terms;
  const moe::MoeConfig& config = *model.moe;
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    const SlotStatistics& s = statistics[i];
    if (config.aux_loss_coef > 0)
      terms.push_back({"load_balancing_loss", config.aux_loss_coef, totals.tokens,
                       [&config, &s, layer = counts[i]](const TermScale& scale) { return scale.times(moe::balance_loss_sum(config, s, layer)); }});
    if (config.z_loss_coef > 0) terms.push_back({"z_loss", config.z_loss_coef, totals.tokens, [&s](const TermScale& scale) { return scale.times(s.z_sum); }});
  }
  return terms;
}

at::Tensor TermScale::times(const at::Tensor& sum) const {
  const at::Tensor mean = sum * inverse_count;
  return coefficient == 1.0 ? mean : mean * coefficient;
}

at::Tensor objective_share(const std::vector<ObjectiveTerm>& terms) {
  at::Tensor sum;
  for (const ObjectiveTerm& term : terms) {
    if (term.count == 0) continue;
    const at::Tensor share = term.share({term.coefficient, 1.0 / static_cast<double>(term.count)});
    sum = sum.defined() ? sum + share.to(sum.scalar_type()) : share;
  }
  return sum;
}

}  // namespace sluice::recipes
