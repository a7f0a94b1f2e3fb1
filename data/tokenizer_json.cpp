#include "data/tokenizer_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/json_reason.hpp"

namespace sluice::data {

namespace {

using nlohmann::json;

constexpr std::int64_t kMostIds = std::int64_t{1} << 24;  // a larger id is damage, not a vocabulary

constexpr const char* kSupported =
    "supported are ByteLevel (GPT-2), Split with the expression of GPT-2, Llama-3, Qwen2 or Qwen3.5 followed by ByteLevel, and Digits "
    "followed by "
    "ByteLevel (SmolLM2)";

std::string type_of(const json& step) {
  if (step.is_null()) return "null";
  return step.is_object() && step.contains("type") && step["type"].is_string() ? step["type"].get<std::string>() : "without type";
}

bool flag_or(const json& step, const char* name, bool otherwise) {
  return step.contains(name) && step[name].is_boolean() ? step[name].get<bool>() : otherwise;
}

/// True if `step` splits with GPT-2's expression, false if it only writes bytes as characters.
bool splits(const json& byte_level, const std::string& origin) {
  if (flag_or(byte_level, "add_prefix_space", true))
    throw data_error("{}: pre_tokenizer ByteLevel with add_prefix_space true is not supported (it changes the text); expected false",
                     origin);
  return flag_or(byte_level, "use_regex", true);
}

Splitter of_split(const json& step, const std::string& origin) {
  if (!step.contains("pattern") || !step["pattern"].is_object() || !step["pattern"].contains("Regex") ||
      !step["pattern"]["Regex"].is_string())
    throw data_error("{}: pre_tokenizer Split has no pattern.Regex; {}", origin, kSupported);
  const auto behavior = step.contains("behavior") && step["behavior"].is_string() ? step["behavior"].get<std::string>() : "none";
  if (behavior != "Isolated" || flag_or(step, "invert", false))
    throw data_error("{}: pre_tokenizer Split with behavior '{}' and invert {} is not supported; expected 'Isolated' and false", origin,
                     behavior, flag_or(step, "invert", false));
  const auto pattern = step["pattern"]["Regex"].get<std::string>();
  if (const auto splitter = splitter_of_pattern(pattern)) return *splitter;
  throw data_error("{}: pre_tokenizer Split with the expression {} is not supported; {}", origin, json(pattern).dump(), kSupported);
}

/// The splitter that a tokenizer.json's pre_tokenizer describes. Data error, naming `origin`, if it is none that Sluice has.
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
  if (found == "Digits + ByteLevel" && flag_or(steps[0], "individual_digits", false) && splits(steps[1], origin))
    return Splitter::kDigitsGpt2;
  throw data_error("{}: pre_tokenizer {} with these settings is not supported; {}", origin, found.empty() ? "of no steps" : found,
                   kSupported);
}

/// Reads the parts of one file; every error names the file and the key.
class Reader {
 public:
  Reader(const json& root, const std::string& origin) : root_(root), origin_(origin) {}

  TokenizerSpec read() {
    if (!root_.is_object()) throw data_error("{}: a tokenizer.json is an object, this is {}", origin_, root_.type_name());
    if (root_.contains("version") && !(root_["version"].is_string() && root_["version"].get<std::string>() == "1.0"))
      throw data_error("{}: version {} is not supported; expected \"1.0\"", origin_, root_["version"].dump());
    const json& model = member(root_, "model", "model");
    check_model(model);
    read_vocabulary(member(model, "vocab", "model.vocab"));
    read_added_tokens();  // may name ids behind the vocabulary's
    read_merges(member(model, "merges", "model.merges"));
    spec_.ignore_merges = flag(model, "ignore_merges", "model.ignore_merges");
    read_normalizer();
    spec_.splitter = splitter_of_pre_tokenizer(root_.contains("pre_tokenizer") ? root_["pre_tokenizer"] : json(), origin_);
    const std::string decoder = type_of(root_.contains("decoder") ? root_["decoder"] : json());
    if (decoder != "ByteLevel") throw data_error("{}: decoder {} is not supported; expected ByteLevel", origin_, decoder);
    return std::move(spec_);
  }

 private:
  const json& member(const json& object, const char* name, const char* path) const {
    if (!object.is_object() || !object.contains(name)) throw data_error("{}: '{}' is missing", origin_, path);
    return object[name];
  }

  bool flag(const json& object, const char* name, const std::string& path) const {
    if (!object.contains(name) || object[name].is_null()) return false;
    if (!object[name].is_boolean()) throw data_error("{}: '{}' is {}; expected true or false", origin_, path, object[name].dump());
    return object[name].get<bool>();
  }

  void check_model(const json& model) const {
    // Old files leave the type out; a BPE model is known by its merges.
    const std::string type = model.is_object() && !model.contains("type") && model.contains("merges") ? "BPE" : type_of(model);
    if (type != "BPE") throw data_error("{}: model {} is not supported; expected BPE", origin_, type);
    if (model.contains("dropout") && !model["dropout"].is_null() && !(model["dropout"].is_number() && model["dropout"].get<double>() == 0))
      throw data_error("{}: model.dropout {} is not supported; expected null", origin_, model["dropout"].dump());
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (model.contains(affix) && !model[affix].is_null() && !(model[affix].is_string() && model[affix].get<std::string>().empty()))
        throw data_error("{}: model.{} {} is not supported; expected null", origin_, affix, model[affix].dump());
  }

  std::int32_t checked_id(const json& id, const std::string& token) const {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= kMostIds)
      throw data_error("{}: token {} has id {}; expected a whole number from 0 to {}", origin_, json(token).dump(), id.dump(),
                       kMostIds - 1);
    return id.get<std::int32_t>();
  }

