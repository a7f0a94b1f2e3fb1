// A container is one file that holds tensors under names. Whoever reads or writes one knows no more of its format, which the ending of the
// file's name tells: today .safetensors (safetensors.hpp). Another format is a reader and a writer beside that one, and a line in
// container.cpp.
#pragma once

#include "core/checkpoint/manifest.hpp"
#include "core/checkpoint/tensor_info.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

/// The ending of the files in a folder with a model, ours or Hugging Face's (shard_plan.hpp, tensor_index.hpp).
inline constexpr std::string_view kModelFileEnding = ".safetensors";

class Container;

/// A tensor in a mapped file. Its bytes may be unaligned: copy them, do not cast the pointer. Valid while the container lives.
struct TensorView {
  TensorInfo info;
  std::span<const std::byte> bytes;
  const Container* file = nullptr;
  std::uint64_t offset = 0;  // of the bytes in the file
};

/// A file that was opened: mapped, its header read and checked.
class Container {
 public:
  virtual ~Container() = default;

  virtual const std::string& path() const = 0;
  /// All tensors, in the order of their places in the file.
  virtual const std::vector<TensorView>& tensors() const = 0;
  /// What stands before the first tensor: names, element types, shapes and places.
  virtual std::span<const std::byte> header_bytes() const = 0;
};

/// A file on its way, whose tensors and places are decided. Errors are data errors that name the file, the tensor and the system's reason.
/// Unless finish() was called, the file is removed at the end. Not for use by several threads at once.
class ContainerWriter {
 public:
  virtual ~ContainerWriter() = default;

  /// All bytes of one tensor; tensors come in any order. One of no bytes may be left out.
  virtual void write(const std::string& name, std::span<const std::byte> bytes) = 0;
  /// Checks that every tensor was written, flushes to disk and closes. The checksums are of the bytes given, not of those read back.
  virtual TensorFileRecord finish() = 0;
};

/// Data error if the file cannot be read, breaks its format, or has a name of no known format.
std::unique_ptr<Container> open_container(const std::filesystem::path& path);

/// Creates a file for these tensors, reserves its space (a full disk is found here) and writes its header. `got_on`, if given, is called
/// after every few megabytes that were written or flushed. Data error also if the format cannot hold the tensors.
std::unique_ptr<ContainerWriter> create_container(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                                                  std::function<void()> got_on = {});

}  // namespace sluice::checkpoint
