#include "recipes/stages/learning_rates.hpp"

#include "core/optim/lr_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::recipes {
namespace {

// A stage's schedule, and how many steps of its horizon belong to earlier stages.
struct StageSchedule {
  LrSchedule schedule;
  std::int64_t before = 0;
};

StageSchedule schedule_of(const Recipe& recipe, std::size_t stage) {
  const Stage& now = recipe.stages[stage];
  StageSchedule of;
  of.schedule.shape = now.train.lr_scheduler;
  of.schedule.peak = now.train.learning_rate;
  of.schedule.minimum = now.train.min_learning_rate;
  of.schedule.warmup_steps = now.train.warmup_steps;
  of.schedule.decay_fraction = now.train.decay_fraction;
  of.schedule.total_steps = now.max_steps;
  if (now.own_lr_schedule) return of;
  of.schedule.total_steps = 0;
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    if (recipe.stages[i].own_lr_schedule) continue;
    of.schedule.total_steps += recipe.stages[i].max_steps;
    if (i < stage) of.before += recipe.stages[i].max_steps;
  }
  return of;
}

bool warms_up_again(const Stage& stage) { return stage.conversion && stage.optimizer_state == OptimizerState::kReset; }

// A short text of `rate`, but one that differs from that of `other` if the rates differ.
std::string text_of(double rate, double other) {
  const std::string text = fmt::format("{:.6g}", rate);
  return rate != other && text == fmt::format("{:.6g}", other) ? fmt::format("{}", rate) : text;
}
std::string text_of(double rate) { return text_of(rate, rate); }

// Why the schedule does not fit its horizon, without the name of the stage; "" if it does.
std::string misfit(const LrSchedule& s) {
  const std::int64_t decay = s.total_steps - s.decay_begin(), wanted = std::llround(s.decay_fraction * static_cast<double>(s.total_steps));
  const bool falls = s.shape != LrShape::kConstant && !(s.shape == LrShape::kWsd && s.decay_fraction == 0);
  if (s.warmup_steps > s.total_steps) {
    return fmt::format(
        "the warm-up of {} steps is longer than the horizon of {}: the last step has a learning rate of {} where learning_rate is {}{}; "
        "lower warmup_steps",
        s.warmup_steps, s.total_steps, text_of(s.at(s.total_steps - 1)), text_of(s.peak), falls ? ", and nothing decays" : "");
  }
  if (falls && s.warmup_steps == s.total_steps) {
    return fmt::format(
        "the warm-up takes the whole horizon of {} steps: the last step has the full learning rate of {}, and nothing decays; lower "
        "warmup_steps",
        s.total_steps, text_of(s.peak));
  }
  // min_learning_rate may be its default here, which follows learning_rate; whether it was given is not known.
  if (const double standard = TrainConfig{}.min_learning_rate; falls && s.minimum == s.peak && s.peak <= standard) {
    return fmt::format(
        "nothing decays: min_learning_rate is {}, as learning_rate is (where it is not given, it is {} or a smaller learning_rate); set a "
        "lower min_learning_rate, or lr_scheduler: constant",
        text_of(s.minimum), text_of(standard));
  }
  if (falls && s.minimum == s.peak) {
    return fmt::format("nothing decays: min_learning_rate({}) is learning_rate({}); lower it, or set lr_scheduler: constant",
                       text_of(s.minimum), text_of(s.peak));
  }
  if (s.shape == LrShape::kWsd && s.decay_fraction < 1 && decay < wanted) {
    return fmt::format(
        "the warm-up of {} steps runs into the decay: of the horizon of {} steps the last {} decay, not {} (decay_fraction {})",
        s.warmup_steps, s.total_steps, decay, wanted, text_of(s.decay_fraction));
  }
  return "";
}

}  // namespace

double learning_rate(const Recipe& recipe, std::size_t stage, std::int64_t stage_step) {
  const Stage& now = recipe.stages[stage];
  const auto [schedule, before] = schedule_of(recipe, stage);
  const std::int64_t position = before + stage_step;
  if (!warms_up_again(now) || stage_step >= now.train.warmup_steps) return schedule.at(position);
  // One ramp from the stage's first step on; where the schedule itself still warms up, its own ramp does not come on top.
  const double full = position < schedule.warmup_steps ? schedule.peak : schedule.at(position);
  return full * static_cast<double>(stage_step + 1) / static_cast<double>(now.train.warmup_steps);
}

