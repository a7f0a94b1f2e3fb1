#include "data/token_cache.hpp"

#include "core/base/error.hpp"
#include "data/token_cache_format.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

namespace sluice::data {

using token_cache_format::Header;

TokenCache::TokenCache(const std::filesystem::path& path, const std::string& key) : file_(path), path_(path), key_(key) {
  const auto damaged = [&path](std::string_view what) { return data_error("{}: the token cache is damaged: {}", path.string(), what); };
  Header header;
  if (file_.size() < sizeof header) throw damaged(fmt::format("{} bytes, expected a header of {}", file_.size(), sizeof header));
  std::memcpy(&header, file_.data(), sizeof header);
  if (std::memcmp(header.magic, token_cache_format::kMagic, sizeof header.magic) != 0) throw damaged("it does not start with SLTOKENS");
  if (header.header_hash != token_cache_format::hash_of(header)) throw damaged("the checksum of the header differs");
  if (header.version != token_cache_format::kVersion)
    throw damaged(fmt::format("format version {}, expected {}", header.version, token_cache_format::kVersion));
  const std::string found(header.key, sizeof header.key);
  if (found != key) throw damaged(fmt::format("it holds {}, expected {}", found, key));
  // The header's own checksum holds, so these sums cannot be absurd.
  token_bytes_ = header.token_bytes;
  const std::uint64_t tokens = header.tokens * header.token_bytes;
  const std::uint64_t hashes_at = sizeof header + tokens + token_cache_format::padding_after(tokens);
  const std::uint64_t statistics_at = hashes_at + header.documents * sizeof(std::uint64_t);
  if (file_.size() != statistics_at + header.statistics_bytes)
    throw damaged(fmt::format("{} bytes, expected {}", file_.size(), statistics_at + header.statistics_bytes));
  payload_hash_.assign(header.payload_hash, sizeof header.payload_hash);
  document_hashes_ = {reinterpret_cast<const std::uint64_t*>(file_.data() + hashes_at), header.documents};

  const auto json = nlohmann::json::parse(file_.view().substr(statistics_at), nullptr, /*allow_exceptions=*/false);
  try {
    statistics_.files = json.at("files");
    statistics_.bytes = json.at("bytes");
    statistics_.words = json.at("words");
    statistics_.invalid_utf8 = json.at("invalid_utf8");
    for (const auto& fault : json.at("located"))
      statistics_.located.push_back({fault.at(0).get<std::uint64_t>(), fault.at(1).get<std::uint64_t>(), fault.at(2).get<std::string>()});
    if (json.contains("notes")) {
      const auto& notes = json["notes"];
      statistics_.notes.empty = notes.at("empty");
      for (const auto& place : notes.at("located"))
        statistics_.notes.located.push_back({place.at(0).get<std::uint64_t>(), place.at(1).get<std::uint64_t>()});
      statistics_.notes.pages = notes.at("pages");
      statistics_.notes.page_files = notes.at("page_files").get<std::vector<std::uint64_t>>();
    }
  } catch (const nlohmann::json::exception&) {
    throw damaged("the statistics cannot be read");
  }
  statistics_.documents = header.documents;
  statistics_.tokens = header.tokens;
}

void TokenCache::verify(std::string_view source, const ProgressCallback& progress) const {
  Hash128 hash;
  constexpr std::uint64_t kBlock = std::uint64_t{16} << 20;
  for (std::uint64_t at = sizeof(Header); at < file_.size();) {
    const std::uint64_t count = std::min<std::uint64_t>(kBlock, file_.size() - at);
    hash.update(file_.data() + at, count);
    at += count;
    if (progress) progress({"checking", source, at, file_.size()});
  }
  if (hash.hex() != payload_hash_)
    throw data_error("{}: the token cache is damaged: checksum {}, expected {}", path_.string(), hash.hex(), payload_hash_);
}

void TokenCache::copy(std::uint64_t first, std::uint64_t count, std::int32_t* out) const {
  const std::byte* from = file_.data() + sizeof(Header) + first * token_bytes_;
  if (token_bytes_ == 4) {
    std::memcpy(out, from, count * 4);
    return;
  }
  const auto* tokens = reinterpret_cast<const std::uint16_t*>(from);
  std::copy(tokens, tokens + count, out);
}

}  // namespace sluice::data
