// Who held up the job? A pure function of the ranks' records.
//
// Ranks that are late point at those they wait for; following the pointers ends at the culprit: a rank that waits for
// nobody (it computes, hangs in user code, failed or left), that is stopped or gone, or that is behind in the group.
#pragma once

#include "parallel/comm/rank_record.hpp"

#include <span>
#include <string>
#include <vector>

namespace sluice::parallel {

struct RankObservation {
  std::optional<RankRecord> record;               // empty: the rank left none
  ProcessState process = ProcessState::kUnknown;  // known for ranks of the reporting machine only
  bool responsive = true;                         // false: waits, yet its communication thread shows no sign of life
};

struct FailureReport {
  std::vector<int> culprits;  // ranks, ascending; empty if nobody stands out
  std::string headline;       // one line: which rank, where, why
  std::string text;           // headline and a table of ranks
};

/// `observations[r]` is rank r; `now` is the wall clock that record.since is compared with.
FailureReport compose_failure_report(std::span<const RankObservation> observations, double now);

}  // namespace sluice::parallel
