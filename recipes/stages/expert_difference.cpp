#include "recipes/stages/expert_difference.hpp"

#include "core/ops/reduce.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/tensor_sums.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::recipes {
namespace {

constexpr std::int64_t kReduced = std::int64_t{1} << 22;  // elements of the sum that ranks reduce in one message
constexpr std::int64_t kAdded = std::int64_t{1} << 16;    // elements of the sum to which all experts are added while they are in the cache

// One kind of weight of a layer: experts [L, P] of this rank, and their origin [S, P] (undefined without one).
struct Part {
  at::Tensor experts, origin;
};

struct LayerSums {
  double squares = 0.0;                          // squared norm of the sum of all unit vectors
  std::vector<double> products, origin_squares;  // by shard: dot product of its experts' unit vectors with it; its squared norm
};

class LayerComparison {
 public:
  LayerComparison(const TrainModel& model, std::size_t index, const Layout& layout, std::int64_t step)
      : layout_(layout), label_{"expert cosines", step, model.sparse[index]->path(), "between steps"} {
    const moe::GroupedExperts& experts = model.sparse[index]->experts;
    const DenseOrigin::Layer* origin = model.origin ? &model.origin->layers[index] : nullptr;
    const auto rows = [](const at::Tensor& t) { return t.view({t.size(0), -1}); };
    parts_ = {{rows(experts.gate_up.value), origin ? rows(origin->gate_up) : at::Tensor()},
              {rows(experts.down.value), origin ? rows(origin->down) : at::Tensor()}};
    const std::int64_t owned = experts.down.value.size(0), first = layout.expert_group->rank() * owned;
    std::vector<at::Tensor> squares;
    for (std::int64_t e = 0; e < owned; ++e) {
      shard_.push_back(origin ? model.origin->shard_of_expert[static_cast<std::size_t>(first + e)] : 0);
      squares.push_back(ops::square_sum(parts_[0].experts[e]) + ops::square_sum(parts_[1].experts[e]));
    }
    for (const double square : values_of<double>(at::stack(squares)))
      inverse_norm_.push_back(square > 0 ? 1.0 / std::sqrt(square) : 0.0);  // an expert of zeros has no direction
    shards_ = origin ? origin->down.size(0) : 1;
  }

  LayerSums run() {
    LayerSums sums;
    sums.products.resize(static_cast<std::size_t>(shards_));
    sums.origin_squares.resize(static_cast<std::size_t>(shards_));
    for (const Part& part : parts_)
      for (std::int64_t begin = 0; begin < part.experts.size(1); begin += kReduced)
        add_range(part, begin, std::min(kReduced, part.experts.size(1) - begin), sums);
    return sums;
  }

 private:
  void add_range(const Part& part, std::int64_t begin, std::int64_t count, LayerSums& sums) const {
    at::Tensor units = at::zeros({shards_, count}, part.experts.options());
    const std::int64_t added = units.is_cpu() ? kAdded : count;  // on a device every piece costs a launch
    for (std::int64_t at = 0; at < count; at += added) {
      const std::int64_t here = std::min(added, count - at);
      for (std::size_t e = 0; e < shard_.size(); ++e)
        units[shard_[e]].narrow(0, at, here).add_(part.experts[static_cast<std::int64_t>(e)].narrow(0, begin + at, here), inverse_norm_[e]);
    }
    parallel::sum_over(*layout_.expert_group, units, label_);
    sums.squares += ops::sum_of_squares(units.sum(0));
    if (!part.origin.defined()) return;
    for (std::int64_t s = 0; s < shards_; ++s) {
      const at::Tensor origin = part.origin[s].narrow(0, begin, count).to(units.scalar_type());
      sums.products[static_cast<std::size_t>(s)] += (units[s] * origin).sum(at::kDouble).item<double>();
      sums.origin_squares[static_cast<std::size_t>(s)] += ops::sum_of_squares(origin);
    }
  }

  const Layout& layout_;
  const parallel::OperationLabel label_;
  std::vector<Part> parts_;
  std::vector<std::int64_t> shard_;   // of each expert of this rank
  std::vector<double> inverse_norm_;  // likewise
  std::int64_t shards_ = 1;
};

}  // namespace

ExpertDifference expert_difference(const TrainModel& model, const Layout& layout, std::int64_t step) {
  at::NoGradGuard no_grad;
  ExpertDifference difference;
  const auto experts = static_cast<double>(model.moe->num_experts);
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    const LayerSums sums = LayerComparison(model, i, layout, step).run();
    if (model.moe->num_experts > 1) difference.cosine.push_back((sums.squares - experts) / (experts * (experts - 1)));
    if (!model.origin) continue;
    double cosines = 0.0;
    for (std::size_t s = 0; s < sums.products.size(); ++s) cosines += sums.products[s] / std::sqrt(sums.origin_squares[s]);
    difference.dense_cosine.push_back(cosines / experts);
  }
  return difference;
}

}  // namespace sluice::recipes
