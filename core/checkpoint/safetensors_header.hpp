// The header of safetensors files as functions over bytes, without files (github.com/huggingface/safetensors, versions 0.4 to 0.7):
//   u64le N | N bytes of UTF-8 JSON, first byte '{', padded with spaces | tensors, C order, little-endian
//   {"__metadata__":{"format":"pt"},"NAME":{"dtype":"BF16","shape":[a,b],"data_offsets":[BEGIN,END]},…}
// N is the length of the JSON. BEGIN and END count bytes from the end of the header. safetensors.hpp reads and writes the files.
#pragma once

#include "core/checkpoint/tensor_info.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

/// The longest JSON that the reference library reads.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// A tensor and its place: the bytes [begin, end), counted from the first byte after the header.
struct TensorSlot {
  TensorInfo info;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t bytes() const { return end - begin; }
};

/// What a header says: the tensors and their places.
struct SafetensorsHeader {
  std::vector<TensorSlot> tensors;  // in the order of their places
  std::uint64_t data_start = 8;     // 8 + N: the first byte of the tensors in the file
  std::uint64_t data_bytes() const { return tensors.empty() ? 0 : tensors.back().end; }
  std::uint64_t file_bytes() const { return data_start + data_bytes(); }
};

/// Places tensors as the reference writer does: by descending element type (the order of StoredType), then by name. So each is aligned to
/// its element size in the file, since the header is padded to a multiple of 8. The metadata are format=pt,
/// which Transformers demands.
/// Data error for a name that occurs twice, is not UTF-8 or is "__metadata__", for a shape without a possible size, and for a header that
/// is too long.
SafetensorsHeader plan_safetensors(std::vector<TensorInfo> tensors);

/// Returns the first data_start bytes of a planned file: length, JSON and padding.
std::string header_bytes(const SafetensorsHeader& header);

/// Reads and checks the header of `bytes`, a whole file. Metadata may be any texts, and are passed over. Data error that names `file` and
/// the tensor for any violation of the format: wrong length, broken JSON, duplicate or missing keys, unknown types, sizes that do not
/// match, holes, overlaps, missing or trailing bytes. If the bytes are a file of another kind (core/base/file_kind.hpp), such as a Git LFS
/// pointer, the error says so.
SafetensorsHeader parse_safetensors(std::string_view bytes, const std::string& file);

}  // namespace sluice::checkpoint
