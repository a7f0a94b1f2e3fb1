// A container is one file that holds named tensors. Code that reads or writes containers does not depend on the format, which the ending of
// the file's name selects. Today there is one, .safetensors (safetensors.hpp). To add another: write its reader and writer, and add a line
// to kFormats in container.cpp.
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

/// The ending of the tensor files in a model's folder, ours or Hugging Face's (shard_plan.hpp, tensor_index.hpp).
inline constexpr std::string_view kModelFileEnding = ".safetensors";

class Container;

/// A tensor in a mapped file. Its bytes may not be aligned for its type: copy them, do not cast the pointer. Valid while the container
/// lives.
struct TensorView {
  TensorInfo info;
  std::span<const std::byte> bytes;
  const Container* file = nullptr;
  std::uint64_t offset = 0;  // first byte of the tensor in the file
};

/// A file that is open for reading: mapped, its header read and checked.
class Container {
 public:
  virtual ~Container() = default;

  virtual const std::string& path() const = 0;
  /// All tensors, in the order in which they lie in the file.
  virtual const std::vector<TensorView>& tensors() const = 0;
  /// The bytes before the first tensor: names, element types, shapes and places.
  virtual std::span<const std::byte> header_bytes() const = 0;
};

/// A file that is being written. Which tensors it holds, and where, is decided when it is created. Errors are data errors that name the
/// file, the tensor and the system's reason. The destructor removes the file unless finish() succeeded. Not for use by several threads at
/// once.
class ContainerWriter {
 public:
  virtual ~ContainerWriter() = default;

  /// Writes all bytes of one tensor. Tensors may come in any order. A tensor of no bytes need not be written. Data error if the tensor was
  /// not announced, was written before, or has another size.
  virtual void write(const std::string& name, std::span<const std::byte> bytes) = 0;
  /// Checks that every tensor was written, flushes the file to disk and closes it. Returns its record for the manifest. The checksums are
  /// those of the bytes given to write(), not of bytes read back.
  virtual TensorFileRecord finish() = 0;
};

/// Opens a file for reading. Data error if it cannot be read, violates its format, or has an ending that no format has.
std::unique_ptr<Container> open_container(const std::filesystem::path& path);

/// Creates a file for these tensors, reserves its space, so that a full disk is noticed here, and writes its header. Data error if there is
/// already a file of that name or if the format cannot hold the tensors. `got_on`, if given, is called after every 16 MiB that were written
/// or flushed, so that a caller can show that work goes on.
std::unique_ptr<ContainerWriter> create_container(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                                                  std::function<void()> got_on = {});

}  // namespace sluice::checkpoint
