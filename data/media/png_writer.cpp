// PNG through libpng's simplified interface.
#include "data/media/write_png.hpp"

#include "core/base/error.hpp"

#include <png.h>

namespace sluice::data {

std::string encode_png(const Image& image) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  const auto write = [&](void* memory) { return png_image_write_to_memory(&header, memory, &size, 0, image.pixels.data(), 0, nullptr); };
  if (write(nullptr) == 0)
    throw data_error("a picture of {} x {} pixels cannot be written as PNG: {}", image.width, image.height, header.message);
  std::string bytes(size, '\0');
  if (write(bytes.data()) == 0)
    throw data_error("a picture of {} x {} pixels cannot be written as PNG: {}", image.width, image.height, header.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace sluice::data
