#include "core/base/json_reason.hpp"

namespace sluice {

std::string json_reason(std::string_view what) {
  if (!what.starts_with("[json.exception.")) return std::string(what);
  const auto name_end = what.find("] ");
  if (name_end == what.npos) return std::string(what);
  what.remove_prefix(name_end + 2);
  const auto place_end = what.find(": ");
  if (what.starts_with("parse error") && place_end != what.npos) what.remove_prefix(place_end + 2);
  return std::string(what);
}

}  // namespace sluice
