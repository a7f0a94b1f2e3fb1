#include "core/checkpoint/checkpoint_directory.hpp"

#include "core/base/cannot_look.hpp"
#include "core/checkpoint/verify.hpp"
#include "tests/core/checkpoint/checkpoint_samples.hpp"
#include "tests/support/catch.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace sluice;
using namespace sluice::checkpoint;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;
using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("folders are named by step, and only such names count") {
  CHECK(step_folder_name(1000) == "step-00001000");
  CHECK(step_folder_name(123456789012) == "step-123456789012");
  for (const std::int64_t step : {0LL, 7LL, 99999999LL, 100000000LL}) CHECK(parse_step_folder(step_folder_name(step)) == step);
  for (const char* name :
       {"step-1000", "step-000001000", "step-0000100x", "step-", "Step-00001000", ".writing-step-00001000", "step-00001000.bak"})
    CHECK(!parse_step_folder(name));
}

TEST_CASE("a committed save is listed, whole, and leaves nothing aside") {
  const TemporaryFolder folder;
  const fs::path checkpoints = folder / "run/checkpoints";
  CHECK(list_checkpoints(checkpoints).empty());
  CHECK(!latest_good_checkpoint(checkpoints).good);
  save_sample(checkpoints, 20);
  save_sample(checkpoints, 5);
  save_sample(checkpoints, 100);
  CHECK(names_in(checkpoints) == Names{"step-00000005", "step-00000020", "step-00000100"});
  const auto entries = list_checkpoints(checkpoints);
  REQUIRE(entries.size() == 3);
  CHECK(entries[1].step == 20);
  const LatestCheckpoint latest = latest_good_checkpoint(checkpoints);
  REQUIRE(latest.good);
  CHECK(latest.good->step == 100);
  CHECK(latest.manifest.stage == "dense");
  CHECK(latest.skipped.empty());
}

TEST_CASE("damaged checkpoints are skipped, with the reason, and the good one before them is used") {
  const TemporaryFolder folder;
  for (const std::int64_t step : {10, 20, 30, 40}) save_sample(folder.path(), step);
  fs::remove(folder / "step-00000040/manifest.json");
  std::string bytes = read_file(folder / "step-00000030/state/optimizer.safetensors");
  bytes.back() = static_cast<char>(~bytes.back());
  write_text(folder / "step-00000030/state/optimizer.safetensors", bytes);
  fs::create_directory(folder / "step-00000050");
  const LatestCheckpoint latest = latest_good_checkpoint(folder.path());
  REQUIRE(latest.good);
  CHECK(latest.good->step == 20);
  CHECK(latest.manifest.step == 20);
  REQUIRE(latest.skipped.size() == 3);
  CHECK(has(latest.skipped[0].reason, "step-00000050/manifest.json: cannot be read"));
  CHECK(has(latest.skipped[1].reason, "step-00000040/manifest.json: cannot be read"));
  CHECK(has(latest.skipped[2].reason, "step-00000030: damaged: state/optimizer.safetensors: tensor 'layers.0.w.m': expected checksum"));
  // A folder under another step's name.
  fs::rename(folder / "step-00000020", folder / "step-00000060");
  CHECK(latest_good_checkpoint(folder.path()).good->step == 10);
}

TEST_CASE("a save that is wrong is not committed, and what was there stays") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 10);
  const auto save = prepare_save(folder.path(), 20);
  Manifest manifest = write_sample_files(save, 20, "dense");
  manifest.files["tokenizer.json"] = {4, {}};
  CHECK(has(data_error_of([&] { commit_save(folder.path(), manifest); }), "tokenizer.json: cannot be read"));
  manifest.files.erase("tokenizer.json");
  manifest.tensor_files.at("model.safetensors").tensors.at("layers.0.w").checksum.low ^= 1;
  CHECK(has(data_error_of([&] { commit_save(folder.path(), manifest, VerifyDepth::kEverything); }), "tensor 'layers.0.w'"));
  CHECK(list_checkpoints(folder.path()).size() == 1);
  CHECK(latest_good_checkpoint(folder.path()).good->step == 10);
  CHECK(remove_leftovers(folder.path()) == Names{".writing-step-00000020"});
  CHECK(names_in(folder.path()) == Names{"step-00000010"});
}

TEST_CASE("a checkpoint of another version of the program is refused, not taken for damage") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 10);
  save_sample(folder.path(), 20);
  std::string manifest = sluice::read_file(folder / "step-00000020/manifest.json");
  const std::string version = "\"format_version\": 1";
  manifest.replace(manifest.find(version), version.size(), "\"format_version\": 7");
  write_text(folder / "step-00000020/manifest.json", manifest);
  CHECK_THROWS_AS(latest_good_checkpoint(folder.path()), FormatVersionError);
  CHECK(names_in(folder.path()) == Names{"step-00000010", "step-00000020"});
}

