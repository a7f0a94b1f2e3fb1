// failure_table() of failure_report.hpp.
#include "parallel/comm/failure_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::parallel {
namespace {

bool left_with_error(const RankObservation& o) { return o.record && o.record->exit_code != 0 && o.record->state != RankState::kFinished; }

const char* state_of(const RankObservation& observed) {
  if (left_with_error(observed)) return "failed";
  if (observed.process == ProcessState::kGone && observed.record && observed.record->state != RankState::kFinished) return "dead";
  if (observed.process == ProcessState::kStopped) return "stopped";
  if (!observed.record) return "no record";
  switch (observed.record->state) {
    case RankState::kFinished: return "finished";
    case RankState::kFailed: return "failed";
    case RankState::kComputing: return "computing";
    case RankState::kWaiting: break;
  }
  if (!observed.responsive) return "silent";
  return observed.record->late != 0 ? "late" : "waiting";
}

std::string waits_for_of(const RankRecord& record) {
  if (record.state != RankState::kWaiting) return "nobody";
  if (record.waits_for_group != 0) return "its group";
  std::string text;
  const int shown = std::min({record.num_waits_for, RankRecord::kMaxWaitsFor, 8});
  for (int i = 0; i < shown; ++i) text += fmt::format("{}{}", i == 0 ? "" : " ", record.waits_for[i]);
  if (record.num_waits_for > shown) text += fmt::format(" +{}", record.num_waits_for - shown);
  return text.empty() ? "nobody" : text;
}

std::string number_or_dash(std::int64_t number) { return number < 0 ? "-" : std::to_string(number); }

using Row = std::array<std::string, 14>;

}  // namespace

std::string failure_table(std::span<const RankObservation> all, const std::vector<int>& order, double now) {
  std::vector<Row> rows = {{"rank", "host", "pid", "state", "seconds", "operation", "step", "slot", "phase", "group", "sequence", "sends",
                            "receives", "waits for"}};
  for (const int rank : order) {
    const RankObservation& observed = all[static_cast<std::size_t>(rank)];
    Row row;
    row.fill("-");
    row[0] = std::to_string(rank);
    row[3] = state_of(observed);
    // A request to stop is shown beside the state, whatever the state is.
    if (observed.record && *observed.record->stop_signal != '\0')
      row[3] += fmt::format(", asked to stop by {}", observed.record->stop_signal);
    if (observed.record) {
      const RankRecord& record = *observed.record;
      const auto text_or_dash = [](const char* text) { return *text == '\0' ? "-" : text; };
      row = {row[0],
             record.host,
             std::to_string(record.pid),
             row[3],
             fmt::format("{:.1f}", std::max(0.0, now - record.since)),
             text_or_dash(record.operation),
             number_or_dash(record.step),
             text_or_dash(record.slot),
             text_or_dash(record.phase),
             text_or_dash(record.group),
             number_or_dash(record.sequence),
             std::to_string(record.bytes_to_send),
             std::to_string(record.bytes_to_receive),
             waits_for_of(record)};
    }
    rows.push_back(std::move(row));
  }
  std::array<std::size_t, 14> widths{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const Row& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format(" {:<{}}", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace sluice::parallel
