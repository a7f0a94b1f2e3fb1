#include "data/tokenizer_json_splitter.hpp"

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"

namespace sluice::data {

namespace {

using nlohmann::json;

constexpr const char* kSupported =
    "supported are ByteLevel (GPT-2), Split with the expression of GPT-2, Llama-3, Qwen2 or Qwen3.5 followed by ByteLevel, and Digits "
    "followed by "
    "ByteLevel (SmolLM2)";

std::string type_of(const json& step) {
  if (step.is_null()) return "null";
  return step.is_object() && step.contains("type") && step["type"].is_string() ? step["type"].get<std::string>() : "without type";
}

bool flag(const json& step, const char* name, bool otherwise) {
  return step.contains(name) && step[name].is_boolean() ? step[name].get<bool>() : otherwise;
}

/// True if `step` splits with GPT-2's expression, false if it only writes bytes as characters.
bool splits(const json& byte_level, const std::string& origin) {
  if (flag(byte_level, "add_prefix_space", true))
    throw data_error("{}: pre_tokenizer ByteLevel with add_prefix_space true is not supported (it changes the text); expected false",
                     origin);
  return flag(byte_level, "use_regex", true);
}

Splitter of_split(const json& step, const std::string& origin) {
  if (!step.contains("pattern") || !step["pattern"].is_object() || !step["pattern"].contains("Regex") ||
      !step["pattern"]["Regex"].is_string())
    throw data_error("{}: pre_tokenizer Split has no pattern.Regex; {}", origin, kSupported);
  const auto behavior = step.contains("behavior") && step["behavior"].is_string() ? step["behavior"].get<std::string>() : "none";
  if (behavior != "Isolated" || flag(step, "invert", false))
    throw data_error("{}: pre_tokenizer Split with behavior '{}' and invert {} is not supported; expected 'Isolated' and false", origin,
                     behavior, flag(step, "invert", false));
  const auto pattern = step["pattern"]["Regex"].get<std::string>();
  if (const auto splitter = splitter_of_pattern(pattern)) return *splitter;
  throw data_error("{}: pre_tokenizer Split with the expression {} is not supported; {}", origin, json(pattern).dump(), kSupported);
}

}  // namespace

Splitter splitter_of_pre_tokenizer(const json& pre_tokenizer, const std::string& origin) {
  std::vector<json> steps{pre_tokenizer};
  if (type_of(pre_tokenizer) == "Sequence") {
    if (!pre_tokenizer.contains("pretokenizers") || !pre_tokenizer["pretokenizers"].is_array())
      throw data_error("{}: pre_tokenizer Sequence has no list 'pretokenizers'", origin);
    steps = pre_tokenizer["pretokenizers"].get<std::vector<json>>();
  }
  std::string found;
  for (const auto& step : steps) found += (found.empty() ? "" : " + ") + type_of(step);
  if (found == "ByteLevel" && splits(steps[0], origin)) return Splitter::kGpt2;
  if (found == "Split + ByteLevel" && !splits(steps[1], origin)) return of_split(steps[0], origin);
  if (found == "Digits + ByteLevel" && flag(steps[0], "individual_digits", false) && splits(steps[1], origin)) return Splitter::kDigitsGpt2;
  throw data_error("{}: pre_tokenizer {} with these settings is not supported; {}", origin, found.empty() ? "of no steps" : found,
                   kSupported);
}

}  // namespace sluice::data
