// One flat JSON object on one line: what metrics.jsonl and receipts.jsonl consist of.
// Keys keep their order; doubles have the fewest digits that read back to the same bits; NaN and infinities are null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::recipes {

class JsonRow {
 public:
  /// monostate is null.
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

  /// Sets `key`, in its old place if it is there already, else at the end.
  template <class T>
  JsonRow& set(std::string_view key, const T& value) {
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Value>) return put(key, value);
    else if constexpr (std::is_integral_v<T>) return put(key, static_cast<std::int64_t>(value));
    else if constexpr (std::is_floating_point_v<T>) return put(key, static_cast<double>(value));
    else return put(key, std::string(value));
  }

  const std::vector<std::pair<std::string, Value>>& items() const& { return items_; }
  const std::vector<std::pair<std::string, Value>>& items() const&& = delete;  // would dangle in a range-for over a temporary
  /// nullptr if there is no such key.
  const Value* find(std::string_view key) const;
  /// The number under `key` (an integer counts); NaN for null, absent or another type.
  double number(std::string_view key) const;
  /// The integer under `key`, `otherwise` for anything else.
  std::int64_t integer(std::string_view key, std::int64_t otherwise) const;
  /// The text under `key`, empty for anything else.
  std::string text(std::string_view key) const;

  /// The object on one line, without a line end.
  std::string to_json() const;

  /// Reads one line. False, and `row` untouched, if it is not a flat JSON object.
  static bool parse(std::string_view line, JsonRow& row);

 private:
  JsonRow& put(std::string_view key, Value value);
  std::vector<std::pair<std::string, Value>> items_;
};

}  // namespace sluice::recipes
