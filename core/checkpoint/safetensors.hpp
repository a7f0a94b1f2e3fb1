// Safetensors files: a mapped reader, and a writer that takes tensors in any order. The format is in safetensors_header.hpp.
#pragma once

#include "core/base/files.hpp"
#include "core/checkpoint/manifest.hpp"
#include "core/checkpoint/safetensors_header.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::checkpoint {

/// A whole file, mapped and checked. Data begin at multiples of 8 only in files of the reference writer and of ours; foreign
/// ones may be unaligned: copy the bytes, do not cast the pointer.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::string& path() const { return path_; }
  const SafetensorsHeader& header() const { return header_; }
  std::span<const std::byte> bytes(const TensorSlot& slot) const { return {file_.data() + header_.data_start + slot.begin, slot.bytes()}; }
  std::span<const std::byte> header_bytes() const { return {file_.data(), header_.data_start}; }
  std::uint64_t size() const { return file_.size(); }

 private:
  std::string path_;
  MappedFile file_;
  SafetensorsHeader header_;
};

/// Creates a file as it was planned, reserves its space (a full disk is found here) and writes its header. Tensors come in any order,
/// each whole. Errors are data errors that name the file, the tensor and the system's reason. A file that is not finished is removed.
/// Not for use by several threads at once.
class SafetensorsWriter {
 public:
  /// `got_on`, if given, is called after every few megabytes that were written or flushed.
  SafetensorsWriter(const std::filesystem::path& path, SafetensorsHeader header, std::function<void()> got_on = {});
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  /// All bytes of one tensor. One of no bytes may be left out.
  void write(const std::string& name, std::span<const std::byte> bytes);
  /// Checks that every tensor was written, flushes to disk and closes. The checksums are of the bytes given, not of those read back.
  TensorFileRecord finish();

 private:
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes, const std::string& what);
  void flush();

  std::string path_;
  std::function<void()> got_on_;
  SafetensorsHeader header_;
  int fd_ = -1;
  std::vector<std::optional<Checksum>> checksums_;  // as header_.tensors; of those that were written, and of those of no bytes
  std::unordered_map<std::string, std::size_t> index_;
  Checksum header_checksum_;
};

}  // namespace sluice::checkpoint
