// Balanced router rows: even loads on inputs that defeat random rows, on other inputs too, and nothing that hangs on a rounding.
#include "moe/balanced_rows.hpp"

#include "core/base/random.hpp"
#include "core/tensor/pointers.hpp"
#include "moe/soft_families.hpp"
#include "recipes/run/expert_load.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

using namespace sluice;
using namespace sluice::moe;

namespace {

at::Tensor normal(std::int64_t rows, std::int64_t columns, const char* name) {
  at::Tensor values = at::empty({rows, columns}, at::kDouble);
  for (std::int64_t i = 0; i < values.numel(); ++i)
    data_of<double>(values)[i] = random_normal(random_key(5, name), static_cast<std::uint64_t>(i));
  return values;
}

// Inputs as a decoder's: a mean that all share, a few strong directions, the rest weak.
at::Tensor inputs(std::int64_t count, const char* name, std::int64_t width = 24) {
  const at::Tensor strength = at::exp(at::arange(width, at::kDouble) * -0.25);
  return normal(count, width, name) * strength * 2.0 + 0.4 * normal(1, width, "mean");
}

std::vector<std::int64_t> loads(const at::Tensor& x, const at::Tensor& rows, std::int64_t k) {
  const at::Tensor counts = std::get<1>(at::mm(x, rows.t()).topk(k, 1)).flatten().bincount({}, rows.size(0));
  return {data_of<const std::int64_t>(counts), data_of<const std::int64_t>(counts) + counts.numel()};
}

double moved(const at::Tensor& a, const at::Tensor& b) { return ((a - b).abs().max() / a.abs().max()).item<double>(); }

at::Tensor jogged(const at::Tensor& x) { return x * (1.0 + 1e-12 * normal(x.size(0), x.size(1), "jog")); }

}  // namespace

TEST_CASE("balanced rows share out other inputs evenly where random ones leave rows without any") {
  const at::Tensor chosen_on = inputs(2048, "chosen on"), others = inputs(2048, "others");
  for (const std::int64_t count : {8, 32, 64}) {
    for (const std::int64_t k : {1, 2}) {
      INFO(count << " rows, top-" << k);
      const at::Tensor noise = normal(count, 24, "noise");
      const at::Tensor rows = balanced_rows(router_inputs(chosen_on), noise, k, 0.5);
      const std::vector<std::int64_t> even = loads(others, rows, k), random = loads(others, noise, k);
      CHECK(recipes::count_starved(even) == 0);
      CHECK(recipes::max_over_mean(even) < 2.0);
      CHECK(recipes::max_over_mean(random) - 1.0 > 5.0 * (recipes::max_over_mean(even) - 1.0));
      // Each row's logits spread as asked for, but for what evening added.
      CHECK(at::mm(chosen_on, rows.t()).std(0, false).mean().item<double>() == Approx(0.5).epsilon(0.2));
    }
  }
}

TEST_CASE("inputs that differ by rounding give rows that differ by rounding") {
  const at::Tensor x = inputs(1024, "chosen on"), noise = normal(32, 24, "noise");
  const at::Tensor rows = balanced_rows(router_inputs(x), noise, 2, 0.5);
  CHECK(at::equal(rows, balanced_rows(router_inputs(x), noise, 2, 0.5)));
  CHECK(moved(rows, balanced_rows(router_inputs(jogged(x)), noise, 2, 0.5)) < 1e-8);
  const RouterRows router{rows, {}, 2, {}};
  const auto parted = [&](const at::Tensor& some) {
    const RouterInputs seen = router_inputs(some);
    return parting_rows(seen, leaf_membership(seen, router), normal(64, 24, "children"), std::vector<double>(32, 0.5));
  };
  CHECK(moved(parted(x), parted(jogged(x))) < 1e-8);
}

