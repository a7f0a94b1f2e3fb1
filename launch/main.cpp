// The thin `sluice` command: reads the command line and loads the engine only when a command needs it, so that --help
// takes milliseconds although the engine brings LibTorch along.
#include "core/base/error.hpp"
#include "core/base/standard_error.hpp"
#include "core/base/standard_output.hpp"
#include "launch/command_line.hpp"
#include "launch/process_start.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>

namespace {

constexpr const char* kEngine = "libsluice_engine.so";

// The engine lies beside the command, wherever both are.
std::string engine_path() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0 || length == static_cast<ssize_t>(sizeof path)) return kEngine;
  const std::string self(path, static_cast<std::size_t>(length));
  return self.substr(0, self.rfind('/') + 1) + kEngine;
}

// Returns the exit code.
int complain_of_engine(const std::string& what, bool absent) {
  const auto has = [&](const char* part) { return what.find(part) != std::string::npos; };
  rlimit memory{};
  // The loader's message does not name the cause. Only where memory is limited is missing memory likely; elsewhere it is rather a missing
  // right to execute the file.
  const bool limited = !absent && getrlimit(RLIMIT_AS, &memory) == 0 && memory.rlim_cur != RLIM_INFINITY &&
                       (has("failed to map segment") || has("allocate"));
  const char* advice = "";
  if (limited) advice = "; memory is limited to less than it needs: raise the limit (ulimit -v)";
  else if (absent || has("No such file")) advice = "; build it with ./launch/setup";
  sluice::write_standard_error(fmt::format("sluice: {}{}\n", what, advice));
  return static_cast<int>(limited ? sluice::ExitCode::kOutOfMemory : sluice::ExitCode::kUsage);
}

int run(const sluice::CommandLine& command_line) {
  // In a folder that was removed, relative paths lead nowhere, and libraries of the engine end the process with messages of their own.
  char here[PATH_MAX];
  if (getcwd(here, sizeof here) == nullptr && errno == ENOENT) {
    sluice::write_standard_error("sluice: the folder it was started in is gone; start it in one that is there\n");
    return 2;
  }
  const std::string path = engine_path();
  // Global, because Open MPI's own plug-ins look for its symbols.
  void* engine = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!engine) {
    const bool absent = access(path.c_str(), F_OK) != 0;
    return complain_of_engine(
        absent ? fmt::format("the engine {} is missing", path) : fmt::format("the engine cannot be loaded: {}", dlerror()), absent);
  }
  const auto entry = reinterpret_cast<decltype(&sluice_run)>(dlsym(engine, "sluice_run"));
  if (!entry) {
    sluice::write_standard_error(fmt::format("sluice: the engine {} has no sluice_run; build both anew with ./launch/setup\n", path));
    return 2;
  }
  // Never unloaded: its threads and at-exit handlers outlive main.
  return entry(&command_line);
}

}  // namespace

int main(int argc, char** argv) {
  sluice::start_process();
  sluice::CommandLine command_line;
  if (const auto done = sluice::parse_command_line(argc, argv, command_line)) return sluice::finish_standard_output(*done);
  return run(command_line);
}
