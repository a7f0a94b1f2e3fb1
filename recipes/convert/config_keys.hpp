// Typed access to the keys of a config.json, with errors that name file, key and value. A key whose value is null counts as absent.
// The readers throw a data error if the key is absent or of another type; those with _or return `absent` for an absent key.
#pragma once

#include "core/base/error.hpp"

#include <fmt/format.h>  // before anything is formatted inline: fmt 8 specialises there what fmt/core.h alone would instantiate
#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace sluice::recipes {

class ConfigKeys {
 public:
  /// `object` must outlive this; `path` is put before the keys in messages ("sluice.decoder."). Data error if it is not a JSON object.
  ConfigKeys(const nlohmann::json& object, std::string file, std::string path = "")
      : object_(object), file_(std::move(file)), path_(std::move(path)) {
    if (!object_.is_object()) throw data_error("{}: {} is not a JSON object", file_, path_.empty() ? "the file" : path_);
  }

  const std::string& file() const { return file_; }
  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }
  bool is_null(const char* key) const { return object_.contains(key) && object_[key].is_null(); }
  const nlohmann::json& at(const char* key) const {
    if (!has(key)) throw data_error("{}: '{}{}' is missing", file_, path_, key);
    return object_[key];
  }
  ConfigKeys child(const char* key) const { return ConfigKeys(at(key), file_, path_ + key + "."); }

  std::int64_t integer(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_number_integer()) throw wrong(key, "an integer");
    return value.get<std::int64_t>();
  }
  std::int64_t integer_or(const char* key, std::int64_t absent) const { return has(key) ? integer(key) : absent; }
  double number(const char* key) const {
    if (!at(key).is_number()) throw wrong(key, "a number");
    return at(key).get<double>();
  }
  double number_or(const char* key, double absent) const { return has(key) ? number(key) : absent; }
  bool boolean(const char* key) const {
    if (!at(key).is_boolean()) throw wrong(key, "true or false");
    return at(key).get<bool>();
  }
  bool boolean_or(const char* key, bool absent) const { return has(key) ? boolean(key) : absent; }
  std::string text(const char* key) const {
    if (!at(key).is_string()) throw wrong(key, "a string");
    return at(key).get<std::string>();
  }
  std::vector<std::int64_t> integers(const char* key) const {
    std::vector<std::int64_t> values;
    if (!at(key).is_array()) throw wrong(key, "a list of integers");
    for (const nlohmann::json& value : at(key)) {
      if (!value.is_number_integer()) throw wrong(key, "a list of integers");
      values.push_back(value.get<std::int64_t>());
    }
    return values;
  }
  /// The first of these spellings of one key that is present; "" if none is. Data error if two are present with different values.
  const char* spelling(std::initializer_list<const char*> keys) const {
    const char* found = "";
    for (const char* key : keys) {
      if (!has(key)) continue;
      if (*found == '\0') found = key;
      else if (object_[key] != object_[found])
        throw data_error("{}: '{}{}' is {} but '{}{}' is {}: they mean the same", file_, path_, found, object_[found].dump(), path_, key,
                         object_[key].dump());
    }
    return found;
  }

  Error wrong(const char* key, const char* expected) const {
    return data_error("{}: '{}{}' is {}, expected {}", file_, path_, key, at(key).dump(), expected);
  }
  Error unsupported(const char* key, const std::string& why) const {
    return data_error("{}: '{}{}' is {}: {}", file_, path_, key, at(key).dump(), why);
  }

 private:
  const nlohmann::json& object_;
  std::string file_;
  std::string path_;
};

}  // namespace sluice::recipes
