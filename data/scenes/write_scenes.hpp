// A folder of synthetic scenes that a recipe trains on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sluice::data {

struct ScenesSettings {
  std::int64_t count = 2000;  // scenes, at least 10: eight of ten to train on, one to validate, one to test
  int size = 64;              // pixels a side
  std::uint64_t seed = 17;
  bool speech = true;  // questions spoken by espeak-ng, where that is there
};

struct WrittenScenes {
  std::int64_t train = 0, validation = 0, test = 0;
  std::string speech;  // the version of espeak-ng that spoke; "" if nobody did
};

/// Writes into `folder`, which is made and must be empty: images/, speech/, the manifests train.jsonl, validation.jsonl and test.jsonl, and
/// scenes.json, which says of what settings and with what voice they were made. The same settings give the same files, speech apart, on
/// every machine. Data error if the folder is not empty, cannot be written, or if espeak-ng fails.
WrittenScenes write_scenes(const std::filesystem::path& folder, const ScenesSettings& settings);

}  // namespace sluice::data
