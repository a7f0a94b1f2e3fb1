#include "core/checkpoint/model_location.hpp"

#include "tests/core/checkpoint/checkpoint_samples.hpp"
#include "core/checkpoint/tensor_index.hpp"
#include "tests/support/catch.hpp"

#include <thread>

using namespace sluice;
using namespace sluice::checkpoint;
namespace fs = std::filesystem;

TEST_CASE("runs, steps, checkpoints and foreign folders are found by name") {
  const TemporaryFolder folder;
  const fs::path run = folder / "my@run";
  save_sample(run / "checkpoints", 10);
  save_sample(run / "checkpoints", 20);
  write_text(folder / "hub/config.json", "{}");

  const ModelLocation latest = locate_model(run.string());
  CHECK(latest.path == run / "checkpoints/step-00000020");
  CHECK(latest.run == run);
  CHECK(latest.step == 20);
  CHECK(latest.warnings.empty());

  const ModelLocation first = locate_model(run.string() + "@10");
  CHECK(first.path == run / "checkpoints/step-00000010");
  CHECK(first.run == run);

  const ModelLocation direct = locate_model((run / "checkpoints/step-00000010").string());
  CHECK(direct.step == 10);
  CHECK(fs::equivalent(direct.run, run));
  const fs::path slashed = (run / "checkpoints/step-00000010").string() + "/";
  CHECK(fs::equivalent(locate_model(slashed.string()).run, run));

  const ModelLocation hub = locate_model((folder / "hub").string());
  CHECK(hub.path == folder / "hub");
  CHECK(!hub.step);
  CHECK(hub.run.empty());
}

TEST_CASE("a run may be named without its folder") {
  const TemporaryFolder folder;
  save_sample(folder / "runs/quick/checkpoints", 10);
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  const ModelLocation named = locate_model("quick");
  const ModelLocation stepped = locate_model("quick@10");
  fs::current_path(before);
  CHECK(named.path == fs::path("runs/quick/checkpoints/step-00000010"));
  CHECK(stepped.path == named.path);
}

TEST_CASE("what cannot be found is said, with what there is") {
  const TemporaryFolder folder;
  const std::string run = (folder / "run").string();
  const auto message = [](const std::string& name) { return data_error_of([&] { locate_model(name); }); };
  CHECK(has(message(run), "no such run, checkpoint or folder"));
  CHECK(has(message(""), "no such run"));
  fs::create_directories(run);
  CHECK(has(message(run), "neither a run (no 'checkpoints' in it)"));
  fs::create_directories(run + "/checkpoints");
  CHECK(has(message(run), "the run has no checkpoint yet"));
  CHECK(has(message(run + "@10"), "has no checkpoint of step 10; it has: none"));
  save_sample(run + "/checkpoints", 10);
  save_sample(run + "/checkpoints", 20);
  CHECK(has(message(run + "@30"), "has no checkpoint of step 30; it has: 10, 20"));
  CHECK(has(message(run + "@x"), "expected a step after '@', found 'x'"));
}

TEST_CASE("a folder whose description is a link to nothing is not another kind of folder") {
  const TemporaryFolder folder;
  const auto message = [&](const char* name) { return data_error_of([&] { locate_model((folder / name).string()); }); };
  write_text(folder / "hub/config.json", "{}");
  fs::create_symlink("/gone", folder / "hub/manifest.json");  // unverified, it would be taken for another program's
  CHECK(has(message("hub"), "hub/manifest.json: a link to /gone, which is not there"));
  fs::create_directories(folder / "snapshot");
  fs::create_symlink("../blobs/x", folder / "snapshot/config.json");
  CHECK(has(message("snapshot"), "snapshot/config.json: a link to ../blobs/x, which is not there"));
  fs::create_symlink("moved", folder / "run");
  CHECK(has(message("run"), "/run: a link to moved, which is not there"));
}

TEST_CASE("a damaged checkpoint asked for by name is an error, a damaged latest one a warning") {
  const TemporaryFolder folder;
  save_sample(folder / "checkpoints", 10);
  const fs::path newest = save_sample(folder / "checkpoints", 20);
  std::string bytes = read_file(newest / "model.safetensors");
  bytes.back() = static_cast<char>(~bytes.back());
  write_text(newest / "model.safetensors", bytes);
  const std::string run = folder.path().string();
  CHECK(has(data_error_of([&] { locate_model(run + "@20"); }), "model.safetensors: tensor 'layers.1.w': expected checksum"));
  CHECK(has(data_error_of([&] { locate_model(newest.string()); }), "tensor 'layers.1.w'"));
  const ModelLocation latest = locate_model(run);
  CHECK(latest.step == 10);
  REQUIRE(latest.warnings.size() == 1);
  CHECK(has(latest.warnings[0], "skipped "));
  CHECK(has(latest.warnings[0], "tensor 'layers.1.w'"));
  CHECK(locate_model(run, VerifyDepth::kStructure).step == 20);
}

