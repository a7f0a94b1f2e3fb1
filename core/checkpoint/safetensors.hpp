// The reader and the writer of safetensors files (container.hpp). The format is described in safetensors_header.hpp.
#pragma once

#include "core/base/files.hpp"
#include "core/checkpoint/container.hpp"
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

/// A whole file, mapped and checked. In files of other writers tensors may not be aligned for their type: copy the bytes, do not cast the
/// pointer.
class SafetensorsFile final : public Container {
 public:
  /// Data error if the file cannot be read or violates the format (parse_safetensors).
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::string& path() const override { return path_; }
  const std::vector<TensorView>& tensors() const override { return tensors_; }
  const SafetensorsHeader& header() const { return header_; }
  std::span<const std::byte> bytes(const TensorSlot& slot) const { return {file_.data() + header_.data_start + slot.begin, slot.bytes()}; }
  std::span<const std::byte> header_bytes() const override { return {file_.data(), header_.data_start}; }
  std::uint64_t size() const { return file_.size(); }

 private:
  std::string path_;
  MappedFile file_;
  SafetensorsHeader header_;
  std::vector<TensorView> tensors_;
};

/// Writes a file with tensors at the places that plan_safetensors() chose.
class SafetensorsWriter final : public ContainerWriter {
 public:
  /// Creates the file, reserves its space and writes the header, as create_container() says.
  SafetensorsWriter(const std::filesystem::path& path, SafetensorsHeader header, std::function<void()> got_on = {});
  ~SafetensorsWriter() override;
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  void write(const std::string& name, std::span<const std::byte> bytes) override;
  TensorFileRecord finish() override;

 private:
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes, const std::string& what);
  void flush();

  std::string path_;
  std::function<void()> got_on_;
  SafetensorsHeader header_;
  int fd_ = -1;
  std::vector<std::optional<Checksum>> checksums_;  // in the order of header_.tensors; absent for those not written yet
  std::unordered_map<std::string, std::size_t> index_;
  Checksum header_checksum_;
};

/// The two functions of the format that container.cpp calls.
std::unique_ptr<Container> open_safetensors(const std::filesystem::path& path);
std::unique_ptr<ContainerWriter> create_safetensors(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                                                    std::function<void()> got_on);

}  // namespace sluice::checkpoint
