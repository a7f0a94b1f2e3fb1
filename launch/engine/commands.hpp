// The commands behind the thin front that see tensors, one file each. They return an exit code and throw sluice::Error.
// Those that do not are in launch/commands/.
#pragma once

#include "launch/command_line.hpp"

namespace sluice {

int train_command(const TrainOptions& options);
int eval_command(const EvalOptions& options);
int generate_command(const GenerateOptions& options);
int bench_command(const BenchOptions& options);

}  // namespace sluice