std::string describe_rate_factors(const TrainConfig& train) {
  std::string text;
  const auto add = [&](double factor, const char* whose) {
    if (factor != 1.0) text += fmt::format(", {}x {:g} for {}", text.empty() ? "learning rate " : "", factor, whose);
  };
  add(train.router_learning_rate_factor, "routers");
  add(train.expert_learning_rate_factor, "experts");
  return text;
}

std::vector<std::string> schedule_warnings(const Recipe& recipe) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    const Stage& stage = recipe.stages[i];
    const LrSchedule schedule = schedule_of(recipe, i).schedule;
    // A warning that is true of all stages of a horizon is given once, without a stage's name.
    bool shared = !stage.own_lr_schedule;
    for (std::size_t j = 0; j < recipe.stages.size() && shared; ++j)
      shared = recipe.stages[j].own_lr_schedule || schedule_of(recipe, j).schedule == schedule;
    std::string text = misfit(schedule);
    if (text.empty() && warms_up_again(stage) && stage.train.warmup_steps > stage.max_steps) {
      text = fmt::format(
          "stage '{}': the warm-up of {} steps after its reset is longer than its {} steps: the last has a learning rate of {} where "
          "learning_rate is {}; lower its warmup_steps",
          stage.name, stage.train.warmup_steps, stage.max_steps, text_of(learning_rate(recipe, i, stage.max_steps - 1)),
          text_of(schedule.peak));
    } else if (!text.empty() && !shared) {
      text = fmt::format("stage '{}': {}", stage.name, text);
    }
    if (!text.empty() && std::find(lines.begin(), lines.end(), text) == lines.end()) lines.push_back(text);
  }
  return lines;
}

std::string describe_schedule_change(const Recipe& before, const Recipe& now, std::size_t stage, std::int64_t stage_step) {
  const Stage& at_hand = now.stages[stage];
  const StageSchedule was = schedule_of(before, stage), is = schedule_of(now, stage);
  // Only the horizon can differ: the other settings of a stage that was reached may not change.
  if (was.schedule == is.schedule) return "";
  const auto differs = [&](std::int64_t step) { return learning_rate(before, stage, step) != learning_rate(now, stage, step); };
  const auto rates = [&](std::int64_t step) {
    const double old_rate = learning_rate(before, stage, step), new_rate = learning_rate(now, stage, step);
    return fmt::format("{} before and {} now", text_of(old_rate, new_rate), text_of(new_rate, old_rate));
  };
  std::int64_t first = 1;  // the first step of the stage, counted over the run
  for (std::size_t i = 0; i < stage; ++i) first += now.stages[i].max_steps;
  const std::string what =
      fmt::format("the stages after '{}' move its learning rate, for the horizon they share was {} steps and is {}: ", at_hand.name,
                  was.schedule.total_steps, is.schedule.total_steps);
  if (stage_step >= at_hand.max_steps) {
    if (stage + 1 == now.stages.size() || !differs(at_hand.max_steps - 1)) return "";
    return fmt::format("{}step {}, its last, has {}, and the next step has {}", what, first + at_hand.max_steps - 1,
                       rates(at_hand.max_steps - 1), text_of(learning_rate(now, stage + 1, 0)));
  }
  if (differs(stage_step)) return fmt::format("{}step {}, the next, has {}", what, first + stage_step, rates(stage_step));
  // Between the steps where a schedule turns it is one curve; two that agree on two steps agree up to the next turn.
  std::vector<std::int64_t> turns = {stage_step};
  for (const StageSchedule& s : {was, is})
    for (const std::int64_t turn : {s.schedule.warmup_steps, s.schedule.decay_begin()}) turns.push_back(turn - s.before);
  turns.push_back(at_hand.train.warmup_steps);
  std::sort(turns.begin(), turns.end());
  for (const std::int64_t turn : turns) {
    for (const std::int64_t step : {turn, turn + 1}) {
      if (step <= stage_step || step >= at_hand.max_steps || !differs(step)) continue;
      return fmt::format("{}step {}, the next, keeps {}, but step {} has {}", what, first + stage_step,
                         text_of(learning_rate(now, stage, stage_step)), first + step, rates(step));
    }
  }
  return "";
}

}  // namespace sluice::recipes
