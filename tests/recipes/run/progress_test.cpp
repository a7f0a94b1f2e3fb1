#include "recipes/run/progress.hpp"

#include "core/base/log.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

ProgressState at(std::int64_t step) {
  ProgressState state;
  state.stage = "sparse";
  state.step = step;
  state.total_steps = 850;
  state.loss = 3.41239;
  state.tokens_per_second = 45123;
  state.seconds_to_go = 200;
  return state;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char ch) { return (static_cast<unsigned char>(ch) & 0xC0) != 0x80; }));
}

/// Runs `body` with a pseudo-terminal of this many columns as standard output.
template <class Body>
auto on_terminal(int columns, const Body& body) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(grantpt(master) == 0);
  REQUIRE(unlockpt(master) == 0);
  const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  REQUIRE(slave >= 0);
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  ioctl(slave, TIOCSWINSZ, &size);
  std::fflush(nullptr);
  const int before = dup(STDOUT_FILENO);
  dup2(slave, STDOUT_FILENO);
  const auto result = body();
  std::fflush(nullptr);
  dup2(before, STDOUT_FILENO);
  close(before);
  close(slave);
  close(master);
  return result;
}

}  // namespace

TEST_CASE("the line") {
  ProgressState state = at(100);
  CHECK(format_progress_line(state) == "step 100/850  sparse  loss 3.4124  45.1K tokens/s  eta 3m20s");
  state.learning_rate = 0.001;
  state.grad_norm = 0.8123;
  CHECK(format_progress_line(state) == "step 100/850  sparse  loss 3.4124  lr 0.001  grad norm 0.812  45.1K tokens/s  eta 3m20s");
  state.loss.reset();
  state.tokens_per_second = state.seconds_to_go = std::numeric_limits<double>::quiet_NaN();
  CHECK(format_progress_line(state) == "step 100/850  sparse  lr 0.001  grad norm 0.812");
}

TEST_CASE("the bar fits any terminal and never cuts a character") {
  CHECK(format_progress_bar(at(425), 200) == "sparse 425/850 ━━━━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  loss 3.4124  45.1K tokens/s  eta 3m20s");
  CHECK(format_progress_bar(at(0), 200).find("━") == std::string::npos);
  CHECK(format_progress_bar(at(850), 200).find("╌") == std::string::npos);
  CHECK(format_progress_bar(at(850), 200).find("eta") == std::string::npos);
  ProgressState named = at(425);
  named.stage = "größer";
  for (int columns = 0; columns < 120; ++columns) {
    const std::string bar = format_progress_bar(named, columns);
    REQUIRE(characters(bar) <= static_cast<std::size_t>(std::max(columns - 1, 0)));
    REQUIRE((bar.empty() || (static_cast<unsigned char>(bar.back()) & 0xC0) != 0xC0));
  }
  ProgressState none;
  CHECK_FALSE(format_progress_bar(none, 80).empty());
}

TEST_CASE("a terminal counts only with a size: Open MPI's has none when mpirun is not on one") {
  CHECK(on_terminal(0, [] { return terminal_columns(); }) == 0);
  CHECK(on_terminal(132, [] { return terminal_columns(); }) == 132);
  int in_file = -1;
  captured(STDOUT_FILENO, [&] { in_file = terminal_columns(); });
  CHECK(in_file == 0);
}

TEST_CASE("without a terminal there are whole lines: first, each interval, last") {
  const std::string bytes = captured(STDOUT_FILENO, [] {
    Progress progress(false, 100);
    for (std::int64_t step = 1; step <= 850; ++step) {
      progress.update(at(step));
      progress.show("validating");
    }
  });
  std::string steps;
  for (std::int64_t step : {1, 100, 200, 300, 400, 500, 600, 700, 800, 850}) steps += format_progress_line(at(step)) + "\n";
  CHECK(bytes == steps);
}

TEST_CASE("on a terminal the lines go to the log file and the bar leaves other lines whole") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "log.txt";
  set_log_file(path.string());
  const std::string bytes = captured(STDOUT_FILENO, [] {
    Progress progress(true, 10);
    progress.update(at(10));
    log_info("validation loss 3.2");
    progress.update(at(840));
    progress.show("saving");
    log_info("saved step 840");
    progress.update(at(850));
    log_info("done");
  });
  set_log_file("");
  const auto screen = screen_after(bytes);
  CHECK(screen == std::vector<std::string>{"validation loss 3.2", "saved step 840", "done", ""});
  const std::string text = read_file(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 6);
  CHECK(contains(text, " step 10/850  sparse"));
  CHECK(contains(text, " step 840/850  sparse"));
  CHECK(contains(text, " step 850/850  sparse"));
  CHECK_FALSE(contains(text, "━"));
  CHECK_FALSE(contains(text, "\x1b"));
}
