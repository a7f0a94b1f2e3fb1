#include "data/samples/json_fields.hpp"

#include "core/base/error.hpp"

#include <nlohmann/json.hpp>

namespace sluice::data {

const std::string& text_of(const nlohmann::json& value, std::string_view key, const std::string& where) {
  if (!value.is_string()) throw data_error("{}: '{}' is {}, expected a string", where, key, value.type_name());
  return value.get_ref<const std::string&>();
}

std::int64_t number_of(const nlohmann::json& value, std::string_view key, const std::string& where) {
  if (!value.is_number_integer()) throw data_error("{}: '{}' is {}, expected a whole number", where, key, value.type_name());
  return value.get<std::int64_t>();
}

const nlohmann::json& list_of(const nlohmann::json& value, std::string_view key, const std::string& where) {
  if (!value.is_array()) throw data_error("{}: '{}' is {}, expected a list", where, key, value.type_name());
  return value;
}

}  // namespace sluice::data
