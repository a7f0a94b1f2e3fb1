// The gradient of router rows, and which experts the held batch's rows choose.
#include "recipes/stages/router_movement.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

moe::MoeConfig families() {
  moe::MoeConfig moe = tiny_moe();
  moe.num_experts = 8;
  moe.family_size = 2;
  return moe;
}

EvaluationSet held() { return tiny_evaluation(3, 8, tiny_decoder().vocab_size, 9); }

}  // namespace

TEST_CASE("the routers' gradient norm is over gate and family rows alone, before clipping") {
  TrainModel model = tiny_model(tiny_decoder(), families(), at::kDouble);
  StepOptions options;
  options.learning_rate = 1e-2;
  options.max_grad_norm = 1e-3;
  step_of(model, tiny_batch(4, 8, model.config.vocab_size), options);
  double squares = 0.0;
  for (const moe::MoeFeedForward* slot : model.sparse)
    for (const Parameter* p : {&slot->router.gate, &slot->router.family_gate}) squares += p->gradient.sum().square().sum().item<double>();
  CHECK(router_gradient_norm(model.parameters) == Approx(std::sqrt(squares)).epsilon(1e-13));
  CHECK(router_gradient_norm(model.parameters) > 1e-3);
}

TEST_CASE("the held batch's choices are sets of experts, the same in passes of any size") {
  TrainModel model = tiny_model(tiny_decoder(), families(), at::kDouble);
  const at::Tensor whole = held_choices(model, alone_layout(), held(), 8, 0);
  REQUIRE(whole.sizes().vec() == std::vector<std::int64_t>{3 * 8, 2, 2});
  CHECK((whole.select(2, 0) < whole.select(2, 1)).all().item<bool>());
  CHECK(at::equal(held_choices(model, alone_layout(), held(), 1, 0), whole));
  CHECK(changed_share(whole, whole) == 0.0);
  // The other two of four families once the first layer's rows are turned around.
  at::NoGradGuard no_grad;
  model.sparse[0]->router.gate.value.neg_();
  model.decoder->refresh_compute();
  const at::Tensor turned = held_choices(model, alone_layout(), held(), 8, 0);
  CHECK(changed_share(whole.narrow(1, 0, 1), turned.narrow(1, 0, 1)) == 1.0);
}

TEST_CASE("a share of changed choices needs two looks of the same kind") {
  const at::Tensor before = at::tensor({0, 1, 2, 3, 0, 2, 1, 3}, at::kLong).view({2, 2, 2});
  at::Tensor now = before.clone();
  now[1][0][0] = 1;
  CHECK(changed_share(before, now) == 0.25);
  CHECK(!changed_share(at::Tensor(), now));
  CHECK(!changed_share(before.narrow(2, 0, 1), now));  // top_k was another one
  CHECK(!changed_share(before.narrow(0, 0, 0), now.narrow(0, 0, 0)));
}
