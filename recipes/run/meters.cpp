#include "recipes/run/meters.hpp"

#include <limits>

namespace sluice::recipes {
namespace {

double ratio(double value, double by) { return by > 0 ? value / by : std::numeric_limits<double>::quiet_NaN(); }

}  // namespace

void StepMeter::add_step(std::int64_t tokens, double seconds, double work) {
  steps_.push_back({static_cast<double>(tokens), seconds, work});
  // The first step of a process is slow, since it allocates memory and starts threads, so it is dropped as soon as there is a second one.
  if (steps_.size() > window_ || (steps_.size() == 2 && step_seconds_ == steps_.front().seconds)) steps_.pop_front();
  step_seconds_ += seconds;
}

StepMeter::Step StepMeter::sum() const {
  // Summed anew: adding and taking away would let rounding grow over a long run.
  Step total{0, 0, 0};
  for (const Step& step : steps_) {
    total.tokens += step.tokens;
    total.seconds += step.seconds;
    total.work += step.work;
  }
  return total;
}

double StepMeter::tokens_per_second() const {
  const Step total = sum();
  return ratio(total.tokens, total.seconds);
}

double StepMeter::seconds_to_go(double remaining_work) const {
  const Step total = sum();
  return ratio(remaining_work * total.seconds, total.work) * (1.0 + ratio(pause_seconds_, step_seconds_));
}

}  // namespace sluice::recipes
