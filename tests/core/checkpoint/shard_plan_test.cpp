#include "core/checkpoint/shard_plan.hpp"

#include "core/base/random.hpp"
#include "core/checkpoint/name_order.hpp"
#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

using namespace sluice;
using namespace sluice::checkpoint;

namespace {

std::vector<TensorInfo> random_tensors(std::uint64_t seed) {
  const std::uint64_t key = random_key(seed, "shards");
  std::vector<TensorInfo> tensors;
  const auto count = static_cast<std::size_t>(random_uniform(key, 0) * 60);
  for (std::size_t i = 0; i < count; ++i)
    tensors.push_back(
        {"layers." + std::to_string(i) + ".w",
         random_uniform(key, 3 * i + 1) < 0.5 ? StoredType::kF32 : StoredType::kBF16,
         {static_cast<std::int64_t>(random_uniform(key, 3 * i + 2) * 50), static_cast<std::int64_t>(random_uniform(key, 3 * i + 3) * 10)}});
  return tensors;
}

}  // namespace

TEST_CASE("a shard plan holds every tensor once, keeps to the cap and does not depend on the order given") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<TensorInfo> tensors = random_tensors(seed);
    const auto cap = static_cast<std::uint64_t>(random_uniform(random_key(seed, "cap"), 0) * 4000);
    const ShardPlan plan = plan_shards(tensors, cap);
    INFO("seed " << seed << ", cap " << cap);
    std::vector<TensorInfo> seen;
    std::uint64_t bytes = 0;
    std::set<std::string> files;
    for (std::size_t i = 0; i < plan.shards.size(); ++i) {
      const Shard& shard = plan.shards[i];
      std::uint64_t own = 0;
      for (const TensorInfo& tensor : shard.tensors) own += *byte_count(tensor.type, tensor.shape);
      REQUIRE(own == shard.bytes);
      REQUIRE((shard.bytes <= cap || shard.tensors.size() == 1));
      // Greedy: the first tensor of the next file would not have fitted.
      if (i + 1 < plan.shards.size()) {
        const TensorInfo& next = plan.shards[i + 1].tensors.front();
        REQUIRE(shard.bytes + *byte_count(next.type, next.shape) > cap);
      }
      bytes += own;
      files.insert(shard.file);
      seen.insert(seen.end(), shard.tensors.begin(), shard.tensors.end());
    }
    REQUIRE(bytes == plan.total_bytes);
    REQUIRE(files.size() == plan.shards.size());
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
    REQUIRE(seen == tensors);
    std::reverse(tensors.begin(), tensors.end());
    REQUIRE(plan_shards(tensors, cap).index_json() == plan.index_json());
  }
}

TEST_CASE("files are named and indexed as Hugging Face does") {
  const std::vector<TensorInfo> tensors = {
      {"l.10.w", StoredType::kF32, {10}}, {"l.2.w", StoredType::kF32, {10}}, {"head", StoredType::kBF16, {100}}};
  const ShardPlan one = plan_shards(tensors, 1000);
  REQUIRE(one.single_file());
  CHECK(one.shards[0].file == "model.safetensors");
  const ShardPlan plan = plan_shards(tensors, 60, "optimizer");
  REQUIRE(plan.shards.size() == 3);
  CHECK(plan.shards[0].file == "optimizer-00001-of-00003.safetensors");
  CHECK(plan.index_name() == "optimizer.safetensors.index.json");
  const auto index = nlohmann::json::parse(plan.index_json());
  CHECK(index["metadata"]["total_size"] == 280);
  CHECK(index["metadata"]["total_parameters"] == 120);
  CHECK(index["weight_map"]["head"] == "optimizer-00001-of-00003.safetensors");
  CHECK(index["weight_map"]["l.2.w"] == "optimizer-00002-of-00003.safetensors");
  CHECK(index["weight_map"]["l.10.w"] == "optimizer-00003-of-00003.safetensors");
}

TEST_CASE("a model without tensors still has one file, and impossible tensors are refused") {
  CHECK(plan_shards({}).shards.size() == 1);
  CHECK(
      has(data_error_of([] { plan_shards({{"a", StoredType::kF32, {1}}, {"a", StoredType::kF32, {2}}}); }), "tensor 'a' was given twice"));
  CHECK(has(data_error_of([] { plan_shards({{"a", StoredType::kF32, {-1}}}); }), "tensor 'a'"));
}

TEST_CASE("every file has one writing rank, and the work is spread evenly") {
  for (std::size_t files = 1; files <= 40; ++files)
    for (const int world : {1, 2, 3, 4, 8, 16, 100}) {
      std::vector<int> load(static_cast<std::size_t>(world), 0);
      for (std::size_t i = 0; i < files; ++i) load.at(static_cast<std::size_t>(writing_rank(i, files, world)))++;
      const auto [low, high] = std::minmax_element(load.begin(), load.end());
      REQUIRE(*high - *low <= 1);
    }
  // Two files on two nodes of four ranks: one a node.
  CHECK(writing_rank(0, 2, 8) == 0);
  CHECK(writing_rank(1, 2, 8) == 4);
}
