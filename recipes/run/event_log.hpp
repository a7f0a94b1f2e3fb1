// TensorBoard event files, written by hand.
//   file    = record*
//   record  = u64le length | u32le masked CRC-32C of those 8 bytes | data | u32le masked CRC-32C of data      (TFRecord)
//   data    = an Event message: 1 wall_time double, 2 step varint, 3 file_version string, 5 summary, 7 session_log
//   summary = repeated field 1 {1 tag string, 2 simple_value float}
// The first record holds file_version "brain.Event:2". A resumed run writes a new file whose second record is a
// SessionLog START (field 7 {1 status = 1}) at the first step to come: readers drop what they hold from that step on.
// Gives: EventLog, and the pure encoders tfrecord(), version_event(), session_start_event(), scalars_event().
#pragma once

#include "recipes/run/append_file.hpp"
#include "recipes/run/json_row.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace sluice::recipes {

std::string tfrecord(std::string_view data);
std::string version_event(double wall_time);
std::string session_start_event(double wall_time, std::int64_t step);
/// One scalar for each number of the row but "step", under its key as tag; null is NaN. Values are rounded to float32, as
/// every reader does.
std::string scalars_event(double wall_time, std::int64_t step, const JsonRow& row);

/// Used on rank 0 only. An event is with the operating system when write() returns, and on the disk after sync().
class EventLog {
 public:
  /// Starts a new file in `directory`, named to sort behind the files that are there (readers take them in that order).
  /// `resumed_step` is the last step whose results are kept (-1: the run starts from scratch).
  EventLog(const std::filesystem::path& directory, std::int64_t resumed_step);
  void write(std::int64_t step, const JsonRow& row);
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

}  // namespace sluice::recipes
