// JPEG through libjpeg (libjpeg-turbo). Its errors are jumps: what they pass over lies in structures that the outer function owns.
#include "data/media/exif.hpp"
#include "data/media/image_codecs.hpp"
#include "data/media/media_error.hpp"

#include <cstdio>
// libjpeg's header needs <cstdio> before it.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <string_view>

namespace sluice::data {

const bool kHasJpeg = true;

namespace {

// A progressive picture may be sent in any number of scans, each as costly as all pixels; real ones have about ten.
constexpr int kMaxScans = 100;

struct Reader {
  jpeg_decompress_struct state{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = "";

  Reader();
  ~Reader() { jpeg_destroy_decompress(&state); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

[[noreturn]] void give_up(j_common_ptr state) {
  Reader& reader = *static_cast<Reader*>(state->client_data);
  if (reader.message[0] == '\0') state->err->format_message(state, reader.message);
  std::longjmp(reader.back, 1);
}

// libjpeg fills what is missing with grey and warns; a picture that lost a part is damaged here. Not so what other programs leave
// between two markers, or a colour transform that Adobe's marker names and nobody knows.
void judge_warning(j_common_ptr state, int level) {
  const int code = state->err->msg_code;
  if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_PROGRESSION) return;
  give_up(state);
}

void keep_silent(j_common_ptr) {}

void limit_scans(j_common_ptr state) {
  if (reinterpret_cast<j_decompress_ptr>(state)->input_scan_number <= kMaxScans) return;
  Reader& reader = *static_cast<Reader*>(state->client_data);
  std::snprintf(reader.message, sizeof reader.message, "more than %d scans", kMaxScans);
  give_up(state);
}

Reader::Reader() {
  state.err = jpeg_std_error(&errors);
  errors.error_exit = give_up;
  errors.emit_message = judge_warning;
  errors.output_message = keep_silent;
  progress.progress_monitor = limit_scans;
  state.client_data = this;
}

// The passages in which libjpeg may jump; false if it did. No object with a destructor is made in them.
bool read_header(Reader& reader, std::string_view bytes) {
  if (setjmp(reader.back) != 0) return false;
  jpeg_create_decompress(&reader.state);
  reader.state.client_data = &reader;
  reader.state.progress = &reader.progress;
  jpeg_save_markers(&reader.state, JPEG_APP0 + 1, 0xFFFF);
  jpeg_mem_src(&reader.state, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&reader.state, TRUE);
  switch (reader.state.jpeg_color_space) {
    case JCS_GRAYSCALE: reader.state.out_color_space = JCS_GRAYSCALE; break;
    case JCS_CMYK:
    case JCS_YCCK: reader.state.out_color_space = JCS_CMYK; break;
    default: reader.state.out_color_space = JCS_RGB;
  }
  return true;
}

bool read_rows(Reader& reader, Image& image) {
  if (setjmp(reader.back) != 0) return false;
  while (reader.state.output_scanline < reader.state.output_height) {
    JSAMPROW row = image.at(0, static_cast<int>(reader.state.output_scanline));
    jpeg_read_scanlines(&reader.state, &row, 1);
  }
  jpeg_finish_decompress(&reader.state);
  return true;
}

bool start(Reader& reader) {
  if (setjmp(reader.back) != 0) return false;
  jpeg_start_decompress(&reader.state);
  return true;
}

int orientation_of(const Reader& reader) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (auto marker = reader.state.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (marker->marker == JPEG_APP0 + 1 && data.starts_with(kExif)) return exif_orientation(data.substr(kExif.size()));
  }
  return 1;
}

// Inks are stored inverted, as Adobe does and everybody reads: 255 is no ink.
Image rgb_of_inverted_cmyk(const Image& cmyk) {
  Image rgb(cmyk.width, cmyk.height, 3);
  const std::uint8_t* in = cmyk.pixels.data();
  for (std::uint8_t *out = rgb.pixels.data(), *end = out + rgb.pixels.size(); out != end; out += 3, in += 4)
    for (int c = 0; c < 3; ++c) out[c] = multiply_unit(in[c], in[3]);
  return rgb;
}

}  // namespace

StoredImage decode_jpeg(std::string_view bytes, std::int64_t max_pixels, const std::string& where) {
  Reader reader;
  const auto damaged = [&] { return MediaError(MediaProblem::kDamaged, "{}: a damaged JPEG: {}", where, reader.message); };
  if (!read_header(reader, bytes)) throw damaged();
  require_pixels(reader.state.image_width, reader.state.image_height, max_pixels, where);
  if (!start(reader)) throw damaged();
  StoredImage stored;
  stored.image =
      Image(static_cast<int>(reader.state.output_width), static_cast<int>(reader.state.output_height), reader.state.output_components);
  stored.orientation = orientation_of(reader);  // finish_decompress frees the remarks
  if (!read_rows(reader, stored.image)) throw damaged();
  if (reader.state.out_color_space == JCS_CMYK) stored.image = rgb_of_inverted_cmyk(stored.image);
  return stored;
}

}  // namespace sluice::data
