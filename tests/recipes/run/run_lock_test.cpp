#include "recipes/run/run_lock.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/host.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

/// A process of its own that takes the lock and keeps it until it is killed; returns once it has it.
pid_t holder_process(const std::filesystem::path& folder) {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const RunLock lock(folder, 0);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  close(ready[1]);
  return child;
}

template <class Run>
std::string quietly(const Run& run) {
  std::string result;
  captured(STDOUT_FILENO, [&] { result = run(); });
  return result;
}

}  // namespace

TEST_CASE("a second start fails after its wait and names the holder") {
  const TemporaryDirectory folder;
  const pid_t holder = holder_process(folder.path());
  const Stopwatch watch;
  const std::string message = quietly([&] { return message_of<Error>([&] { RunLock second(folder.path(), 0.2); }); });
  CHECK(watch.seconds() >= 0.2);
  CHECK(contains(message, fmt::format("{}: in use by process {} on {} since 2", folder.path().string(), holder, host_name())));
  CHECK(contains(message, "(waited 0.2 s); wait for its end, or stop it (SIGUSR1 saves first), or choose another name or run_dir"));
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
}

TEST_CASE("a holder killed with -9 leaves no lock behind") {
  const TemporaryDirectory folder;
  const pid_t holder = holder_process(folder.path());
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  // The record of the dead is still there, and nobody minds it.
  CHECK(contains(read_file(folder.path() / "run.lock"), fmt::format("\"pid\": {}", holder)));
  const RunLock next(folder.path(), 0);
  CHECK(contains(read_file(folder.path() / "run.lock"), fmt::format("\"pid\": {}", getpid())));
}

TEST_CASE("a start waits for a holder that is about to end, and says so once") {
  const TemporaryDirectory folder;
  const pid_t holder = holder_process(folder.path());
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    kill(holder, SIGKILL);
    waitpid(holder, nullptr, 0);
  });
  std::optional<RunLock> lock;
  const std::string said = captured(STDOUT_FILENO, [&] { lock.emplace(folder.path(), 60.0); });
  later.join();
  CHECK(contains(said, fmt::format("in use by process {} on ", holder)));
  CHECK(contains(said, "waiting up to 60 s"));
  CHECK(std::count(said.begin(), said.end(), '\n') == 1);
}

TEST_CASE("within one process the lock excludes too, and is free after its owner") {
  const TemporaryDirectory folder;
  {
    const RunLock first(folder.path(), 0);
    CHECK_FALSE(quietly([&] { return message_of<Error>([&] { RunLock second(folder.path(), 0); }); }).empty());
  }
  const RunLock third(folder.path(), 0);
}

TEST_CASE("locks of two runs are two locks") {
  const TemporaryDirectory one, two;
  const RunLock first(one.path(), 0);
  const RunLock second(two.path(), 0);
}

TEST_CASE("a start that waited for a run which was removed meanwhile locks the new file") {
  const TemporaryDirectory folder;
  const pid_t holder = holder_process(folder.path());
  std::filesystem::remove(folder.path() / "run.lock");
  const RunLock second(folder.path(), 0);
  CHECK_FALSE(quietly([&] { return message_of<Error>([&] { RunLock third(folder.path(), 0); }); }).empty());
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
}

TEST_CASE("a run directory that is not there is a data error") {
  CHECK(
      contains(message_of<Error>([] { RunLock lock("/nowhere/at/all", 0); }), "/nowhere/at/all/run.lock: cannot be opened: No such file"));
}
