// Values of the balance loss against its formula: 1 when uniform, whosever counts make f, with and without families.
#include "moe/balance.hpp"

#include "core/base/random.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::moe;

namespace {

constexpr std::int64_t kTokens = 24;  // of the step: 3 sequences of 8

MoeConfig shape(BalanceLoss balance, std::int64_t family_size) {
  MoeConfig config;
  config.num_experts = 16;
  config.family_size = family_size;
  config.top_k = 2;
  config.balance_loss = balance;
  return config;
}

at::Tensor integers(std::int64_t groups, std::int64_t columns, const char* name) {
  const std::uint64_t key = random_key(8, name);
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < groups * columns; ++i)
    values.push_back(static_cast<std::int64_t>(random_uniform(key, static_cast<std::uint64_t>(i)) * 9));
  return at::tensor(values, at::kLong).view({groups, columns});
}

// Statistics with random sums, positive everywhere.
SlotStatistics random_statistics(const MoeConfig& config, std::int64_t groups) {
  SlotStatistics s;
  s.probability_sum = integers(groups, config.num_families(), "sums").to(at::kDouble) / 8 + 0.5;
  s.child_probability_sum = integers(groups, config.num_child_rows(), "child sums").to(at::kDouble) / 8 + 0.25;
  return s;
}

BalanceCounts random_counts(const MoeConfig& config, std::int64_t groups) {
  return {integers(groups, config.num_families(), "counts") + 1, integers(groups, config.num_child_rows(), "child counts")};
}

// E sum_i f_i P_i of a group; of each level of children, at each node 2 sum_c f_c P_c within the node, weighted by the share of the
// group's (token, k) pairs that pass it. The mean over groups; with families the mean of families and children.
double formula(const MoeConfig& config, const SlotStatistics& s, const BalanceCounts& counts, std::int64_t groups) {
  const double tokens = static_cast<double>(kTokens) / static_cast<double>(groups);
  const double pairs = tokens * static_cast<double>(config.top_k);
  const auto number = [](const at::Tensor& t, std::int64_t g, std::int64_t i) { return t[g][i].item<double>(); };
  double families = 0.0, children = 0.0;
  for (std::int64_t g = 0; g < groups; ++g) {
    double total = 0.0;
    for (std::int64_t i = 0; i < config.num_families(); ++i) total += number(counts.counts, g, i);
    for (std::int64_t i = 0; i < config.num_families(); ++i) {
      const double f = number(counts.counts, g, i) / total, p = number(s.probability_sum, g, i) / tokens;
      families += static_cast<double>(config.num_families()) * f * p;
    }
    for (std::int64_t c = 0; c < config.num_child_rows(); c += 2) {
      const double seen = number(counts.child_counts, g, c) + number(counts.child_counts, g, c + 1);
      const double here = number(s.child_probability_sum, g, c) + number(s.child_probability_sum, g, c + 1);
      double node = 0.0;
      for (const std::int64_t child : {c, c + 1})
        node += 2.0 * (seen > 0 ? number(counts.child_counts, g, child) / seen : 0.5) * number(s.child_probability_sum, g, child) / here;
      children += here / pairs * node;
    }
  }
  families /= static_cast<double>(groups);
  children /= static_cast<double>(groups);
  const double levels = config.family_size == 4 ? 2.0 : 1.0;
  return config.family_size == 1 ? families : 0.5 * (families + children / levels);
}

double loss(const MoeConfig& config, const SlotStatistics& s, const BalanceCounts& counts) {
  return balance_loss_sum(config, s, counts).item<double>() / kTokens;
}

}  // namespace

TEST_CASE("the balance loss is its formula") {
  for (const BalanceLoss balance : {BalanceLoss::kGlobal, BalanceLoss::kSequence, BalanceLoss::kLagged}) {
    for (const std::int64_t family_size : {1, 2, 4}) {
      const MoeConfig config = shape(balance, family_size);
      const std::int64_t groups = balance == BalanceLoss::kSequence ? 3 : 1;
      const SlotStatistics s = random_statistics(config, groups);
      const BalanceCounts counts = random_counts(config, groups);
      INFO("balance " << static_cast<int>(balance) << ", families of " << family_size);
      CHECK(loss(config, s, counts) == Approx(formula(config, s, counts, groups)).epsilon(1e-12));
    }
  }
}

