#include "parallel/comm/failure_monitor.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/standard_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace sluice::parallel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kSpin = std::chrono::microseconds(50);

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }
void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// Marks the ranks whose processes other ranks saw dead on their machines (found_dead): this program may run on another machine, or later.
void mark_those_found_dead(std::vector<RankObservation>& all) {
  for (const RankObservation& witness : all) {
    const int dead = witness.record ? witness.record->found_dead : -1;
    if (dead >= 0 && dead < static_cast<int>(all.size())) all[static_cast<std::size_t>(dead)].process = ProcessState::kGone;
  }
}

}  // namespace

int FailureMonitor::find_dead_peer() const {
  const RankRecord own = board_->record();
  if (own.machine == 0) return -1;
  for (std::size_t rank = 0; rank < peers_.size(); ++rank)
    if (peers_[rank].machine == own.machine && peers_[rank].pid != own.pid && process_state(peers_[rank].pid) == ProcessState::kGone)
      return static_cast<int>(rank);
  return -1;
}

void FailureMonitor::note_heartbeat() { last_heartbeat_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

void FailureMonitor::await(Operation& operation, double deadline_seconds, int group_slot) {
  // Small operations are over in microseconds, so spin first.
  const bool sleeps = !spin_.until([&] { return operation.done(); }, kSpin);
  if (sleeps) {
    board_->begin_wait(operation);
    operation.awaited.store(true, std::memory_order_relaxed);
    const Clock::time_point begin = Clock::now();
    const auto seconds_of_silence = [&] {
      const Clock::time_point beat{Clock::duration(last_heartbeat_.load(std::memory_order_relaxed))};
      return seconds_since(std::max(begin, beat));
    };
    for (double next_look = 0.5; !operation.done();) {
      double pause = next_look - seconds_since(begin);
      if (deadline_seconds > 0) pause = std::min(pause, deadline_seconds - seconds_of_silence());
      if (operation.wait_for(std::max(0.0, pause))) break;
      const double waited = seconds_since(begin);
      if (waited >= next_look) {
        next_look = waited + 0.5;
        if (const int dead = find_dead_peer(); dead >= 0 && !operation.done()) fail(waited, dead);
      }
      if (deadline_seconds > 0 && seconds_of_silence() >= deadline_seconds) fail(waited, -1);
    }
  }
  board_->end_wait(group_slot, operation.info().sequence, sleeps);
  operation.rethrow();
}

std::vector<RankObservation> FailureMonitor::observe() const {
  const RankRecord own = board_->record();
  std::vector<RankObservation> all(static_cast<std::size_t>(own.world_size));
  for (int rank = 0; rank < own.world_size; ++rank) {
    RankObservation& observed = all[static_cast<std::size_t>(rank)];
    if (rank == own.rank) {
      observed.record = own;
      continue;
    }
    if (!board_->directory().empty()) observed.record = read_record(board_->directory(), rank);
    if (observed.record && observed.record->job != own.job) observed.record.reset();
    const auto slot = static_cast<std::size_t>(rank);
    if (slot < peers_.size() && own.machine != 0 && peers_[slot].machine == own.machine) observed.process = process_state(peers_[slot].pid);
  }
  mark_those_found_dead(all);
  return all;
}

void FailureMonitor::fail(double waited, int dead_rank) {
  // The record says already for whom the operation waits: the communication thread, which alone may ask the operation, keeps it up to date.
  board_->set_late(dead_rank);
  board_->flush();
  const Clock::time_point begin = Clock::now();
  const auto before = observe();
  // If a rank is dead, the launcher will soon end the job: report before that.
  const double patience = dead_rank >= 0 ? 0.3 : 2.0;
  while (seconds_since(begin) < patience) {
    sleep_for(0.05);
    const auto all = observe();
    // Ranks that wait and are alive will be late too; half a second shows which are alive.
    const bool settled = std::all_of(all.begin(), all.end(), [](const RankObservation& o) {
      return !o.record || o.record->late != 0 || o.record->state != RankState::kWaiting;
    });
    if (settled && seconds_since(begin) > 0.5) break;
  }
  auto all = observe();
  const RankRecord own = board_->record();
  int speaker = own.rank;
  for (const auto& observed : all)
    if (observed.record && observed.record->late != 0 && observed.process != ProcessState::kGone &&
        observed.process != ProcessState::kStopped)
      speaker = std::min(speaker, static_cast<int>(observed.record->rank));
  if (speaker != own.rank && !board_->directory().empty()) {
    sleep_for(5.0);  // the speaker ends the job, and this process with it
    if (dead_rank < 0) sleep_for(5.0);
  }
  const bool long_enough = seconds_since(begin) > 0.25;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const auto& record = all[rank].record;
    if (record && record->state == RankState::kWaiting && record->late == 0 && static_cast<int>(rank) != own.rank && long_enough &&
        before[rank].record && before[rank].record->state == RankState::kWaiting && before[rank].record->since == record->since &&
        before[rank].record->alive == record->alive)
      all[rank].responsive = false;
  }
  std::string text;
  if (board_->directory().empty()) {
    text =
        fmt::format("rank {} on {} waited {:.1f} s for {} of group {}, for rank(s)", own.rank, own.host, waited, own.operation, own.group);
    for (int i = 0; i < std::min(own.num_waits_for, RankRecord::kMaxWaitsFor); ++i) text += fmt::format(" {}", own.waits_for[i]);
    if (own.num_waits_for == 0) text += " of the group";
    if (dead_rank >= 0) text += fmt::format("; the process of rank {} has died", dead_rank);
    text += "\n";
  } else {
    text = compose_failure_report(all, wall_seconds()).text;
    text.insert(text.find('\n'), fmt::format(" (rank {} waited {:.1f} s)", own.rank, waited));
    // Only the first report is printed. Later ones would blame ranks that the launcher has ended meanwhile.
    if (!claim_report(board_->directory(), text)) text.clear();
  }
  if (!text.empty()) write_standard_error("error: " + text);
  abort_(static_cast<int>(ExitCode::kCommunication));
  _exit(static_cast<int>(ExitCode::kCommunication));
}

