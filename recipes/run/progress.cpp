#include "recipes/run/progress.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "recipes/run/units.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace sluice::recipes {
namespace {

constexpr double kRedrawSeconds = 0.1;

/// The first `count` characters; a character of UTF-8 is never cut.
std::string first_characters(const std::string& text, std::size_t count) {
  std::size_t bytes = 0;
  for (std::size_t seen = 0; bytes < text.size(); ++bytes)
    if ((static_cast<unsigned char>(text[bytes]) & 0xC0) != 0x80 && seen++ == count) break;
  return text.substr(0, bytes);
}

std::string drawn_bar(double share, int width) {
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < full ? "━" : "╌";
  return bar;
}

std::string speed_and_time(const ProgressState& state) {
  std::string text;
  if (std::isfinite(state.tokens_per_second)) text += fmt::format("  {} tokens/s", human_count(state.tokens_per_second));
  if (state.step < state.total_steps && std::isfinite(state.seconds_to_go)) text += "  eta " + human_duration(state.seconds_to_go);
  return text;
}

std::string loss_text(const ProgressState& state) { return state.loss ? fmt::format("  loss {:.4f}", *state.loss) : std::string(); }

}  // namespace

int terminal_columns() {
  if (isatty(STDOUT_FILENO) == 0) return 0;
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string format_progress_bar(const ProgressState& state, int columns) {
  const int room = std::max(columns - 1, 0);
  const double share = state.total_steps > 0 ? static_cast<double>(state.step) / static_cast<double>(state.total_steps) : 0.0;
  const std::string head = fmt::format("{} {}/{} ", state.stage, state.step, state.total_steps);
  const std::string tail = loss_text(state) + speed_and_time(state);
  // The numbers come first: the bar takes what they leave, up to a width that is easy on the eye.
  const int width = std::min(room - static_cast<int>(head.size() + tail.size()), 30);
  return first_characters(head + (width >= 4 ? drawn_bar(share, width) : std::string()) + tail, static_cast<std::size_t>(room));
}

std::string format_progress_line(const ProgressState& state) {
  std::string line = fmt::format("step {}/{}  {}", state.step, state.total_steps, state.stage);
  line += loss_text(state);
  if (state.learning_rate) line += fmt::format("  lr {:.3g}", *state.learning_rate);
  if (state.grad_norm) line += fmt::format("  grad norm {:.3g}", *state.grad_norm);
  return line + speed_and_time(state);
}

Progress::~Progress() {
  if (live_) set_log_footer("");
}

void Progress::update(const ProgressState& state) {
  const bool last = state.step >= state.total_steps;
  const bool due = first_ || last || (log_interval_ > 0 && state.step % log_interval_ == 0);
  if (due && live_) log_to_file(format_progress_line(state));
  if (due && !live_) log_info("{}", format_progress_line(state));
  if (live_) {
    const double now = monotonic_seconds();
    if (first_ || last || now - drawn_at_ >= kRedrawSeconds) {
      set_log_footer(format_progress_bar(state, terminal_columns()));
      drawn_at_ = now;
    }
    last_ = state;
  }
  first_ = false;
}

void Progress::show(const std::string& activity) {
  if (!live_ || first_) return;
  const int columns = terminal_columns();
  set_log_footer(
      first_characters(activity + "  " + format_progress_bar(last_, columns), static_cast<std::size_t>(std::max(columns - 1, 0))));
}

}  // namespace sluice::recipes
