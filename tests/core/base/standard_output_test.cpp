#include "core/base/standard_output.hpp"

#include "core/base/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

using namespace sluice;
using namespace sluice::testing;

namespace {

struct Ended {
  int code = 0;        // minus the signal that ended it
  std::string errors;  // what it wrote to standard error
};

/// Runs `body` in a process of its own (what broke stays broken) whose standard output is `output`, with SIGPIPE as `on_pipe` says.
template <class Body>
Ended with_output(int output, void (*on_pipe)(int), const Body& body) {
  Ended ended;
  ended.errors = captured(STDERR_FILENO, [&] {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGPIPE, on_pipe);
      dup2(output, STDOUT_FILENO);
      _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    ended.code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  });
  close(output);
  return ended;
}

int full_device() { return open("/dev/full", O_WRONLY); }

int closed_pipe() {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  return ends[1];
}

int says_much() {
  for (int i = 0; i < 3; ++i) log_info("a line");
  return finish_standard_output(0);
}

}  // namespace

TEST_CASE("a result that does not fit ends with one line that names the cause, and exit 3") {
  const Ended ended = with_output(full_device(), SIG_DFL, says_much);
  CHECK(ended.code == 3);
  CHECK(ended.errors == "error: standard output: No space left on device\n");
  CHECK(with_output(full_device(), SIG_DFL, [] { return write_standard_output("x"), finish_standard_output(5); }).code == 5);
  // What a library left in the stream's buffer counts too.
  CHECK(with_output(full_device(), SIG_DFL, [] { return std::printf("x"), finish_standard_output(0); }).code == 3);
}

TEST_CASE("a long result stops where it cannot be written") {
  const auto endless = [] {
    try {
      for (;;) {
        write_standard_output("1 2 3\n");
        require_standard_output();
      }
    } catch (const StandardOutputError& error) {
      return finish_standard_output(static_cast<int>(error.code()));
    }
  };
  CHECK(with_output(full_device(), SIG_DFL, endless).code == 3);
  const Ended ended = with_output(closed_pipe(), SIG_IGN, endless);
  CHECK(ended.code == kClosedPipeCode);
  CHECK(ended.errors.empty());
}

TEST_CASE("a reader that has read enough ends a command quietly") {
  CHECK(with_output(closed_pipe(), SIG_DFL, says_much).code == -SIGPIPE);
  const Ended ended = with_output(closed_pipe(), SIG_IGN, says_much);
  CHECK(ended.code == kClosedPipeCode);
  CHECK(ended.errors.empty());
}

TEST_CASE("where standard output is optional the log file says once that it broke") {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "log.txt").string();
  const auto train = [&] {
    make_standard_output_optional();
    log_info("before");
    set_log_file(path);
    for (int i = 0; i < 3; ++i) log_info("line {}", i);
    return finish_standard_output(75);
  };
  const auto log = [&] {
    std::string lines;
    for (const std::string& line : screen_after(read_file(path)))
      if (!line.empty()) lines += line.substr(20) + '\n';
    std::filesystem::remove(path);
    return lines;
  };
  const std::string lines = "line 0\nline 1\nline 2\n";
  const std::string told = "; what is said from here on is in " + path + " alone\n";
  const Ended full = with_output(full_device(), SIG_DFL, train);
  CHECK(full.code == 75);
  CHECK(full.errors == "warning: standard output: No space left on device" + told);
  CHECK(log() == full.errors + lines);
  const Ended closed = with_output(closed_pipe(), SIG_DFL, train);
  CHECK(closed.code == 75);
  CHECK(closed.errors.empty());
  CHECK(log() == "warning: standard output: Broken pipe" + told + lines);
}

TEST_CASE("a pipe that does not block is waited for") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  std::size_t arrived = 0;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) arrived += static_cast<std::size_t>(got);
  });
  constexpr std::size_t kBytes = 1 << 20;  // more than a pipe holds
  CHECK(with_output(ends[1], SIG_DFL, [] { return write_standard_output(std::string(kBytes, 'x')), finish_standard_output(0); }).code == 0);
  reader.join();
  CHECK(arrived == kBytes);
}
