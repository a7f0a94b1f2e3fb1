// Catch2 under mpirun: one world around the session, every rank runs the same cases in the same order.
// Rank 0 prints as usual; what another rank would print appears only if a case failed there.
//   SLUICE_TEST_DEADLINE_SECONDS   the deadline of every operation (60); after it the job ends with a report and exit code 4
//   SLUICE_TEST_WATCHDOG_SECONDS   the longest time of a test case (300); after it the job ends, and each rank prints what it waits for
#if !__has_include(<catch2/catch_test_macros.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "tests/support/rank_check.hpp"

#include "core/base/log.hpp"

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

namespace sluice::testing {
namespace {

struct TestProgram {
  std::unique_ptr<parallel::World> world;
  parallel::CommunicatorPtr verdicts;
  std::ostringstream held_back;  // what a rank other than 0 prints
  int num_cases = 0;
  std::uint64_t num_failures_of_others = 0;  // in this pass through a case: assertions that failed here only because they failed elsewhere
  bool failed = false;

  // For the watchdog.
  std::mutex mutex;
  std::condition_variable changed;
  std::string running;
  std::chrono::steady_clock::time_point since;
  bool over = false;
};

TestProgram& program() {
  static TestProgram instance;
  return instance;
}

double seconds_from(const char* variable, double otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::atof(value);
}

constexpr std::int64_t kEndOfCase = -1;

struct Ballot {
  std::int64_t where;  // line of the check, or kEndOfCase
  std::int64_t passed;
};

std::vector<Ballot> vote(Ballot own) {
  std::vector<Ballot> all(static_cast<std::size_t>(program().verdicts->size()));
  program().verdicts->start_all_gather(&own, all.data(), sizeof own, {"test verdict", -1, "", "check"}).finish();
  return all;
}

/// Prints what this rank held back, each line with its rank.
void print_held_back() {
  TestProgram& my = program();
  if (my.world->rank() == 0) return;
  std::istringstream lines(my.held_back.str());
  std::string text;
  for (std::string line; std::getline(lines, line);) text += fmt::format("[rank {}] {}\n", my.world->rank(), line);
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  my.held_back.str("");
}

class RankListener final : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    TestProgram& my = program();
    std::lock_guard lock(my.mutex);
    ++my.num_cases;
    my.running = info.name;
    my.since = std::chrono::steady_clock::now();
  }
  void sectionStarting(const Catch::SectionInfo&) override { ++depth_; }
  void sectionEnded(const Catch::SectionStats& stats) override {
    if (--depth_ > 0) return;
    // This rank has finished one pass through the test case. It waits for the others, so that no rank starts the next pass earlier.
    TestProgram& my = program();
    const bool passed = stats.assertions.failed == 0;
    if (!passed) {
      my.failed = true;
      if (stats.assertions.failed > my.num_failures_of_others) print_held_back();
    }
    my.num_failures_of_others = 0;
    for (bool met = false; !met;) {
      const auto all = vote({kEndOfCase, passed});
      met = std::all_of(all.begin(), all.end(), [](const Ballot& ballot) { return ballot.where == kEndOfCase; });
      for (std::size_t rank = 0; rank < all.size() && met; ++rank)
        if (all[rank].passed == 0) my.failed = true;
    }
    my.held_back.str("");
  }
  void testCaseEnded(const Catch::TestCaseStats&) override {
    std::lock_guard lock(program().mutex);
    program().running.clear();
  }

 private:
  int depth_ = 0;
};

void watch() {
  TestProgram& my = program();
  const double limit = seconds_from("SLUICE_TEST_WATCHDOG_SECONDS", 300);
  std::unique_lock lock(my.mutex);
  while (!my.over) {
    my.changed.wait_for(lock, std::chrono::milliseconds(500));
    if (my.running.empty() || std::chrono::steady_clock::now() - my.since < std::chrono::duration<double>(limit)) continue;
    const std::string text = fmt::format("rank {}: watchdog: test case '{}' has run for {} s and waits for {}\n", my.world->rank(),
                                         my.running, limit, my.world->current_operation());
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
    std::this_thread::sleep_for(std::chrono::seconds(2));  // until the others have spoken too
    my.world->abort(communication_error("{}", text));
  }
}

