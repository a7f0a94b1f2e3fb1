// Finds validation text that is also in the training text: whole documents by their hashes, excerpts by the hashes of short pieces.
//
// A piece is a run of tokens of one document, about 64 bytes long, and may start at any token. So an excerpt shares its pieces with the
// text it was taken from, whatever surrounds it (only the first and last word of it may be tokenized differently).
// Of a large validation text only a sample of the pieces is looked for: those whose hash ends in enough zero bits, which selects the same
// pieces in both texts. Equal pieces count once, so a line that is repeated everywhere weighs no more than any other.
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

/// Reads the tokens of both once. `name` is the source's name in the calls of `progress`. Memory: one hash for each document of the
/// validation text, and a bounded number of pieces.
Overlap find_overlap(const TokenCache& validation, const TokenCache& train, std::int32_t eos_id, std::string_view name,
                     const ProgressCallback& progress);

/// Sentences that warn the user, with an example. Empty if no document is shared, and at most a twentieth of the pieces.
std::vector<std::string> describe_overlap(const Overlap& overlap, std::string_view validation_name, const TokenCache& validation,
                                          std::string_view train_name, const TokenCache& train, const Tokenizer& tokenizer);

}  // namespace sluice::data
