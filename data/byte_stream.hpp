// A file as a stream of bytes, decompressed on the way: plain, gzip (several members) or Zstandard (several frames).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

namespace sluice::data {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills `out` from the front; 0 only at the end. Data error if the file cannot be read, is damaged or cut short.
  virtual std::size_t read(std::span<char> out) = 0;
  /// Bytes of the file (compressed ones, if so) consumed so far.
  virtual std::uint64_t consumed() const = 0;
};

enum class Compression { kNone, kGzip, kZstd };

std::unique_ptr<ByteStream> open_byte_stream(const std::filesystem::path& path, Compression compression);

/// The file's own bytes; what the decompressors read from.
class FileStream : public ByteStream {
 public:
  explicit FileStream(const std::filesystem::path& path);
  ~FileStream() override;
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  std::size_t read(std::span<char> out) override;
  std::uint64_t consumed() const override { return consumed_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t consumed_ = 0;
};

std::unique_ptr<ByteStream> open_gzip_stream(const std::filesystem::path& path);
std::unique_ptr<ByteStream> open_zstd_stream(const std::filesystem::path& path);

}  // namespace sluice::data
