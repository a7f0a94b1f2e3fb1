// All ranks open the same checkpoint of a run that goes on, and one line tells where it went away.
#include "recipes/stages/located_model.hpp"

#include "core/checkpoint/tensor_index.hpp"
#include "recipes/stages/rank0.hpp"
#include "tests/core/checkpoint/checkpoint_samples.hpp"
#include "tests/support/rank_check.hpp"

#include <optional>

using namespace sluice;
using namespace sluice::recipes;
using sluice::testing::world;
namespace fs = std::filesystem;

namespace {

/// Made by rank 0, known to all, removed by rank 0.
struct SharedFolder {
  std::optional<checkpoint::TemporaryFolder> own;
  fs::path path;
  SharedFolder() {
    path = on_rank0(world(), "shared folder", [&](const Heartbeat&) { return own.emplace().path().string(); });
  }
};

/// Collective: rank 0 saves another checkpoint and removes all older ones.
void rotate(const fs::path& run, std::int64_t step) {
  on_rank0(world(), "rotate", [&](const Heartbeat&) {
    checkpoint::save_sample(run / "checkpoints", step);
    checkpoint::prune_checkpoints(run / "checkpoints", 1);
    return std::string();
  });
}

/// Collective: the steps that this rank tried; rank 0's folder goes away under it as long as `lost` says.
std::vector<std::int64_t> steps_tried(const std::string& name, const fs::path& run, std::int64_t first, std::size_t lost) {
  std::vector<std::int64_t> tried;
  open_on_all_ranks(world(), name, [&](const checkpoint::ModelLocation& location) {
    tried.push_back(*location.step);
    // The rank that opens last finds nothing: the others have all they need.
    if (world().rank() == world().size() - 1 && tried.size() <= lost) {
      checkpoint::save_sample(run / "checkpoints", first + static_cast<std::int64_t>(tried.size()));
      checkpoint::prune_checkpoints(run / "checkpoints", 1);
      checkpoint::TensorIndex::open(location.path);
    }
  });
  return tried;
}

}  // namespace

TEST_CASE("where a checkpoint goes away under one rank, all take the next one") {
  const SharedFolder folder;
  rotate(folder.path / "run", 1);
  REQUIRE_ALL_RANKS(steps_tried((folder.path / "run").string(), folder.path / "run", 1, 2).back() == 3);
  REQUIRE_ALL_RANKS(steps_tried((folder.path / "run").string(), folder.path / "run", 3, 0) == std::vector<std::int64_t>{3});
}

TEST_CASE("where one that was named goes away under one rank, all say so") {
  const SharedFolder folder;
  rotate(folder.path / "run", 1);
  const std::string name = (folder.path / "run").string() + "@1";
  std::string message;
  try {
    steps_tried(name, folder.path / "run", 1, 1);
  } catch (const AgreedError& error) {
    message = error.what();
  }
  REQUIRE_EQUAL_ALL_RANKS(message,
                          name + ": went away while it was read: its run goes on and keeps only its latest checkpoints (checkpoint.keep)");
}
