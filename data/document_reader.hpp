// Reads a file of any supported format and compression as a stream of documents, each in pieces of valid UTF-8, in bounded memory. A
// byte-order mark (U+FEFF) at the start of the file is left out: it is no text. Line ends, CR LF too, are text and are kept.
//
// Memory holds one piece and one block of the file; more only where a text has no safe place to cut (chunk_cut.hpp) or a JSONL line is
// longer than a piece.
#pragma once

#include "data/byte_stream.hpp"
#include "data/hash128.hpp"
#include "data/source_files.hpp"
#include "data/utf8.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice::data {

struct ReadOptions {
  std::string text_key = "text";
  InvalidUtf8 invalid_utf8 = InvalidUtf8::kReplace;
  /// Longer documents are cut into pieces of at most this size, where they can be. At least 16.
  std::size_t piece_bytes = std::size_t{1} << 20;
};

/// A document or a part of it, never empty. Pieces are cut so that their ids, joined, are the ids of the document.
struct TextPiece {
  std::string text;
  bool begins_document = false;
  bool ends_document = false;
  std::uint64_t document_hash = 0;  // XXH3-64 of the document's whole text; set where ends_document is true
};

class DocumentReader {
 public:
  DocumentReader(SourceFile file, ReadOptions options);

  /// Puts the next piece into `piece`; false at the end. Documents without text are skipped, and counted. Data error for an unreadable or
  /// damaged file; a pointer to a file kept elsewhere, or a file of another kind than its name says (core/base/file_kind.hpp); binary
  /// content (a NUL byte, or more than one invalid byte in eight); a bad JSON line; under kError also for invalid UTF-8 and, in JSONL, a
  /// lone surrogate escape.
  bool next(TextPiece& piece);

  std::uint64_t consumed() const { return stream_->consumed(); }  // bytes of the file on disk
  const Utf8Repairer& utf8() const { return utf8_; }
  std::uint64_t documents() const { return documents_; }  // begun so far
  /// How many JSONL lines have an empty text, and the line numbers of the first kLocated of them.
  std::uint64_t empty_lines() const { return empty_lines_; }
  const std::vector<std::uint64_t>& located_empty_lines() const { return located_empty_lines_; }
  /// Whether this is a .txt file that begins as an HTML page does. It may be wanted, or be what a failed download left.
  bool begins_as_page() const { return begins_as_page_; }

  /// The number of entries in located_empty_lines() at most.
  static constexpr std::size_t kLocated = 8;

 private:
  bool fill();  // appends a repaired block to buffer_; false at the end
  void look_at_start(std::string_view block);
  void check_block(std::string_view block, std::uint64_t invalid_before) const;
  bool next_text(TextPiece& piece);
  bool next_json(TextPiece& piece);
  bool read_json_document();
  void emit(std::string text, bool ends, TextPiece& piece);

  SourceFile file_;
  ReadOptions options_;
  std::unique_ptr<ByteStream> stream_;
  Utf8Repairer utf8_;
  Hash64 hash_;
  std::vector<char> block_;
  std::uint64_t read_ = 0;       // bytes after decompression
  bool finished_ = false;        // everything is in buffer_
  bool inside_ = false;          // a document has begun and not ended
  std::string buffer_;           // text: the uncut rest; JSONL: lines
  std::uint64_t buffer_at_ = 0;  // JSONL: where the buffer starts in the repaired text
  std::size_t line_start_ = 0;
  std::uint64_t line_number_ = 0;
  std::string document_;  // JSONL: the text being cut, from document_at_ on
  std::size_t document_at_ = 0;
  std::uint64_t documents_ = 0;
  std::uint64_t empty_lines_ = 0;
  std::vector<std::uint64_t> located_empty_lines_;
  bool begins_as_page_ = false;
};

/// Whether the file's text begins with a byte-order mark, which DocumentReader leaves out.
bool begins_with_mark(const SourceFile& file);

}  // namespace sluice::data