  void place(const std::string& token, std::int32_t id) {
    const auto index = static_cast<std::size_t>(id);
    if (index >= spec_.tokens.size()) spec_.tokens.resize(index + 1);
    if (!spec_.tokens[index].empty())
      throw data_error("{}: tokens {} and {} have the same id {}", origin_, json(spec_.tokens[index]).dump(), json(token).dump(), id);
    spec_.tokens[index] = token;
  }

  void read_vocabulary(const json& vocabulary) {
    if (!vocabulary.is_object())
      throw data_error("{}: 'model.vocab' is {}; expected an object of tokens and ids", origin_, vocabulary.type_name());
    spec_.tokens.reserve(vocabulary.size());
    for (const auto& [token, id] : vocabulary.items()) {
      if (token.empty()) throw data_error("{}: 'model.vocab' has an empty token", origin_);
      const std::int32_t checked = checked_id(id, token);
      place(token, checked);
      ids_.emplace(token, checked);
    }
  }

  /// Hugging Face numbers added tokens outside the vocabulary by itself; a file that says otherwise would give other ids there.
  void read_added_tokens() {
    if (!root_.contains("added_tokens") || root_["added_tokens"].is_null()) return;
    const json& list = root_["added_tokens"];
    if (!list.is_array()) throw data_error("{}: 'added_tokens' is {}; expected a list", origin_, list.type_name());
    const auto in_vocabulary = static_cast<std::int32_t>(ids_.size());
    std::int32_t next = in_vocabulary;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string path = fmt::format("added_tokens[{}]", i);
      const json& item = list[i];
      if (!item.is_object() || !item.contains("content") || !item["content"].is_string() || item["content"].get<std::string>().empty())
        throw data_error("{}: '{}' has no content", origin_, path);
      AddedToken token;
      token.content = item["content"].get<std::string>();
      token.id = checked_id(item.contains("id") ? item["id"] : json(), token.content);
      token.lstrip = flag(item, "lstrip", path + ".lstrip");
      token.rstrip = flag(item, "rstrip", path + ".rstrip");
      token.normalized = flag(item, "normalized", path + ".normalized");
      token.special = flag(item, "special", path + ".special");
      if (flag(item, "single_word", path + ".single_word"))
        throw data_error("{}: added token {} with single_word true is not supported", origin_, json(token.content).dump());
      const auto known = ids_.find(token.content);
      const std::int32_t expected = known != ids_.end() ? known->second : next++;
      if (token.id != expected)
        throw data_error("{}: added token {} has id {}, but its place in the vocabulary of {} tokens gives it {}", origin_,
                         json(token.content).dump(), token.id, in_vocabulary, expected);
      if (known == ids_.end()) {
        place(token.content, token.id);
        ids_.emplace(token.content, token.id);
      }
      spec_.added_tokens.push_back(std::move(token));
    }
  }

  std::int32_t merged_id(const std::string& token, std::size_t index) const {
    const auto found = ids_.find(token);
    if (found == ids_.end())
      throw data_error("{}: model.merges[{}] needs token {}, which is not in model.vocab", origin_, index, json(token).dump());
    return found->second;
  }

  void read_merges(const json& merges) {
    if (!merges.is_array()) throw data_error("{}: 'model.merges' is {}; expected a list", origin_, merges.type_name());
    spec_.merges.reserve(merges.size());
    for (std::size_t i = 0; i < merges.size(); ++i) {
      std::string left, right;
      if (merges[i].is_string()) {  // older writers: "left right"
        const auto& both = merges[i].get_ref<const std::string&>();
        if (both.rfind("#version", 0) == 0) continue;
        const std::size_t space = both.find(' ');
        if (space != std::string::npos && both.find(' ', space + 1) == std::string::npos)
          left = both.substr(0, space), right = both.substr(space + 1);
      } else if (merges[i].is_array() && merges[i].size() == 2 && merges[i][0].is_string() && merges[i][1].is_string()) {
        left = merges[i][0].get<std::string>();
        right = merges[i][1].get<std::string>();
      }
      if (left.empty() || right.empty())
        throw data_error("{}: model.merges[{}] is {}; expected two tokens, as \"a b\" or [\"a\",\"b\"]", origin_, i, merges[i].dump());
      spec_.merges.push_back({merged_id(left, i), merged_id(right, i), merged_id(left + right, i)});
    }
  }

  void read_normalizer() {
    if (!root_.contains("normalizer") || root_["normalizer"].is_null()) return;
    const json& normalizer = root_["normalizer"];
    std::vector<json> steps{normalizer};
    if (type_of(normalizer) == "Sequence") {
      const json& list = member(normalizer, "normalizers", "normalizer.normalizers");
      if (!list.is_array()) throw data_error("{}: 'normalizer.normalizers' is {}; expected a list", origin_, list.type_name());
      steps = list.get<std::vector<json>>();
    }
    for (const auto& step : steps)
      if (type_of(step) != "NFC") throw data_error("{}: normalizer {} is not supported; expected null or NFC", origin_, type_of(step));
    spec_.nfc = !steps.empty();
  }

  const json& root_;
  const std::string& origin_;
  TokenizerSpec spec_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace

TokenizerSpec parse_tokenizer_json(const std::string& text, const std::string& origin) {
  refuse_foreign(text, origin, "a tokenizer.json", "name the tokenizer.json of a tokenizer");
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& error) {
    if (text.empty()) throw data_error("{}: is empty; expected a tokenizer.json", origin);
    throw data_error("{}: not valid JSON at byte {} of {} (damaged or cut short?): {}", origin, error.byte, text.size(),
                     json_reason(error.what()));
  }
  return Reader(root, origin).read();
}

}  // namespace sluice::data
