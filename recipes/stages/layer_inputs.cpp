#include "recipes/stages/layer_inputs.hpp"

#include "core/tensor/host_integers.hpp"
#include "parallel/plan/shards.hpp"

#include <algorithm>
#include <utility>

namespace sluice::recipes {
namespace {

// Rows that rank 0 computes at once.
constexpr std::int64_t kPieceRows = 2048;

}  // namespace

std::vector<at::Tensor> layer_inputs(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t count,
                                     const std::vector<std::int64_t>& layers, std::int64_t most_rows, std::int64_t step,
                                     const std::function<void(std::int64_t done)>& progress) {
  at::NoGradGuard no_grad;
  const InFloat32 precision(model);
  const bool mine = layout.rank() == 0;
  const std::int64_t all = count * set.length, kept = std::min(all, most_rows), piece = std::max<std::int64_t>(1, kPieceRows / set.length);
  FeatureRequest request;
  request.paths = feed_forward_inputs(layers);
  std::vector<std::vector<at::Tensor>> pieces(layers.size());
  // One row of each stretch of all / kept rows, at a varying place in it, so that no position in the sequences is preferred.
  const auto row = [&](std::int64_t i) { return i * all / kept + (i * 2654435761) % std::max<std::int64_t>(1, all / kept); };
  std::int64_t next = 0;  // number of the next row among the `kept` ones
  for (std::int64_t begin = 0; begin < count; begin += piece) {
    const std::int64_t end = std::min(count, begin + piece);
    std::vector<std::int64_t> picked;
    for (; next < kept && row(next) < end * set.length; ++next) picked.push_back(row(next) - begin * set.length);
    const at::Tensor index = integers_on(model.decoder->device(), picked);
    if (mine) request.keep = [&](const at::Tensor& x) { return x.index_select(0, index); };
    const ModelInput input = evaluation_input(model, set, begin, mine ? end - begin : 0);
    const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {step, "inputs"}, request);
    for (std::size_t i = 0; i < layers.size() && mine; ++i) pieces[i].push_back(output.features.at(request.paths[i]));
    progress(end);
  }
  std::vector<at::Tensor> inputs(layers.size());
  for (std::size_t i = 0; i < layers.size() && mine; ++i) inputs[i] = at::cat(std::exchange(pieces[i], {}), 0);
  return inputs;
}

std::vector<std::vector<std::int64_t>> expert_counts(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t begin,
                                                     std::int64_t end, std::int64_t batch, std::int64_t step) {
  at::NoGradGuard no_grad;
  const InFloat32 precision(model);
  const auto experts = static_cast<std::size_t>(model.moe->num_experts);
  const parallel::IndexRange mine = parallel::shard_of(end - begin, layout.size(), layout.rank());
  const std::int64_t most = parallel::shard_of(end - begin, layout.size(), 0).count;
  std::vector<std::int64_t> sums(model.sparse.size() * experts);
  for (std::int64_t done = 0; done < most; done += batch) {
    const std::int64_t first = std::min<std::int64_t>(done, mine.count);
    const ModelInput input = evaluation_input(model, set, begin + mine.first + first, std::min<std::int64_t>(batch, mine.count - first));
    const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {step, "loads"});
    for (std::size_t i = 0; i < model.sparse.size(); ++i) {
      const std::vector<std::int64_t> counts = integers_of(output.statistics[i].expert_counts);
      for (std::size_t e = 0; e < experts; ++e) sums[i * experts + e] += counts[e];
    }
  }
  layout.world->start_all_reduce(sums.data(), sums.size(), DType::kInt64, parallel::ReduceOp::kSum, {"experts' load", step, "", "receipt"})
      .finish();
  std::vector<std::vector<std::int64_t>> counts;
  for (auto row = sums.begin(); row != sums.end(); row += static_cast<std::ptrdiff_t>(experts))
    counts.emplace_back(row, row + static_cast<std::ptrdiff_t>(experts));
  return counts;
}

}  // namespace sluice::recipes
