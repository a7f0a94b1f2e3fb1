// manifest.json: what a checkpoint consists of, so that any torn or flipped byte is found and named. Every tensor and every
// other file has a checksum (XXH3-128), and so have the headers of the safetensors files and the manifest itself.
// Names are global: no rank and no layout. Checking files against it is in verify.hpp.
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

/// A checkpoint that another version of the program wrote. It is not damaged, so nothing may replace or remove it.
class FormatVersionError : public Error {
 public:
  using Error::Error;
};

struct TensorRecord {
  StoredType type = StoredType::kF32;
  Shape shape;
  Checksum checksum;
  bool operator==(const TensorRecord&) const = default;
};

struct TensorFileRecord {
  std::uint64_t bytes = 0;
  Checksum header;                              // of length, JSON and padding
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
  std::string stage;                                     // the stage this step belongs to; its last checkpoint is kept
  std::map<std::string, TensorFileRecord> tensor_files;  // by path inside the checkpoint, '/' between folders
  std::map<std::string, FileRecord> files;               // the others, manifest.json excepted
  bool operator==(const Manifest&) const = default;
};

/// Also the form in which ranks tell the coordinator of the files they wrote: a manifest with only those.
std::string to_json(const Manifest& manifest);

/// Data error naming `file` on damage, another format version (newer is refused, saying so), or a path that leaves the folder.
Manifest parse_manifest(std::string_view text, const std::string& file);

/// Of a checkpoint folder.
Manifest read_manifest(const std::filesystem::path& checkpoint);

/// Adds the files of `part`. Data error if one is there already: each file has exactly one writer.
void merge(Manifest& whole, const Manifest& part);

}  // namespace sluice::checkpoint
