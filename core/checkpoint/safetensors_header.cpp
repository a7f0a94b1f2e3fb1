#include "core/checkpoint/safetensors_header.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/json_reason.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <unordered_set>

namespace sluice::checkpoint {
namespace {

using nlohmann::json;

std::string quoted(const std::string& name) {
  try {
    return json(name).dump();
  } catch (const json::exception&) {
    throw data_error("safetensors: tensor name '{}' is not valid UTF-8", name);
  }
}

std::uint64_t read_u64le(std::string_view bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return value;
}

/// Finds what nlohmann's parser would pass over: equal keys (it keeps the last), and nesting deeper than a shape. A walk of its own,
/// since parsing with a callback is quadratic in the number of tensors.
class StrictWalk : public nlohmann::json_sax<json> {
 public:
  explicit StrictWalk(const std::string& file) : file_(file) {}

  bool start_object(std::size_t) override {
    open();
    keys_.emplace_back();
    return true;
  }
  bool key(std::string& key) override {
    if (keys_.size() == 1) tensor_ = key;
    if (!keys_.back().insert(key).second)
      throw data_error("{}: the safetensors header has the key '{}' twice{}", file_, key,
                       keys_.size() == 1 ? "" : fmt::format(" in '{}'", tensor_));
    return true;
  }
  bool end_object() override {
    --depth_;
    keys_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override {
    open();
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    throw data_error("{}: the safetensors header is not valid JSON: {}", file_, json_reason(error.what()));
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(json::number_integer_t) override { return true; }
  bool number_unsigned(json::number_unsigned_t) override { return true; }
  bool number_float(json::number_float_t, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(json::binary_t&) override { return true; }

 private:
  void open() {
    if (++depth_ > 3) throw data_error("{}: the safetensors header nests deeper than the format allows, in '{}'", file_, tensor_);
  }

  const std::string& file_;
  std::string tensor_;
  int depth_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;
};

json parse_strictly(std::string_view text, const std::string& file) {
  StrictWalk walk(file);
  json::sax_parse(text.begin(), text.end(), &walk);
  return json::parse(text.begin(), text.end());
}

std::uint64_t read_size(const json& value, const std::string& file, const std::string& name, const char* what) {
  if (!value.is_number_unsigned())
    throw data_error("{}: tensor '{}': {} must be non-negative integers, found {}", file, name, what, value.dump());
  const auto number = value.get<std::uint64_t>();
  if (number > static_cast<std::uint64_t>(INT64_MAX))
    throw data_error("{}: tensor '{}': {} has the impossible value {}", file, name, what, number);
  return number;
}

TensorSlot read_slot(const std::string& name, const json& entry, const std::string& file) {
  if (!entry.is_object()) throw data_error("{}: tensor '{}': expected an object, found {}", file, name, entry.dump());
  for (const char* key : {"dtype", "shape", "data_offsets"})
    if (!entry.contains(key)) throw data_error("{}: tensor '{}': '{}' is missing", file, name, key);
  TensorSlot slot;
  slot.info.name = name;
  const json& dtype = entry["dtype"];
  const auto type = dtype.is_string() ? parse_stored_type(dtype.get_ref<const std::string&>()) : std::nullopt;
  if (!type) throw data_error("{}: tensor '{}': unknown dtype {}", file, name, dtype.dump());
  slot.info.type = *type;
  const json& shape = entry["shape"];
  if (!shape.is_array()) throw data_error("{}: tensor '{}': shape must be a list, found {}", file, name, shape.dump());
  for (const json& dim : shape) slot.info.shape.push_back(static_cast<std::int64_t>(read_size(dim, file, name, "shape")));
  const json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2)
    throw data_error("{}: tensor '{}': data_offsets must be [begin, end], found {}", file, name, offsets.dump());
  slot.begin = read_size(offsets[0], file, name, "data_offsets");
  slot.end = read_size(offsets[1], file, name, "data_offsets");
  const auto expected = byte_count(slot.info.type, slot.info.shape);
  if (!expected)
    throw data_error("{}: tensor '{}': {} of shape {} has no possible size in bytes", file, name, name_of(*type),
                     to_string(slot.info.shape));
  if (slot.end < slot.begin || slot.bytes() != *expected)
    throw data_error("{}: tensor '{}': {} of shape {} takes {} bytes, data_offsets say [{}, {}]", file, name, name_of(*type),
                     to_string(slot.info.shape), *expected, slot.begin, slot.end);
  return slot;
}

void check_metadata(const json& entry, const std::string& file) {
  if (!entry.is_object()) throw data_error("{}: __metadata__ must be an object, found {}", file, entry.dump());
  for (const auto& [key, value] : entry.items())
    if (!value.is_string()) throw data_error("{}: __metadata__ '{}' must be a string, found {}", file, key, value.dump());
}

}  // namespace

SafetensorsHeader plan_safetensors(std::vector<TensorInfo> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.type != b.type ? a.type > b.type : a.name < b.name; });
  SafetensorsHeader header;
  std::set<std::string> seen;
  std::uint64_t offset = 0;
  for (TensorInfo& info : tensors) {
    if (info.name == "__metadata__") throw data_error("safetensors: a tensor cannot be called '__metadata__'");
    if (!seen.insert(info.name).second) throw data_error("safetensors: tensor '{}' was given twice", info.name);
    const auto bytes = byte_count(info.type, info.shape);
    if (!bytes || *bytes > static_cast<std::uint64_t>(INT64_MAX) - offset)
      throw data_error("safetensors: tensor '{}': {} of shape {} has no possible size in bytes", info.name, name_of(info.type),
                       to_string(info.shape));
    header.tensors.push_back({std::move(info), offset, offset + *bytes});
    offset += *bytes;
  }
  header.data_start = header_bytes(header).size();
  if (header.data_start - 8 > kMaxHeaderBytes)
    throw data_error("safetensors: {} tensors make a header of {} bytes, over the format's limit of {}: cut them into more files",
                     header.tensors.size(), header.data_start - 8, kMaxHeaderBytes);
  return header;
}

std::string header_bytes(const SafetensorsHeader& header) {
  std::string bytes(8, '\0');
  bytes += R"({"__metadata__":{"format":"pt"})";
  for (const TensorSlot& slot : header.tensors)
    bytes += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(slot.info.name),
                         name_of(slot.info.type), fmt::join(slot.info.shape, ","), slot.begin, slot.end);
  bytes += '}';
  bytes.resize((bytes.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = bytes.size() - 8;
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(length >> (8 * i) & 0xff);
  return bytes;
}

SafetensorsHeader parse_safetensors(std::string_view bytes, const std::string& file) {
  // With a header where it belongs, the length before it may have the bytes of anything.
  if (bytes.size() < 9 || bytes[8] != '{') refuse_foreign(bytes, file, "the weights", "save the model as safetensors");
  if (bytes.size() < 8)
    throw data_error("{}: {} bytes are too few for a safetensors file (8 for the header's length alone)", file, bytes.size());
  const std::uint64_t length = read_u64le(bytes);
  if (length > kMaxHeaderBytes)
    throw data_error("{}: not a safetensors file, or damaged: its header would have {} bytes (limit {})", file, length, kMaxHeaderBytes);
  if (length > bytes.size() - 8)
    throw data_error("{}: truncated: the safetensors header should have {} bytes, only {} are there", file, length, bytes.size() - 8);
  const std::string_view text = bytes.substr(8, length);
  if (text.empty() || text.front() != '{')
    throw data_error("{}: not a safetensors file, or damaged: its header does not begin with '{{'", file);
  const json object = parse_strictly(text, file);

  SafetensorsHeader header;
  header.data_start = 8 + length;
  for (const auto& [name, entry] : object.items())
    if (name == "__metadata__") check_metadata(entry, file);
    else header.tensors.push_back(read_slot(name, entry, file));
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const TensorSlot& a, const TensorSlot& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  std::uint64_t expected = 0;
  for (const TensorSlot& slot : header.tensors) {
    if (slot.begin != expected)
      throw data_error("{}: tensor '{}' begins at byte {} of the data, but the tensors before it end at {}: the file has {}", file,
                       slot.info.name, slot.begin, expected, slot.begin > expected ? "a hole" : "overlapping tensors");
    expected = slot.end;
  }
  const std::uint64_t found = bytes.size() - header.data_start;
  if (found < expected) throw data_error("{}: truncated: the tensors take {} bytes, only {} are there", file, expected, found);
  if (found > expected) throw data_error("{}: {} bytes follow the last tensor, where none may be", file, found - expected);
  return header;
}

}  // namespace sluice::checkpoint