TEST_CASE("files that cannot be opened for want of handles are no damage") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 10);
  const auto newest = save_sample(folder.path(), 20);
  const Manifest manifest = read_manifest(newest);
  // With the lowest descriptor that is free as the limit, none can be opened.
  struct rlimit before {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int lowest = dup(0);
  REQUIRE(lowest >= 0);
  close(lowest);
  std::string of_files, of_listing;
  const auto why = [](const auto& look) -> std::string {
    try {
      look();
    } catch (const CannotLook& error) {
      return error.what();
    } catch (const std::exception& error) {
      return std::string("taken for damage: ") + error.what();
    }
    return "";
  };
  struct rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  of_files = why([&] { require_undamaged(newest, verify_files(newest, manifest, VerifyDepth::kEverything)); });
  const Manifest nothing_to_open;
  of_listing = why([&] { require_undamaged(newest, verify_checkpoint(newest, nothing_to_open, VerifyDepth::kStructure)); });
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(has(of_files, "cannot be opened: Too many open files"));
  CHECK(has(of_listing, "step-00000020: cannot be listed: Too many open files"));
  CHECK(latest_good_checkpoint(folder.path()).good->step == 20);
}

TEST_CASE("a damaged checkpoint is set aside under a name of its own") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 10);
  save_sample(folder.path(), 20);
  CHECK(set_damaged_aside(folder.path(), 20).filename() == "damaged-step-00000020");
  save_sample(folder.path(), 20);
  CHECK(set_damaged_aside(folder.path(), 20).filename() == "damaged-step-00000020.2");
  CHECK(list_checkpoints(folder.path()).size() == 1);
  CHECK(remove_leftovers(folder.path()).empty());
  CHECK(names_in(folder.path()) == Names{"damaged-step-00000020", "damaged-step-00000020.2", "step-00000010"});
}

TEST_CASE("a checkpoint of the same step is replaced") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 10, "old");
  fs::remove(folder / "step-00000010/config.json");
  save_sample(folder.path(), 10, "new");
  const LatestCheckpoint latest = latest_good_checkpoint(folder.path());
  REQUIRE(latest.good);
  CHECK(latest.manifest.stage == "new");
  CHECK(names_in(folder.path()) == Names{"step-00000010"});
}

TEST_CASE("what killed processes leave behind is cleared or brought back") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 10);
  save_sample(folder.path(), 20);
  fs::rename(folder / "step-00000020", folder / ".replaced-step-00000020");  // killed between the two renames
  fs::create_directories(folder / ".replaced-step-00000010");                // killed after them
  write_sample_files(prepare_save(folder.path(), 30), 30, "dense");
  fs::create_directories(folder / ".removing-step-00000005");
  write_text(folder / "notes.txt", "not ours");
  fs::create_directories(folder / ".git");
  CHECK(remove_leftovers(folder.path()) ==
        Names{".removing-step-00000005", ".replaced-step-00000010", ".replaced-step-00000020", ".writing-step-00000030"});
  CHECK(names_in(folder.path()) == Names{".git", "notes.txt", "step-00000010", "step-00000020"});
  CHECK(latest_good_checkpoint(folder.path()).good->step == 20);
  CHECK(remove_leftovers(folder.path()).empty());
  CHECK(remove_leftovers(folder / "absent").empty());
}

TEST_CASE("a process killed at any moment of saving leaves a good checkpoint") {
  const TemporaryFolder folder;
  save_sample(folder.path(), 1);
  for (int round = 0; round < 25; ++round) {
    const std::int64_t newest = latest_good_checkpoint(folder.path()).good->step;
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        for (std::int64_t step = newest;; ++step) {  // begins with a step that is there, which is then replaced
          save_sample(folder.path(), step);
          prune_checkpoints(folder.path(), 2);
        }
      } catch (...) {}
      _exit(1);
    }
    usleep(static_cast<useconds_t>(1000 + 1777 * round % 30000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    remove_leftovers(folder.path());
    const LatestCheckpoint latest = latest_good_checkpoint(folder.path());
    INFO("round " << round << (latest.skipped.empty() ? "" : latest.skipped[0].reason));
    REQUIRE(latest.good);
    REQUIRE(latest.good->step >= newest);
    REQUIRE(latest.skipped.empty());
    for (const std::string& name : names_in(folder.path())) REQUIRE(name.rfind("step-", 0) == 0);
  }
}

TEST_CASE("pruning keeps the newest, each stage's last and the protected ones") {
  const std::vector<StepAndStage> all = {{10, "a"}, {20, "a"}, {30, "b"}, {40, "b"}, {50, "c"}, {60, "c"}, {70, "c"}};
  CHECK(steps_to_prune(all, 1) == Steps{10, 30, 50, 60});
  CHECK(steps_to_prune(all, 3) == Steps{10, 30});
  CHECK(steps_to_prune(all, 3, {10}) == Steps{30});
  CHECK(steps_to_prune(all, 0) == Steps{10, 30, 50, 60});
  CHECK(steps_to_prune(all, 100).empty());
  CHECK(steps_to_prune({}, 1).empty());

  const TemporaryFolder folder;
  for (const auto& [step, stage] : all) save_sample(folder.path(), step, stage);
  fs::remove(folder / "step-00000010/manifest.json");
  fs::remove(folder / "step-00000070/manifest.json");
  // 70 cannot be read: it does not count as the newest, and nothing newer replaces it. 10 has two readable successors.
  CHECK(prune_checkpoints(folder.path(), 2) == Steps{10, 30});
  CHECK(names_in(folder.path()) == Names{"step-00000020", "step-00000040", "step-00000050", "step-00000060", "step-00000070"});
}
