// The values of a section as text, for the resolved recipe and for comparing two.
#pragma once

#include "recipes/schema/key.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

struct KeyValue {
  std::string key;
  std::string value;  // YAML
};

/// The keys of `section` and their values, in the order of the table; keys with the value "" are left out.
template <class T>
std::vector<KeyValue> write_keys(const Keys<T>& keys, const T& section) {
  std::vector<KeyValue> values;
  for (const Key<T>& key : keys) {
    std::string value = key.write(section);
    if (!value.empty()) values.push_back({key.info.name, std::move(value)});
  }
  return values;
}

/// The value of `key`; "" if it is not among `values`.
inline std::string value_of(const std::vector<KeyValue>& values, const std::string& key) {
  for (const KeyValue& value : values)
    if (value.key == key) return value.value;
  return "";
}

}  // namespace sluice::recipes
