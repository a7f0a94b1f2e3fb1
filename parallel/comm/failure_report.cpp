#include "parallel/comm/failure_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::parallel {
namespace {

constexpr std::size_t kMaxRows = 32;

struct Finding {
  std::vector<int> ranks;
  std::string what;        // completes "rank 3 on node7 (pid 4711): ..."
  bool own_error = false;  // the rank stopped with an error that is not a communication error
};

class Investigation {
 public:
  Investigation(std::span<const RankObservation> all, double now) : all_(all), now_(now) {}

  Finding find() const {
    const auto every = [this](auto&& matches) {
      std::vector<int> ranks;
      for (int rank = 0; rank < size(); ++rank)
        if (matches(at(rank))) ranks.push_back(rank);
      return ranks;
    };
    // First what needs no reasoning. A rank's own error is the cause of everything that happened to the others.
    if (auto ranks = every(has_own_error); !ranks.empty()) return {ranks, error_of(ranks.front()), true};
    // A dead, stopped or failed rank holds up the others whatever they are doing.
    if (auto ranks = every([](const auto& o) { return o.process == ProcessState::kGone && !finished(o); }); !ranks.empty())
      return {ranks, at(ranks.front()).record && at(ranks.front()).record->exit_code != 0
                         ? error_of(ranks.front())
                         : "its process has died; " + last_seen(ranks.front())};
    if (auto ranks = every([](const auto& o) { return o.process == ProcessState::kStopped; }); !ranks.empty())
      return {ranks, "its process is stopped (SIGSTOP or a debugger); " + last_seen(ranks.front())};
    if (auto ranks = every([](const auto& o) { return o.record && o.record->state == RankState::kFailed; }); !ranks.empty())
      return {ranks, error_of(ranks.front())};
    if (Finding finding = follow_the_waiting(); !finding.ranks.empty()) return finding;
    if (Finding finding = compare_groups(); !finding.ranks.empty()) return finding;
    if (Finding finding = compare_pairs(); !finding.ranks.empty()) return finding;
    auto waiting = every([](const auto& o) { return o.record && o.record->state == RankState::kWaiting; });
    if (waiting.empty()) return {};
    return {waiting, "ranks wait for each other although none is behind: the network is stuck, or they wait in different orders"};
  }

  std::string name(int rank) const {
    const auto& record = at(rank).record;
    if (!record) return fmt::format("rank {}", rank);
    return fmt::format("rank {} on {} (pid {})", rank, record->host, record->pid);
  }

  static std::string operation_of(const RankRecord& record) {
    if (*record.operation == '\0') return "no operation yet";
    std::string text = fmt::format("'{}'", record.operation);
    std::string where;
    const auto add = [&where](std::string part) { where += (where.empty() ? "" : ", ") + part; };
    if (record.step >= 0) add(fmt::format("step {}", record.step));
    if (*record.slot != '\0') add(record.slot);
    if (*record.phase != '\0') add(record.phase);
    if (*record.group != '\0') add(fmt::format("group {}", record.group));
    if (record.sequence >= 0) add(fmt::format("sequence {}", record.sequence));
    return where.empty() ? text : fmt::format("{} ({})", text, where);
  }

 private:
  int size() const { return static_cast<int>(all_.size()); }
  const RankObservation& at(int rank) const { return all_[static_cast<std::size_t>(rank)]; }
  static bool finished(const RankObservation& o) { return o.record && o.record->state == RankState::kFinished; }

  static bool has_own_error(const RankObservation& o) {
    return o.record && o.record->exit_code != 0 && o.record->exit_code != static_cast<int>(ExitCode::kCommunication) && !finished(o);
  }
  std::string error_of(int rank) const {
    const RankRecord& record = *at(rank).record;
    return fmt::format("it stopped with an error (exit code {}): {}", record.exit_code, record.message);
  }

  std::string last_seen(int rank) const {
    const auto& record = at(rank).record;
    if (!record) return "it left no record";
    return fmt::format("its last operation was {}", operation_of(*record));
  }

  std::string reason_for_waiting_for_nobody(int rank) const {
    const auto& record = at(rank).record;
    if (!record) return "it left no record: it never started, or its records are not on a shared file system";
    if (record->state == RankState::kFinished) return "it left the job while others wait for it";
    std::string text = fmt::format("it waits for nobody: outside communication for {:.1f} s, its last operation was {}",
                                   std::max(0.0, now_ - record->since), operation_of(*record));
    if (*record->heartbeat_text != '\0')
      text +=
          fmt::format("; it works alone at: {} (said {:.1f} s ago)", record->heartbeat_text, std::max(0.0, now_ - record->heartbeat_at));
    return text;
  }

  /// Sequence of the last operation of `group` that the rank started; -2 if it is no member.
  static std::int64_t started_in(const RankRecord& record, std::string_view group) {
    for (const RecordGroup& each : record.groups)
      if (group == each.name) return each.started;
    return -2;
  }

  std::vector<int> awaited_by(const RankRecord& record) const {
    std::vector<int> ranks;
    if (record.waits_for_group == 0) {
      const int known = std::min(record.num_waits_for, RankRecord::kMaxWaitsFor);
      for (int i = 0; i < known; ++i)
        if (record.waits_for[i] >= 0 && record.waits_for[i] < size()) ranks.push_back(record.waits_for[i]);
      return ranks;
    }
    for (int rank = 0; rank < size(); ++rank) {
      if (!at(rank).record) {
        ranks.push_back(rank);  // without a record it may or may not be a member: it is a suspect
        continue;
      }
      const std::int64_t started = started_in(*at(rank).record, record.group);
      if (started != -2 && started < record.sequence) ranks.push_back(rank);
    }
    return ranks;
  }

