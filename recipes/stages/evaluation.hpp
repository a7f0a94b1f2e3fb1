// Evaluation: cross-entropy of a model over given sequences, shared over the ranks; and the held batch of receipts.
#pragma once

#include "data/tokenizer.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"
#include "recipes/stages/batch.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Sequences to evaluate, the same on every rank: `tokens` [count, length + 1].
struct EvaluationSet {
  std::vector<std::int32_t> tokens;
  std::int64_t length = 0;
  std::int64_t target_bytes = 0;  // bytes of all targets; an EOS has none
  std::int64_t target_words = 0;  // whitespace-separated words of all targets

  std::int64_t sequences() const { return length == 0 ? 0 : static_cast<std::int64_t>(tokens.size()) / (length + 1); }
  std::int64_t targets() const { return sequences() * length; }
};

/// The FeatureRequest::paths that capture the inputs of these layers' feed-forwards, in the order of `layers`.
std::vector<std::string> feed_forward_inputs(const std::vector<std::int64_t>& layers);

/// Sequences [begin, begin + count) of a set as the model's input; `count` may be 0.
ModelInput evaluation_input(const TrainModel& model, const EvaluationSet& set, std::int64_t begin, std::int64_t count);

/// While this lives, a bfloat16 model computes in float32. Other models are not changed.
class InFloat32 {
 public:
  explicit InFloat32(TrainModel& model);
  ~InFloat32();
  InFloat32(const InFloat32&) = delete;
  InFloat32& operator=(const InFloat32&) = delete;

 private:
  Decoder& decoder_;
  at::ScalarType type_;
};

/// Gives this rank its share of `sequences`, at most `batch` at once: pass(first, count). Every rank gets the same number of passes, with a
/// count of 0 if need be.
void for_each_share(const Layout& layout, std::int64_t sequences, std::int64_t batch,
                    const std::function<void(std::int64_t first, std::int64_t count)>& pass);

struct Evaluation {
  double loss = 0.0;           // nats per token
  double nats = 0.0;           // sum over all targets
  double bits_per_byte = 0.0;  // nats / ln 2 / target_bytes
};

/// Collective. The loss over all sequences of `set`, the same on every rank. Sequences are divided among the ranks, at most `batch` in a
/// pass; every rank runs the same number of passes, with zero rows if need be.
Evaluation evaluate(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t batch, std::int64_t step);

/// The final hidden states (the head's input) and the loss of the held batch. Every rank computes the whole batch, in float32 for bfloat16
/// models.
struct HeldOutput {
  at::Tensor hidden;  // [N, D]
  double loss = 0.0;
};
HeldOutput run_held_batch(TrainModel& model, const EvaluationSet& held, std::int64_t step);
/// The largest |difference| between two models' logits on the held batch, in the same precision, computed a block of rows at a time.
double max_logit_difference(TrainModel& a, const HeldOutput& of_a, TrainModel& b, const HeldOutput& of_b);
/// For each path (see FeatureRequest), the mean [D] of that feature over the rows of the held batch, computed like run_held_batch.
std::map<std::string, at::Tensor> held_means(TrainModel& model, const EvaluationSet& held, const std::vector<std::string>& paths,
                                             std::int64_t step);
/// SHA-256 over the held batch's token ids as little-endian int32.
std::string held_sha256(const EvaluationSet& held);

}  // namespace sluice::recipes