TEST_CASE("the balance loss is 1 when all is even, and parts of a step add up to it") {
  for (const BalanceLoss balance : {BalanceLoss::kGlobal, BalanceLoss::kSequence, BalanceLoss::kLagged}) {
    for (const std::int64_t family_size : {1, 2, 4}) {
      const MoeConfig config = shape(balance, family_size);
      const std::int64_t groups = balance == BalanceLoss::kSequence ? 3 : 1, families = config.num_families();
      const double tokens = static_cast<double>(kTokens) / static_cast<double>(groups);
      SlotStatistics s;
      s.probability_sum = at::full({groups, families}, tokens / static_cast<double>(families), at::kDouble);
      s.child_probability_sum = at::empty({groups, config.num_child_rows()}, at::kDouble);
      std::int64_t begin = 0;
      for (std::int64_t width = 2; width <= family_size; width *= 2) {
        s.child_probability_sum.narrow(1, begin, families * width).fill_(2.0 * tokens / static_cast<double>(families * width));
        begin += families * width;
      }
      INFO("balance " << static_cast<int>(balance) << ", families of " << family_size);
      // How many pairs are behind the counts does not matter: those of the step, of a longer one before, or none at all yet.
      for (const std::int64_t count : {1, 6, 1000}) {
        const BalanceCounts counts = {at::full({groups, families}, count, at::kLong),
                                      at::full({groups, config.num_child_rows()}, count, at::kLong)};
        CHECK(loss(config, s, counts) == Approx(1.0).epsilon(1e-12));
      }
      if (balance == BalanceLoss::kSequence) continue;
      const BalanceCounts counts = random_counts(config, 1);
      SlotStatistics first = s, second = s;
      first.probability_sum = s.probability_sum * 0.25;
      first.child_probability_sum = s.child_probability_sum * 0.25;
      second.probability_sum = s.probability_sum * 0.75;
      second.child_probability_sum = s.child_probability_sum * 0.75;
      CHECK(loss(config, first, counts) + loss(config, second, counts) == Approx(loss(config, s, counts)).epsilon(1e-12));
    }
  }
}

TEST_CASE("lagged: a node that the previous step never reached counts as even") {
  MoeConfig config = shape(BalanceLoss::kLagged, 2);
  config.num_experts = 4;  // two families of two
  SlotStatistics s;
  s.probability_sum = at::full({1, 2}, 12.0, at::kDouble);
  s.child_probability_sum = at::full({1, 4}, 12.0, at::kDouble);
  at::Tensor seen = at::full({1, 4}, 5, at::kLong);
  seen.narrow(1, 2, 2).zero_();
  CHECK(loss(config, s, {at::full({1, 2}, 5, at::kLong), seen}) == Approx(1.0).epsilon(1e-12));
}

TEST_CASE("a row is pulled at by its relative excess / E, a child by that / (2 levels) of the rows of its level") {
  // Every other row has 1.25 of an even load, the others 0.75; probabilities are even.
  const auto uneven = [](std::int64_t rows) {
    std::vector<std::int64_t> counts;
    for (std::int64_t i = 0; i < rows; ++i) counts.push_back(i % 2 == 0 ? 10 : 6);
    return at::tensor(counts, at::kLong).unsqueeze(0);
  };
  constexpr double kExcess = 0.25;
  for (const std::int64_t experts : {8, 16, 32, 64, 128}) {
    for (const std::int64_t family_size : {1, 2, 4, 8}) {
      for (const ScoreFunction score : {ScoreFunction::kSoftmax, ScoreFunction::kSigmoid}) {
        MoeConfig config;
        config.num_experts = experts;
        config.family_size = family_size;
        config.top_k = 1;
        const std::int64_t families = config.num_families();
        if (families == 1) continue;  // nothing to choose
        at::Tensor logits = at::zeros({kTokens, families}, at::kDouble).requires_grad_();
        const at::Tensor scores = score == ScoreFunction::kSoftmax ? at::softmax(logits, 1) : at::sigmoid(logits);
        SlotStatistics s;
        s.probability_sum = (scores / scores.sum(1, true)).sum(0, true);
        // One logit a row: all of a node's pairs, kTokens / nodes of them, see the same.
        std::vector<at::Tensor> children, sums;
        for (std::int64_t width = 2; width <= family_size; width *= 2) {
          children.push_back(at::zeros({families * width / 2, 2}, at::kDouble).requires_grad_());
          sums.push_back((at::softmax(children.back(), 1) * (2.0 * kTokens / static_cast<double>(families * width))).view({1, -1}));
        }
        s.child_probability_sum = sums.empty() ? at::zeros({1, 0}, at::kDouble) : at::cat(sums, 1);
        (balance_loss_sum(config, s, {uneven(families), uneven(config.num_child_rows())}) / kTokens).backward();
        INFO("experts " << experts << ", families of " << family_size << ", scores " << static_cast<int>(score));
        const double row = logits.grad().sum(0)[0].item<double>(), families_share = family_size == 1 ? 1.0 : 0.5;
        const double chain = score == ScoreFunction::kSoftmax ? 1.0 : 0.5;
        CHECK(row == Approx(chain * families_share * kExcess / static_cast<double>(families)).epsilon(1e-9));
        for (const at::Tensor& level : children) {
          const auto rows = static_cast<double>(level.numel()), levels = static_cast<double>(children.size());
          CHECK(level.grad()[0][0].item<double>() == Approx(kExcess / (2.0 * levels * rows)).epsilon(1e-9));
        }
      }
    }
  }
}
