#include "parallel/comm/rank_record.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "parallel/comm/failure_monitor.hpp"
#include "tests/support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

using namespace sluice;
using namespace sluice::parallel;

namespace {

struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-record-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

class Pending final : public Operation {
 public:
  explicit Pending(OperationInfo info) : Operation(std::move(info)) {}
  bool start() override { return false; }
  bool poll() override { return false; }
  bool waits_for_group(std::vector<int>& world_ranks) const override {
    world_ranks = {3, 5};
    return false;
  }
};

}  // namespace

TEST_CASE("a record tells what the rank waits for, and outlives it") {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    RecordBoard board(2, 8, 77);
    board.open(folder.path / "records");
    const int slot = board.add_group("world");
    const Pending operation({{"dispatch counts", 12, "layers.3.feed_forward", "backward"}, "world", 41, 24, 48});
    board.started(slot, operation.info());
    board.begin_wait(operation);
    board.waits_for(operation);
    _exit(9);  // as if killed: nothing is flushed or closed
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WEXITSTATUS(status) == 9);

  const auto record = read_record(folder.path / "records", 2);
  REQUIRE(record.has_value());
  REQUIRE(record->pid == child);
  REQUIRE(record->job == 77);
  REQUIRE(record->state == RankState::kWaiting);
  REQUIRE(std::string(record->operation) == "dispatch counts");
  REQUIRE(std::string(record->phase) == "backward");
  REQUIRE((record->step == 12 && std::string(record->slot) == "layers.3.feed_forward" && record->sequence == 41));
  REQUIRE((record->bytes_to_send == 24 && record->bytes_to_receive == 48));
  REQUIRE((record->num_waits_for == 2 && record->waits_for[0] == 3 && record->waits_for[1] == 5));
  REQUIRE(record->alive == 1);
  REQUIRE((record->num_groups == 1 && record->groups[0].started == 41 && record->groups[0].finished == -1));
  REQUIRE(record->since <= wall_seconds());
  REQUIRE(process_state(child) == ProcessState::kGone);
  REQUIRE(process_state(getpid()) == ProcessState::kRunning);
}

TEST_CASE("a record goes back to computing when the wait is over") {
  RecordBoard board(0, 1, 0);
  const int slot = board.add_group("world");
  const Pending operation({{"rows", 1, "", "forward"}, "world", 4, 0, 0});
  board.begin_wait(operation);
  REQUIRE(board.record().state == RankState::kWaiting);
  board.end_wait(slot, 4, true);
  REQUIRE(board.record().state == RankState::kComputing);
  REQUIRE(board.record().groups[0].finished == 4);
  // The next operation is described although nobody waits for it yet.
  board.started(slot, {{"combine", 2, "", "forward"}, "world", 5, 0, 0});
  REQUIRE(std::string(board.record().operation) == "combine");
}

TEST_CASE("a record holds any number of groups, made before and after it is opened") {
  const TemporaryFolder folder;
  RecordBoard board(0, 1, 5);
  constexpr int kMany = 500;
  for (int i = 0; i < kMany; ++i) {
    if (i == 20) board.open(folder.path);
    const int slot = board.add_group("group " + std::to_string(i));
    board.started(slot, {{"sum"}, "group " + std::to_string(i), 1000 + i, 0, 0});
  }
  board.end_wait(kMany - 1, 7, false);
  const auto record = read_record(folder.path, 0);
  REQUIRE(record.has_value());
  REQUIRE(record->groups.size() == kMany);
  int wrong = 0;
  for (int i = 0; i < kMany; ++i) {
    const RecordGroup& group = record->groups[static_cast<std::size_t>(i)];
    wrong += group.name != "group " + std::to_string(i) || group.started != 1000 + i || group.finished != (i == kMany - 1 ? 7 : -1);
  }
  REQUIRE(wrong == 0);
  REQUIRE(board.record().groups.size() == kMany);
}

TEST_CASE("a record of an earlier format, or one that was cut, is taken for none") {
  const TemporaryFolder folder;
  {
    RecordBoard board(0, 1, 5);
    board.add_group("world");
    board.open(folder.path);
  }
  REQUIRE(read_record(folder.path, 0).has_value());
  const auto size = std::filesystem::file_size(record_path(folder.path, 0));
  std::filesystem::resize_file(record_path(folder.path, 0), sizeof(RecordHead) + sizeof(RecordGroup) - 1);
  REQUIRE_FALSE(read_record(folder.path, 0).has_value());
  std::filesystem::resize_file(record_path(folder.path, 0), size);
  REQUIRE(read_record(folder.path, 0).has_value());
  std::fstream(record_path(folder.path, 0), std::ios::in | std::ios::out | std::ios::binary) << "SLUREC03";
  REQUIRE_FALSE(read_record(folder.path, 0).has_value());
  REQUIRE(read_records(folder.path).empty());
}

TEST_CASE("one rank reports what all see") {
  const TemporaryFolder folder;
  REQUIRE(claim_report(folder.path, "the ranks disagree\n"));
  REQUIRE_FALSE(claim_report(folder.path, "the ranks disagree\n"));
  REQUIRE(claim_report("", "no records: each speaks for itself"));
}

