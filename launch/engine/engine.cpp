// The entry point of the engine library: runs one command and turns what it throws into one line and an exit code.
#include "core/base/log.hpp"
#include "core/base/standard_output.hpp"
#include "core/ops/backend.hpp"
#include "core/tensor/error_line.hpp"
#include "launch/commands/commands.hpp"
#include "launch/engine/commands.hpp"
#include "launch/engine/one_rank.hpp"

#include <exception>

namespace {

int dispatch(const sluice::CommandLine& line) {
  switch (line.command) {
    case sluice::Command::kTrain: return sluice::train_command(line.train);
    case sluice::Command::kEval: return sluice::eval_command(line.eval);
    case sluice::Command::kGenerate: return sluice::generate_command(line.generate);
    case sluice::Command::kInspect: return sluice::run_on_one_rank("inspect", [&] { return sluice::inspect_command(line.inspect); });
    case sluice::Command::kTokenize: return sluice::run_on_one_rank("tokenize", [&] { return sluice::tokenize_command(line.tokenize); });
    case sluice::Command::kData: return sluice::run_on_one_rank("data", [&] { return sluice::data_command(line.data); });
    case sluice::Command::kBench: return sluice::run_on_one_rank("bench", [&] { return sluice::bench_command(line.bench); });
    case sluice::Command::kDoctor: return sluice::run_on_one_rank("doctor", [&] { return sluice::doctor_command(line.doctor); });
  }
  throw sluice::usage_error("unknown command {}", static_cast<int>(line.command));
}

}  // namespace

extern "C" int sluice_run(const sluice::CommandLine* command_line) {
  int code = 0;
  try {
    sluice::ops::uses_composed();  // reads the environment, so that a mistake in it is reported before any work
    code = dispatch(*command_line);
  } catch (const sluice::StandardOutputError& error) {
    code = static_cast<int>(error.code());
  } catch (const std::exception& exception) {
    const sluice::Error error = sluice::as_error(exception);
    sluice::log_error("{}", error.what());
    code = static_cast<int>(error.code());
  }
  return sluice::finish_standard_output(code);
}
