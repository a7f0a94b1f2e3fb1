#include "recipes/schema/slips.hpp"

#include "core/base/file_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <sstream>
#include <vector>

namespace sluice::recipes {
namespace {

constexpr std::string_view kWideColon = "\xEF\xBC\x9A";

struct Sign {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
};

// The UTF-8 character at the start of a text, as far as oddities go; anything else counts as one byte.
Sign first_sign(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const auto follows = [&](std::size_t i) { return i < text.size() && byte(i) >> 6 == 0b10; };
  if (byte(0) >> 5 == 0b110 && follows(1)) return {(byte(0) & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (byte(0) >> 4 == 0b1110 && follows(1) && follows(2)) return {(byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {byte(0), 1};
}

// A character that looks like a space or like nothing, as people call it; "" for every other one.
std::string name_of_odd(std::uint32_t code) {
  const auto within = [code](std::uint32_t low, std::uint32_t high) { return code >= low && code <= high; };
  const char* name = nullptr;
  if (code == 0xA0 || code == 0x202F) name = "no-break space";
  if (code == 0x1680 || within(0x2000, 0x200A) || code == 0x205F || code == 0x3000) name = "typographic space";
  if (within(0x200B, 0x200D) || code == 0x2060) name = "zero-width sign";
  if (within(0x200E, 0x200F) || within(0x202A, 0x202E) || within(0x2066, 0x2069)) name = "sign of writing direction";
  if (code == 0x85 || within(0x2028, 0x2029)) name = "line separator";
  if (code == 0xAD) name = "soft hyphen";
  if (code == 0xFEFF) name = "byte-order mark";
  return name ? fmt::format("{} (U+{:04X})", name, code) : "";
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_bracket(char c) { return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'; }

// How long the word is that a text starts with, of the letters that keys are made of.
std::size_t leading_word(std::string_view text) {
  const auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) || text[0] == '-') return 0;
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), letter) - text.begin());
}

// A list's dash, and at once a key or what opens a map, a list, a quote, an anchor, an alias or a tag.
bool lacks_space_after_dash(std::string_view scalar) {
  if (scalar.size() < 2 || scalar[0] != '-') return false;
  return leading_word(scalar.substr(1)) > 0 || std::string_view("{[\"'&*!").find(scalar[1]) != std::string_view::npos;
}

// Goes over lines as YAML does, as far as it takes to tell keys and values from quoted text, comments and blocks of text.
class Scanner {
 public:
  struct Line {
    bool empty = false;  // the line is empty or a comment
    std::size_t indent = 0;
    std::optional<Slip> slip;            // the first slip in the line; its line number is not set
    std::optional<std::size_t> item_at;  // set if the slip is a whole item of a list: the column of the item's dash
  };

  Line scan(std::string_view text) {
    text_ = text;
    at_ = 0;
    line_ = Line{};
    line_.indent = std::min(text.find_first_not_of(' '), text.size());
    dash_.reset();
    if (quote_ != 0) {
      if (!skip_quoted()) return line_;
    } else if (brackets_.empty()) {
      line_.empty = line_.indent == text.size();
      if (line_.empty || (block_ && line_.indent > *block_)) return line_;
      block_.reset();
      line_.empty = text[line_.indent] == '#';
      // Deeper than its key, a line below a value is more of that value.
      if (line_.empty || (value_ && line_.indent > key_at_)) return line_;
      expects_key_ = true;
    }
    value_ = false;
    while (read_token()) {}
    return line_;
  }

 private:
  // Goes on from inside quotes to behind their end; false if they end in a later line.
  bool skip_quoted() {
    for (; at_ < text_.size(); ++at_) {
      if (quote_ == '"' && text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == quote_) {
        ++at_;
        if (quote_ == '"' || text_.substr(at_, 1) != "'") {
          quote_ = 0;
          return true;
        }
      }
    }
    return false;
  }

  bool read_token() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    if (at_ >= text_.size() || text_[at_] == '#') return false;
    const char c = text_[at_];
    const bool alone = at_ + 1 == text_.size() || is_blank(text_[at_ + 1]);
    if (is_bracket(c)) {
      if (c == '[' || c == '{') brackets_ += c;
      if ((c == ']' || c == '}') && !brackets_.empty()) brackets_.pop_back();
      // What stands in a list is a key only if it is in braces too.
      expects_key_ = (c == '{' || c == ',') && !brackets_.empty() && brackets_.back() == '{';
      ++at_;
    } else if (c == '"' || c == '\'') {
      quote_ = c;
      ++at_;
      return skip_quoted();
    } else if (c == '&' || c == '*' || c == '!') {
      while (at_ < text_.size() && !is_blank(text_[at_]) && !is_bracket(text_[at_])) ++at_;
    } else if (c == ':' && (alone || !brackets_.empty())) {
      expects_key_ = false;
      ++at_;
    } else if (c == '-' && alone && brackets_.empty()) {
      dash_ = at_;
      ++at_;
    } else if ((c == '|' || c == '>') && brackets_.empty() && !expects_key_) {
      block_ = key_at_;
      return false;
    } else {
      read_plain();
    }
    return true;
  }

  // An unquoted scalar: up to ': ', ' #' or, inside brackets, one of their signs.
  void read_plain() {
    std::size_t end = at_ + 1;
    for (; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == ':' && (end + 1 == text_.size() || is_blank(text_[end + 1]))) break;
      if ((c == '#' && is_blank(text_[end - 1])) || (!brackets_.empty() && is_bracket(c))) break;
    }
    std::string_view scalar = text_.substr(at_, end - at_);
    while (is_blank(scalar.back())) scalar.remove_suffix(1);
    // Brackets may follow a colon at once, as in {train:[a]}.
    std::string what = expects_key_ ? colon_slip(end < text_.size() && is_bracket(text_[end]) && text_[end] != ',' && text_[end] != '}'
                                                     ? text_.substr(at_, end + 1 - at_)
                                                     : scalar)
                                    : "";
    if (what.empty()) what = odd_sign(scalar, expects_key_);
    if (what.empty() && expects_key_ && lacks_space_after_dash(scalar)) what = "a space is missing after '-'";
    if (!line_.slip && !what.empty()) {
      line_.slip = Slip{0, static_cast<int>(at_) + 1, std::move(what)};
      if (end == text_.size()) line_.item_at = dash_;
    }
    if (expects_key_) key_at_ = at_;
    value_ = !expects_key_ && brackets_.empty();
    dash_.reset();
    at_ = end;
  }

