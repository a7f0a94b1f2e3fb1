#include "data/media/exif.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace sluice::data {
namespace {

constexpr int kUpright = 1;
constexpr std::uint16_t kOrientation = 0x0112, kShort = 3;
constexpr std::size_t kEntryBytes = 12;

class Tiff {
 public:
  Tiff(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<std::uint32_t> integer(std::size_t at, std::size_t bytes) const {
    if (at > bytes_.size() || bytes > bytes_.size() - at) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t place = big_endian_ ? i : bytes - 1 - i;
      value = value << 8 | static_cast<unsigned char>(bytes_[at + place]);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(std::string_view tiff) {
  const bool little = tiff.starts_with("II");
  if (!little && !tiff.starts_with("MM")) return kUpright;
  const Tiff file(tiff, !little);
  if (file.integer(2, 2) != 42u) return kUpright;
  const auto directory = file.integer(4, 4);
  if (!directory) return kUpright;
  const auto entries = file.integer(*directory, 2);
  if (!entries) return kUpright;
  for (std::size_t i = 0; i < *entries; ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + i * kEntryBytes;
    const auto tag = file.integer(entry, 2), type = file.integer(entry + 2, 2), value = file.integer(entry + 8, 2);
    if (!tag || !type || !value) return kUpright;
    if (*tag != kOrientation) continue;
    return *type == kShort && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : kUpright;
  }
  return kUpright;
}

}  // namespace sluice::data
