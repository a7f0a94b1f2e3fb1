// What each rank was doing, as a table of text for the failure report.
#pragma once

#include "parallel/comm/failure_report.hpp"

#include <span>
#include <string>
#include <vector>

namespace sluice::parallel {

/// A head and a row for each rank of `order`, columns aligned, each line ended; `now` is the wall clock that record.since is
/// compared with.
std::string failure_table(std::span<const RankObservation> all, const std::vector<int>& order, double now);

}  // namespace sluice::parallel
