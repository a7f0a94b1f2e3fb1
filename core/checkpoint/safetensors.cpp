#include "core/checkpoint/safetensors.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::checkpoint {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{16} << 20;

/// The system's reason, with the free space where that is the matter.
std::string reason_of(int error, const std::string& path) {
  std::string reason = std::strerror(error);
  struct statvfs info {};
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (error == ENOSPC && statvfs(folder.empty() ? "." : folder.c_str(), &info) == 0)
    reason += fmt::format(" ({} bytes are free)", static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize);
  return reason;
}

/// Reserves the file's space, so that a full disk is found before hours of writing and not after.
int reserve(int fd, std::uint64_t bytes) {
  const auto size = static_cast<off_t>(bytes);
  int result = 0;
  do result = fallocate(fd, 0, 0, size);
  while (result != 0 && errno == EINTR);
  if (result == 0) return 0;
  // File systems without fallocate get a sparse file of the right size.
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return errno;
  return ftruncate(fd, size) == 0 ? 0 : errno;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path.string()), file_(path), header_(parse_safetensors(file_.view(), path_)) {
  for (const TensorSlot& slot : header_.tensors) tensors_.push_back({slot.info, bytes(slot), this, header_.data_start + slot.begin});
}

std::unique_ptr<Container> open_safetensors(const std::filesystem::path& path) { return std::make_unique<SafetensorsFile>(path); }

std::unique_ptr<ContainerWriter> create_safetensors(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                                                    std::function<void()> got_on) {
  return std::make_unique<SafetensorsWriter>(path, plan_safetensors(std::move(tensors)), std::move(got_on));
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, SafetensorsHeader header, std::function<void()> got_on)
    : path_(path.string()), got_on_(std::move(got_on)), header_(std::move(header)), checksums_(header_.tensors.size()) {
  for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
    index_.emplace(header_.tensors[i].info.name, i);
    if (header_.tensors[i].bytes() == 0) checksums_[i] = checksum_of(std::span<const std::byte>());
  }
  const std::string start = header_bytes(header_);
  header_checksum_ = checksum_of(std::string_view(start));
  // Exclusive: a file that somebody has mapped is never cut short.
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd_ < 0) throw data_error("{}: cannot be created: {}", path_, reason_of(errno, path_));
  try {
    if (const int error = reserve(fd_, header_.file_bytes()); error != 0)
      throw data_error("{}: no room for {} bytes: {}", path_, header_.file_bytes(), reason_of(error, path_));
    write_at(0, std::as_bytes(std::span(start)), "the header");
  } catch (...) {
    close(fd_);
    unlink(path_.c_str());
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(path_.c_str());
}

void SafetensorsWriter::write_at(std::uint64_t offset, std::span<const std::byte> bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(fd_, bytes.data(), std::min(bytes.size(), kPieceBytes), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0)
      throw data_error("{}: writing {} failed with {} bytes to go: {}", path_, what, bytes.size(),
                       done < 0 ? reason_of(errno, path_) : "nothing was written");
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    if (got_on_) got_on_();
  }
}

/// In pieces, of which the next is on its way while one is waited for, so that a long flush shows that it gets on.
void SafetensorsWriter::flush() {
  const auto size = static_cast<off64_t>(header_.file_bytes()), piece = static_cast<off64_t>(kPieceBytes);
  const auto sync = [&](off64_t begin, unsigned flags) {
    if (begin >= size || sync_file_range(fd_, begin, std::min(piece, size - begin), flags) == 0) return true;
    // Not every file system can; but an error of the disk is told only once.
    if (errno == EIO || errno == ENOSPC || errno == EDQUOT) throw data_error("{}: flushing failed: {}", path_, reason_of(errno, path_));
    return false;
  };
  constexpr unsigned kWhole = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  for (off64_t begin = 0; got_on_ && begin < size; begin += piece) {
    if (!sync(begin + piece, SYNC_FILE_RANGE_WRITE) || !sync(begin, kWhole)) break;
    got_on_();
  }
  if (fsync(fd_) != 0) throw data_error("{}: flushing failed: {}", path_, reason_of(errno, path_));
}

void SafetensorsWriter::write(const std::string& name, std::span<const std::byte> bytes) {
  const auto found = index_.find(name);
  if (found == index_.end()) throw data_error("{}: tensor '{}' was not planned for this file", path_, name);
  const TensorSlot& slot = header_.tensors[found->second];
  std::optional<Checksum>& checksum = checksums_[found->second];
  if (bytes.size() != slot.bytes())
    throw data_error("{}: tensor '{}' has {} bytes: {} do not fit", path_, name, slot.bytes(), bytes.size());
  if (bytes.empty()) return;
  if (checksum) throw data_error("{}: tensor '{}' was written before", path_, name);
  write_at(header_.data_start + slot.begin, bytes, "tensor '" + name + "'");
  checksum = checksum_of(bytes);
}

TensorFileRecord SafetensorsWriter::finish() {
  TensorFileRecord record;
  record.bytes = header_.file_bytes();
  record.header = header_checksum_;
  for (std::size_t i = 0; i < checksums_.size(); ++i) {
    const TensorInfo& info = header_.tensors[i].info;
    if (!checksums_[i]) throw data_error("{}: tensor '{}' was not written", path_, info.name);
    record.tensors.emplace(info.name, TensorRecord{info.type, info.shape, *checksums_[i]});
  }
  flush();
  if (close(std::exchange(fd_, -1)) != 0) {
    const int error = errno;
    unlink(path_.c_str());
    throw data_error("{}: closing failed: {}", path_, reason_of(error, path_));
  }
  return record;
}

}  // namespace sluice::checkpoint
