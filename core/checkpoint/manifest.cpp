#include "core/checkpoint/manifest.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "core/base/json_reason.hpp"

#include <nlohmann/json.hpp>

namespace sluice::checkpoint {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "sluice-checkpoint";

json to_object(const TensorFileRecord& record) {
  json tensors = json::object();
  for (const auto& [name, tensor] : record.tensors)
    tensors[name] = {{"dtype", std::string(name_of(tensor.type))}, {"shape", tensor.shape}, {"xxh3_128", to_hex(tensor.checksum)}};
  return {{"bytes", record.bytes}, {"header_xxh3_128", to_hex(record.header)}, {"tensors", std::move(tensors)}};
}

Checksum checksum_from(const json& value, const std::string& file) {
  const auto checksum = parse_checksum(value.get<std::string>());
  if (!checksum) throw data_error("{}: '{}' is not a checksum (32 hex digits)", file, value.get<std::string>());
  return *checksum;
}

TensorFileRecord tensor_file_from(const json& value, const std::string& file) {
  TensorFileRecord record;
  record.bytes = value.at("bytes").get<std::uint64_t>();
  record.header = checksum_from(value.at("header_xxh3_128"), file);
  for (const auto& [name, entry] : value.at("tensors").items()) {
    TensorRecord tensor;
    const std::string dtype = entry.at("dtype").get<std::string>();
    const auto type = parse_stored_type(dtype);
    if (!type) throw data_error("{}: tensor '{}': unknown dtype '{}'", file, name, dtype);
    tensor.type = *type;
    tensor.shape = entry.at("shape").get<Shape>();
    tensor.checksum = checksum_from(entry.at("xxh3_128"), file);
    record.tensors.emplace(name, std::move(tensor));
  }
  return record;
}

/// A manifest may come from anywhere: it must not make us read outside its folder.
const std::string& inside(const std::string& path, const std::string& file) {
  const std::filesystem::path relative(path);
  bool bad = path.empty() || relative.is_absolute() || path == kManifestName;
  for (const auto& part : relative) bad = bad || part == ".." || part == "." || part.empty();
  if (bad) throw data_error("{}: '{}' is not a path inside the checkpoint", file, path);
  return path;
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  json body = {{"format", kFormat}, {"format_version", manifest.format_version}, {"step", manifest.step}, {"stage", manifest.stage}};
  body["tensor_files"] = json::object();
  for (const auto& [path, record] : manifest.tensor_files) body["tensor_files"][path] = to_object(record);
  body["files"] = json::object();
  for (const auto& [path, record] : manifest.files) body["files"][path] = {{"bytes", record.bytes}, {"xxh3_128", to_hex(record.checksum)}};
  // Over the compact form with sorted keys, so that it does not depend on how the file is laid out.
  const std::string checksum = to_hex(checksum_of(std::string_view(body.dump())));
  return json{{"manifest", std::move(body)}, {"xxh3_128", checksum}}.dump(1) + "\n";
}

Manifest parse_manifest(std::string_view text, const std::string& file) {
  refuse_foreign(text, file, "a manifest", "copy or download the checkpoint again");
  Manifest manifest;
  try {
    const json document = json::parse(text.begin(), text.end());
    const json& body = document.at("manifest");
    if (body.at("format") != kFormat) throw data_error("{}: not a manifest of a Sluice checkpoint", file);
    manifest.format_version = body.at("format_version").get<int>();
    if (manifest.format_version != kManifestFormatVersion)
      throw FormatVersionError(
          ExitCode::kData, fmt::format("{}: checkpoint format version {}, this program reads version {}: {}", file, manifest.format_version,
                                       kManifestFormatVersion,
                                       manifest.format_version > kManifestFormatVersion ? "use a newer Sluice" : "use an older Sluice"));
    const Checksum expected = checksum_from(document.at("xxh3_128"), file);
    const Checksum found = checksum_of(std::string_view(body.dump()));
    if (expected != found) throw data_error("{}: damaged: expected checksum {}, found {}", file, to_hex(expected), to_hex(found));
    manifest.step = body.at("step").get<std::int64_t>();
    manifest.stage = body.at("stage").get<std::string>();
    for (const auto& [path, record] : body.at("tensor_files").items())
      manifest.tensor_files.emplace(inside(path, file), tensor_file_from(record, file));
    for (const auto& [path, record] : body.at("files").items())
      manifest.files.emplace(inside(path, file),
                             FileRecord{record.at("bytes").get<std::uint64_t>(), checksum_from(record.at("xxh3_128"), file)});
  } catch (const json::parse_error& error) {
    if (text.empty()) throw data_error("{}: damaged: is empty", file);
    throw data_error("{}: damaged: not JSON from byte {} of {} on", file, error.byte, text.size());
  } catch (const json::exception& error) {
    throw data_error("{}: damaged: {}", file, json_reason(error.what()));
  }
  return manifest;
}

Manifest read_manifest(const std::filesystem::path& checkpoint) {
  const std::filesystem::path path = checkpoint / kManifestName;
  return parse_manifest(read_file(path), path.string());
}

void merge(Manifest& whole, const Manifest& part) {
  const auto claim = [&](const std::string& path) {
    if (whole.tensor_files.count(path) != 0 || whole.files.count(path) != 0)
      throw data_error("checkpoint file '{}' was written twice: each file has exactly one writer", path);
  };
  for (const auto& [path, record] : part.tensor_files) {
    claim(path);
    whole.tensor_files.emplace(path, record);
  }
  for (const auto& [path, record] : part.files) {
    claim(path);
    whole.files.emplace(path, record);
  }
}

}  // namespace sluice::checkpoint
