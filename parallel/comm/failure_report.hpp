// Finds the rank that held up the job, as a pure function of the records of all ranks (rank_record.hpp).
//
// A rank with an error of its own, or whose process is dead or stopped, is the culprit whatever the others do. Otherwise the records of
// late ranks say for whom they wait; following them leads to a rank that waits for nobody (it computes, hangs in other code, or has left)
// or that does not respond.
// If all wait for each other, the culprit is a rank that is behind in a group or at another operation than the others.
#pragma once

#include "parallel/comm/rank_record.hpp"

#include <span>
#include <string>
#include <vector>

namespace sluice::parallel {

/// What is known about one rank.
struct RankObservation {
  std::optional<RankRecord> record;               // empty if the rank left none
  ProcessState process = ProcessState::kUnknown;  // known only for ranks on the machine that reports, or that another rank saw dead
  bool responsive = true;                         // false if it waits but its communication thread shows no sign of life
};

struct FailureReport {
  std::vector<int> culprits;  // world ranks, ascending; empty if no rank can be blamed
  std::string headline;       // one line: which rank, where, why
  std::string text;           // the headline and a table of ranks (failure_table()), the culprits first, at most 32 of them
};

/// observations[r] is what is known about rank r. `now` (seconds since 1970) is the time to which ages in the report are counted.
FailureReport compose_failure_report(std::span<const RankObservation> observations, double now);

/// The table of a report: a line with the names of the columns and a line for each rank in `order`, which say what the rank was doing, with
/// aligned columns. `all` and `now` are as above.
std::string failure_table(std::span<const RankObservation> all, const std::vector<int>& order, double now);

}  // namespace sluice::parallel
