// Fields of JSON that others wrote. Each function throws a data error, "WHERE: 'KEY' is TYPE, expected ...", if the field is of another
// type.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::data {

const std::string& text_of(const nlohmann::json& value, std::string_view key, const std::string& where);
std::int64_t number_of(const nlohmann::json& value, std::string_view key, const std::string& where);
/// `value` itself, a list.
const nlohmann::json& list_of(const nlohmann::json& value, std::string_view key, const std::string& where);

}  // namespace sluice::data
