// The commands that need tensors, one file each. They return an exit code and throw sluice::Error. Commands that need none are in
// launch/commands/.
#pragma once

#include "launch/command_line.hpp"

namespace sluice {

int train_command(const TrainOptions& options);
int eval_command(const EvalOptions& options);
int generate_command(const GenerateOptions& options);
int bench_command(const BenchOptions& options);
int doctor_command(const DoctorOptions& options);

}  // namespace sluice
