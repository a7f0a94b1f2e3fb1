#include "core/checkpoint/name_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice::checkpoint {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - at;
}

/// A name cut into texts and numbers between them: texts has one entry more than numbers.
struct Parts {
  std::vector<std::string> texts{""};
  std::vector<std::uint64_t> numbers;
};

/// Only whole dotted segments that look like an index are numbers ("0", "12", not "w1" or "007").
Parts split(const std::string& name) {
  Parts parts;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t digits = digits_at(name, i);
    const bool whole =
        digits > 0 && digits < 10 && (i == 0 || name[i - 1] == '.') && (i + digits == name.size() || name[i + digits] == '.');
    if (whole && (digits == 1 || name[i] != '0')) {
      parts.numbers.push_back(std::stoull(name.substr(i, digits)));
      parts.texts.emplace_back();
      i += digits;
    } else {
      const std::size_t length = std::max<std::size_t>(digits, 1);
      parts.texts.back() += name.substr(i, length);
      i += length;
    }
  }
  return parts;
}

std::string ranges(const std::set<std::uint64_t>& numbers) {
  if (numbers.size() == 1) return fmt::format("{}", *numbers.begin());
  std::string text;
  for (auto it = numbers.begin(); it != numbers.end();) {
    const std::uint64_t first = *it;
    std::uint64_t last = first;
    while (++it != numbers.end() && *it == last + 1) last = *it;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (last > first) text += fmt::format("-{}", last);
  }
  return "{" + text + "}";
}

using Tuples = std::vector<std::vector<std::uint64_t>>;

/// Tuples of one pattern: printed as one product of ranges if they fill it, else divided by their first number that varies.
void fold(const std::vector<std::string>& texts, const Tuples& tuples, std::vector<std::string>& out) {
  const std::size_t columns = texts.size() - 1;
  std::vector<std::set<std::uint64_t>> values(columns);
  for (const auto& tuple : tuples)
    for (std::size_t c = 0; c < columns; ++c) values[c].insert(tuple[c]);
  std::size_t product = 1;
  for (const auto& set : values) product *= set.size();
  if (product == tuples.size()) {
    std::string text = texts[0];
    for (std::size_t c = 0; c < columns; ++c) text += ranges(values[c]) + texts[c + 1];
    out.push_back(std::move(text));
    return;
  }
  std::size_t column = 0;
  while (values[column].size() == 1) ++column;
  std::map<std::uint64_t, Tuples> by_value;
  for (const auto& tuple : tuples) by_value[tuple[column]].push_back(tuple);
  for (const auto& [value, group] : by_value) fold(texts, group, out);
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const std::size_t da = digits_at(a, i), db = digits_at(b, j);
    if (da > 0 && db > 0) {
      std::string_view x = a.substr(i, da), y = b.substr(j, db);
      x.remove_prefix(std::min(x.find_first_not_of('0'), x.size()));
      y.remove_prefix(std::min(y.find_first_not_of('0'), y.size()));
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      i += da;
      j += db;
    } else {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
    }
  }
  const std::size_t rest_a = a.size() - i, rest_b = b.size() - j;
  if (rest_a != rest_b) return rest_a == 0;
  return a < b;  // equal but for leading zeros
}

std::vector<std::string> fold_names(std::vector<std::string> names) {
  std::map<std::vector<std::string>, Tuples> patterns;
  for (const std::string& name : names) {
    Parts parts = split(name);
    patterns[std::move(parts.texts)].push_back(std::move(parts.numbers));
  }
  std::vector<std::string> out;
  for (const auto& [texts, tuples] : patterns) fold(texts, tuples, out);
  std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) { return natural_less(a, b); });
  return out;
}

}  // namespace sluice::checkpoint
