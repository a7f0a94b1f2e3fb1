#include "recipes/run/json_row.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace sluice::recipes {
namespace {

std::string quoted(const std::string& text) {
  // Paths and host names may hold bytes that are not UTF-8; a log line must not fail for that.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string digits(double value) {
  if (!std::isfinite(value)) return "null";
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, result.ptr);
  // A whole number stays a real one for the reader.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

struct Written {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return digits(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
};

}  // namespace

JsonRow& JsonRow::put(std::string_view key, Value value) {
  for (auto& [known, old] : items_) {
    if (known == key) {
      old = std::move(value);
      return *this;
    }
  }
  items_.emplace_back(std::string(key), std::move(value));
  return *this;
}

const JsonRow::Value* JsonRow::find(std::string_view key) const {
  for (const auto& [known, value] : items_)
    if (known == key) return &value;
  return nullptr;
}

double JsonRow::number(std::string_view key) const {
  const Value* value = find(key);
  if (value != nullptr) {
    if (const auto* real = std::get_if<double>(value)) return *real;
    if (const auto* whole = std::get_if<std::int64_t>(value)) return static_cast<double>(*whole);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::int64_t JsonRow::integer(std::string_view key, std::int64_t otherwise) const {
  const Value* value = find(key);
  const auto* whole = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
  return whole == nullptr ? otherwise : *whole;
}

std::string JsonRow::text(std::string_view key) const {
  const Value* value = find(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::string() : *text;
}

std::string JsonRow::to_json() const {
  std::string line = "{";
  for (const auto& [key, value] : items_) {
    if (line.size() > 1) line += ", ";
    line += quoted(key) + ": " + std::visit(Written{}, value);
  }
  return line + "}";
}

bool JsonRow::parse(std::string_view line, JsonRow& row) {
  const auto object = nlohmann::ordered_json::parse(line.begin(), line.end(), nullptr, false);
  if (!object.is_object()) return false;
  JsonRow read;
  for (const auto& item : object.items()) {
    const auto& value = item.value();
    if (value.is_null()) read.put(item.key(), std::monostate{});
    else if (value.is_boolean()) read.put(item.key(), value.get<bool>());
    else if (value.is_number_integer()) read.put(item.key(), value.get<std::int64_t>());
    else if (value.is_number_float()) read.put(item.key(), value.get<double>());
    else if (value.is_string()) read.put(item.key(), value.get<std::string>());
    else return false;
  }
  row = std::move(read);
  return true;
}

}  // namespace sluice::recipes
