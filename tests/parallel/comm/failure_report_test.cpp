#include "parallel/comm/failure_report.hpp"

#include "tests/support/catch.hpp"

using namespace sluice::parallel;

namespace {

constexpr double kNow = 1000;

RankObservation waiting(int rank, const char* operation, const char* group, std::int64_t sequence, std::vector<int> waits_for,
                        bool late = true) {
  RankRecord record;
  record.rank = rank;
  record.pid = 100 + rank;
  set_text(record.host, "node" + std::to_string(rank / 2));
  record.state = RankState::kWaiting;
  record.since = kNow - 60;
  record.late = late ? 1 : 0;
  set_text(record.operation, operation);
  set_text(record.group, group);
  set_text(record.phase, "forward");
  record.step = 12;
  set_text(record.slot, "layers.3.feed_forward");
  record.sequence = sequence;
  record.waits_for_group = waits_for.empty() ? 1 : 0;
  record.num_waits_for = static_cast<int>(waits_for.size());
  for (std::size_t i = 0; i < waits_for.size() && i < RankRecord::kMaxWaitsFor; ++i) record.waits_for[i] = waits_for[i];
  record.num_groups = 1;
  record.groups.resize(1);
  set_text(record.groups[0].name, group);
  record.groups[0].started = sequence;
  record.groups[0].finished = sequence - 1;
  return {record, ProcessState::kUnknown, true};
}

RankObservation computing(int rank, const char* group, std::int64_t started) {
  RankObservation observed = waiting(rank, "combine", group, started, {});
  observed.record->state = RankState::kComputing;
  observed.record->late = 0;
  observed.record->since = kNow - 61.5;
  return observed;
}

using Ranks = std::vector<int>;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the rank that waits for nobody is the culprit, also through a chain") {
  // 0 waits for 1, 1 for 2; 2 computes. 3 computes too, but nobody waits for it.
  const std::vector<RankObservation> all = {waiting(0, "rows", "world", 5, {1}), waiting(1, "pair sum", "pair[0]", 9, {2}),
                                            computing(2, "pair[0]", 8), computing(3, "other", 1)};
  const FailureReport report = compose_failure_report(all, kNow);
  REQUIRE(report.culprits == Ranks{2});
  REQUIRE(report.headline ==
          "communication failed because of rank 2 on node1 (pid 102): it waits for nobody: outside communication for 61.5 s, its last "
          "operation was "
          "'combine' (step 12, layers.3.feed_forward, forward, group pair[0], sequence 8)");
  // The culprit is the first row of the table.
  REQUIRE(report.text.find("\n  2 ") < report.text.find("\n  0 "));
  REQUIRE(contains(report.text, "rows"));
}

TEST_CASE("in a collective the culprit is whoever has not started it") {
  const std::vector<RankObservation> all = {waiting(0, "barrier", "world", 7, {}), waiting(1, "barrier", "world", 7, {}),
                                            computing(2, "world", 6), computing(3, "world", 7)};
  REQUIRE(compose_failure_report(all, kNow).culprits == Ranks{2});
}

TEST_CASE("any number of groups counts") {
  std::vector<RankObservation> all = {waiting(0, "barrier", "group 40", 7, {}), computing(1, "group 40", 6)};
  for (auto& observed : all) {
    const RecordGroup last = observed.record->groups[0];
    for (int i = 0; i < 40; ++i) {
      RecordGroup group;
      set_text(group.name, "group " + std::to_string(i));
      observed.record->groups.insert(observed.record->groups.end() - 1, group);
    }
    REQUIRE(std::string_view(observed.record->groups.back().name) == last.name);
  }
  REQUIRE(compose_failure_report(all, kNow).culprits == Ranks{1});
}

TEST_CASE("a rank that works alone is told with what at, and since when it has said nothing") {
  std::vector<RankObservation> all = {waiting(0, "save verdict", "world", 7, {1}), computing(1, "world", 6)};
  set_text(all[1].record->heartbeat_text, "saving step 12: model.safetensors, tensor 'x'");
  all[1].record->heartbeat_at = kNow - 42;
  REQUIRE(contains(compose_failure_report(all, kNow).headline,
                   "; it works alone at: saving step 12: model.safetensors, tensor 'x' (said 42.0 s ago)"));
}

TEST_CASE("two ranks that wait for messages of each other's at different operations disagree") {
  const std::vector<RankObservation> all = {waiting(0, "save tensor", "world", -1, {1}), waiting(1, "save manifest", "world", -1, {0})};
  const FailureReport report = compose_failure_report(all, kNow);
  REQUIRE(report.culprits == Ranks{0, 1});
  REQUIRE(contains(
      report.headline,
      "the ranks disagree: it is in 'save tensor' (step 12, layers.3.feed_forward, forward, group world), rank 1 in 'save manifest'"));
}

TEST_CASE("a rank that left no record is the culprit if somebody waits for it") {
  std::vector<RankObservation> all = {waiting(0, "barrier", "world", 7, {}), {}, waiting(2, "barrier", "world", 7, {})};
  const FailureReport report = compose_failure_report(all, kNow);
  REQUIRE(report.culprits == Ranks{1});
  REQUIRE(contains(report.headline, "rank 1: it left no record"));
  REQUIRE(contains(report.text, "no record"));
}

