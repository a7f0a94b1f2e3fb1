// Writes whole checkpoints and runs with random weights, as a save does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint_directory.hpp"
#include "core/checkpoint/safetensors.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/recipes/convert/model_writer.hpp"

namespace sluice {

/// Adam's moments of every tensor, as float32.
inline void write_optimizer(const std::filesystem::path& folder, const recipes::ModelDescription& model) {
  std::vector<checkpoint::TensorInfo> infos;
  for (const recipes::CanonicalTensor& tensor : recipes::canonical_tensors(model))
    for (const char* kind : {"exp_avg/", "exp_avg_sq/"}) infos.push_back({kind + tensor.name, checkpoint::StoredType::kF32, tensor.shape});
  checkpoint::SafetensorsWriter writer(folder / "optimizer.safetensors", checkpoint::plan_safetensors(infos));
  for (const checkpoint::TensorInfo& info : infos) {
    std::vector<float> values(*checkpoint::element_count(info.shape));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(random_normal(random_key(3, info.name), i));
    writer.write(info.name, std::as_bytes(std::span(values)));
  }
  writer.finish();
}

/// The manifest of the files that lie in `folder`.
inline checkpoint::Manifest manifest_of(const std::filesystem::path& folder, std::int64_t step, const std::string& stage) {
  checkpoint::Manifest manifest;
  manifest.step = step;
  manifest.stage = stage;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (entry.path().extension() != ".safetensors") {
      const std::string content = read_file(entry.path());
      manifest.files[name] = {content.size(), checkpoint::checksum_of(std::string_view(content))};
      continue;
    }
    const checkpoint::SafetensorsFile file(entry.path());
    checkpoint::TensorFileRecord& record = manifest.tensor_files[name];
    record.bytes = file.size();
    record.header = checkpoint::checksum_of(file.header_bytes());
    for (const checkpoint::TensorSlot& slot : file.header().tensors)
      record.tensors[slot.info.name] = {slot.info.type, slot.info.shape, checkpoint::checksum_of(file.bytes(slot))};
  }
  return manifest;
}

/// RUN/checkpoints/step-…, committed. Returns its path.
inline std::filesystem::path write_checkpoint(const std::filesystem::path& run, const recipes::ModelDescription& model, std::int64_t step,
                                              const std::string& stage) {
  const std::filesystem::path save = checkpoint::prepare_save(run / "checkpoints", step);
  recipes::write_model(save, model, checkpoint::kDefaultShardBytes);
  write_optimizer(save / "state", model);
  write_file_atomically(save / "state" / "run.json", "{\"step\": " + std::to_string(step) + ", \"stage_name\": \"" + stage + "\"}\n");
  return checkpoint::commit_save(run / "checkpoints", manifest_of(save, step, stage));
}

/// Overwrites bytes of one tensor where it lies in a file, as a disk or another program would.
inline void overwrite_tensor(const std::filesystem::path& file, const std::string& tensor, std::size_t offset, const void* bytes,
                             std::size_t size) {
  std::uint64_t at = 0;
  {
    const checkpoint::SafetensorsFile opened(file);
    for (const checkpoint::TensorSlot& slot : opened.header().tensors)
      if (slot.info.name == tensor) at = opened.header().data_start + slot.begin + offset;
  }
  if (at == 0) throw std::runtime_error(tensor + " is not in " + file.string());
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(at));
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

}  // namespace sluice
