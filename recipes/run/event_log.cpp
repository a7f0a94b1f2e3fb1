#include "recipes/run/event_log.hpp"

#include "core/base/clock.hpp"
#include "core/base/host.hpp"
#include "recipes/run/crc32c.hpp"
#include "recipes/run/protobuf.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>

namespace sluice::recipes {
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

std::string little_endian(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

/// The seconds in the name of an event file, -1 for any other name.
std::int64_t seconds_in_name(std::string_view name) {
  if (name.substr(0, kPrefix.size()) != kPrefix) return -1;
  name.remove_prefix(kPrefix.size());
  std::int64_t seconds = 0;
  for (int i = 0; i < 10; ++i) {
    if (static_cast<std::size_t>(i) >= name.size() || std::isdigit(static_cast<unsigned char>(name[i])) == 0) return -1;
    seconds = seconds * 10 + (name[i] - '0');
  }
  return seconds;
}

std::filesystem::path next_path(const std::filesystem::path& directory) {
  // Two starts within a second, or a clock set back, must not put the new file before an old one.
  auto seconds = static_cast<std::int64_t>(wall_seconds());
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    seconds = std::max(seconds, seconds_in_name(entry.path().filename().string()) + 1);
  return directory / fmt::format("{}{:010}.{}.{}.0", kPrefix, seconds, host_name(), getpid());
}

std::optional<float> scalar(const JsonRow::Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return static_cast<float>(*real);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<float>(*whole);
  if (std::holds_alternative<std::monostate>(value)) return std::numeric_limits<float>::quiet_NaN();
  return std::nullopt;
}

ProtobufMessage event_at(double wall_time, std::int64_t step) {
  ProtobufMessage event;
  event.number(1, wall_time).varint(2, static_cast<std::uint64_t>(step));
  return event;
}

}  // namespace

std::string tfrecord(std::string_view data) {
  const std::string length = little_endian(data.size(), 8);
  std::string record = length + little_endian(masked_crc32c(length), 4);
  record += data;
  return record + little_endian(masked_crc32c(data), 4);
}

std::string version_event(double wall_time) {
  ProtobufMessage event;
  event.number(1, wall_time).bytes(3, "brain.Event:2");
  event.message(10, ProtobufMessage().bytes(1, "sluice"));  // source_metadata {writer}
  return event.bytes();
}

std::string session_start_event(double wall_time, std::int64_t step) {
  return event_at(wall_time, step).message(7, ProtobufMessage().varint(1, 1)).bytes();
}

std::string scalars_event(double wall_time, std::int64_t step, const JsonRow& row) {
  ProtobufMessage summary;
  for (const auto& [key, value] : row.items()) {
    const auto number = scalar(value);
    if (!number || key == "step") continue;
    summary.message(1, ProtobufMessage().bytes(1, key).number(2, *number));
  }
  return event_at(wall_time, step).message(5, summary).bytes();
}

EventLog::EventLog(const std::filesystem::path& directory, std::int64_t resumed_step) : file_(next_path(directory)) {
  const double now = wall_seconds();
  file_.append(tfrecord(version_event(now)) + tfrecord(session_start_event(now, resumed_step + 1)));
}

void EventLog::write(std::int64_t step, const JsonRow& row) { file_.append(tfrecord(scalars_event(wall_seconds(), step, row))); }

}  // namespace sluice::recipes
