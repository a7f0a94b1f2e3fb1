// gzip (RFC 1952) through zlib: members one after the other are one stream, as gzip and bgzip write them.
#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "data/byte_stream.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <vector>

namespace sluice::data {
namespace {

class GzipStream : public ByteStream {
 public:
  explicit GzipStream(const std::filesystem::path& path) : path_(path), file_(path), input_(1 << 18) {
    if (inflateInit2(&inflater_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~GzipStream() override { inflateEnd(&inflater_); }

  std::uint64_t consumed() const override { return file_.consumed() - inflater_.avail_in; }

  std::size_t read(std::span<char> out) override {
    inflater_.next_out = reinterpret_cast<Bytef*>(out.data());
    inflater_.avail_out = static_cast<uInt>(out.size());
    while (inflater_.avail_out > 0 && !ended_) {
      if (inflater_.avail_in == 0 && !fill()) {
        if (in_member_ || members_ == 0)
          throw data_error("{}: the gzip stream is cut short: it ends after {} bytes inside a member; copy or download the file again",
                           path_.string(), file_.consumed());
        ended_ = true;
        break;
      }
      if (!in_member_ && !begin_member()) break;
      const int status = inflate(&inflater_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        in_member_ = false;
        ++members_;
        inflateReset(&inflater_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        refuse_stand_in();
        throw data_error("{}: {} at byte {}: {}; copy or download the file again", path_.string(),
                         members_ == 0 && consumed() < 32 ? "not a gzip file" : "the gzip stream is damaged", consumed(),
                         inflater_.msg != nullptr ? inflater_.msg : "unknown zlib error");
      }
    }
    return out.size() - inflater_.avail_out;
  }

 private:
  /// Of a file that is no gzip from its first byte on: what it is instead, if that is known.
  void refuse_stand_in() const {
    const std::string_view start(input_.data(), std::min<std::size_t>(input_.size(), file_.consumed()));
    if (file_.consumed() == start.size() && !start.starts_with("\x1F\x8B"))
      refuse_foreign(start, path_.string(), "a gzip file", "name it after what it is");
  }

  bool fill() {
    const std::size_t count = file_.read(input_);
    inflater_.next_in = reinterpret_cast<Bytef*>(input_.data());
    inflater_.avail_in = static_cast<uInt>(count);
    return count > 0;
  }

  /// Between members: zero padding up to the end of the file is allowed, as gzip does.
  bool begin_member() {
    if (members_ > 0 && *inflater_.next_in == 0) {
      do {
        for (; inflater_.avail_in > 0; --inflater_.avail_in, ++inflater_.next_in)
          if (*inflater_.next_in != 0)
            throw data_error("{}: byte {} follows the end of the gzip stream and is neither a new member nor zero padding", path_.string(),
                             consumed());
      } while (fill());
      ended_ = true;
      return false;
    }
    in_member_ = true;
    return true;
  }

  std::filesystem::path path_;
  FileStream file_;
  std::vector<char> input_;
  z_stream inflater_{};
  bool in_member_ = false;
  bool ended_ = false;
  std::uint64_t members_ = 0;
};

}  // namespace

std::unique_ptr<ByteStream> open_gzip_stream(const std::filesystem::path& path) { return std::make_unique<GzipStream>(path); }

}  // namespace sluice::data
