// What a checkpoint remembers of its corpus, and the check that refuses another one.
#pragma once

#include <string>
#include <vector>

namespace sluice::data {

/// One source: its name is for people, its key (contents, reading options, tokenizer) is the identity.
struct SourceFingerprint {
  std::string name;
  std::string key;
};

struct CorpusFingerprint {
  std::vector<SourceFingerprint> train;
  std::vector<SourceFingerprint> validation;

  /// 32 hex digits over all keys; files may have moved or been renamed.
  std::string hex() const;
  std::string to_json() const;
  /// Data error if `json` is not what to_json() wrote; `where` names the checkpoint's file in it.
  static CorpusFingerprint from_json(const std::string& json, const std::string& where);
};

/// Data error naming both fingerprints and the first source that differs, unless the keys are the same.
void require_same_corpus(const CorpusFingerprint& checkpoint, const CorpusFingerprint& now);

}  // namespace sluice::data
