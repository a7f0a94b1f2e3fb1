#include "data/vqa/python_text.hpp"

#include "data/unicode.hpp"
#include "data/vqa/python_text_tables.hpp"

#include <algorithm>

namespace sluice::data {
namespace {

template <class Row>
const Row* row_of(std::span<const Row> rows, char32_t point) {
  const auto behind = std::upper_bound(rows.begin(), rows.end(), point, [](char32_t p, const Row& row) { return p < row.first; });
  if (behind == rows.begin()) return nullptr;
  const Row& row = *(behind - 1);
  return point <= row.last ? &row : nullptr;
}

bool is_in(std::span<const CodePointRange> ranges, char32_t point) { return row_of(ranges, point) != nullptr; }

bool is_space(char32_t point) { return (unicode_classes()[point] & kSpace) != 0 || (point >= 0x1C && point <= 0x1F); }

std::u32string points_of(std::string_view text) {
  std::u32string points;
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    const CodePoint next = code_point_at(p, end);
    points += next.value;
    p += next.size;
  }
  return points;
}

constexpr char32_t kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2, kDottedI = 0x130, kDotAbove = 0x307;

// Unicode's rule (Standard, 3.13, Final_Sigma): behind a letter with a case and before none.
bool is_final(const std::u32string& points, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_in(case_ignorable_ranges(), points[before - 1])) --before;
  if (before == 0 || !is_in(cased_ranges(), points[before - 1])) return false;
  std::size_t behind = at + 1;
  while (behind < points.size() && is_in(case_ignorable_ranges(), points[behind])) ++behind;
  return behind == points.size() || !is_in(cased_ranges(), points[behind]);
}

}  // namespace

bool is_python_digit(char32_t point) { return is_in(decimal_digit_ranges(), point); }

std::string python_lower(std::string_view text) {
  const std::u32string points = points_of(text);
  std::string lower;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const char32_t point = points[i];
    if (point == kSigma) {
      append_code_point(lower, is_final(points, i) ? kFinalSigma : kSmallSigma);
    } else if (point == kDottedI) {
      append_code_point(lower, U'i');
      append_code_point(lower, kDotAbove);
    } else {
      const LowerCaseRun* run = row_of(lower_case_runs(), point);
      const bool has = run != nullptr && (point - run->first) % static_cast<std::uint32_t>(run->step) == 0;
      append_code_point(lower, has ? static_cast<char32_t>(static_cast<std::int64_t>(point) + run->delta) : point);
    }
  }
  return lower;
}

std::vector<std::string> python_split(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    const CodePoint next = code_point_at(p, end);
    if (is_space(next.value)) {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      words.back().append(p, next.size);
    }
    p += next.size;
  }
  return words;
}

std::string_view python_strip(std::string_view text) {
  const char *begin = nullptr, *behind = nullptr;
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    const CodePoint next = code_point_at(p, end);
    if (!is_space(next.value)) {
      if (begin == nullptr) begin = p;
      behind = p + next.size;
    }
    p += next.size;
  }
  return begin == nullptr ? std::string_view() : std::string_view(begin, static_cast<std::size_t>(behind - begin));
}

}  // namespace sluice::data
