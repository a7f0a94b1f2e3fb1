#include "core/base/error.hpp"
#include "core/base/host.hpp"
#include "data/token_cache.hpp"
#include "data/token_cache_format.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace sluice::data {
namespace {

using token_cache_format::Header;

/// A name no other builder uses, on this host or another that shares the folder.
std::filesystem::path unfinished_name(const std::filesystem::path& path) {
  static std::atomic<std::uint64_t> count = 0;
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::uint64_t tag = hash64(fmt::format("{} {} {} {}", host_name(), getpid(), now, count++));
  return path.string() + fmt::format(".building-{:016x}", tag);
}

}  // namespace

struct TokenCacheWriter::Hash {
  Hash128 payload;
};

TokenCacheWriter::TokenCacheWriter(std::filesystem::path path, std::string key, std::uint32_t token_bytes)
    : path_(std::move(path)),
      temporary_(unfinished_name(path_)),
      key_(std::move(key)),
      token_bytes_(token_bytes),
      hash_(std::make_unique<Hash>()) {
  fd_ = open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd_ < 0) throw data_error("{}: the token cache cannot be written: {}", temporary_.string(), std::strerror(errno));
  const Header empty{};
  write({reinterpret_cast<const char*>(&empty), sizeof empty});
}

TokenCacheWriter::~TokenCacheWriter() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void TokenCacheWriter::write(std::string_view bytes) {
  const std::size_t done = write_all(fd_, bytes);
  written_ += done;
  if (done < bytes.size())
    throw data_error("{}: writing the token cache failed after {} bytes: {}; free space there or choose another cache folder",
                     path_.string(), written_, std::strerror(errno));
}

void TokenCacheWriter::append(std::string_view tokens) {
  hash_->payload.update(tokens.data(), tokens.size());
  write(tokens);
}

void TokenCacheWriter::commit(const SourceStatistics& statistics, std::span<const std::uint64_t> document_hashes) {
  append(std::string_view("\0\0\0\0\0\0\0", token_cache_format::padding_after(written_ - sizeof(Header))));
  append({reinterpret_cast<const char*>(document_hashes.data()), document_hashes.size_bytes()});
  nlohmann::json located = nlohmann::json::array();
  for (const LocatedFault& fault : statistics.located) located.push_back({fault.file, fault.offset, fault.bytes});
  nlohmann::json empty = nlohmann::json::array();
  for (const ReadingNotes::EmptyPlace& place : statistics.notes.located) empty.push_back({place.file, place.line});
  const std::string json = nlohmann::json{{"files", statistics.files},
                                          {"bytes", statistics.bytes},
                                          {"words", statistics.words},
                                          {"invalid_utf8", statistics.invalid_utf8},
                                          {"located", located},
                                          {"notes",
                                           {{"empty", statistics.notes.empty},
                                            {"located", empty},
                                            {"pages", statistics.notes.pages},
                                            {"page_files", statistics.notes.page_files}}}}
                               .dump();
  append(json);

  Header header{};
  std::memcpy(header.magic, token_cache_format::kMagic, sizeof header.magic);
  header.version = token_cache_format::kVersion;
  header.token_bytes = token_bytes_;
  std::memcpy(header.key, key_.data(), sizeof header.key);
  header.tokens = statistics.tokens;
  header.documents = document_hashes.size();
  header.statistics_bytes = json.size();
  std::memcpy(header.payload_hash, hash_->payload.hex().data(), sizeof header.payload_hash);
  header.header_hash = token_cache_format::hash_of(header);
  if (pwrite(fd_, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) || fsync(fd_) != 0)
    throw data_error("{}: finishing the token cache failed: {}", path_.string(), std::strerror(errno));
  close(std::exchange(fd_, -1));
  std::filesystem::rename(temporary_, path_);
  temporary_.clear();
  sync_directory(path_.parent_path());
}

void remove_unfinished_caches(const std::filesystem::path& path) {
  const std::string prefix = path.filename().string() + ".building-";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), ignored))
    if (entry.path().filename().string().starts_with(prefix)) std::filesystem::remove(entry.path(), ignored);
}

}  // namespace sluice::data
