#include "recipes/schema/key.hpp"

#include "recipes/schema/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ranges>
#include <string_view>
#include <system_error>

namespace sluice::recipes {
namespace {

[[noreturn]] void refuse(const Node& node, std::string_view expected, std::string_view meant = "") {
  const std::string hint = meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant);
  fail_at(node.mark, fmt::format("'{}' must be {}, found {}{}", node.key, expected, describe(node), hint));
}

// The whole text as a T, with an optional leading '+'; from_chars, so that the locale has no say.
template <class T>
std::errc parse(std::string_view text, T& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return error;
  return end == text.data() + text.size() ? std::errc() : std::errc::invalid_argument;
}

}  // namespace

std::string describe(const IntegerRange& range) {
  if (range.high == std::numeric_limits<std::int64_t>::max()) return fmt::format("at least {}", range.low);
  return fmt::format("between {} and {}", range.low, range.high);
}

std::string describe(const NumberRange& range) {
  const std::string low = write_number(range.low);
  const std::string from = range.without_low ? "above " + low : "at least " + low;
  if (std::isinf(range.high)) return from;
  const std::string high = write_number(range.high);
  if (!range.without_low && !range.without_high) return fmt::format("between {} and {}", low, high);
  return fmt::format("{} and {} {}", from, range.without_high ? "below" : "at most", high);
}

std::string write_number(double value) {
  char text[64];
  const auto result = std::to_chars(text, text + sizeof text, value);
  return {text, result.ptr};
}

std::string write_text(const std::string& text) {
  const auto safe = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '/' || c == '.' || c == '-'; };
  static const std::vector<std::string> kWords = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  // What starts like a number is quoted: other YAML readers disagree about which of them are numbers.
  const bool starts_like_text =
      !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/' || text[0] == '_' ||
                        (text[0] == '.' && text.size() > 1 && (std::isalpha(static_cast<unsigned char>(text[1])) || text[1] == '/') &&
                         lower != ".inf" && lower != ".nan"));
  if (starts_like_text && std::all_of(text.begin(), text.end(), safe) && std::find(kWords.begin(), kWords.end(), lower) == kWords.end())
    return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

bool read_boolean(const Node& node) {
  if (node.is_scalar() && node.plain) {
    if (node.text == "true" || node.text == "True" || node.text == "TRUE") return true;
    if (node.text == "false" || node.text == "False" || node.text == "FALSE") return false;
  }
  refuse(node, "true or false");
}

std::int64_t read_integer(const Node& node, const IntegerRange& range) {
  std::int64_t value = 0;
  const std::errc error = node.is_scalar() && node.plain ? parse(node.text, value) : std::errc::invalid_argument;
  if (error == std::errc::result_out_of_range) refuse(node, describe(range));
  if (error != std::errc()) refuse(node, "an integer");
  if (value < range.low || value > range.high) refuse(node, describe(range));
  return value;
}

std::uint64_t read_seed(const Node& node) {
  std::uint64_t value = 0;
  const std::errc error = node.is_scalar() && node.plain ? parse(node.text, value) : std::errc::invalid_argument;
  const bool number = node.is_scalar() && node.plain && node.text.size() > 1 && node.text[0] == '-' &&
                      std::all_of(node.text.begin() + 1, node.text.end(), [](unsigned char c) { return std::isdigit(c); });
  if (number || error == std::errc::result_out_of_range) refuse(node, fmt::format("between 0 and {}", ~std::uint64_t{0}));
  if (error != std::errc()) refuse(node, "an integer");
  return value;
}

double read_number(const Node& node, const NumberRange& range) {
  double value = 0.0;
  const std::errc error = node.is_scalar() && node.plain ? parse(node.text, value) : std::errc::invalid_argument;
  if (error == std::errc::result_out_of_range) refuse(node, "a number that a double can hold");
  if (error != std::errc()) refuse(node, "a number");
  if (!std::isfinite(value)) refuse(node, "a finite number");
  const bool low = range.without_low ? value > range.low : value >= range.low;
  const bool high = range.without_high ? value < range.high : value <= range.high;
  if (!low || !high) refuse(node, describe(range));
  return value;
}

std::string read_text(const Node& node) {
  if (!node.is_scalar()) refuse(node, "text");
  return node.text;
}

std::string Choices::list() const { return fmt::format("{}", fmt::join(names | std::views::transform(&ChoiceName::name), ", ")); }

std::string Choices::name_of(int value) const {
  for (const ChoiceName& choice : names)
    if (choice.value == value) return choice.name;
  return "";
}

int read_choice(const Node& node, const Choices& choices) {
  const std::string expected = choices.names.size() == 1 ? choices.list() : "one of " + choices.list();
  if (!node.is_scalar()) refuse(node, expected);
  std::vector<std::string> spellings;
  const auto other =
      std::find_if(choices.also.begin(), choices.also.end(), [&](const auto& spelling) { return spelling.first == node.text; });
  const std::string& said = other == choices.also.end() ? node.text : other->second;
  for (const ChoiceName& choice : choices.names) {
    if (said == choice.name) return choice.value;
    spellings.push_back(choice.name);
  }
  if (std::find(choices.unavailable.begin(), choices.unavailable.end(), node.text) != choices.unavailable.end())
    fail_at(node.mark, fmt::format("'{}: {}' is not available in this build; available: {}", node.key, node.text, choices.list()));
  std::string meant = nearest(node.text, spellings);
  for (const auto& [elsewhere, here] : choices.aliases)
    if (node.text == elsewhere) meant = here;
  double number = 0.0;
  if (!choices.number_key.empty() && parse(node.text, number) == std::errc()) meant = choices.number_key + ": " + node.text;
  refuse(node, expected, meant);
}

}  // namespace sluice::recipes
