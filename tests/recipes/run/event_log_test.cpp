#include "recipes/run/event_log.hpp"

#include "recipes/run/crc32c.hpp"
#include "recipes/run/protobuf.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char ch : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(ch));
  return text;
}

std::uint64_t number_at(std::string_view bytes, std::size_t position, int size) {
  std::uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[position + static_cast<std::size_t>(i)]);
  return value;
}

/// The data of each record, after checking both of its checksums.
std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t length = number_at(file, at, 8);
    REQUIRE(masked_crc32c(std::string_view(file).substr(at, 8)) == number_at(file, at + 8, 4));
    records.push_back(file.substr(at + 12, length));
    REQUIRE(masked_crc32c(records.back()) == number_at(file, at + 12 + length, 4));
    at += 16 + length;
  }
  return records;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

TEST_CASE("CRC-32C has the published values") {
  STATIC_REQUIRE(crc32c("123456789") == 0xE3069283);
  CHECK(crc32c("") == 0);
  // RFC 3720, B.4
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43);
  std::string ascending;
  for (char i = 0; i < 32; ++i) ascending += i;
  CHECK(crc32c(ascending) == 0x46DD794E);
  // ((c >> 15) | (c << 17)) + 0xa282ead8 with c = E3069283: C60D + 25060000 = 2507C60D; + A282EAD8 = C78AB0E5
  CHECK(masked_crc32c("123456789") == 0xC78AB0E5);
}

TEST_CASE("protobuf fields have the bytes of the encoding guide") {
  CHECK(hex(ProtobufMessage().varint(1, 150).bytes()) == "089601");
  CHECK(hex(ProtobufMessage().bytes(2, "testing").bytes()) == "120774657374696e67");
  CHECK(hex(ProtobufMessage().message(3, ProtobufMessage().varint(1, 150)).bytes()) == "1a03089601");
  CHECK(hex(ProtobufMessage().varint(1, static_cast<std::uint64_t>(-2)).bytes()) == "08feffffffffffffffff01");
  CHECK(hex(ProtobufMessage().number(1, 1.0).bytes()) == "09000000000000f03f");
  CHECK(hex(ProtobufMessage().number(2, 1.5f).bytes()) == "150000c03f");
  CHECK(hex(ProtobufMessage().varint(16, 1).bytes()) == "800101");
}

TEST_CASE("events have the bytes worked out by hand") {
  // wall_time 1.0 | file_version | source_metadata {writer}
  CHECK(hex(version_event(1.0)) ==
        "09000000000000f03f"
        "1a0d" +
            hex("brain.Event:2") + "52080a06" + hex("sluice"));
  // wall_time 1.0 | step 300 = ac 02 | session_log {status START}
  CHECK(hex(session_start_event(1.0, 300)) ==
        "09000000000000f03f"
        "10ac02"
        "3a020801");
  // wall_time 1.0 | step 3 | summary { value {tag loss, simple_value 2.5}, value {tag n, simple_value 7} }
  JsonRow row;
  row.set("step", 3).set("stage", "dense").set("loss", 2.5).set("n", 7);
  CHECK(hex(scalars_event(1.0, 3, row)) ==
        "09000000000000f03f"
        "1003"
        "2a17"
        "0a0b"
        "0a04" +
            hex("loss") +
            "1500002040"
            "0a08"
            "0a016e"
            "150000e040");
  CHECK(hex(scalars_event(1.0, 3, JsonRow().set("loss", std::nan("")))).substr(22) ==
        "2a0d"
        "0a0b"
        "0a04" +
            hex("loss") + "150000c07f");
}

TEST_CASE("a record is length, its checksum, data, its checksum") {
  const std::string record = tfrecord("123456789");
  REQUIRE(record.size() == 8 + 4 + 9 + 4);
  CHECK(hex(record.substr(0, 8)) == "0900000000000000");
  CHECK(record.substr(12, 9) == "123456789");
  CHECK(hex(record.substr(21)) == "e5b08ac7");
  CHECK(records_of(record) == std::vector<std::string>{"123456789"});
}

TEST_CASE("each start writes a file of its own that sorts behind the earlier ones") {
  const TemporaryDirectory folder;
  { EventLog log(folder.path(), -1); }
  { EventLog log(folder.path(), 4); }
  // A clock that was set back must not put the next file first.
  write_text(folder.path() / "events.out.tfevents.4000000000.elsewhere.1.0", "");
  const EventLog last(folder.path(), 8);
  const auto files = files_in(folder.path());
  REQUIRE(files.size() == 4);
  REQUIRE(contains(files.back().filename().string(), "events.out.tfevents.4000000001."));
  const auto records = records_of(read_file(files.back()));
  REQUIRE(records.size() == 2);
  REQUIRE(contains(records[0], "brain.Event:2"));
  // Readers drop steps >= the one of START: the resumed step itself stays.
  REQUIRE(hex(records[1]).substr(18) ==
          "1009"
          "3a020801");
  REQUIRE(hex(records_of(read_file(files.front()))[1]).substr(18) ==
          "1000"
          "3a020801");
}

// event_log_parity_test.sh lets TensorBoard read what this leaves in $SLUICE_EVENT_LOG_DIRECTORY.
TEST_CASE("event log of a run that was stopped and resumed") {
  const TemporaryDirectory own;
  const char* wanted = std::getenv("SLUICE_EVENT_LOG_DIRECTORY");
  const std::filesystem::path folder = wanted == nullptr ? own.path() : std::filesystem::path(wanted);
  const auto train = [&](std::int64_t resumed, std::int64_t until, double factor) {
    EventLog log(folder, resumed);
    for (std::int64_t step = resumed + 1; step <= until; ++step) {
      JsonRow row;
      row.set("step", step).set("stage", "dense").set("tokens", 4096 * step).set("loss", factor * static_cast<double>(step));
      if (step == 18) row.set("loss", std::nan(""));
      log.write(step, row);
    }
  };
  train(-1, 20, 0.5);
  train(15, 300, 0.25);
  const auto files = files_in(folder);
  REQUIRE(files.size() == 2);
  REQUIRE(records_of(read_file(files[0])).size() == 2 + 21);
  REQUIRE(records_of(read_file(files[1])).size() == 2 + 285);
  // A writer that was killed in the middle of a record.
  const std::string half = tfrecord(scalars_event(1.0, 301, JsonRow().set("loss", 1.0))).substr(0, 20);
  AppendFile(files[1]).append(half);
}
