// One bit of one rank, in a tensor that several ranks hold: all of them name it.
#include "recipes/stages/replica_check.hpp"

#include "tests/support/rank_check.hpp"
#include "tests/support/tiny_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using sluice::testing::world;

namespace {

TrainModel sparse_model(const Layout& layout, at::ScalarType type) {
  moe::MoeConfig sparse = testing::tiny_moe();
  sparse.bias_update_rate = 0.01;
  TrainModel model = build_model(testing::tiny_decoder(), sparse, layout, type);
  initialize(model, 11);
  return model;
}

// The lowest bit of the last element: no step of training would notice.
void flip(const at::Tensor& leaf) {
  auto* const last = static_cast<unsigned char*>(leaf.data_ptr()) + leaf.nbytes() - leaf.element_size();
  *last ^= 1;
}

at::Tensor leaf_named(TrainModel& model, const std::string& part) {
  for (const LeafView& view : leaves_of(model))
    if (view.leaf.name.find(part) != std::string::npos) return view.value;
  throw usage_error("no leaf is named like {}", part);
}

std::string problem_of(TrainModel& model, const Layout& layout) {
  try {
    require_equal_replicas(world(), model, layout, 7);
  } catch (const ReplicasDiffer& error) {
    return error.code() == ExitCode::kDiverged ? error.what() : "another exit code";
  }
  return "";
}

bool names(const std::string& problem, const std::string& tensor, const std::string& rank) {
  return problem.find("step 7: ") == 0 && problem.find(tensor) != std::string::npos && problem.find(rank) != std::string::npos;
}

}  // namespace

TEST_CASE("replicas that differ in one bit are told by tensor and ranks, on every rank") {
  const int rank = world().rank(), size = world().size();
  for (int expert = 1; expert <= std::min(size, 4); expert *= 2) {
    const Layout layout = make_layout(world(), expert);
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      TrainModel model = sparse_model(layout, type);
      REQUIRE_EQUAL_ALL_RANKS(problem_of(model, layout), "");

      // A dense tensor of the last rank: with more than two ranks the others are the majority.
      const int odd = size - 1;
      const at::Tensor dense = leaf_named(model, "layers.1.self_attn.o_proj.weight");
      if (rank == odd) flip(dense);
      std::string problem = problem_of(model, layout);
      const std::string who = size > 2 ? fmt::format("on rank {} on ", odd) : std::string("between rank 0 on ");
      REQUIRE_ALL_RANKS(size == 1 ? problem.empty() : names(problem, "layers.1.self_attn.o_proj.weight", who));
      if (rank == odd) flip(dense);

      // The routers' state is no parameter.
      if (rank == odd) flip(model.sparse[1]->router.correction_bias);
      problem = problem_of(model, layout);
      REQUIRE_ALL_RANKS(size == 1 ? problem.empty() : names(problem, "correction_bias/layers.1.feed_forward", who));
      if (rank == odd) flip(model.sparse[1]->router.correction_bias);

      // An expert of the last rank: seen where another rank has a copy, and by ranks without one too.
      const at::Tensor mine = leaf_named(model, "experts");
      if (rank == odd) flip(mine);
      problem = problem_of(model, layout);
      const int copies = size / expert;
      REQUIRE_ALL_RANKS(copies == 1 ? problem.empty() : names(problem, "experts", fmt::format("rank {} on ", odd)));
      if (rank == odd) flip(mine);
      REQUIRE_EQUAL_ALL_RANKS(problem_of(model, layout), "");
    }
  }
}
