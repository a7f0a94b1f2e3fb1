// Commands that need no tensors, one file each. They return an exit code and throw sluice::Error.
#pragma once

#include "launch/command_line.hpp"

namespace sluice {

int inspect_command(const InspectOptions& options);
int tokenize_command(const TokenizeOptions& options);
int data_command(const DataOptions& options);
int data_score_command(const DataOptions& options);

}  // namespace sluice
