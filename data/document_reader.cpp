#include "data/document_reader.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "data/chunk_cut.hpp"
#include "data/jsonl_text.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sluice::data {
namespace {

/// Where the next piece of a document ends. more(n) gives what is known of its rest: more than n bytes, or all there is. The cut
/// depends on the text alone, never on how far it was read.
template <class More>
std::size_t piece_end(std::size_t size, More more) {
  for (std::size_t searched = 0;; searched = size - 4, size *= 2) {  // - 4: a character may straddle the end
    const std::string_view rest = more(size);
    if (rest.size() <= size) return rest.size();
    if (const std::size_t cut = last_safe_cut(rest.substr(0, size), searched); cut > 0) return cut;
  }
}

}  // namespace

DocumentReader::DocumentReader(SourceFile file, ReadOptions options)
    : file_(std::move(file)),
      options_(std::move(options)),
      stream_(open_byte_stream(file_.path, file_.compression)),
      utf8_(file_.path.string(), options_.invalid_utf8),
      block_(std::size_t{1} << 18) {}

bool DocumentReader::next(TextPiece& piece) { return file_.format == TextFormat::kText ? next_text(piece) : next_json(piece); }

bool DocumentReader::fill() {
  if (finished_) return false;
  const std::size_t count = stream_->read(block_);
  if (count == 0) {
    finished_ = true;
    const std::size_t before = buffer_.size();
    utf8_.finish(buffer_);
    return buffer_.size() > before;
  }
  const std::string_view block(block_.data(), count);
  if (read_ == 0) look_at_start(block);
  if (const void* nul = std::memchr(block.data(), 0, count); nul != nullptr) {
    const std::uint64_t offset = read_ + static_cast<std::uint64_t>(static_cast<const char*>(nul) - block.data());
    throw data_error("{}: looks binary: NUL byte at byte {}; expected UTF-8 text", file_.path.string(), offset);
  }
  const std::uint64_t invalid_before = utf8_.invalid_bytes();
  utf8_.append(block, buffer_);
  check_block(block, invalid_before);
  if (read_ == 0 && buffer_.starts_with(kByteOrderMark)) {
    // Places in JSONL are counted from the start of the stream, mark included.
    if (file_.format == TextFormat::kJsonl) line_start_ = kByteOrderMark.size();
    else buffer_.erase(0, kByteOrderMark.size());
  }
  read_ += count;
  return true;
}

void DocumentReader::look_at_start(std::string_view block) {
  const auto kind = foreign_kind(block);
  begins_as_page_ = kind && kind->is_page && file_.format == TextFormat::kText;
  if (!begins_as_page_)
    refuse_foreign(block, file_.path.string(), "UTF-8 text",
                   "unpack or convert it (compressed text is read as .txt.gz, .txt.zst and so on)");
}

void DocumentReader::check_block(std::string_view block, std::uint64_t invalid_before) const {
  const std::uint64_t invalid = utf8_.invalid_bytes() - invalid_before;
  if (invalid < 32 || invalid * 8 <= block.size()) return;
  throw data_error(
      "{}: looks binary or not UTF-8: {} of the {} bytes from byte {} on are invalid UTF-8 (first: {} at byte {}); convert it to UTF-8",
      file_.path.string(), invalid, block.size(), read_, describe_bytes(utf8_.located().front().bytes), utf8_.located().front().offset);
}

void DocumentReader::emit(std::string text, bool ends, TextPiece& piece) {
  hash_.update(text);
  piece.text = std::move(text);
  piece.begins_document = !inside_;
  documents_ += piece.begins_document;
  piece.ends_document = ends;
  piece.document_hash = ends ? hash_.finish() : 0;
  inside_ = !ends;
}

bool DocumentReader::next_text(TextPiece& piece) {
  const auto more = [this](std::size_t size) {
    while (buffer_.size() <= size && fill()) {}
    return std::string_view(buffer_);
  };
  const std::size_t end = piece_end(options_.piece_bytes, more);
  if (end == 0) return false;
  std::string rest = buffer_.substr(end);
  buffer_.resize(end);
  const bool ends = rest.empty();
  emit(std::exchange(buffer_, std::move(rest)), ends, piece);
  return true;
}

bool DocumentReader::read_json_document() {
  for (;;) {
    std::size_t search = line_start_;
    std::size_t end = std::string::npos;
    while ((end = buffer_.find('\n', search)) == std::string::npos) {
      search = buffer_.size();
      if (line_start_ > 0) {
        buffer_.erase(0, line_start_);
        search -= line_start_;
        buffer_at_ += line_start_;
        line_start_ = 0;
      }
      if (!fill()) break;
    }
    if (end == std::string::npos && line_start_ >= buffer_.size()) return false;
    const std::string_view line = std::string_view(buffer_).substr(line_start_, end == std::string::npos ? end : end - line_start_);
    const std::uint64_t line_at = buffer_at_ + line_start_;
    line_start_ = end == std::string::npos ? buffer_.size() : end + 1;
    ++line_number_;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", file_.path.string(), line_number_);
    for (const LoneSurrogate& lone : extract_json_text(line, options_.text_key, where, document_))
      utf8_.lone_surrogate(line_at + lone.offset, lone.escape);
    document_at_ = 0;
    if (!document_.empty()) return true;
    if (empty_lines_++ < kLocated) located_empty_lines_.push_back(line_number_);
  }
}

bool DocumentReader::next_json(TextPiece& piece) {
  if (document_at_ == document_.size() && !read_json_document()) return false;
  const std::string_view rest = std::string_view(document_).substr(document_at_);
  const std::size_t end = piece_end(options_.piece_bytes, [rest](std::size_t) { return rest; });
  document_at_ += end;
  const bool whole = end == document_.size();
  emit(whole ? std::move(document_) : std::string(rest.substr(0, end)), end == rest.size(), piece);
  if (whole) document_.clear(), document_at_ = 0;
  return true;
}

bool begins_with_mark(const SourceFile& file) {
  std::array<char, kByteOrderMark.size()> start{};
  const std::size_t count = open_byte_stream(file.path, file.compression)->read(start);
  return std::string_view(start.data(), count) == kByteOrderMark;
}

}  // namespace sluice::data