  std::string_view text_;  // the current line
  std::size_t at_ = 0;
  Line line_;
  std::string brackets_;  // that are open
  char quote_ = 0;        // that is open
  bool expects_key_ = true;
  bool value_ = false;                // the line above ended in an unquoted value
  std::size_t key_at_ = 0;            // column of the last key
  std::optional<std::size_t> block_;  // inside a block of text: the column that it is right of
  std::optional<std::size_t> dash_;   // just read
};

}  // namespace

std::string colon_slip(std::string_view scalar) {
  const std::size_t letters = scalar.substr(0, 2) == "<<" ? 2 : leading_word(scalar);
  const std::size_t colon = scalar.find_first_not_of(" \t", letters);
  if (letters == 0 || colon == std::string_view::npos) return "";
  const std::string_view word = scalar.substr(0, colon), rest = scalar.substr(colon);
  if (rest.substr(0, kWideColon.size()) == kWideColon) return fmt::format("a full-width colon (U+FF1A) after '{}'; YAML wants ': '", word);
  if (rest.size() < 2 || rest[0] != ':' || is_blank(rest[1]) || rest.substr(0, 3) == "://") return "";
  if (colon == 1 && (rest[1] == '\\' || rest[1] == '/')) return "";
  const std::string odd = name_of_odd(first_sign(rest.substr(1)).code);
  return fmt::format("{} after '{}:'", odd.empty() ? "a space is missing" : fmt::format("a {} instead of a space", odd), word);
}

std::string odd_sign(std::string_view scalar, bool is_key) {
  const auto shortened = [](std::string_view text) { return text.substr(0, std::min<std::size_t>(text.find(':'), 40)); };
  for (std::size_t i = 0; i < scalar.size();) {
    const Sign sign = first_sign(scalar.substr(i));
    const std::string name = name_of_odd(sign.code);
    const std::size_t end = i + sign.bytes;
    if (!name.empty() && i == 0) {
      std::size_t begin = end;
      for (Sign more = sign; begin < scalar.size(); begin += more.bytes) {
        more = first_sign(scalar.substr(begin));
        if (name_of_odd(more.code).empty()) break;
      }
      return fmt::format("a {} before '{}'", name, shortened(scalar.substr(begin)));
    }
    if (!name.empty() && (is_key || end == scalar.size())) return fmt::format("a {} after '{}'", name, shortened(scalar.substr(0, i)));
    i = end;
  }
  return "";
}

std::optional<Slip> find_slip(const std::string& text, int line) {
  std::vector<Scanner::Line> lines;
  Scanner scanner;
  std::istringstream in(text.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0 ? text.substr(kByteOrderMark.size()) : text);
  for (std::string found; static_cast<int>(lines.size()) < line && std::getline(in, found);) {
    if (!found.empty() && found.back() == '\r') found.pop_back();
    lines.push_back(scanner.scan(found));
  }
  std::optional<Slip> slip;
  std::size_t below = 0;  // indent of the next line that says something; an item of text is no key unless more of it follows
  for (std::size_t i = lines.size(); i-- > 0;) {
    const Scanner::Line& at = lines[i];
    if (at.empty) continue;
    const bool counts = at.slip && (!at.item_at || below > *at.item_at);
    if (counts) slip = Slip{static_cast<int>(i) + 1, at.slip->column, at.slip->text};
    else if (static_cast<int>(i) + 1 < line) break;
    below = at.indent;
  }
  return slip;
}

}  // namespace sluice::recipes