TEST_CASE("rows of inputs that cannot be shared out evenly are still rows") {
  const at::Tensor noise = normal(8, 6, "noise");
  const auto finite = [&](const at::Tensor& x, std::int64_t k) {
    const at::Tensor rows = balanced_rows(router_inputs(x), noise.narrow(1, 0, x.size(1)), k, 0.5);
    return rows.sizes().equals({8, x.size(1)}) && rows.isfinite().all().item<bool>() && rows.abs().max().item<double>() < 1e3;
  };
  const at::Tensor two = normal(2, 6, "two kinds").index_select(0, at::arange(100, at::kLong).remainder(2));
  CHECK(finite(two, 1));                                               // fewer inputs than rows
  CHECK(finite(normal(1, 6, "one").expand({50, 6}).contiguous(), 1));  // all equal
  CHECK(finite(normal(1, 6, "one"), 2));                               // one input
  CHECK(finite(at::zeros({50, 6}, at::kDouble), 1));
  CHECK(finite(normal(100, 1, "narrow"), 1));  // one dimension
  CHECK(finite(normal(3, 6, "few"), 2));
  CHECK(finite(normal(100, 6, "all"), 8));  // every row is chosen
  // Inputs without a mean have no direction that acts as a bias.
  const at::Tensor half = normal(50, 6, "half");
  CHECK(finite(at::cat({half, -half}), 1));
}

TEST_CASE("shifted rows even the loads of rows that are there, chosen by scores and a bias too") {
  const at::Tensor chosen_on = inputs(2048, "chosen on"), others = inputs(2048, "others"), rows = 0.3 * normal(16, 24, "noise");
  const RouterInputs seen = router_inputs(chosen_on);
  for (const ScoreFunction score : {ScoreFunction::kSoftmax, ScoreFunction::kSigmoid}) {
    for (const bool biased : {false, true}) {
      Selection selection{score, biased ? 0.02 * normal(16, 1, "bias").flatten() : at::Tensor()};
      const auto worst = [&](const at::Tensor& some) {
        const at::Tensor keys = selection_keys(at::mm(others, some.t()), selection);
        const at::Tensor counts = std::get<1>(keys.topk(2, 1)).flatten().bincount({}, 16).to(at::kDouble);
        return (counts.max() / counts.mean()).item<double>();
      };
      INFO("sigmoid " << (score == ScoreFunction::kSigmoid) << ", bias " << biased);
      CHECK(worst(rows) > 3.0);
      CHECK(worst(evened_rows(seen, rows, 2, selection)) < 1.6);
    }
  }
}

TEST_CASE("each pair of child rows parts its node's inputs evenly, two levels down") {
  const at::Tensor chosen_on = inputs(4096, "chosen on"), others = inputs(4096, "others");
  const RouterInputs seen = router_inputs(chosen_on);
  RouterRows router{balanced_rows(seen, normal(8, 24, "noise"), 2, 0.5), {}, 2, {}};
  for (const std::int64_t leaves : {8, 16}) {
    const at::Tensor children = parting_rows(seen, leaf_membership(seen, router), normal(2 * leaves, 24, "children"),
                                             std::vector<double>(static_cast<std::size_t>(leaves), 0.5));
    router.family_gate = router.family_gate.defined() ? at::cat({router.family_gate, children}) : children;
  }
  const at::Tensor load = leaf_membership(router_inputs(others), router).sum(0);
  CHECK(load.size(0) == 32);
  CHECK(load.sum().item<double>() == Approx(2.0 * 4096).epsilon(0.05));  // soft shares of k choices
  CHECK((load / load.mean()).max().item<double>() < 1.5);
  CHECK((load / load.mean()).min().item<double>() > 0.6);
  // A leaf that no input goes to has rows all the same.
  const at::Tensor nobody = at::zeros({4096, 1}, at::kDouble);
  CHECK(parting_rows(seen, nobody, normal(2, 24, "children"), {0.5}).isfinite().all().item<bool>());
}
