#include "core/checkpoint/verify.hpp"

#include "core/base/cannot_look.hpp"
#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "core/checkpoint/container.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

namespace sluice::checkpoint {
namespace {

namespace fs = std::filesystem;

Checksum checksum_telling(std::span<const std::byte> bytes, const std::string& file, const VerifyProgress& got_on) {
  constexpr std::size_t kPieceBytes = std::size_t{16} << 20;
  if (got_on) got_on(file);
  if (!got_on || bytes.size() <= kPieceBytes) return checksum_of(bytes);
  ChecksumStream stream;
  for (; !bytes.empty(); got_on(file)) {
    const std::size_t piece = std::min(bytes.size(), kPieceBytes);
    stream.update(bytes.first(piece));
    bytes = bytes.subspan(piece);
  }
  return stream.digest();
}

std::string mismatch(const Checksum& expected, const Checksum& found) {
  return fmt::format("expected checksum {}, found {}", to_hex(expected), to_hex(found));
}

/// Of a file that has another size: ", a Git LFS pointer: git lfs pull"; "" if it is of no kind that is known.
std::string what_stands_there(const fs::path& path) {
  try {
    const MappedFile file(path);
    const std::string_view bytes = file.view();
    // The length at the start of a safetensors file may look like anything.
    if (bytes.size() > 8 && bytes[8] == '{') return "";
    const auto kind = foreign_kind(bytes);
    if (!kind) return "";
    return fmt::format(", {}{}{}", kind->name, kind->remedy.empty() ? "" : ": ", kind->remedy);
  } catch (const Error&) {
    return "";
  }
}

/// The size of a file, or what keeps it from having one.
bool right_size(const fs::path& path, const std::string& file, std::uint64_t expected, std::vector<Damage>& damages) {
  std::error_code error;
  const std::uint64_t found = fs::file_size(path, error);
  if (error) damages.push_back({file, "", fmt::format("cannot be read: {}", error.message())});
  else if (found != expected)
    damages.push_back({file, "", fmt::format("expected {} bytes, found {}{}", expected, found, what_stands_there(path))});
  return !error && found == expected;
}

void verify_tensors(const Container& file, const std::string& name, const TensorFileRecord& record, VerifyDepth depth,
                    const VerifyProgress& got_on, std::vector<Damage>& damages) {
  std::set<std::string> found;
  for (const TensorView& tensor : file.tensors()) {
    const TensorInfo& info = tensor.info;
    found.insert(info.name);
    const auto expected = record.tensors.find(info.name);
    if (expected == record.tensors.end()) {
      damages.push_back({name, info.name, "is not in the manifest"});
    } else if (expected->second.type != info.type || expected->second.shape != info.shape) {
      damages.push_back({name, info.name,
                         fmt::format("expected {} {}, found {} {}", name_of(expected->second.type), to_string(expected->second.shape),
                                     name_of(info.type), to_string(info.shape))});
    } else if (depth == VerifyDepth::kEverything) {
      const Checksum checksum = checksum_telling(tensor.bytes, name, got_on);
      if (checksum != expected->second.checksum) damages.push_back({name, info.name, mismatch(expected->second.checksum, checksum)});
    }
  }
  for (const auto& [tensor, expected] : record.tensors)
    if (found.count(tensor) == 0) damages.push_back({name, tensor, "is in the manifest, but not in the file"});
}

void verify_tensor_file(const fs::path& checkpoint, const std::string& name, const TensorFileRecord& record, VerifyDepth depth,
                        const VerifyProgress& got_on, std::vector<Damage>& damages) {
  if (!right_size(checkpoint / name, name, record.bytes, damages)) return;
  try {
    const std::unique_ptr<Container> file = open_container(checkpoint / name);
    const Checksum header = checksum_of(file->header_bytes());
    if (header != record.header) damages.push_back({name, "", "header: " + mismatch(record.header, header)});
    verify_tensors(*file, name, record, depth, got_on, damages);
  } catch (const CannotLook&) {
    throw;
  } catch (const Error& error) {
    damages.push_back({name, "", error.what()});
  }
}

}  // namespace

std::string Damage::line() const {
  return tensor.empty() ? fmt::format("{}: {}", file, problem) : fmt::format("{}: tensor '{}': {}", file, tensor, problem);
}

std::vector<Damage> verify_files(const fs::path& checkpoint, const Manifest& manifest, VerifyDepth depth, const VerifyProgress& got_on) {
  std::vector<Damage> damages;
  for (const auto& [name, record] : manifest.tensor_files) verify_tensor_file(checkpoint, name, record, depth, got_on, damages);
  for (const auto& [name, record] : manifest.files) {
    if (!right_size(checkpoint / name, name, record.bytes, damages) || depth == VerifyDepth::kStructure) continue;
    try {
      const Checksum checksum = checksum_of(MappedFile(checkpoint / name).view());
      if (checksum != record.checksum) damages.push_back({name, "", mismatch(record.checksum, checksum)});
    } catch (const CannotLook&) {
      throw;
    } catch (const Error& error) {
      damages.push_back({name, "", error.what()});
    }
  }
  return damages;
}

std::vector<Damage> verify_checkpoint(const fs::path& checkpoint, const Manifest& manifest, VerifyDepth depth,
                                      const VerifyProgress& got_on) {
  std::vector<Damage> damages = verify_files(checkpoint, manifest, depth, got_on);
  std::error_code error;
  for (fs::recursive_directory_iterator it(checkpoint, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().lexically_relative(checkpoint).generic_string();
    const bool tensors = it->path().extension() == kModelFileEnding || name.ends_with(fmt::format("{}.index.json", kModelFileEnding));
    if (tensors && manifest.tensor_files.count(name) == 0 && manifest.files.count(name) == 0)
      damages.push_back({name, "", "is not in the manifest, and readers would take it for a part of the checkpoint: remove it"});
  }
  if (error) fail_to_read(error.value(), fmt::format("{}: cannot be listed: {}", checkpoint.string(), error.message()));
  return damages;
}

void require_undamaged(const fs::path& checkpoint, const std::vector<Damage>& damages) {
  if (damages.empty()) return;
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < damages.size() && i < shown; ++i) text += (i == 0 ? "" : "; ") + damages[i].line();
  if (damages.size() > shown) text += fmt::format("; and {} more", damages.size() - shown);
  throw data_error("{}: damaged: {}", checkpoint.string(), text);
}

}  // namespace sluice::checkpoint
