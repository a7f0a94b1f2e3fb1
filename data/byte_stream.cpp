#include "data/byte_stream.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::data {

FileStream::FileStream(const std::filesystem::path& path) : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) throw data_error("{}: cannot be read: {}", path.string(), std::strerror(errno));
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

FileStream::~FileStream() { close(fd_); }

std::size_t FileStream::read(std::span<char> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::read(fd_, out.data() + done, out.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw data_error("{}: reading failed at byte {}: {}", path_.string(), consumed_, std::strerror(errno));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
    consumed_ += static_cast<std::uint64_t>(count);
  }
  return done;
}

std::unique_ptr<ByteStream> open_byte_stream(const std::filesystem::path& path, Compression compression) {
  switch (compression) {
    case Compression::kGzip: return open_gzip_stream(path);
    case Compression::kZstd: return open_zstd_stream(path);
    case Compression::kNone: break;
  }
  return std::make_unique<FileStream>(path);
}

}  // namespace sluice::data
