#include "core/checkpoint/verify.hpp"

#include "tests/core/checkpoint/checkpoint_samples.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

using namespace sluice;
using namespace sluice::checkpoint;

namespace {

std::string damage_of(const std::filesystem::path& checkpoint, VerifyDepth depth = VerifyDepth::kEverything) {
  return data_error_of([&] { require_undamaged(checkpoint, verify_checkpoint(checkpoint, read_manifest(checkpoint), depth)); });
}

}  // namespace

TEST_CASE("a whole checkpoint has no damage") {
  const TemporaryFolder folder;
  CHECK(damage_of(save_sample(folder.path(), 3)).empty());
}

TEST_CASE("every flipped byte of every file is found, in the right file") {
  const TemporaryFolder folder;
  const auto checkpoint = save_sample(folder.path(), 3);
  for (const char* name : {"model.safetensors", "state/optimizer.safetensors", "config.json", "state/trainer.json"}) {
    const std::string whole = read_file(checkpoint / name);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ 4);
      write_text(checkpoint / name, flipped);
      const std::string message = damage_of(checkpoint);
      INFO(name << " byte " << i << ": " << message);
      REQUIRE(has(message, "step-00000003: damaged: " + std::string(name) + ": "));
    }
    write_text(checkpoint / name, whole);
  }
  CHECK(damage_of(checkpoint).empty());
}

TEST_CASE("what stands in place of a file of another size is named") {
  const TemporaryFolder folder;
  const auto checkpoint = save_sample(folder.path(), 3);
  const std::string whole = read_file(checkpoint / "model.safetensors");
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n";
  write_text(checkpoint / "model.safetensors", pointer);
  CHECK(has(damage_of(checkpoint),
            fmt::format("model.safetensors: expected {} bytes, found {}, a Git LFS pointer: git lfs pull", whole.size(), pointer.size())));
  write_text(checkpoint / "model.safetensors", whole + " ");
  CHECK(has(damage_of(checkpoint), fmt::format("expected {} bytes, found {}", whole.size(), whole.size() + 1)));
}

TEST_CASE("a flipped tensor is named with both checksums") {
  const TemporaryFolder folder;
  const auto checkpoint = save_sample(folder.path(), 3);
  const Manifest manifest = read_manifest(checkpoint);
  std::string bytes = read_file(checkpoint / "model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);  // in layers.1.w, the last
  write_text(checkpoint / "model.safetensors", bytes);
  const std::string message = damage_of(checkpoint);
  const std::string expected = to_hex(manifest.tensor_files.at("model.safetensors").tensors.at("layers.1.w").checksum);
  const std::string found = to_hex(checksum_of(std::string_view(bytes).substr(bytes.size() - 48)));
  CHECK(has(message, "model.safetensors: tensor 'layers.1.w': expected checksum " + expected + ", found " + found));
  CHECK(damage_of(checkpoint, VerifyDepth::kStructure).empty());
}

TEST_CASE("missing, torn and foreign files are named, all of them") {
  const TemporaryFolder folder;
  const auto checkpoint = save_sample(folder.path(), 3);
  const std::string whole = read_file(checkpoint / "model.safetensors");
  write_text(checkpoint / "model.safetensors", std::string_view(whole).substr(0, whole.size() - 5));
  std::filesystem::remove(checkpoint / "config.json");
  write_text(checkpoint / "model-00002-of-00002.safetensors", "stale");
  write_text(checkpoint / "README.md", "people may leave notes");
  const std::string message = damage_of(checkpoint, VerifyDepth::kStructure);
  INFO(message);
  CHECK(has(message, "model.safetensors: expected " + std::to_string(whole.size()) + " bytes, found " + std::to_string(whole.size() - 5)));
  CHECK(has(message, "config.json: cannot be read: No such file"));
  CHECK(has(message, "model-00002-of-00002.safetensors: is not in the manifest"));
  CHECK(!has(message, "README"));
}

TEST_CASE("another file of the same size and a valid header is not taken for the right one") {
  const TemporaryFolder folder;
  const auto one = save_sample(folder.path(), 3);
  const auto two = save_sample(folder.path(), 4);
  std::filesystem::copy_file(two / "model.safetensors", one / "model.safetensors", std::filesystem::copy_options::overwrite_existing);
  CHECK(has(damage_of(one), "tensor 'layers.0.w': expected checksum"));
  // A file with other tensors in it, whose header is just as long.
  {
    std::filesystem::remove(one / "model.safetensors");
    const auto header = plan_safetensors({{"layers.0.w", StoredType::kF32, {4, 3}}, {"layers.2.w", StoredType::kF32, {3, 4}}});
    SafetensorsWriter writer(one / "model.safetensors", header);
    for (const TensorSlot& slot : header.tensors) writer.write(slot.info.name, some_bytes(slot.bytes(), 0));
    writer.finish();
  }
  const auto damages = verify_checkpoint(one, read_manifest(one), VerifyDepth::kStructure);
  REQUIRE(damages.size() == 4);
  CHECK(has(damages[0].line(), "header: expected checksum"));
  CHECK(has(damages[1].line(), "tensor 'layers.0.w': expected F32 [3, 4], found F32 [4, 3]"));
  CHECK(has(damages[2].line(), "tensor 'layers.2.w': is not in the manifest"));
  CHECK(has(damages[3].line(), "tensor 'layers.1.w': is in the manifest, but not in the file"));
}