TEST_CASE("records of another start, foreign files and damaged ones are not believed") {
  const TemporaryFolder folder;
  { std::ofstream(record_path(folder.path, 0)) << "not a record"; }
  { std::ofstream(folder.path / "rank-notes.txt") << "x"; }
  REQUIRE_FALSE(read_record(folder.path, 0).has_value());
  REQUIRE(read_records(folder.path).empty());
  {
    RecordBoard old(3, 4, 1);
    old.open(folder.path);
    usleep(2000);
    RecordBoard first(0, 2, 2), second(1, 2, 2);
    first.open(folder.path);
    second.open(folder.path);
  }
  const auto records = read_records(folder.path);
  REQUIRE(records.size() == 2);
  REQUIRE((records[0] && records[1] && records[0]->job == 2));
}

TEST_CASE("the report on finished ranks is empty, on others it names one") {
  const TemporaryFolder folder;
  REQUIRE(report_on_records(folder.path).empty());
  RecordBoard first(0, 2, 2), second(1, 2, 2);
  first.open(folder.path);
  second.open(folder.path);
  first.set_finished();
  second.set_failed("it broke", ExitCode::kData);
  REQUIRE(report_on_records(folder.path).find("the job ended because of rank 1") == 0);
  second.set_finished();
  REQUIRE(report_on_records(folder.path).empty());
}

TEST_CASE("a run that was killed blames nobody, one that noticed does, with times up to its end") {
  const TemporaryFolder folder;
  const double end = wall_seconds() - 5000;  // long ago
  std::vector<RankRecord> records(2);
  for (int rank = 0; rank < 2; ++rank) {
    RankRecord& record = records[static_cast<std::size_t>(rank)];
    std::memcpy(record.magic, RankRecord::kMagic, sizeof record.magic);
    record.rank = rank;
    record.world_size = 2;
    record.job = 9;
    record.step = 12;
    record.since = end - 60;
    record.written = end - 60;
    set_text(record.operation, "dispatch rows");
  }
  records[0].state = RankState::kWaiting;  // for rank 1, which computes: as at any moment of a good run
  records[0].num_waits_for = 1;
  records[0].waits_for[0] = 1;
  records[0].written = end;
  const auto write = [&] {
    for (const RankRecord& record : records)
      std::ofstream(record_path(folder.path, record.rank), std::ios::binary)
          .write(reinterpret_cast<const char*>(static_cast<const RecordHead*>(&record)), sizeof(RecordHead));
  };
  write();
  const std::string killed = report_on_records(folder.path);
  REQUIRE(killed == "it ended without a word at step 12, in or after 'dispatch rows': killed, or a machine went down\n");
  // One alone was asked to stop by the launcher, since the other had gone; all, by whoever wants the job to stop.
  set_text(records[0].stop_signal, "SIGTERM");
  write();
  REQUIRE(report_on_records(folder.path) == killed);
  set_text(records[1].stop_signal, "SIGTERM");
  write();
  REQUIRE(report_on_records(folder.path) ==
          "it was asked to stop (SIGTERM), and killed before it had stopped at step 12, in or after 'dispatch rows'\n");
  records[0].late = 1;
  write();
  const std::string noticed = report_on_records(folder.path);
  REQUIRE(noticed.find("communication failed because of rank 1") == 0);
  REQUIRE(noticed.find("outside communication for 60.0 s") != std::string::npos);
  // Killed while both waited: only who saw it can tell, and was ended by the launcher before its own report.
  records[1].state = RankState::kWaiting;
  records[1].num_waits_for = 1;
  records[1].waits_for[0] = 0;
  records[0].found_dead = 1;
  write();
  REQUIRE(report_on_records(folder.path).find("communication failed because of rank 1") == 0);
  REQUIRE(report_on_records(folder.path).find("its process has died; its last operation was 'dispatch rows' (step 12)") !=
          std::string::npos);
}

TEST_CASE("the failure report of an earlier start goes when rank 0 opens its record") {
  const TemporaryFolder folder;
  { std::ofstream(folder.path / kFailureFile) << "communication failed because of rank 1\n"; }
  RecordBoard second(1, 2, 2);
  second.open(folder.path);
  REQUIRE(std::filesystem::exists(folder.path / kFailureFile));
  RecordBoard first(0, 2, 2);
  first.open(folder.path);
  REQUIRE_FALSE(std::filesystem::exists(folder.path / kFailureFile));
}

TEST_CASE("a folder that cannot be made is a data error with its name") {
  RecordBoard board(0, 1, 0);
  std::string text;
  try {
    board.open("/proc/no/such/folder");
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::kData);
    text = error.what();
  }
  REQUIRE(text.find("/proc/no/such/folder/rank-0000") == 0);
}

TEST_CASE("texts are cut to fit") {
  char small[5];
  set_text(small, "abcdefgh");
  REQUIRE(std::string(small) == "abcd");
  set_text(small, "");
  REQUIRE(std::string(small).empty());
}
