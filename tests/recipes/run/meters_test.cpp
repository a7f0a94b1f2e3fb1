#include "recipes/run/meters.hpp"

#include "tests/support/catch.hpp"

#include <cmath>

using namespace sluice::recipes;

TEST_CASE("nothing is known before the first step") {
  const StepMeter meter;
  CHECK(std::isnan(meter.tokens_per_second()));
  CHECK(std::isnan(meter.seconds_to_go(10)));
}

TEST_CASE("the average moves with the last steps and drops the slow first one") {
  StepMeter meter(3);
  meter.add_step(1000, 10.0, 1.0);
  CHECK(meter.tokens_per_second() == Approx(100));
  meter.add_step(1000, 1.0, 1.0);
  CHECK(meter.tokens_per_second() == Approx(1000));
  meter.add_step(1000, 2.0, 1.0);
  CHECK(meter.tokens_per_second() == Approx(2000 / 3.0));
  meter.add_step(1000, 3.0, 1.0);
  meter.add_step(1000, 4.0, 1.0);
  CHECK(meter.tokens_per_second() == Approx(3000 / 9.0));
}

TEST_CASE("time to go counts work, and pauses as they came so far") {
  StepMeter meter(10);
  meter.add_step(100, 9.0, 5.0);
  meter.add_step(100, 1.0, 2.0);
  meter.add_step(100, 1.0, 2.0);
  CHECK(meter.seconds_to_go(40) == Approx(20));
  CHECK(meter.seconds_to_go(0) == 0);
  meter.add_pause(5.5);  // half of the 11 seconds of steps
  CHECK(meter.seconds_to_go(40) == Approx(30));
}
