// Checking the files of a checkpoint against its manifest.
#pragma once

#include "core/checkpoint/manifest.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sluice::checkpoint {

enum class VerifyDepth {
  kStructure,   // every file is there with the right size; headers, names, types and shapes are right
  kEverything,  // and every byte
};

/// One thing that is wrong.
struct Damage {
  std::string file;     // inside the checkpoint
  std::string tensor;   // "" if not about one tensor
  std::string problem;  // with the expected and the found value
  std::string line() const;
};

/// Called, where it is given, with the name of a file for every few megabytes of it that were read.
using VerifyProgress = std::function<void(const std::string& file)>;

/// All that is wrong with the files that `manifest` lists (a rank passes the part it wrote); empty if nothing is. CannotLook
/// (core/base/cannot_look.hpp) where they cannot be opened for a reason that is not in them.
std::vector<Damage> verify_files(const std::filesystem::path& checkpoint, const Manifest& manifest, VerifyDepth depth,
                                 const VerifyProgress& got_on = {});

/// Also names safetensors files and indices that the manifest does not list: readers would pick them up.
std::vector<Damage> verify_checkpoint(const std::filesystem::path& checkpoint, const Manifest& manifest, VerifyDepth depth,
                                      const VerifyProgress& got_on = {});

/// Data error with the first damages of `checkpoint`, if there are any.
void require_undamaged(const std::filesystem::path& checkpoint, const std::vector<Damage>& damages);

}  // namespace sluice::checkpoint