namespace {

/// A run that goes on: saves another checkpoint and removes all older ones.
struct RotatingRun {
  fs::path checkpoints;
  std::int64_t step = 0;
  void rotate() {
    save_sample(checkpoints, ++step);
    prune_checkpoints(checkpoints, 1);
  }
};

}  // namespace

TEST_CASE("a latest checkpoint that goes away while it is opened gives way to the latest by then") {
  const TemporaryFolder folder;
  RotatingRun run{folder / "run/checkpoints"};
  run.rotate();
  std::vector<std::int64_t> tried;
  TensorIndex opened;
  open_located((folder / "run").string(), VerifyDepth::kEverything, [&](const ModelLocation& location) {
    tried.push_back(*location.step);
    if (tried.size() < 3) run.rotate();
    opened = TensorIndex::open(location.path);  // fails where it is gone
  });
  CHECK(tried == std::vector<std::int64_t>{1, 2, 3});
  CHECK(opened.contains("layers.0.w"));

  // One that was read to its end, but in part after it had gone, is read again.
  int calls = 0;
  open_located((folder / "run").string(), VerifyDepth::kEverything, [&](const ModelLocation&) {
    if (++calls == 1) run.rotate();
  });
  CHECK(calls == 2);
  // As is one that was written anew: another folder under the same name.
  open_located((folder / "run").string(), VerifyDepth::kEverything, [&](const ModelLocation& location) {
    if (++calls == 3) save_sample(run.checkpoints, *location.step);
  });
  CHECK(calls == 4);
  // After that it may go: what is mapped stays.
  run.rotate();
  CHECK(opened.at("layers.0.w").bytes.size() == 48);
}

TEST_CASE("a checkpoint that was named and goes away is told so in one line, as is a run that outruns its reader") {
  const TemporaryFolder folder;
  RotatingRun run{folder / "run/checkpoints"};
  const auto message = [&](const std::string& suffix) {
    run.rotate();
    const std::string name = (folder / "run").string() + suffix + (suffix.empty() ? "" : std::to_string(run.step));
    return data_error_of([&] {
      open_located(name, VerifyDepth::kEverything, [&](const ModelLocation& location) {
        run.rotate();
        TensorIndex::open(location.path);
      });
    });
  };
  const std::string why = ": went away while it was read: its run goes on and keeps only its latest checkpoints (checkpoint.keep)";
  const std::string name = (folder / "run").string();
  CHECK(message("@") == name + "@1" + why);
  CHECK(message("/checkpoints/step-0000000") == name + "/checkpoints/step-00000003" + why);
  CHECK(message("") == name + why);
}

TEST_CASE("what is wrong with a checkpoint that stays is told as it is, at once") {
  const TemporaryFolder folder;
  save_sample(folder / "run/checkpoints", 1);
  int calls = 0;
  CHECK(data_error_of([&] {
          open_located((folder / "run").string(), VerifyDepth::kEverything, [&](const ModelLocation&) {
            ++calls;
            throw data_error("as it is");
          });
        }) == "as it is");
  CHECK(calls == 1);
}

TEST_CASE("a reader beside a run that rotates finds a whole checkpoint, never an older one than before") {
  const TemporaryFolder folder;
  RotatingRun run{folder / "run/checkpoints"};
  run.rotate();
  // Fewer rotations than a reader has tries, so that it cannot be outrun.
  std::thread writer([&] {
    for (int i = 1; i < kMostTries; ++i) run.rotate();
  });
  std::int64_t last = 0;
  bool whole = true, ascending = true;
  std::string error;
  while (last < kMostTries && error.empty()) {
    error = data_error_of([&] {
      open_located((folder / "run").string(), VerifyDepth::kEverything, [&](const ModelLocation& location) {
        const TensorIndex index = TensorIndex::open(location.path);
        const auto bytes = index.at("layers.0.w").bytes;
        const auto expected = some_bytes(48, static_cast<unsigned>(*location.step) + 1);
        whole = whole && location.warnings.empty() && std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end());
        ascending = ascending && *location.step >= last;
        last = *location.step;
      });
    });
  }
  writer.join();
  CHECK(error == "");
  CHECK(whole);
  CHECK(ascending);
}
