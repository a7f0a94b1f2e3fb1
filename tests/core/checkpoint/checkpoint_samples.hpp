// A small checkpoint, written as a run writes it.
#pragma once

#include "core/checkpoint/checkpoint_directory.hpp"
#include "core/checkpoint/safetensors.hpp"
#include "tests/core/checkpoint/checkpoint_fixtures.hpp"

namespace sluice::checkpoint {

/// Writes the files of a save (two tensor files, two others) and gives their manifest; nothing is committed.
inline Manifest write_sample_files(const std::filesystem::path& save, std::int64_t step, const std::string& stage) {
  Manifest manifest;
  manifest.step = step;
  manifest.stage = stage;
  const auto write = [&](const std::string& name, std::vector<TensorInfo> tensors, unsigned seed) {
    const SafetensorsHeader header = plan_safetensors(std::move(tensors));
    SafetensorsWriter writer(save / name, header);
    for (const TensorSlot& slot : header.tensors) writer.write(slot.info.name, some_bytes(slot.bytes(), ++seed));
    manifest.tensor_files[name] = writer.finish();
  };
  const auto seed = static_cast<unsigned>(step);
  write("model.safetensors", {{"layers.0.w", StoredType::kF32, {3, 4}}, {"layers.1.w", StoredType::kF32, {3, 4}}}, seed);
  write("state/optimizer.safetensors", {{"layers.0.w.m", StoredType::kF32, {5}}}, seed + 100);
  manifest.files["config.json"] = write_checkpoint_file(save, "config.json", "{}\n");
  manifest.files["state/trainer.json"] = write_checkpoint_file(save, "state/trainer.json", "{\"step\": " + std::to_string(step) + "}");
  return manifest;
}

inline std::filesystem::path save_sample(const std::filesystem::path& checkpoints, std::int64_t step, const std::string& stage = "dense") {
  const auto save = prepare_save(checkpoints, step);
  return commit_save(checkpoints, write_sample_files(save, step, stage), VerifyDepth::kEverything);
}

}  // namespace sluice::checkpoint
