// The learning rate of every step, what is said of schedules that do not fit, and what a restart changes.
#include "recipes/stages/learning_rates.hpp"

#include "recipes/schema/conversion.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;

namespace {

Stage stage(const char* name, StageType type, std::int64_t max_steps) {
  Stage s;
  s.name = name;
  s.type = type;
  if (const auto kinds = conversions_of(type); !kinds.empty()) s.conversion = kinds.front();
  s.max_steps = max_steps;
  s.train.learning_rate = 1.0;
  s.train.min_learning_rate = 0.0;
  s.train.lr_scheduler = LrShape::kConstant;
  s.train.warmup_steps = 0;
  return s;
}

// Stages 'a', 'b', ... of so many steps under one horizon.
Recipe sharing(LrShape schedule, const std::vector<std::int64_t>& steps, std::int64_t warmup = 0) {
  Recipe recipe;
  for (const std::int64_t max_steps : steps) {
    const std::string name(1, static_cast<char>('a' + recipe.stages.size()));
    recipe.stages.push_back(stage(name.c_str(), StageType::kPretrain, max_steps));
    recipe.stages.back().train.lr_scheduler = schedule;
    recipe.stages.back().train.warmup_steps = warmup;
  }
  return recipe;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("stages share a horizon unless they have their own") {
  Recipe recipe;
  recipe.stages = {stage("a", StageType::kPretrain, 6), stage("b", StageType::kSparsify, 4), stage("own", StageType::kGrow, 4),
                   stage("d", StageType::kPretrain, 10)};
  for (Stage& s : recipe.stages) s.train.lr_scheduler = LrShape::kLinear;
  recipe.stages[2].own_lr_schedule = true;
  CHECK(learning_rate(recipe, 0, 0) == Approx(1.0 - 1.0 / 20));
  CHECK(learning_rate(recipe, 1, 0) == Approx(1.0 - 7.0 / 20));
  CHECK(learning_rate(recipe, 2, 0) == Approx(1.0 - 1.0 / 4));
  CHECK(learning_rate(recipe, 2, 3) == Approx(0.0).margin(1e-15));
  CHECK(learning_rate(recipe, 3, 0) == Approx(1.0 - 11.0 / 20));
  CHECK(learning_rate(recipe, 3, 9) == Approx(0.0).margin(1e-15));
}

TEST_CASE("an optimizer that starts over warms up once") {
  Recipe recipe;
  recipe.stages = {stage("a", StageType::kPretrain, 2), stage("b", StageType::kSparsify, 10)};
  for (Stage& s : recipe.stages) s.train.warmup_steps = 4;
  Stage& converted = recipe.stages[1];
  const auto rates = [&] {
    std::vector<double> values;
    for (std::int64_t step = 0; step < 6; ++step) values.push_back(learning_rate(recipe, 1, step));
    return values;
  };
  // Kept moments: the shared schedule's warm-up goes on where the first stage left it.
  CHECK(rates() == std::vector<double>{0.75, 1.0, 1.0, 1.0, 1.0, 1.0});
  const std::vector<double> ramp = {0.25, 0.5, 0.75, 1.0, 1.0, 1.0};
  converted.optimizer_state = OptimizerState::kReset;
  CHECK(rates() == ramp);  // the shared warm-up is not over yet: no product of two ramps
  converted.own_lr_schedule = true;
  CHECK(rates() == ramp);
  converted.own_lr_schedule = false;
  recipe.stages[0].max_steps = 50;
  CHECK(rates() == ramp);  // long after it
  converted.train.warmup_steps = 0;
  CHECK(rates() == std::vector<double>(6, 1.0));
}

TEST_CASE("a warm-up or a decay that does not fit its horizon is told with the rate it ends at") {
  using S = LrShape;
  CHECK(schedule_warnings(sharing(S::kWsd, {60, 40}, 20)).empty());
  CHECK(schedule_warnings(sharing(S::kWsd, {60, 40}, 80)).empty());
  CHECK(schedule_warnings(sharing(S::kConstant, {8}, 8)).empty());
  CHECK(schedule_warnings(sharing(S::kWsd, {4, 4}, 1000)) ==
        Lines{"the warm-up of 1000 steps is longer than the horizon of 8: the last step has a learning rate of 0.008 where learning_rate "
              "is 1, and nothing "
              "decays; lower warmup_steps"});
  CHECK(schedule_warnings(sharing(S::kConstant, {4}, 5)) ==
        Lines{"the warm-up of 5 steps is longer than the horizon of 4: the last step has a learning rate of 0.8 where learning_rate is 1; "
              "lower warmup_steps"});
  for (const S schedule : {S::kWsd, S::kLinear, S::kCosine}) {
    CHECK(schedule_warnings(sharing(schedule, {8}, 8)) == Lines{"the warm-up takes the whole horizon of 8 steps: the last step has the "
                                                                "full learning rate of 1, and nothing decays; lower warmup_steps"});
  }
  CHECK(schedule_warnings(sharing(S::kWsd, {60, 40}, 90)) ==
        Lines{"the warm-up of 90 steps runs into the decay: of the horizon of 100 steps the last 10 decay, not 20 (decay_fraction 0.2)"});
  CHECK(schedule_warnings(sharing(S::kCosine, {60, 40}, 90)).empty());  // what it is asked to do
  Recipe all_of_it = sharing(S::kWsd, {100}, 20);
  all_of_it.stages[0].train.decay_fraction = 1.0;
  CHECK(schedule_warnings(all_of_it).empty());
  Recipe flat = sharing(S::kWsd, {100});
  flat.stages[0].train.min_learning_rate = 1.0;
  CHECK(schedule_warnings(flat) ==
        Lines{"nothing decays: min_learning_rate(1) is learning_rate(1); lower it, or set lr_scheduler: constant"});
  // It may be a default that follows.
  flat.stages[0].train.learning_rate = flat.stages[0].train.min_learning_rate = 5e-5;
  CHECK(schedule_warnings(flat) ==
        Lines{"nothing decays: min_learning_rate is 5e-05, as learning_rate is (where it is not given, it is 0.0001 or a smaller "
              "learning_rate); set a lower min_learning_rate, or lr_scheduler: constant"});
  flat.stages[0].train.decay_fraction = 0.0;
  CHECK(schedule_warnings(flat).empty());
}

TEST_CASE("a horizon of one stage is told with its name") {
  using S = LrShape;
  Recipe recipe = sharing(S::kWsd, {60, 40, 10}, 20);
  recipe.stages[2].own_lr_schedule = true;
  const std::string own =
      "stage 'c': the warm-up of 20 steps is longer than the horizon of 10: the last step has a learning rate of 0.5 where learning_rate "
      "is 1, and nothing decays; "
      "lower warmup_steps";
  CHECK(schedule_warnings(recipe) == Lines{own});
  recipe.stages[1].train.warmup_steps = 200;
  CHECK(schedule_warnings(recipe) == Lines{"stage 'b': the warm-up of 200 steps is longer than the horizon of 100: the last step has a "
                                           "learning rate of 0.5 where learning_rate is 1, and nothing "
                                           "decays; lower warmup_steps",
                                           own});
  Recipe reset = sharing(S::kConstant, {60, 10}, 20);
  reset.stages[1].type = StageType::kSparsify;
  reset.stages[1].conversion = moe::ConversionKind::kSparsifyCopy;
  CHECK(schedule_warnings(reset).empty());
  reset.stages[1].optimizer_state = OptimizerState::kReset;
  CHECK(schedule_warnings(reset) == Lines{"stage 'b': the warm-up of 20 steps after its reset is longer than its 10 steps: the last has a "
                                          "learning rate of 0.5 where learning_rate is 1; lower its "
                                          "warmup_steps"});
}

TEST_CASE("a restart tells the rates that changed later stages give the stage at hand") {
  using S = LrShape;
  const Recipe one = sharing(S::kWsd, {100}), two = sharing(S::kWsd, {100, 100}), longer = sharing(S::kWsd, {100, 400});
  const std::string moved = "the stages after 'a' move its learning rate, for the horizon they share was 100 steps and is 200: ";
  CHECK(describe_schedule_change(one, one, 0, 90).empty());
  // In the decay: a stage added, and taken away.
  CHECK(describe_schedule_change(one, two, 0, 90) == moved + "step 91, the next, has 0.45 before and 1 now");
  CHECK(describe_schedule_change(two, one, 0, 90) ==
        "the stages after 'a' move its learning rate, for the horizon they share was 200 steps and is 100: step 91, the next, has 1 before "
        "and 0.45 now");
  // Before it: the next step is the same, the end of the stage is not.
  CHECK(describe_schedule_change(one, two, 0, 10) == moved + "step 11, the next, keeps 1, but step 81 has 0.95 before and 1 now");
  // The decay is in later stages either way.
  CHECK(describe_schedule_change(two, longer, 0, 10).empty());
  CHECK(describe_schedule_change(two, sharing(S::kWsd, {100, 100, 100}), 1, 30) ==
        "the stages after 'b' move its learning rate, for the horizon they share was 200 steps and is 300: step 131, the next, keeps 1, "
        "but step 161 has 0.975 "
        "before and 1 now");
  for (const S schedule : {S::kLinear, S::kCosine})
    CHECK(!describe_schedule_change(sharing(schedule, {100, 100}), sharing(schedule, {100, 101}), 0, 0).empty());
  CHECK(describe_schedule_change(sharing(S::kCosine, {100, 100}, 20), sharing(S::kCosine, {100, 200}, 20), 0, 10)
            .find("step 11, the next, keeps 0.55, but step 21 has ") != std::string::npos);
  CHECK(describe_schedule_change(sharing(S::kConstant, {100, 100}), sharing(S::kConstant, {100, 200}), 0, 10).empty());
  CHECK(describe_schedule_change(sharing(S::kWsd, {100}, 1000), sharing(S::kWsd, {100, 900}, 1000), 0, 10)
            .empty());  // warming up all the way
  // A horizon of its own leaves the stage at hand alone, and so does one of the stage at hand.
  Recipe own = two;
  own.stages[1].own_lr_schedule = true;
  CHECK(describe_schedule_change(one, own, 0, 90).empty());
  Recipe alone = one, followed = two;
  alone.stages[0].own_lr_schedule = followed.stages[0].own_lr_schedule = true;
  CHECK(describe_schedule_change(alone, followed, 0, 90).empty());
}

TEST_CASE("a stage that ended is under way as long as its horizon is") {
  using S = LrShape;
  const Recipe one = sharing(S::kWsd, {100}), two = sharing(S::kWsd, {100, 100});
  CHECK(describe_schedule_change(one, two, 0, 100) ==
        "the stages after 'a' move its learning rate, for the horizon they share was 100 steps and is 200: step 100, its last, has 0 "
        "before and 1 now, and the next step "
        "has 1");
  CHECK(describe_schedule_change(two, one, 0, 100).empty());  // no step is left
  CHECK(describe_schedule_change(two, sharing(S::kWsd, {100, 300}), 0, 100).empty());
}

TEST_CASE("two rates that differ are never the same text") {
  using S = LrShape;
  const std::string text = describe_schedule_change(sharing(S::kWsd, {100000000}), sharing(S::kWsd, {100000000, 100000000}), 0, 10);
  CHECK(text.find("but step 80000001 has 0.99999995 before and 1 now") != std::string::npos);
}

TEST_CASE("the rates of routers and experts are told where they are others") {
  TrainConfig train;
  CHECK(describe_rate_factors(train).empty());
  train.router_learning_rate_factor = 0.1;
  CHECK(describe_rate_factors(train) == ", learning rate x 0.1 for routers");
  train.expert_learning_rate_factor = 2;
  CHECK(describe_rate_factors(train) == ", learning rate x 0.1 for routers, x 2 for experts");
  train.router_learning_rate_factor = 1;
  train.expert_learning_rate_factor = 0;
  CHECK(describe_rate_factors(train) == ", learning rate x 0 for experts");
}
