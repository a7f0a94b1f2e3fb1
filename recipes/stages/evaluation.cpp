#include "recipes/stages/evaluation.hpp"

#include "core/base/sha256.hpp"
#include "core/nn/cross_entropy.hpp"
#include "core/tensor/dtype_map.hpp"
#include "parallel/plan/shards.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace sluice::recipes {

std::vector<std::string> feed_forward_inputs(const std::vector<std::int64_t>& layers) {
  std::vector<std::string> paths;
  for (const std::int64_t layer : layers) paths.push_back(feed_forward_path(layer) + ".input");
  return paths;
}

ModelInput evaluation_input(const TrainModel& model, const EvaluationSet& set, std::int64_t begin, std::int64_t count) {
  const auto token = [&](std::int64_t sequence) { return set.tokens.begin() + sequence * (set.length + 1); };
  std::vector<std::int64_t> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), begin);
  return make_input(LocalBatch::of_length(set.length, {token(begin), token(begin + count)}, std::move(samples), count), 0, count,
                    model.decoder->device());
}

InFloat32::InFloat32(TrainModel& model) : decoder_(*model.decoder), type_(decoder_.type()) {
  if (type_ == at::kBFloat16) decoder_.set_type(at::kFloat);
}

InFloat32::~InFloat32() {
  if (type_ == at::kBFloat16) decoder_.set_type(type_);
}

void for_each_share(const Layout& layout, std::int64_t sequences, std::int64_t batch,
                    const std::function<void(std::int64_t first, std::int64_t count)>& pass) {
  const parallel::IndexRange mine = parallel::shard_of(sequences, layout.size(), layout.rank());
  const std::int64_t most = parallel::shard_of(sequences, layout.size(), 0).count;
  for (std::int64_t done = 0; done < most; done += batch) {
    const std::int64_t begin = std::min<std::int64_t>(done, mine.count);
    pass(mine.first + begin, std::min<std::int64_t>(batch, mine.count - begin));
  }
}

Evaluation evaluate(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t batch, std::int64_t step) {
  at::NoGradGuard no_grad;
  double nats = 0.0;
  for_each_share(layout, set.sequences(), batch, [&](std::int64_t first, std::int64_t count) {
    const ModelInput input = evaluation_input(model, set, first, count);
    const ForwardOutput output = model.decoder->forward(input.batch, nullptr, {step, "eval"});
    nats += token_nll(output.hidden, input.targets, model.decoder->head(), model.decoder->head_numerics).sum(at::kDouble).item<double>();
  });
  layout.world->start_all_reduce(&nats, 1, DType::kFloat64, parallel::ReduceOp::kSum, {"evaluation loss", step, "", "eval"}).finish();
  Evaluation result;
  result.nats = nats;
  result.loss = nats / static_cast<double>(set.targets());
  result.bits_per_byte = nats / std::numbers::ln2 / static_cast<double>(set.target_bytes);
  return result;
}

namespace {

// Runs the whole held batch on this rank, in float32 for bfloat16 models; use() is called while that precision is on.
void with_held_output(TrainModel& model, const EvaluationSet& held, std::int64_t step, const FeatureRequest& request,
                      const std::function<void(const ModelInput&, const ForwardOutput&)>& use) {
  at::NoGradGuard no_grad;
  const InFloat32 precision(model);
  const ModelInput input = evaluation_input(model, held, 0, held.sequences());
  use(input, model.decoder->forward(input.batch, nullptr, {step, "receipt"}, request));
}

}  // namespace

HeldOutput run_held_batch(TrainModel& model, const EvaluationSet& held, std::int64_t step) {
  HeldOutput result;
  with_held_output(model, held, step, {}, [&](const ModelInput& input, const ForwardOutput& output) {
    const at::Tensor nll = token_nll(output.hidden, input.targets, model.decoder->head(), model.decoder->head_numerics);
    result.loss = nll.mean(at::kDouble).item<double>();
    result.hidden = output.hidden;
  });
  return result;
}

std::map<std::string, at::Tensor> held_means(TrainModel& model, const EvaluationSet& held, const std::vector<std::string>& paths,
                                             std::int64_t step) {
  std::map<std::string, at::Tensor> means;
  FeatureRequest request;
  request.paths = paths;
  request.keep = [](const at::Tensor& feature) { return feature.mean(0); };
  with_held_output(model, held, step, request, [&](const ModelInput&, const ForwardOutput& output) { means = output.features; });
  return means;
}

double max_logit_difference(TrainModel& a, const HeldOutput& of_a, TrainModel& b, const HeldOutput& of_b) {
  const InFloat32 precision_a(a), precision_b(b);
  return sluice::max_logit_difference(of_a.hidden, a.decoder->head(), a.decoder->head_numerics, of_b.hidden, b.decoder->head(),
                                      b.decoder->head_numerics);
}

std::string held_sha256(const EvaluationSet& held) {
  return sha256_hex({reinterpret_cast<const char*>(held.tokens.data()), held.tokens.size() * sizeof(std::int32_t)});
}

}  // namespace sluice::recipes
