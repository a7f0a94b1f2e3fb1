// Whether text that is validated on is also trained on: whole documents by their hashes, excerpts by hashes of short pieces.
//
// A piece is a run of tokens of one document, of about 64 bytes. Every run is one, at any offset, so an excerpt shares its pieces with
// the text it was taken from whatever surrounds it there (a tokenizer may split the first and last word of it differently, no more).
// Of large validation texts a sample of the pieces is looked for: those whose hash ends in zeros, which is the same choice on both
// sides. Different pieces count once, so a line that is repeated all over weighs as much as one that is not.
#pragma once

#include "data/progress.hpp"
#include "data/token_cache.hpp"
#include "data/tokenizer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

struct Overlap {
  std::uint64_t documents = 0;         // of validation
  std::uint64_t shared_documents = 0;  // of these, in training word for word
  std::uint64_t pieces = 0;            // different pieces of validation that were looked for
  std::uint64_t shared_pieces = 0;     // of these, in training
  std::uint64_t piece_tokens = 0;      // tokens of a piece
  /// An example: where a shared piece starts. It is the middle one in the order of validation, and so likely to lie in a longer excerpt
  /// where there is one.
  std::uint64_t validation_token = 0;
  std::uint64_t train_token = 0;
};

/// Reads the tokens of both once; `name` is what `progress` is told. Memory depends on neither's size.
Overlap find_overlap(const TokenCache& validation, const TokenCache& train, std::int32_t eos_id, std::string_view name,
                     const ProgressCallback& progress);

/// Sentences for the user, with an example: none where no document is shared and no more than a twentieth of the pieces.
std::vector<std::string> describe_overlap(const Overlap& overlap, std::string_view validation_name, const TokenCache& validation,
                                          std::string_view train_name, const TokenCache& train, const Tokenizer& tokenizer);

}  // namespace sluice::data
