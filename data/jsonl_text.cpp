#include "data/jsonl_text.hpp"

#include "core/base/error.hpp"
#include "core/base/json_reason.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <system_error>
#include <utility>

namespace sluice::data {
namespace {

using Json = nlohmann::json;

/// Listens to the parser instead of building a tree: only the one string is kept.
class TextHandler : public nlohmann::json_sax<Json> {
 public:
  TextHandler(std::string_view key, std::string& text) : key_(key), text_(&text) {}

  bool null() override { return value("null"); }
  bool boolean(bool) override { return value("a boolean"); }
  bool number_integer(number_integer_t) override { return value("a number"); }
  bool number_unsigned(number_unsigned_t) override { return value("a number"); }
  bool number_float(number_float_t, const string_t&) override { return value("a number"); }
  bool binary(binary_t&) override { return value("binary data"); }
  bool string(string_t& content) override {
    if (depth_ == 1 && wanted_) {
      *text_ = std::move(content);
      found = true;
      kind = "";
    }
    return depth_ == 0 ? value("a string") : true;
  }
  bool start_object(std::size_t) override {
    if (depth_ > 0) return open("an object");
    ++depth_;
    return true;
  }
  bool start_array(std::size_t) override { return open("an array"); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (depth_ == 1) {
      wanted_ = name == key_;
      times += wanted_;
      if (keys.size() < 12) keys.push_back(name);
      else more_keys = true;
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    column = position;
    message = json_reason(error.what());
    // The parser quotes what it read last, which may be a whole document.
    constexpr std::size_t kLongest = 160;
    if (message.size() > kLongest) {
      std::size_t end = kLongest;
      while ((static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
      message = message.substr(0, end) + "…";
    }
    return false;
  }

  bool found = false;
  int times = 0;               // how often the wanted key is there
  const char* kind = "";       // what the wanted key holds instead of a string
  const char* top_level = "";  // what the line holds instead of an object
  std::vector<std::string> keys;
  bool more_keys = false;
  std::size_t column = 0;
  std::string message;

 private:
  bool value(const char* name) {
    if (depth_ == 0) top_level = name;
    if (depth_ == 1 && wanted_) kind = name, found = false;
    return true;
  }
  bool open(const char* name) {
    value(name);
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  std::string_view key_;
  std::string* text_;
  int depth_ = 0;
  bool wanted_ = false;  // the value that follows is the text
};

/// The surrogate that is escaped at `at`, else 0.
unsigned surrogate_at(std::string_view line, std::size_t at) {
  if (at + 6 > line.size() || line[at] != '\\' || line[at + 1] != 'u') return 0;
  unsigned value = 0;
  const char* const end = line.data() + at + 6;
  if (const auto read = std::from_chars(line.data() + at + 2, end, value, 16); read.ec != std::errc() || read.ptr != end) return 0;
  return value >= 0xD800 && value <= 0xDFFF ? value : 0;
}

/// Writes U+FFFD over every lone surrogate; the line keeps its length, and columns their meaning.
std::vector<LoneSurrogate> replace_lone_surrogates(std::string& line) {
  std::vector<LoneSurrogate> found;
  for (std::size_t at = 0; (at = line.find('\\', at)) != std::string::npos;) {
    const unsigned value = surrogate_at(line, at);
    if (value == 0) {
      at += 2;  // an escaped backslash escapes nothing behind it
    } else if (value < 0xDC00 && surrogate_at(line, at + 6) >= 0xDC00) {
      at += 12;
    } else {
      found.push_back({at, line.substr(at, 6)});
      line.replace(at, 6, "\\ufffd");
      at += 6;
    }
  }
  return found;
}

}  // namespace

std::vector<LoneSurrogate> extract_json_text(std::string_view line, std::string_view key, std::string_view where, std::string& text) {
  TextHandler handler(key, text);
  std::vector<LoneSurrogate> lone;
  if (!Json::sax_parse(line.begin(), line.end(), &handler)) {
    // The parser refuses lone surrogates. They are rare, so they are looked for only where it has stopped.
    std::string repaired(line);
    lone = replace_lone_surrogates(repaired);
    if (!lone.empty()) handler = TextHandler(key, text);
    if (lone.empty() || !Json::sax_parse(repaired, &handler))
      throw data_error("{}: not JSON, near column {}: {}; expected one object a line", where, handler.column, handler.message);
  }
  if (*handler.top_level != '\0') throw data_error("{}: expected a JSON object with the key '{}', found {}", where, key, handler.top_level);
  if (handler.times > 1) throw data_error("{}: the key '{}' is there {} times; expected once", where, key, handler.times);
  if (handler.found) return lone;
  if (*handler.kind != '\0') throw data_error("{}: the key '{}' holds {}, expected a string", where, key, handler.kind);
  std::string keys;
  for (const std::string& name : handler.keys) keys += (keys.empty() ? "'" : ", '") + name + "'";
  if (handler.more_keys) keys += ", …";
  throw data_error("{}: no key '{}' (keys there: {}); set data.text_key (of a command: --text-key)", where, key,
                   keys.empty() ? "none" : keys);
}

}  // namespace sluice::data
