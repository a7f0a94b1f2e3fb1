// Sequences of unequal length in one batch, without padding: what they compute together is what each computes alone.
#include "core/nn/cross_entropy.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

const std::vector<std::int64_t> kLengths = {5, 1, 8, 3};

LocalBatch ragged() {
  LocalBatch batch;
  batch.lengths = kLengths;
  for (std::size_t b = 0; b < kLengths.size(); ++b) {
    const LocalBatch one = tiny_batch(1, kLengths[b], tiny_decoder().vocab_size, 40 + b);
    batch.tokens.insert(batch.tokens.end(), one.tokens.begin(), one.tokens.end());
    batch.sample_indices.push_back(static_cast<std::int64_t>(b));
    batch.global_rows += kLengths[b];
  }
  return batch;
}

// Sequence b of it as a step of its own, of which all sequences together are the whole.
LocalBatch alone_of(const LocalBatch& batch, std::size_t b) {
  LocalBatch one;
  std::int64_t before = 0;
  for (std::size_t i = 0; i < b; ++i) before += batch.lengths[i] + 1;
  one.tokens.assign(batch.tokens.begin() + before, batch.tokens.begin() + before + batch.lengths[b] + 1);
  one.lengths = {batch.lengths[b]};
  one.sample_indices = {batch.sample_indices[b]};
  one.global_rows = batch.global_rows;
  return one;
}

double relative(const at::Tensor& a, const at::Tensor& b) { return ((a - b).abs().max() / b.abs().max().clamp_min(1e-300)).item<double>(); }

std::vector<at::Tensor> gradients(const TrainModel& model) {
  std::vector<at::Tensor> all;
  for (const Parameter* p : model.parameters.trained()) all.push_back(p->gradient.sum().clone());
  return all;
}

// Every rule that counts by sequence.
moe::MoeConfig counting_by_sequence() {
  moe::MoeConfig moe = tiny_moe();
  moe.balance_loss = moe::BalanceLoss::kSequence;
  moe.capacity_factor = 1.0;
  return moe;
}

}  // namespace

TEST_CASE("a table of rows: offsets, columns, one length or several") {
  const RowTable rows({2, 3}, {7, 4}, at::kCPU, 10);
  CHECK(rows.rows() == 5);
  CHECK(rows.sequences() == 2);
  CHECK(rows.offsets() == std::vector<std::int64_t>{0, 2, 5});
  CHECK(!rows.common_length());
  CHECK(rows.last_position() == 12);
  CHECK(rows.sample().equal(at::tensor({7, 7, 4, 4, 4}, at::kLong)));
  CHECK(rows.position().equal(at::tensor({10, 11, 10, 11, 12}, at::kLong)));
  CHECK(rows.sequence().equal(at::tensor({0, 0, 1, 1, 1}, at::kLong)));
  CHECK(rows.modality().equal(at::zeros({5}, at::kChar)));
  CHECK(rows.moved(3).position().equal(at::tensor({13, 14, 13, 14, 15}, at::kLong)));
  CHECK(RowTable({3, 3}, {0, 1}, at::kCPU).common_length() == 3);
  CHECK(RowTable().rows() == 0);
  CHECK(RowTable().common_length().has_value());
}

TEST_CASE("a batch of unequal sequences computes what they compute alone, without and with a causal mask") {
  TrainModel model = tiny_model(tiny_decoder(), counting_by_sequence(), at::kDouble);
  const LocalBatch batch = ragged();
  at::NoGradGuard no_grad;
  const ModelInput together = make_input(batch, 0, batch.sequences(), at::kCPU);
  const at::Tensor hidden = model.decoder->forward(together.batch, nullptr, {1, "forward"}).hidden;
  const at::Tensor nll = token_nll(hidden, together.targets, model.decoder->head());
  Attention& attention = model.decoder->attention(0);
  const at::Tensor x =
      at::ones({batch.global_rows, model.config.hidden_size}, at::kDouble) * at::arange(batch.global_rows, at::kDouble).unsqueeze(1).sin();
  const at::Tensor seen = attention.forward(x, together.batch.rows, nullptr, false);
  CHECK(relative(seen, attention.forward(x, together.batch.rows, nullptr, true)) > 1e-3);
  for (std::size_t b = 0; b < kLengths.size(); ++b) {
    INFO("sequence " << b);
    const LocalBatch one = alone_of(batch, b);
    const ModelInput input = make_input(one, 0, 1, at::kCPU);
    const std::int64_t begin = together.batch.rows.offsets()[b], count = kLengths[b];
    const at::Tensor expected = model.decoder->forward(input.batch, nullptr, {1, "forward"}).hidden;
    CHECK(relative(hidden.narrow(0, begin, count), expected) <= 1e-12);
    CHECK(relative(nll.narrow(0, begin, count), token_nll(expected, input.targets, model.decoder->head())) <= 1e-12);
    CHECK(relative(seen.narrow(0, begin, count), attention.forward(x.narrow(0, begin, count), input.batch.rows, nullptr, false)) <= 1e-12);
  }
}

TEST_CASE("gradients and reports of a step of unequal sequences are the sums of those of its sequences") {
  for (const std::int64_t micro_batch_size : {4, 2, 1}) {
    INFO("micro-batches of " << micro_batch_size);
    TrainModel model = tiny_model(tiny_decoder(), counting_by_sequence(), at::kDouble);
    const LocalBatch batch = ragged();
    StepOptions options;
    options.micro_batch_size = micro_batch_size;
    const StepResult together = gradients_of(model, batch, options);
    const std::vector<at::Tensor> whole = gradients(model);
    std::vector<at::Tensor> sums;
    double loss = 0.0, balance = 0.0;
    std::int64_t dropped = 0;
    for (std::size_t b = 0; b < kLengths.size(); ++b) {
      const StepResult one = gradients_of(model, alone_of(batch, b), options);
      loss += loss_of(one);
      balance += one.terms.at("load_balancing_loss");
      dropped += one.counts.dropped;
      const std::vector<at::Tensor> part = gradients(model);
      for (std::size_t i = 0; i < part.size(); ++i) b == 0 ? sums.push_back(part[i]) : static_cast<void>(sums[i].add_(part[i]));
    }
    CHECK(std::abs(loss_of(together) - loss) <= 1e-12);
    CHECK(std::abs(together.terms.at("load_balancing_loss") - balance) <= 1e-12);
    CHECK(dropped > 0);
    CHECK(together.counts.dropped == dropped);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      INFO(model.parameters.trained()[i]->name);
      CHECK(relative(whole[i], sums[i]) <= 1e-11);
    }
  }
}
