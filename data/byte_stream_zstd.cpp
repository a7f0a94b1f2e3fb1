// Zstandard (RFC 8878): frames one after the other, skippable frames included, are one stream.
#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "data/byte_stream.hpp"

#include <zstd.h>

#include <new>
#include <string_view>
#include <vector>

namespace sluice::data {
namespace {

class ZstdStream : public ByteStream {
 public:
  explicit ZstdStream(const std::filesystem::path& path)
      : path_(path), file_(path), input_(ZSTD_DStreamInSize()), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
    // Public text dumps are often written with --long=31; the default limit of the library refuses them.
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
  }
  ~ZstdStream() override { ZSTD_freeDStream(stream_); }

  std::uint64_t consumed() const override { return file_.consumed() - (source_.size - source_.pos); }

  std::size_t read(std::span<char> out) override {
    ZSTD_outBuffer target{out.data(), out.size(), 0};
    while (target.pos < target.size) {
      if (source_.pos == source_.size) {
        source_ = {input_.data(), file_.read(input_), 0};
        if (source_.size == 0 && !flushing_) {
          if (expected_ != 0)
            throw data_error("{}: the zstd stream is cut short: it ends after {} bytes inside a frame; copy or download the file again",
                             path_.string(), file_.consumed());
          break;
        }
      }
      const std::size_t status = ZSTD_decompressStream(stream_, &target, &source_);
      if (ZSTD_isError(status)) {
        refuse_stand_in();
        throw data_error("{}: {} at byte {}: {}; copy or download the file again", path_.string(),
                         consumed() < 16 ? "not a zstd file" : "the zstd stream is damaged", consumed(), ZSTD_getErrorName(status));
      }
      expected_ = status;
      // A full output may leave decoded bytes inside the library although the input is used up.
      flushing_ = status != 0 && target.pos == target.size;
    }
    return target.pos;
  }

 private:
  /// Of a file that is no Zstandard from its first byte on: what it is instead, if that is known.
  void refuse_stand_in() const {
    const std::string_view start(input_.data(), source_.size);
    if (file_.consumed() == start.size() && !start.starts_with("\x28\xB5\x2F\xFD"))
      refuse_foreign(start, path_.string(), "a Zstandard file", "name it after what it is");
  }

  std::filesystem::path path_;
  FileStream file_;
  std::vector<char> input_;
  ZSTD_DStream* stream_;
  ZSTD_inBuffer source_{nullptr, 0, 0};
  std::size_t expected_ = 1;  // what the library last said it wants; 0 = at the end of a frame
  bool flushing_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> open_zstd_stream(const std::filesystem::path& path) { return std::make_unique<ZstdStream>(path); }

}  // namespace sluice::data
