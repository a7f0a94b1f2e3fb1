#include "data/utf8.hpp"

#include <cstring>
#include <utility>

namespace sluice::data {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

enum class State { kValid, kInvalid, kOpen };
struct Sequence {
  std::size_t length;  // of the character, of the maximal subpart, or of what is there of an open one
  State state;
};

/// Table 3-7 of the Unicode Standard: which second bytes are well-formed depends on the first.
Sequence classify(const unsigned char* bytes, std::size_t size) {
  const unsigned char lead = bytes[0];
  if (lead < 0x80) return {1, State::kValid};
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;
  if (lead < 0xC2) return {1, State::kInvalid};
  if (lead < 0xE0) {
    length = 2;
  } else if (lead < 0xF0) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead < 0xF5) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, State::kInvalid};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= size) return {i, State::kOpen};
    if (bytes[i] < low || bytes[i] > high) return {i, State::kInvalid};
    low = 0x80;
    high = 0xBF;
  }
  return {length, State::kValid};
}

/// No invalid subpart starts with an ASCII character.
bool is_escape(std::string_view bytes) { return bytes.starts_with('\\'); }

}  // namespace

std::string describe_bytes(std::string_view bytes) {
  if (is_escape(bytes)) return std::string(bytes);
  std::string text;
  for (const char byte : bytes) text += fmt::format("{}0x{:02X}", text.empty() ? "" : " ", static_cast<unsigned char>(byte));
  return text;
}

Error invalid_utf8_error(std::string_view file, std::uint64_t offset, std::string_view bytes) {
  if (is_escape(bytes))
    return data_error(
        "{}: lone surrogate {} at byte {}: half of a pair, no character; write the text anew, or set data.invalid_utf8: replace", file,
        bytes, offset);
  return data_error("{}: invalid UTF-8 at byte {} ({}); convert the file to UTF-8, or set data.invalid_utf8: replace", file, offset, bytes);
}

Utf8Repairer::Utf8Repairer(std::string name, InvalidUtf8 policy) : name_(std::move(name)), policy_(policy) {}

void Utf8Repairer::append(std::string_view bytes, std::string& out) {
  if (pending_.empty()) return repair(bytes, out);
  // The unfinished character and what may complete it are looked at together; then the rest of the block goes the fast way.
  while (!pending_.empty() && !bytes.empty()) {
    std::string joined = std::exchange(pending_, {});
    const std::size_t taken = bytes.size() < 4 ? bytes.size() : 4;
    joined.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    repair(joined, out);
  }
  if (!bytes.empty()) repair(bytes, out);
}

void Utf8Repairer::finish(std::string& out) {
  if (pending_.empty()) return;
  const std::string rest = std::exchange(pending_, {});
  fault(offset_, rest, out);
  offset_ += rest.size();
}

void Utf8Repairer::repair(std::string_view bytes, std::string& out) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::size_t size = bytes.size();
  std::size_t copied = 0;  // bytes before this are in `out`
  std::size_t at = 0;
  while (at < size) {
    std::uint64_t word;
    while (at + sizeof word <= size) {
      std::memcpy(&word, data + at, sizeof word);
      if ((word & 0x8080808080808080ULL) != 0) break;
      at += sizeof word;
    }
    if (at >= size) break;
    const Sequence sequence = classify(data + at, size - at);
    if (sequence.state == State::kValid) {
      at += sequence.length;
      continue;
    }
    out.append(bytes.substr(copied, at - copied));
    const std::string_view part = bytes.substr(at, sequence.length);
    at += sequence.length;
    copied = at;
    if (sequence.state == State::kOpen) {
      pending_ = part;
      offset_ += at - part.size();
      return;
    }
    fault(offset_ + at - part.size(), part, out);
  }
  out.append(bytes.substr(copied));
  offset_ += size;
}

void Utf8Repairer::fault(std::uint64_t offset, std::string_view bytes, std::string& out) {
  if (policy_ == InvalidUtf8::kError) throw invalid_utf8_error(name_, offset, describe_bytes(bytes));
  ++faults_;
  invalid_bytes_ += bytes.size();
  if (located_.size() < kLocated) located_.push_back({offset, std::string(bytes)});
  out.append(kReplacement);
}

void Utf8Repairer::lone_surrogate(std::uint64_t at, std::string_view escape) {
  ++faults_;
  if (located_.size() >= kLocated) return;
  // While there is room for more places, those of all faults so far are known, and with them how far repairs have shifted the text.
  auto place = located_.begin();
  for (; place != located_.end() && place->offset < at; ++place)
    if (!is_escape(place->bytes)) at -= kReplacement.size() - place->bytes.size();
  if (policy_ == InvalidUtf8::kError) throw invalid_utf8_error(name_, at, escape);
  located_.insert(place, {at, std::string(escape)});
}

std::size_t whitespace_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = at(0);
  if (lead <= 0x20) return (lead >= 0x09 && lead <= 0x0D) || (lead >= 0x1C && lead <= 0x20) ? 1 : 0;
  if (lead == 0xC2) return at(1) == 0x85 || at(1) == 0xA0 ? 2 : 0;
  if (lead == 0xE1) return at(1) == 0x9A && at(2) == 0x80 ? 3 : 0;  // U+1680
  if (lead == 0xE3) return at(1) == 0x80 && at(2) == 0x80 ? 3 : 0;  // U+3000
  if (lead != 0xE2) return 0;
  if (at(1) == 0x81) return at(2) == 0x9F ? 3 : 0;  // U+205F
  if (at(1) != 0x80) return 0;
  const unsigned last = at(2);  // U+2000-200A, 2028, 2029, 202F
  return (last >= 0x80 && last <= 0x8A) || last == 0xA8 || last == 0xA9 || last == 0xAF ? 3 : 0;
}

std::uint64_t count_words(std::string_view text, bool inside_word) {
  std::uint64_t words = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = whitespace_length(text.substr(at));
    if (space == 0 && !inside_word) ++words;
    inside_word = space == 0;
    at += space == 0 ? 1 : space;
  }
  return words;
}

}  // namespace sluice::data
