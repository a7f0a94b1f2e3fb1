// UTF-8 validation and repair of a byte stream: each maximal invalid subpart becomes one U+FFFD, exactly as Python's
// bytes.decode("utf-8", errors="replace") (Unicode Standard 3.9, "U+FFFD Substitution of Maximal Subparts").
// Gives: Utf8Fault, Utf8Repairer, count_words().
#pragma once

#include "core/base/error.hpp"
#include "data/text_choices.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

/// One maximal invalid subpart, or one lone surrogate escape: where it starts in the stream, and its 1 to 3 bytes or the escape.
struct Utf8Fault {
  std::uint64_t offset = 0;
  std::string bytes;
};

/// The bytes as hexadecimal, e.g. "0xC3 0x28"; an escape (\ud83d) as it is written.
std::string describe_bytes(std::string_view bytes);

/// The data error for a fault at byte `offset` of `file`; `bytes` as describe_bytes() writes them.
Error invalid_utf8_error(std::string_view file, std::uint64_t offset, std::string_view bytes);

/// Repairs a stream that arrives in blocks; the result does not depend on how it is cut into blocks.
class Utf8Repairer {
 public:
  /// How many faults, the first ones, located() holds; faults() counts all.
  static constexpr std::size_t kLocated = 8;

  /// `name` is the file named in errors. With kError the first fault throws data_error (file, byte offset, bytes).
  explicit Utf8Repairer(std::string name, InvalidUtf8 policy = InvalidUtf8::kReplace);

  /// Appends the repaired `bytes` to `out`; up to 3 bytes of an unfinished character wait for the next call.
  void append(std::string_view bytes, std::string& out);
  /// The stream has ended: an unfinished character is a fault.
  void finish(std::string& out);
  /// Reports an escape in the text that stands for no character, such as \ud83d alone. `at` is its byte offset in all repaired text so far.
  /// It is treated as an invalid subpart: counted and located by its offset in the stream as it came, or refused under kError.
  void lone_surrogate(std::uint64_t at, std::string_view escape);

  std::uint64_t faults() const { return faults_; }
  std::uint64_t invalid_bytes() const { return invalid_bytes_; }
  const std::vector<Utf8Fault>& located() const { return located_; }

 private:
  void repair(std::string_view bytes, std::string& out);
  void fault(std::uint64_t offset, std::string_view bytes, std::string& out);

  std::string name_;
  InvalidUtf8 policy_;
  std::string pending_;       // an unfinished character
  std::uint64_t offset_ = 0;  // of the first byte that is not yet in `out` (pending_ starts there)
  std::uint64_t faults_ = 0;
  std::uint64_t invalid_bytes_ = 0;
  std::vector<Utf8Fault> located_;
};

/// Whitespace-separated words that start in `text` (valid UTF-8), whitespace as Python's str.split() sees it. With
/// `inside_word` the text continues a word that an earlier piece of the same document started.
std::uint64_t count_words(std::string_view text, bool inside_word = false);

/// Length in bytes of the whitespace character at the start of `text`, 0 if there is none.
std::size_t whitespace_length(std::string_view text);

}  // namespace sluice::data
