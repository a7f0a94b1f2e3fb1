// Which samples `sluice data` is to read.
#pragma once

#include "data/samples/sample_source.hpp"
#include "launch/command_line.hpp"

namespace sluice {

/// The source that the options name. Its format is theirs or, without one, told by the name of the path. Usage error if neither tells it.
data::SampleSpec sample_spec(const DataOptions& options);

}  // namespace sluice
