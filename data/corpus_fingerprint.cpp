#include "data/corpus_fingerprint.hpp"

#include "core/base/error.hpp"
#include "core/base/json_reason.hpp"
#include "data/hash128.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace sluice::data {
namespace {

using Sources = std::vector<SourceFingerprint>;

nlohmann::json to_array(const Sources& sources) {
  nlohmann::json array = nlohmann::json::array();
  for (const SourceFingerprint& source : sources) array.push_back({{"name", source.name}, {"key", source.key}});
  return array;
}

/// "" if the keys are the same, else what differs.
std::string difference(const char* role, const Sources& before, const Sources& now) {
  if (before.size() != now.size()) return fmt::format("{} {} sources there, {} here", before.size(), role, now.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i].key != now[i].key)
      return fmt::format("{} source {} was {} ({}) and is {} ({})", role, i + 1, before[i].name, before[i].key, now[i].name, now[i].key);
  return "";
}

}  // namespace

std::string CorpusFingerprint::hex() const {
  Hash128 hash;
  for (const Sources* sources : {&train, &validation}) {
    hash.field(sources->size());
    for (const SourceFingerprint& source : *sources) hash.field(source.key);
  }
  return hash.hex();
}

std::string CorpusFingerprint::to_json() const {
  return nlohmann::json{{"fingerprint", hex()}, {"train", to_array(train)}, {"validation", to_array(validation)}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

CorpusFingerprint CorpusFingerprint::from_json(const std::string& json, const std::string& where) {
  CorpusFingerprint result;
  try {
    const auto parsed = nlohmann::json::parse(json);
    for (const auto& [key, sources] : {std::pair("train", &result.train), std::pair("validation", &result.validation)})
      for (const auto& source : parsed.at(key))
        sources->push_back({source.at("name").get<std::string>(), source.at("key").get<std::string>()});
    if (parsed.at("fingerprint").get<std::string>() != result.hex())
      throw data_error("{}: the corpus fingerprint is damaged: {} does not follow from the sources listed with it ({})", where,
                       parsed.at("fingerprint").get<std::string>(), result.hex());
  } catch (const nlohmann::json::exception& error) {
    throw data_error("{}: the corpus fingerprint cannot be read: {}", where, json_reason(error.what()));
  }
  return result;
}

void require_same_corpus(const CorpusFingerprint& checkpoint, const CorpusFingerprint& now) {
  std::string what = difference("train", checkpoint.train, now.train);
  if (what.empty()) what = difference("validation", checkpoint.validation, now.validation);
  if (what.empty()) return;
  throw data_error("the corpus has changed since the checkpoint: fingerprint {} there, {} here ({}); restore the data or start another run",
                   checkpoint.hex(), now.hex(), what);
}

}  // namespace sluice::data
