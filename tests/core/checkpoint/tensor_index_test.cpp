#include "core/checkpoint/tensor_index.hpp"

#include "core/checkpoint/safetensors.hpp"
#include "core/checkpoint/shard_plan.hpp"
#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace sluice;
using namespace sluice::checkpoint;
namespace fs = std::filesystem;

namespace {

const std::vector<TensorInfo> kTensors = {
    {"l.0.w", StoredType::kF32, {4}}, {"l.1.w", StoredType::kF32, {4}}, {"l.2.w", StoredType::kBF16, {4}}};

void write_file(const fs::path& path, const std::vector<TensorInfo>& tensors) {
  const SafetensorsHeader header = plan_safetensors(tensors);
  SafetensorsWriter writer(path, header);
  for (const TensorSlot& slot : header.tensors)
    writer.write(slot.info.name, some_bytes(slot.bytes(), static_cast<unsigned>(slot.info.name[2])));
  writer.finish();
}

ShardPlan write_model(const fs::path& folder, std::uint64_t cap) {
  const ShardPlan plan = plan_shards(kTensors, cap);
  for (const Shard& shard : plan.shards) write_file(folder / shard.file, shard.tensors);
  if (!plan.single_file()) write_text(folder / plan.index_name(), plan.index_json());
  return plan;
}

std::string complaint(const fs::path& folder) {
  return data_error_of([&] { TensorIndex::open(folder); });
}

}  // namespace

TEST_CASE("one file and shards give the same tensors") {
  for (const std::uint64_t cap : {1000, 24, 1}) {
    const TemporaryFolder folder;
    const ShardPlan plan = write_model(folder.path(), cap);
    const TensorIndex index = TensorIndex::open(folder.path());
    REQUIRE(index.tensors().size() == 3);
    for (const TensorInfo& info : kTensors) {
      CHECK(index.at(info.name).info == info);
      CHECK(std::ranges::equal(index.at(info.name).bytes,
                               some_bytes(*byte_count(info.type, info.shape), static_cast<unsigned>(info.name[2]))));
    }
    CHECK(fs::path(index.at("l.2.w").file->path()).filename() == plan.shards.back().file);
    CHECK(!index.contains("x"));
    CHECK(has(data_error_of([&] { index.at("x"); }), "tensor 'x' is missing"));
  }
}

TEST_CASE("folders without a model say what is there instead") {
  const TemporaryFolder folder;
  CHECK(has(complaint(folder / "absent"), "no such folder"));
  CHECK(has(complaint(folder.path()), "no model.safetensors and no model.safetensors.index.json"));
  write_text(folder / "pytorch_model.bin", "x");
  CHECK(has(complaint(folder.path()), "weights in pytorch_model.bin are not read: save the whole model as safetensors"));
  fs::remove(folder / "pytorch_model.bin");
  write_text(folder / "adapter_model.safetensors", "x");
  CHECK(has(complaint(folder.path()), "weights in adapter_model.safetensors are not read"));
  fs::create_symlink("../.git/annex/objects/x", folder / "model.safetensors");
  CHECK(has(complaint(folder.path()), "/model.safetensors: a link to ../.git/annex/objects/x, which is not there: git annex get"));
  fs::remove(folder / "model.safetensors");
  write_text(folder / "model.safetensors.index.json", "version https://git-lfs.github.com/spec/v1\n");
  CHECK(has(complaint(folder.path()), "index.json: a Git LFS pointer, not an index of shards: git lfs pull"));
  write_text(folder / "model.safetensors.index.json", R"({"weight_map": {"l.0.w": "model-00001-of-00002.safetensors"}})");
  fs::create_symlink("gone", folder / "model-00001-of-00002.safetensors");
  CHECK(has(complaint(folder.path()), "/model-00001-of-00002.safetensors: a link to gone, which is not there"));
  fs::remove(folder / "model-00001-of-00002.safetensors");
  fs::remove(folder / "model.safetensors.index.json");
  write_file(folder / "model-00001-of-00002.safetensors", kTensors);
  CHECK(has(complaint(folder.path()), "shards without an index"));
}

TEST_CASE("index and shards must agree on every tensor") {
  const TemporaryFolder folder;
  const ShardPlan plan = write_model(folder.path(), 24);
  REQUIRE(plan.shards.size() == 2);  // l.0.w | l.1.w, l.2.w
  const std::string index = plan.index_json();
  const fs::path index_path = folder / plan.index_name();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = index;
    changed.replace(changed.find(from), from.size(), to);
    write_text(index_path, changed);
    return complaint(folder.path());
  };
  CHECK(
      has(with("\"l.0.w\"", "\"l.7.w\""), "disagree; in the index but in no shard: 1 (l.7.w); in a shard but not in the index: 1 (l.0.w)"));
  CHECK(has(with("\"l.0.w\": \"model-00001-of-00002", "\"l.0.w\": \"model-00002-of-00002"),
            "stale shards that the index does not name: model-00001-of-00002.safetensors"));
  CHECK(has(with("\"l.1.w\": \"model-00002-of-00002", "\"l.1.w\": \"model-00001-of-00002"),
            "in another shard than the index says: 1 (l.1.w)"));
  CHECK(has(with("model-00001-of-00002", "model-00003-of-00003"), "names model-00003-of-00003.safetensors, which is missing"));
  CHECK(has(with("\"model-00001-of-00002.safetensors\"", "7"), "expected a file name, found 7"));
  CHECK(has(with("model-00001-of-00002.safetensors", "../model-00001-of-00002.safetensors"), "is not a file beside the index"));
  CHECK(has(with("weight_map", "weight_mop"), "expected a JSON object with 'weight_map'"));
  CHECK(has(with("{", "["), "expected a JSON object"));
  write_text(index_path, index);
  CHECK(complaint(folder.path()).empty());
}

TEST_CASE("stale and double files are refused") {
  const TemporaryFolder folder;
  write_model(folder.path(), 24);
  write_file(folder / "model-00003-of-00003.safetensors", {{"l.9.w", StoredType::kF32, {1}}});
  CHECK(has(complaint(folder.path()), "stale shards that the index does not name: model-00003-of-00003.safetensors"));
  fs::remove(folder / "model-00003-of-00003.safetensors");
  write_file(folder / "model.safetensors", kTensors);
  CHECK(has(complaint(folder.path()), "stale shards that the index does not name: model.safetensors"));
  fs::remove(folder / "model.safetensors.index.json");
  CHECK(has(complaint(folder.path()), "model.safetensors and stale shards beside it"));

  const TemporaryFolder twice;
  write_file(twice / "model-00001-of-00002.safetensors", kTensors);
  write_file(twice / "model-00002-of-00002.safetensors", {kTensors[1]});
  write_text(
      twice / "model.safetensors.index.json",
      R"({"weight_map": {"l.0.w": "model-00001-of-00002.safetensors", "l.1.w": "model-00002-of-00002.safetensors", "l.2.w": "model-00001-of-00002.safetensors"}})");
  const std::string message = complaint(twice.path());
  CHECK(has(message, "tensor 'l.1.w' is in "));
}
