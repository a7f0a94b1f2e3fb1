// manifest.json, the list of what a checkpoint consists of, with which any torn or flipped byte is found and named. There is a checksum
// (XXH3-128) of every tensor, of the header of every tensor file, of every other file, and of the manifest itself. The names in it are the
// same whatever number of ranks wrote the checkpoint. verify.hpp checks files against a manifest.
#pragma once

#include "core/base/error.hpp"
#include "core/checkpoint/checksum.hpp"
#include "core/checkpoint/tensor_info.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace sluice::checkpoint {

inline constexpr int kManifestFormatVersion = 1;
inline constexpr const char* kManifestName = "manifest.json";

/// The checkpoint has a format version that this program does not read. It is not damaged, so nothing may replace or remove it.
class FormatVersionError : public Error {
 public:
  using Error::Error;
};

/// What is expected of a tensor.
struct TensorRecord {
  StoredType type = StoredType::kF32;
  Shape shape;
  Checksum checksum;
  bool operator==(const TensorRecord&) const = default;
};

struct TensorFileRecord {
  std::uint64_t bytes = 0;
  Checksum header;                              // of everything before the first tensor: length, JSON and padding
  std::map<std::string, TensorRecord> tensors;  // by name
  bool operator==(const TensorFileRecord&) const = default;
};

struct FileRecord {
  std::uint64_t bytes = 0;
  Checksum checksum;
  bool operator==(const FileRecord&) const = default;
};

struct Manifest {
  int format_version = kManifestFormatVersion;
  std::int64_t step = 0;
  std::string stage;  // name of the stage that `step` belongs to; the last checkpoint of each stage is kept
  std::map<std::string, TensorFileRecord> tensor_files;  // by path inside the checkpoint, with '/' between folders
  std::map<std::string, FileRecord> files;               // all other files, except manifest.json
  bool operator==(const Manifest&) const = default;
};

/// The text of manifest.json. Ranks also use this form to tell the coordinator which files they wrote: as a manifest of these files alone.
std::string to_json(const Manifest& manifest);

/// Reads the text of `file`. FormatVersionError for another format version. Data error that names `file` if the text is damaged, or if a
/// path in it leads out of the checkpoint's folder.
Manifest parse_manifest(std::string_view text, const std::string& file);

/// Reads the manifest of a checkpoint's folder.
Manifest read_manifest(const std::filesystem::path& checkpoint);

/// Adds the files of `part` to `whole`. Data error if one of them is there already, since each file has exactly one writer.
void merge(Manifest& whole, const Manifest& part);

}  // namespace sluice::checkpoint
