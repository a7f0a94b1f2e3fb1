// Safetensors files: a mapped reader, and a writer that takes tensors in any order. The format is in safetensors_layout.hpp.
#pragma once

#include "core/base/files.hpp"
#include "core/checkpoint/manifest.hpp"
#include "core/checkpoint/safetensors_layout.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
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
  const SafetensorsLayout& layout() const { return layout_; }
  std::span<const std::byte> bytes(const TensorSlot& slot) const { return {file_.data() + layout_.data_start + slot.begin, slot.bytes()}; }
  std::span<const std::byte> header() const { return {file_.data(), layout_.data_start}; }
  std::uint64_t size() const { return file_.size(); }

 private:
  std::string path_;
  MappedFile file_;
  SafetensorsLayout layout_;
};

/// Creates a file of a planned layout, reserves its space (a full disk is found here) and writes its header. Tensors come in any
/// order, each whole or in consecutive pieces. Errors are data errors that name the file, the tensor and the system's reason. A
/// file that is not finished is removed. Not for use by several threads at once.
class SafetensorsWriter {
 public:
  /// `got_on`, if given, is called after every few megabytes that were written or flushed.
  SafetensorsWriter(const std::filesystem::path& path, SafetensorsLayout layout, std::function<void()> got_on = {});
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  const SafetensorsLayout& layout() const { return layout_; }
  /// All bytes of one tensor.
  void write(const std::string& name, std::span<const std::byte> bytes);
  /// The next bytes of one tensor.
  void append(const std::string& name, std::span<const std::byte> bytes);
  /// Checks that every tensor is complete, flushes to disk and closes. The checksums are of the bytes given, not of those read back.
  TensorFileRecord finish();

 private:
  struct Progress;
  Progress& find(const std::string& name);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes, const std::string& what);
  void flush();

  std::string path_;
  std::function<void()> got_on_;
  SafetensorsLayout layout_;
  int fd_ = -1;
  std::vector<Progress> progress_;  // as layout_.tensors
  std::unordered_map<std::string, std::size_t> index_;
  Checksum header_checksum_;
};

}  // namespace sluice::checkpoint