TEST_CASE("dead, stopped, failed, silent and departed ranks are said to be so") {
  std::vector<RankObservation> all = {waiting(0, "rows", "world", 7, {1}), waiting(1, "rows", "world", 7, {0}, false)};
  SECTION("dead") {
    all[1].process = ProcessState::kGone;
    REQUIRE(contains(compose_failure_report(all, kNow).headline,
                     "rank 1 on node0 (pid 101): its process has died; its last operation was 'rows'"));
    // It ended itself, since its save hung.
    all[1].record->exit_code = 4;
    set_text(all[1].record->message, "no progress for 600.0 s");
    REQUIRE(contains(compose_failure_report(all, kNow).headline, "it stopped with an error (exit code 4): no progress for 600.0 s"));
  }
  SECTION("stopped") {
    all[1].process = ProcessState::kStopped;
    REQUIRE(contains(compose_failure_report(all, kNow).headline, "rank 1 on node0 (pid 101): its process is stopped (SIGSTOP"));
  }
  SECTION("failed") {
    all[1].record->state = RankState::kFailed;
    all[1].record->exit_code = 3;
    set_text(all[1].record->message, "corpus.txt: cannot be read");
    REQUIRE(compose_failure_report(all, kNow).headline ==
            "the job ended because of rank 1 on node0 (pid 101): it stopped with an error (exit code 3): corpus.txt: cannot be read");
    // Its own error is why it is gone, and why another rank lost the wire.
    all[1].process = ProcessState::kGone;
    all[0].record->state = RankState::kFailed;
    all[0].record->exit_code = 4;
    set_text(all[0].record->message, "the ranks disagree");
    REQUIRE(contains(compose_failure_report(all, kNow).headline, "rank 1 on node0 (pid 101): it stopped with an error (exit code 3)"));
  }
  SECTION("leaving with an error, in which it still waits for the others") {
    all[1].record->exit_code = 2;
    set_text(all[1].record->message, "recipe.yaml: no such key");
    const FailureReport report = compose_failure_report(all, kNow);
    REQUIRE(contains(report.headline, "it stopped with an error (exit code 2): recipe.yaml: no such key"));
    REQUIRE(contains(report.text, "failed"));
  }
  SECTION("asked to stop, which is no error") {
    all[1].process = ProcessState::kStopped;
    set_text(all[0].record->stop_signal, "SIGTERM");
    REQUIRE(contains(compose_failure_report(all, kNow).text, "late, asked to stop by SIGTERM"));
  }
  SECTION("silent") {
    all[1].responsive = false;
    REQUIRE(contains(compose_failure_report(all, kNow).headline, "rank 1 on node0 (pid 101): it does not respond any more, in 'rows'"));
  }
  SECTION("departed") {
    all[1].record->state = RankState::kFinished;
    REQUIRE(contains(compose_failure_report(all, kNow).headline, "it left the job while others wait for it"));
  }
  REQUIRE(compose_failure_report(all, kNow).culprits == Ranks{1});
}

TEST_CASE("ranks that wait for each other: one is behind, or at another operation") {
  SECTION("behind in the same group") {
    const std::vector<RankObservation> all = {waiting(0, "rows", "world", 8, {2}), waiting(1, "rows", "world", 8, {2}),
                                              waiting(2, "counts", "world", 7, {0, 1})};
    const FailureReport report = compose_failure_report(all, kNow);
    REQUIRE(report.culprits == Ranks{2});
    REQUIRE(contains(report.headline, "it is behind, in 'counts'"));
  }
  SECTION("another operation under the same number: the minority") {
    std::vector<RankObservation> all = {waiting(0, "rows", "world", 8, {1}), waiting(1, "barrier", "world", 8, {}),
                                        waiting(2, "rows", "world", 8, {1})};
    const FailureReport report = compose_failure_report(all, kNow);
    REQUIRE(report.culprits == Ranks{1});
    REQUIRE(contains(report.headline, "the ranks disagree: it is in 'barrier'"));
  }
  SECTION("nobody stands out") {
    const std::vector<RankObservation> all = {waiting(0, "rows", "world", 8, {1}), waiting(1, "rows", "world", 8, {0})};
    const FailureReport report = compose_failure_report(all, kNow);
    REQUIRE(report.culprits == Ranks{0, 1});
    REQUIRE(contains(report.headline, "ranks wait for each other although none is behind"));
  }
}

TEST_CASE("the report of a large job stays short") {
  std::vector<RankObservation> all;
  for (int rank = 0; rank < 500; ++rank) all.push_back(waiting(rank, "barrier", "world", 7, {}));
  all[321] = computing(321, "world", 6);
  const FailureReport report = compose_failure_report(all, kNow);
  REQUIRE(report.culprits == Ranks{321});
  REQUIRE(contains(report.text, "... and 468 more ranks"));
  REQUIRE(report.text.size() < 8000);
}

TEST_CASE("a report on nothing does not fail") {
  REQUIRE(compose_failure_report({}, kNow).culprits.empty());
  const std::vector<RankObservation> all(3);
  REQUIRE(contains(compose_failure_report(all, kNow).headline, "no rank stands out"));
}
