#pragma once

#include "parallel/plan/processors.hpp"

namespace sluice::parallel {

/// The processors that this process may run on; those of the machine if the kernel does not say.
ProcessorMask usable_processors();

}  // namespace sluice::parallel
