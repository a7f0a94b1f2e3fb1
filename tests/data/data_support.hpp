// What the tests of the data room share: a folder that goes away, writers of compressed files, small tokenizers, error messages.
#pragma once

#include "core/base/error.hpp"
#include "data/hash128.hpp"
#include "data/tokenizer.hpp"
#include "tests/data/test_splitters.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() / fmt::format("sluice-data-{}-{}", getpid(), count++);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path path() const { return path_; }
  /// Writes a file (folders are made) and returns its path.
  std::string write(const std::string& name, std::string_view content) const {
    const auto path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

inline std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

/// The message of the sluice::Error that `act` throws, with its exit code in front: "3: …"; "" if it throws none.
inline std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
  }
  return "";
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// One id a byte; 256 is EOS.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(std::int64_t vocab_size = 257, std::string json = "{\"type\":\"bytes\"}")
      : vocab_size_(vocab_size), json_(std::move(json)) {}
  void encode(std::string_view text, std::vector<std::int32_t>& ids, bool) const override {
    for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte));
  }
  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    for (const std::int32_t id : ids) text += id == 256 ? eos_token_ : std::string(1, static_cast<char>(id));
    return text;
  }
  std::int64_t bytes_of(std::int32_t id) const override { return id < 256 ? 1 : 0; }
  std::int64_t vocab_size() const override { return vocab_size_; }
  std::int32_t eos_id() const override { return 256; }
  const std::string& json() const override { return json_; }
  const std::string& eos_token() const override { return eos_token_; }

 private:
  std::int64_t vocab_size_;
  std::string json_;
  std::string eos_token_ = "<|endoftext|>";
};

/// One id a pre-token, made from its text: a pre-token that is cut or joined changes the ids. 0 is EOS.
class PreTokenTokenizer : public ByteTokenizer {
 public:
  explicit PreTokenTokenizer(Splitter splitter) : ByteTokenizer(std::int64_t{1} << 31, "{\"type\":\"pre-tokens\"}"), splitter_(splitter) {}
  void encode(std::string_view text, std::vector<std::int32_t>& ids, bool) const override {
    for (const std::string& part : split(text, splitter_)) ids.push_back(static_cast<std::int32_t>(hash64(part) % 0x7FFFFFFE) + 1);
  }
  std::int32_t eos_id() const override { return 0; }

 private:
  Splitter splitter_;
};

}  // namespace sluice::data
