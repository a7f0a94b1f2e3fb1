#include "data/overlap.hpp"

#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/integers.hpp"
#include "data/utf8.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

namespace sluice::data {
namespace {

constexpr std::uint64_t kPieceBytes = 64;
constexpr std::uint64_t kMostPieces = std::uint64_t{1} << 17;
/// Other parts of the same book, dictionary or encyclopedia share up to 0.8 % of their pieces (headings, markup, stock phrases; measured
/// on nine corpora), so 5 % is no accident; and below it, even validation text that is known by heart moves the loss by less than 5 %.
constexpr double kAccident = 0.05;

/// Tokens of a cache one after the other, a block at a time.
template <class Take>
void for_each_token(const TokenCache& cache, std::uint64_t end, Take take) {
  std::vector<std::int32_t> block(std::size_t{1} << 16);
  for (std::uint64_t at = 0; at < end; at += block.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(block.size(), end - at);
    cache.copy(at, count, block.data());
    for (std::uint64_t i = 0; i < count; ++i) take(at + i, block[i]);
  }
}

/// A rolling hash: sum of value(token) · kBase^(distance from the end), modulo 2^64.
class PieceHash {
 public:
  explicit PieceHash(std::uint64_t tokens) : window_(tokens, 0) {
    for (std::uint64_t i = 0; i < tokens; ++i) leaving_ *= kBase;
  }
  void add(std::int32_t token) {
    const std::uint64_t value = (static_cast<std::uint64_t>(token) + 1) * 0x9E3779B97F4A7C15ULL;
    sum_ = sum_ * kBase + value - (count_ >= window_.size() ? window_[next_] * leaving_ : 0);
    window_[next_] = value;
    if (++next_ == window_.size()) next_ = 0;
    ++count_;
  }
  void clear() { sum_ = 0, count_ = 0, next_ = 0; }
  bool whole() const { return count_ >= window_.size(); }
  std::uint64_t hash() const {  // the sum's low bits depend on the tokens' low bits only
    std::uint64_t mixed = (sum_ ^ (sum_ >> 32)) * 0xD6E8FEB86659FD93ULL;
    mixed = (mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93ULL;
    return mixed ^ (mixed >> 32);
  }

 private:
  static constexpr std::uint64_t kBase = 0xBF58476D1CE4E5B9ULL;
  std::vector<std::uint64_t> window_;
  std::uint64_t leaving_ = 1, sum_ = 0, count_ = 0;
  std::size_t next_ = 0;
};

/// Calls take(hash, first token) for the pieces that are compared.
template <class Take>
void for_each_piece(const TokenCache& cache, std::uint64_t piece_tokens, std::uint64_t mask, std::int32_t eos_id, Take take) {
  PieceHash hash(piece_tokens);
  for_each_token(cache, cache.size(), [&](std::uint64_t at, std::int32_t token) {
    if (token == eos_id) return hash.clear();
    hash.add(token);
    if (!hash.whole()) return;
    const std::uint64_t value = hash.hash();
    if ((value & mask) == 0) take(value, at + 1 - piece_tokens);
  });
}

struct Places {
  std::uint64_t validation;
  std::uint64_t train = std::numeric_limits<std::uint64_t>::max();
  bool shared() const { return train != std::numeric_limits<std::uint64_t>::max(); }
};

/// Says no at once to nearly everything that is not in a set.
class Filter {
 public:
  void add(std::uint64_t hash) { bits_[hash >> 49] |= bit(hash); }
  bool may_hold(std::uint64_t hash) const { return (bits_[hash >> 49] & bit(hash)) != 0; }

