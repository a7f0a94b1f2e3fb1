// Checks the files of a checkpoint against its manifest.
#pragma once

#include "core/checkpoint/manifest.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sluice::checkpoint {

enum class VerifyDepth {
  kStructure,   // every file is there with the right size; headers, names, types and shapes are right
  kEverything,  // that, and the checksum of every tensor and file is right
};

/// One thing that is wrong with a checkpoint.
struct Damage {
  std::string file;     // path inside the checkpoint
  std::string tensor;   // "" if it is not about one tensor
  std::string problem;  // what is wrong, with the expected and the found value
  std::string line() const;
};

/// Called with the name of the file before a tensor is read and after every 16 MiB of it, so that a caller can show that work goes on. May
/// be empty.
using VerifyProgress = std::function<void(const std::string& file)>;

/// Checks the files that `manifest` lists (a rank passes the part of the manifest with the files that it wrote). Returns all that is wrong;
/// empty if nothing is. Throws CannotLook (core/base/cannot_look.hpp), an error that says nothing about the content, if a file cannot be
/// opened for a reason outside it, such as too many open files or no permission.
std::vector<Damage> verify_files(const std::filesystem::path& checkpoint, const Manifest& manifest, VerifyDepth depth,
                                 const VerifyProgress& got_on = {});

/// The same, and also reports tensor files and indices that the manifest does not list, since readers would take them for a part of the
/// checkpoint.
std::vector<Damage> verify_checkpoint(const std::filesystem::path& checkpoint, const Manifest& manifest, VerifyDepth depth,
                                      const VerifyProgress& got_on = {});

/// Data error that names `checkpoint` and the first three damages, if there are any.
void require_undamaged(const std::filesystem::path& checkpoint, const std::vector<Damage>& damages);

}  // namespace sluice::checkpoint
