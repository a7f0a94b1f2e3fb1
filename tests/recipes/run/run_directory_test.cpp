#include "recipes/run/run_directory.hpp"

#include "core/base/error.hpp"
#include "recipes/run/summary.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;
namespace fs = std::filesystem;

TEST_CASE("names inside a run are the contract's") {
  const RunDirectory run("runs/example");
  CHECK(run.resolved_recipe() == "runs/example/recipe.resolved.yaml");
  CHECK(run.metrics() == "runs/example/metrics.jsonl");
  CHECK(run.receipts() == "runs/example/receipts.jsonl");
  CHECK(run.tokenizer() == "runs/example/tokenizer.json");
  CHECK(run.summary() == "runs/example/summary.json");
  CHECK(run.log() == "runs/example/log.txt");
  CHECK(run.checkpoint(1000) == "runs/example/checkpoints/step-00001000");
  CHECK(run.checkpoint(1234567890) == "runs/example/checkpoints/step-1234567890");
}

TEST_CASE("a checkpoint folder's name gives its step") {
  CHECK(checkpoint_step("step-00001000") == 1000);
  CHECK(checkpoint_step("step-00000000") == 0);
  CHECK(checkpoint_step("step-1234567890") == 1234567890);
  for (const char* name : {"step-", "step-1000", "step-00001000.tmp42", ".step-00001000", "step-0000100x", "step--0000001", "stop-00001000",
                           "step-99999999999999999999"})
    CHECK(checkpoint_step(name) == -1);
}

TEST_CASE("a start finds a new, a resumable or a finished run") {
  const TemporaryDirectory folder;
  const RunDirectory run(folder.path() / "deep" / "er");
  CHECK(run.state() == RunStatus::kNew);
  run.create();
  run.create();
  CHECK(run.state() == RunStatus::kNew);
  run.write_resolved_recipe("name: example\n");
  CHECK(read_file(run.resolved_recipe()) == "name: example\n");
  // A recipe and logs without a checkpoint are leftovers, an unfinished save too.
  CHECK(run.state() == RunStatus::kNew);
  fs::create_directory(run.checkpoint(100));
  fs::create_directory(run.checkpoints() / "step-00000200.tmp7");
  write_text(run.checkpoints() / "step-00000200.tmp7" / "manifest.json", "{}");
  CHECK(run.state() == RunStatus::kNew);
  write_text(run.checkpoint(100) / "manifest.json", "{}");
  CHECK(run.state() == RunStatus::kResumable);
  RunSummary summary;
  write_summary(run.summary(), summary);
  CHECK(run.state() == RunStatus::kResumable);
  summary.finished = true;
  write_summary(run.summary(), summary);
  CHECK(run.state() == RunStatus::kFinished);
  write_text(run.summary(), "{\"finished\": tr");
  CHECK(contains(message_of<Error>([&] { run.state(); }), "summary.json: not a run summary (syntax error"));
  write_text(run.summary(), "{}");
  CHECK(contains(message_of<Error>([&] { run.state(); }), "summary.json: not a run summary (key 'finished' not found)"));
  write_text(run.summary(), "");
  CHECK(contains(message_of<Error>([&] { run.state(); }), "summary.json: not a run summary (it is empty)"));
}

TEST_CASE("what a killed start was writing is removed, and nothing else") {
  const TemporaryDirectory folder;
  const RunDirectory run(folder.path());
  run.create();
  const auto put = [&](const char* name) { write_text(folder.path() / name, "half"); };
  const std::vector<const char*> leftovers = {
      "recipe.resolved.yaml.tmp123", "recipe.resolved.yaml.tmp4",  "metrics.jsonl.tmp5", "receipts.jsonl.tmp5",
      "tokenizer.json.tmp5",         "tokenizer_config.json.tmp5", "summary.json.tmp5"};
  const std::vector<const char*> others = {
      "recipe.resolved.yaml", "recipe.resolved.yaml.tmp",      "recipe.resolved.yaml.tmp1a", "recipe.resolved.yaml.bak",
      "notes.tmp123",         "my.recipe.resolved.yaml.tmp123"};
  for (const auto& names : {leftovers, others}) std::for_each(names.begin(), names.end(), put);
  run.remove_leftovers();
  for (const char* name : leftovers) CHECK_FALSE(fs::exists(folder.path() / name));
  for (const char* name : others) CHECK(fs::exists(folder.path() / name));
}

TEST_CASE("a run directory that cannot be is refused with the reason") {
  const TemporaryDirectory folder;
  write_text(folder.path() / "file", "");
  CHECK(contains(message_of<Error>([&] { RunDirectory(folder.path() / "file").create(); }),
                 "the run directory cannot be made: Not a directory; choose another run_dir"));
  if (geteuid() != 0) {
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
    CHECK(contains(message_of<Error>([&] { RunDirectory(folder.path() / "run").create(); }), "Permission denied"));
    fs::permissions(folder.path(), fs::perms::owner_all);
  }
}
