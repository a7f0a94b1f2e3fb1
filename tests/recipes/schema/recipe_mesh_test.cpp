#include "recipes/schema/validate.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

std::string mesh(int ranks, const std::vector<std::string>& overrides = {}) {
  const auto problem = find_mesh_problem(read_text_recipe(kHead + kDense + kSparse, overrides), ranks);
  return problem ? problem->text : "";
}

}  // namespace

TEST_CASE("what does not fit the ranks is said as arithmetic") {
  for (const int ranks : {1, 2, 4, 8, 16, 32}) CHECK(mesh(ranks).empty());
  CHECK(mesh(3) == "global_batch_size(32) is not a multiple of 3 ranks");
  CHECK(mesh(8, {"parallel.expert=3", "stages.sparse.moe.num_experts=9"}) == "expert(3) does not divide 8 ranks");
  CHECK(mesh(1, {"parallel.expert=2"}) == "expert(2) does not divide 1 rank");
  CHECK(mesh(64) == "global_batch_size(32) is not a multiple of 64 ranks");
  CHECK(mesh(2, {"parallel.backend=loopback"}) == "backend loopback is for 1 rank, found 2 ranks; use auto or mpi");
  CHECK(mesh(1, {"parallel.backend=loopback"}).empty());
  CHECK(mesh(8, {"stages.sparse.train.global_batch_size=20"}) == "stage 'sparse': global_batch_size(20) is not a multiple of 8 ranks");
  CHECK(mesh(4, {"stages.sparse.parallel.expert=8"}) == "stage 'sparse': expert(8) does not divide 4 ranks");
  std::string what;
  try {
    check_mesh(read_text_recipe(kHead + kDense), 3);
  } catch (const Error& error) {
    what = error.what();
    CHECK(error.code() == ExitCode::kUsage);
  }
  CHECK(what == "global_batch_size(32) is not a multiple of 3 ranks");
}

TEST_CASE("accumulation is the fewest micro-batches that hold a rank's share") {
  TrainConfig train;
  train.global_batch_size = 32;
  train.micro_batch_size = 8;
  CHECK(accumulation_steps(train, 1) == 4);
  CHECK(accumulation_steps(train, 4) == 1);
  CHECK(accumulation_steps(train, 8) == 1);
  train.micro_batch_size = 3;
  CHECK(accumulation_steps(train, 4) == 3);
}
