// PNG through libpng. Its errors are jumps: what they pass over lies in structures that the outer function owns.
#include "data/media/exif.hpp"
#include "data/media/image_codecs.hpp"
#include "data/media/media_error.hpp"

#include <png.h>

#include <csetjmp>
#include <cstring>
#include <new>
#include <vector>

namespace sluice::data {

const bool kHasPng = true;

namespace {

struct Source {
  std::string_view bytes;
  std::size_t at = 0;
  char message[128] = "";
};

void read_bytes(png_structp png, png_bytep out, png_size_t count) {
  Source& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (count > source.bytes.size() - source.at) png_error(png, "it is cut short");
  std::memcpy(out, source.bytes.data() + source.at, count);
  source.at += count;
}

void keep_message(png_structp png, png_const_charp message) {
  Source& source = *static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source.message, message, sizeof source.message - 1);
  longjmp(png_jmpbuf(png), 1);
}

void ignore_warning(png_structp, png_const_charp) {}

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  explicit Reader(Source& source) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, keep_message, ignore_warning);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png, &source, read_bytes);
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

// The passages in which libpng may jump; false if it did. No object with a destructor is made in them.
bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_scale_16(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rows(Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, reader.info);
  return true;
}

int orientation_of(Reader& reader) {
#ifdef PNG_eXIf_SUPPORTED
  png_uint_32 length = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &length, &exif) != 0 && exif != nullptr)
    return exif_orientation({reinterpret_cast<const char*>(exif), length});
#endif
  return 1;
}

}  // namespace

StoredImage decode_png(std::string_view bytes, std::int64_t max_pixels, const std::string& where) {
  Source source{bytes};
  Reader reader(source);
  const auto damaged = [&] { return MediaError(MediaProblem::kDamaged, "{}: a damaged PNG: {}", where, source.message); };
  // libpng's own limit of a million rows or columns is less than a picture may have.
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  if (!read_header(reader)) throw damaged();
  const png_uint_32 width = png_get_image_width(reader.png, reader.info), height = png_get_image_height(reader.png, reader.info);
  require_pixels(width, height, max_pixels, where);
  StoredImage stored;
  stored.image = Image(static_cast<int>(width), static_cast<int>(height), png_get_channels(reader.png, reader.info));
  std::vector<png_bytep> rows(height);
  for (png_uint_32 y = 0; y < height; ++y) rows[y] = stored.image.at(0, static_cast<int>(y));
  if (!read_rows(reader, rows.data())) throw damaged();
  stored.orientation = orientation_of(reader);
  return stored;
}

}  // namespace sluice::data