bool claim_report(const std::filesystem::path& directory, std::string_view text) {
  if (directory.empty()) return true;
  const int fd = ::open((directory / kFailureFile).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return errno != EEXIST;
  write_all(fd, text);
  close(fd);
  return true;
}

namespace {

/// The report if no rank noticed a failure: all were killed at once, or the launcher killed them before they could notice the first. What
/// a rank was doing then does not tell who is to blame.
std::string ended_without_a_word(std::span<const RankObservation> all) {
  const auto first = std::find_if(all.begin(), all.end(), [](const RankObservation& o) { return o.record.has_value(); });
  std::string where;
  if (first->record->step >= 0) where += fmt::format(" at step {}", first->record->step);
  if (*first->record->operation != '\0') where += fmt::format(", in or after '{}'", first->record->operation);
  // If only some ranks were asked to stop, the launcher asked them because another rank was gone.
  if (std::all_of(all.begin(), all.end(), [](const RankObservation& o) { return !o.record || *o.record->stop_signal != '\0'; }))
    return fmt::format("it was asked to stop ({}), and killed before it had stopped{}\n", first->record->stop_signal, where);
  return fmt::format("it ended without a word{}: killed, or a machine went down\n", where);
}

}  // namespace

std::string report_on_records(const std::filesystem::path& directory) {
  std::vector<RankObservation> all;
  for (auto& record : read_records(directory)) all.push_back({std::move(record), ProcessState::kUnknown, true});
  mark_those_found_dead(all);
  if (std::all_of(all.begin(), all.end(), [](const RankObservation& o) { return o.record && o.record->state == RankState::kFinished; }))
    return "";
  double end = 0;  // the last time in the records: the ages in the report count back from there, not from now
  bool somebody_noticed = false;
  for (const RankObservation& o : all) {
    if (!o.record) continue;
    end = std::max(end, o.record->written);
    somebody_noticed = somebody_noticed || o.record->late != 0 || o.record->exit_code != 0;
  }
  return somebody_noticed ? compose_failure_report(all, end).text : ended_without_a_word(all);
}

}  // namespace sluice::parallel
