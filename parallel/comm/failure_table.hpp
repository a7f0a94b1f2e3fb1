// The table of a failure report: what each rank was doing.
#pragma once

#include "parallel/comm/failure_report.hpp"

#include <span>
#include <string>
#include <vector>

namespace sluice::parallel {

/// Returns a line with the names of the columns and a line for each rank in `order`, with aligned columns. all[r] is what is known about
/// rank r. `now` (seconds since 1970) is the time to which ages are counted.
std::string failure_table(std::span<const RankObservation> all, const std::vector<int>& order, double now);

}  // namespace sluice::parallel