  Finding follow_the_waiting() const {
    std::vector<int> open;
    std::set<int> seen;
    for (const bool only_late : {true, false}) {
      if (!open.empty()) break;
      for (int rank = 0; rank < size(); ++rank) {
        const auto& record = at(rank).record;
        if (record && record->state == RankState::kWaiting && (record->late != 0 || !only_late)) open.push_back(rank);
      }
    }
    seen.insert(open.begin(), open.end());
    std::set<int> idle, silent;
    while (!open.empty()) {
      const int rank = open.back();
      open.pop_back();
      const RankObservation& observed = at(rank);
      if (!observed.record || observed.record->state != RankState::kWaiting) {
        idle.insert(rank);
        continue;
      }
      if (!observed.responsive) silent.insert(rank);
      for (const int next : awaited_by(*observed.record))
        if (seen.insert(next).second) open.push_back(next);
    }
    if (!silent.empty()) {
      const int first = *silent.begin();
      return {{silent.begin(), silent.end()}, fmt::format("it does not respond any more, in {}", operation_of(*at(first).record))};
    }
    if (idle.empty()) return {};
    return {{idle.begin(), idle.end()}, reason_for_waiting_for_nobody(*idle.begin())};
  }

  static bool same_operation(const RankRecord& a, const RankRecord& b) {
    return std::string_view(a.operation) == b.operation && std::string_view(a.phase) == b.phase && a.step == b.step &&
           std::string_view(a.slot) == b.slot;
  }

  /// Finds two ranks of one group that wait at different operations, one of them for a message from the other.
  Finding compare_pairs() const {
    for (int rank = 0; rank < size(); ++rank) {
      const auto& mine = at(rank).record;
      if (!mine || mine->state != RankState::kWaiting || mine->sequence >= 0) continue;
      for (const int other : awaited_by(*mine)) {
        const auto& theirs = at(other).record;
        if (!theirs || theirs->state != RankState::kWaiting || std::string_view(theirs->group) != mine->group) continue;
        if (same_operation(*mine, *theirs)) continue;
        return {{rank, other}, disagreement(rank, other)};
      }
    }
    return {};
  }

  std::string disagreement(int odd, int rest) const {
    return fmt::format("the ranks disagree: it is in {}, rank {} in {}", operation_of(*at(odd).record), rest,
                       operation_of(*at(rest).record));
  }

  /// For the case that all ranks wait for each other: finds ranks that are behind in a group, or at another operation than the rest.
  Finding compare_groups() const {
    for (int rank = 0; rank < size(); ++rank) {
      const auto& mine = at(rank).record;
      if (!mine || mine->state != RankState::kWaiting || mine->sequence < 0) continue;
      std::vector<int> behind, same, different;
      for (int other = 0; other < size(); ++other) {
        const auto& theirs = at(other).record;
        if (!theirs || theirs->state != RankState::kWaiting || std::string_view(theirs->group) != mine->group || theirs->sequence < 0)
          continue;
        if (theirs->sequence < mine->sequence) behind.push_back(other);
        if (theirs->sequence != mine->sequence) continue;
        (same_operation(*mine, *theirs) ? same : different).push_back(other);
      }
      if (!behind.empty())
        return {behind, fmt::format("it is behind, in {}, where rank {} is in {}", operation_of(*at(behind.front()).record), rank,
                                    operation_of(*mine))};
      if (!different.empty()) {
        const auto& odd = different.size() <= same.size() ? different : same;
        const auto& rest = different.size() <= same.size() ? same : different;
        return {odd, disagreement(odd.front(), rest.front())};
      }
    }
    return {};
  }

  std::span<const RankObservation> all_;
  double now_;
};

}  // namespace

FailureReport compose_failure_report(std::span<const RankObservation> observations, double now) {
  const Investigation investigation(observations, now);
  const Finding finding = investigation.find();
  FailureReport report;
  report.culprits = finding.ranks;
  if (finding.ranks.empty()) {
    report.headline = "communication failed, but no rank stands out: see what each was doing";
  } else {
    report.headline = fmt::format("{} because of {}", finding.own_error ? "the job ended" : "communication failed",
                                  investigation.name(finding.ranks.front()));
    if (finding.ranks.size() > 1) report.headline += fmt::format(" and {} more", finding.ranks.size() - 1);
    report.headline += ": " + finding.what;
  }
  std::vector<int> order = finding.ranks;
  for (int rank = 0; rank < static_cast<int>(observations.size()); ++rank)
    if (std::find(finding.ranks.begin(), finding.ranks.end(), rank) == finding.ranks.end()) order.push_back(rank);
  const std::size_t left_out = order.size() > kMaxRows ? order.size() - kMaxRows : 0;
  order.resize(order.size() - left_out);
  report.text = report.headline + "\n" + failure_table(observations, order, now);
  if (left_out != 0) report.text += fmt::format("  ... and {} more ranks\n", left_out);
  return report;
}

}  // namespace sluice::parallel
