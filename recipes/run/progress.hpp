// Progress of training: a live bar on a terminal, whole lines elsewhere. log.txt gets the lines in both cases.
// Gives: ProgressState, terminal_columns(), format_progress_bar(), format_progress_line(), Progress.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::recipes {

struct ProgressState {
  std::string stage;
  std::int64_t step = 0;         // finished, over all stages
  std::int64_t total_steps = 0;  // of all stages
  std::optional<double> loss;    // nats per token, the last one known
  std::optional<double> learning_rate;
  std::optional<double> grad_norm;
  double tokens_per_second = 0.0;  // NaN while unknown
  double seconds_to_go = 0.0;      // NaN while unknown
};

/// Columns of the terminal on standard output, 0 if there is none to draw on. isatty alone will not do: Open MPI 4.1 gives each
/// rank a pseudo-terminal even when mpirun itself writes to a file; its size is then 0 x 0.
int terminal_columns();

/// One line of at most `columns` - 1 characters, without a line end.
std::string format_progress_bar(const ProgressState& state, int columns);
std::string format_progress_line(const ProgressState& state);

/// Only on rank 0.
class Progress {
 public:
  /// Writes a line every `log_interval` steps, after the first step and after the last. With `live` (for terminal_columns() > 0) the
  /// terminal shows a bar instead of the lines.
  Progress(bool live, std::int64_t log_interval) : live_(live), log_interval_(log_interval) {}
  /// Removes the bar from the terminal.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Call it after each step. Redraws the bar at most ten times a second.
  void update(const ProgressState& state);
  /// Shows in the bar what happens besides steps ("validating", "saving"), until the next update.
  void show(const std::string& activity);

 private:
  bool live_;
  std::int64_t log_interval_;
  bool first_ = true;
  double drawn_at_ = 0.0;
  ProgressState last_;
};

}  // namespace sluice::recipes
