// The safetensors format as pure functions over bytes (github.com/huggingface/safetensors, format of version 0.4 to 0.7):
//   u64le N | N bytes of UTF-8 JSON, first byte '{', padded with spaces | tensors, C order, little-endian
//   {"__metadata__":{"format":"pt"},"NAME":{"dtype":"BF16","shape":[a,b],"data_offsets":[BEGIN,END]},…}
// Files are read and written in safetensors.hpp.
#pragma once

#include "core/checkpoint/tensor_info.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

/// The reference library refuses longer headers.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// A tensor and its place, [begin, end) in bytes from the start of the data.
struct TensorSlot {
  TensorInfo info;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t bytes() const { return end - begin; }
};

/// What a header says of its file: the tensors and their places.
struct SafetensorsHeader {
  std::vector<TensorSlot> tensors;              // by place
  std::map<std::string, std::string> metadata;  // "__metadata__"
  std::uint64_t data_start = 8;                 // 8 + N: where the data begin in the file
  std::uint64_t data_bytes() const { return tensors.empty() ? 0 : tensors.back().end; }
  std::uint64_t file_bytes() const { return data_start + data_bytes(); }
};

/// Places tensors as the reference writer does: by element type descending, then by name, each aligned to its element size (of
/// the file: the header is padded to 8). The metadata are format=pt, which Transformers demands. Data error on a name that occurs
/// twice, is not UTF-8 or is "__metadata__", on an impossible shape and on a header over the limit.
SafetensorsHeader plan_safetensors(std::vector<TensorInfo> tensors);

/// The first data_start bytes of the file that was planned: length, JSON and padding.
std::string header_bytes(const SafetensorsHeader& header);

/// Reads and checks the header of a whole file (mapped). Data error naming `file` and tensor on any violation of the format:
/// length, JSON, duplicate or missing keys, what stands for the file or is of another kind (core/base/file_kind.hpp), unknown types, sizes
/// that do not match, holes, overlaps, missing or trailing bytes.
SafetensorsHeader parse_safetensors(std::string_view bytes, const std::string& file);

}  // namespace sluice::checkpoint
