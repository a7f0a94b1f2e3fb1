// Asks the operating system for the processors of this process.
#pragma once

#include "parallel/plan/processors.hpp"

namespace sluice::parallel {

/// The processors that this process may run on; all processors of the machine that are online if the kernel does not say.
ProcessorMask usable_processors();

}  // namespace sluice::parallel
