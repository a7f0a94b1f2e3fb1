// Speed of training and time to go, as moving averages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace sluice::recipes {

/// Tokens per second over the last `window` steps, and seconds to go. Steps of different stages cost differently (a sparse step more than a
/// dense one), so each step comes with its work, in any unit (such as active parameters x tokens), and the work to go has the same unit.
class StepMeter {
 public:
  explicit StepMeter(std::size_t window = 50) : window_(window) {}

  void add_step(std::int64_t tokens, double seconds, double work);
  /// Adds time outside of steps (evaluation, saving). The time to go is assumed to have the same share of it as the time so far.
  void add_pause(double seconds) { pause_seconds_ += seconds; }

  /// Both are NaN before the first step.
  double tokens_per_second() const;
  double seconds_to_go(double remaining_work) const;

 private:
  struct Step {
    double tokens;
    double seconds;
    double work;
  };
  Step sum() const;

  std::size_t window_;
  std::deque<Step> steps_;
  double step_seconds_ = 0.0;  // of all steps
  double pause_seconds_ = 0.0;
};

}  // namespace sluice::recipes