/// A folder for the ranks' records that all agree on; removed by rank 0.
std::filesystem::path shared_folder(parallel::World& world) {
  std::string path = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
  path.resize(std::max<std::size_t>(path.size(), 512));
  if (world.rank() == 0 && mkdtemp(path.data()) == nullptr) path[0] = '\0';
  world.world()->start_broadcast(path.data(), path.size(), 0, {"record folder", -1, "", ""}).finish();
  if (path[0] == '\0') throw data_error("{}: no temporary folder can be made there", std::filesystem::temp_directory_path().string());
  return path.c_str();
}

int run(int argc, char** argv) {
  TestProgram& my = program();
  parallel::WorldOptions options;
  options.deadline_seconds = seconds_from("SLUICE_TEST_DEADLINE_SECONDS", 60);
  options.max_message_bytes = std::size_t{1} << 20;  // so that tests see messages in pieces
  my.world = parallel::World::start(options);
  my.verdicts = my.world->split(my.world->world(), 0, my.world->rank(), "verdicts");
  const std::filesystem::path records = shared_folder(*my.world);
  my.world->open_records(records);

  // The same order and the same random numbers everywhere, unless asked otherwise.
  std::vector<const char*> arguments(argv, argv + argc);
  const auto add = [&](const char* option, const char* value) {
    if (std::find(arguments.begin(), arguments.end(), std::string(option)) != arguments.end()) return;
    arguments.push_back(option);
    arguments.push_back(value);
  };
  add("--order", "decl");
  add("--rng-seed", "1");

  std::streambuf* const screen = std::cout.rdbuf();
  if (my.world->rank() != 0) std::cout.rdbuf(my.held_back.rdbuf());
  std::thread watchdog(watch);
  Catch::Session session;
  int code = session.applyCommandLine(static_cast<int>(arguments.size()), arguments.data());
  const auto& config = session.configData();
  const bool lists = config.showHelp || config.listTests || config.listTags || config.listReporters;
  if (code == 0) code = session.run();
  {
    std::lock_guard lock(my.mutex);
    my.over = true;
  }
  my.changed.notify_all();
  watchdog.join();
  std::cout.rdbuf(screen);
  if (code == 0 && !lists && my.num_cases == 0) {
    if (my.world->rank() == 0) log_error("no test case matches");
    code = 2;
  }
  if (my.failed && code == 0) code = 1;

  std::int64_t worst = std::min(code, 125);
  my.verdicts->start_all_reduce(&worst, 1, DType::kInt64, parallel::ReduceOp::kMax, {"exit code", -1, "", ""}).finish();
  my.verdicts.reset();
  my.world->shutdown();
  std::error_code ignored;
  if (my.world->rank() == 0) std::filesystem::remove_all(records, ignored);
  my.world.reset();
  return static_cast<int>(worst);
}

}  // namespace

parallel::World& world() { return *program().world; }

void note_failure(const Verdict& verdict) {
  if (verdict.mine) ++program().num_failures_of_others;
}

Verdict agree(const std::function<bool()>& condition, const std::function<std::string()>& values, const char* text, const char* file,
              int line) {
  std::string why;
  bool mine = false;
  try {
    mine = condition();
    if (!mine) why = values();
  } catch (const std::exception& error) {
    why = fmt::format("threw: {}", error.what());
  }
  const auto all = vote({line, mine});
  Verdict verdict{true, mine, mine ? "" : fmt::format("{}:{}: {}\n{}", file, line, text, why)};
  std::string others;
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank].where == kEndOfCase) others += fmt::format("{}rank {} left the test case", others.empty() ? "" : ", ", rank);
    else if (all[rank].where != line)
      others += fmt::format("{}rank {} is at the check in line {}", others.empty() ? "" : ", ", rank, all[rank].where);
    else if (all[rank].passed == 0) others += fmt::format("{}failed on rank {}", others.empty() ? "" : ", ", rank);
  if (others.empty()) return verdict;
  verdict.passed = false;
  verdict.text += fmt::format("{}{}:{}: {} ({})", verdict.text.empty() ? "" : "\n", file, line, text, others);
  return verdict;
}

}  // namespace sluice::testing

// Its qualified name is what the registrar needs; an unnamed namespace hides it from other files.
namespace {
using sluice::testing::RankListener;
}
CATCH_REGISTER_LISTENER(RankListener)

int main(int argc, char** argv) {
  try {
    return sluice::testing::run(argc, argv);
  } catch (const sluice::Error& error) {
    sluice::log_error("{}", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    sluice::log_error("{}", error.what());
    return 1;
  }
}