 private:
  static std::uint64_t bit(std::uint64_t hash) { return std::uint64_t{1} << (hash >> 43 & 63); }
  std::vector<std::uint64_t> bits_ = std::vector<std::uint64_t>(std::size_t{1} << 15);
};

void count_shared_documents(const TokenCache& validation, const TokenCache& train, Overlap& overlap) {
  const auto held_out = validation.document_hashes();
  const std::unordered_set<std::uint64_t> wanted(held_out.begin(), held_out.end());
  std::unordered_set<std::uint64_t> shared;
  for (const std::uint64_t hash : train.document_hashes())
    if (wanted.count(hash) > 0) shared.insert(hash);
  overlap.documents = held_out.size();
  for (const std::uint64_t hash : held_out) overlap.shared_documents += shared.count(hash);
}

/// "document 3, byte 120", counted from document 1 and byte 0 of the text as it was read.
std::string describe_place(const TokenCache& cache, std::uint64_t token, const Tokenizer& tokenizer) {
  std::uint64_t document = 1, byte = 0;
  for_each_token(cache, token, [&](std::uint64_t, std::int32_t id) {
    byte += static_cast<std::uint64_t>(tokenizer.bytes_of(id));
    if (id == tokenizer.eos_id()) ++document, byte = 0;
  });
  return fmt::format("document {}, byte {}", document, byte);
}

/// The words of a piece on one line, whole characters only.
std::string quote(const TokenCache& cache, std::uint64_t token, std::uint64_t count, const Tokenizer& tokenizer) {
  std::vector<std::int32_t> ids(count);
  cache.copy(token, count, ids.data());
  std::string bytes = tokenizer.decode(ids), text;
  Utf8Repairer repairer("");
  repairer.append(bytes, text);  // a character that the end cuts stays behind
  while (text.starts_with("\uFFFD")) text.erase(0, 3);
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

}  // namespace

Overlap find_overlap(const TokenCache& validation, const TokenCache& train, std::int32_t eos_id, std::string_view name,
                     const ProgressCallback& progress) {
  Overlap overlap;
  count_shared_documents(validation, train, overlap);
  // At least a few tokens, so that a tokenizer with very long ones does not make every idiom a piece.
  const std::uint64_t bytes = std::max<std::uint64_t>(1, validation.statistics().bytes);
  overlap.piece_tokens = std::clamp<std::uint64_t>(ceil_div(kPieceBytes * validation.size(), bytes), 8, kPieceBytes);
  std::uint64_t one_in = 1;
  while (validation.size() / one_in > kMostPieces) one_in *= 2;

  std::unordered_map<std::uint64_t, Places> places;
  Filter filter;
  for_each_piece(validation, overlap.piece_tokens, one_in - 1, eos_id, [&](std::uint64_t hash, std::uint64_t at) {
    if (places.try_emplace(hash, Places{at}).second) filter.add(hash);
  });
  overlap.pieces = places.size();
  if (places.empty()) return overlap;
  std::uint64_t said = 0;
  for_each_piece(train, overlap.piece_tokens, one_in - 1, eos_id, [&](std::uint64_t hash, std::uint64_t at) {
    if (progress && at >= said + (std::uint64_t{1} << 22)) progress({"comparing", name, said = at, train.size(), "tokens"});
    if (!filter.may_hold(hash)) return;
    if (const auto found = places.find(hash); found != places.end() && !found->second.shared()) found->second.train = at;
  });
  std::vector<Places> shared;
  for (const auto& [hash, place] : places)
    if (place.shared()) shared.push_back(place);
  overlap.shared_pieces = shared.size();
  if (shared.empty()) return overlap;
  const auto middle = shared.begin() + static_cast<std::ptrdiff_t>(shared.size() / 2);
  std::nth_element(shared.begin(), middle, shared.end(), [](const Places& a, const Places& b) { return a.validation < b.validation; });
  overlap.validation_token = middle->validation;
  overlap.train_token = middle->train;
  return overlap;
}

std::vector<std::string> describe_overlap(const Overlap& overlap, std::string_view validation_name, const TokenCache& validation,
                                          std::string_view train_name, const TokenCache& train, const Tokenizer& tokenizer) {
  constexpr std::string_view kBetter = "so validation loss will look better than it is";
  const std::string subject = fmt::format("validation {} overlaps training {}", validation_name, train_name);
  std::vector<std::string> warnings;
  if (overlap.shared_documents > 0)
    warnings.push_back(fmt::format("{}: {} of its {} {} there word for word, {}", subject, overlap.shared_documents,
                                   counted(overlap.documents, "document"), overlap.shared_documents == 1 ? "is" : "are", kBetter));
  const auto share = [](std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
  };
  // Shared documents explain a share of the pieces; a second sentence says what they do not.
  const double text = share(overlap.shared_pieces, overlap.pieces);
  if (text > kAccident + share(overlap.shared_documents, overlap.documents))
    warnings.push_back(fmt::format(
        "{}: {:.0f}% of its text ({} of {} pieces of {} tokens) is there too, {}; for example \"{}\": validation {}, training {}", subject,
        100 * text, overlap.shared_pieces, overlap.pieces, overlap.piece_tokens, kBetter,
        quote(validation, overlap.validation_token, overlap.piece_tokens, tokenizer),
        describe_place(validation, overlap.validation_token, tokenizer), describe_place(train, overlap.train_token, tokenizer)));
  return warnings;
}

}  // namespace sluice::data
