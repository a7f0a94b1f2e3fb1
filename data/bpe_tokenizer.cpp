#include "data/bpe_tokenizer.hpp"

#include <algorithm>
#include <utility>

#include "core/base/error.hpp"
#include "data/byte_level.hpp"
#include "data/unicode.hpp"

namespace sluice::data {

namespace {

constexpr const char* kUsualEndOfText[] = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<|im_end|>"};

/// The bytes of every token: what its characters write, or its text where they write no bytes and in added tokens.
std::vector<std::string> bytes_of_tokens(const TokenizerSpec& spec) {
  std::vector<std::string> bytes;
  bytes.reserve(spec.tokens.size());
  for (const auto& token : spec.tokens) bytes.push_back(from_byte_level(token).value_or(token));
  for (const auto& token : spec.added_tokens) bytes[static_cast<std::size_t>(token.id)] = token.content;
  return bytes;
}

BpeModel make_model(const TokenizerSpec& spec, const std::string& origin) {
  std::array<std::int32_t, 256> byte_ids;
  byte_ids.fill(-1);
  std::unordered_map<std::string, std::int32_t> whole;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    auto bytes = from_byte_level(spec.tokens[id]);
    if (!bytes || bytes->empty()) continue;
    if (bytes->size() == 1) byte_ids[static_cast<unsigned char>(bytes->front())] = static_cast<std::int32_t>(id);
    if (spec.ignore_merges) whole.emplace(std::move(*bytes), static_cast<std::int32_t>(id));
  }
  const auto missing = std::find(byte_ids.begin(), byte_ids.end(), -1);
  if (missing != byte_ids.end())
    throw data_error("{}: not a byte-level vocabulary: byte 0x{:02X} has no token (expected {} in model.vocab)", origin,
                     missing - byte_ids.begin(), to_byte_level(std::string(1, static_cast<char>(missing - byte_ids.begin()))));
  return BpeModel(byte_ids, spec.merges, std::move(whole));
}

AddedTokenMatcher make_matcher(const TokenizerSpec& spec, bool normalized) {
  std::vector<AddedToken> tokens;
  std::vector<std::string> patterns;
  for (const auto& token : spec.added_tokens) {
    if (token.normalized != normalized) continue;
    tokens.push_back(token);
    patterns.push_back(normalized && spec.nfc ? to_nfc(token.content) : token.content);
  }
  return AddedTokenMatcher(std::move(tokens), patterns);
}

const AddedToken& find_end_of_text(const TokenizerSpec& spec, std::string_view wanted, const std::string& origin) {
  const auto named = [&](std::string_view name) {
    return std::find_if(spec.added_tokens.begin(), spec.added_tokens.end(),
                        [&](const AddedToken& token) { return token.special && token.content == name; });
  };
  std::string specials;
  std::size_t count = 0;
  for (const auto& token : spec.added_tokens) {
    if (!token.special || ++count > 20) continue;
    specials += (specials.empty() ? "" : ", ") + token.content;
  }
  if (!wanted.empty()) {
    if (const auto found = named(wanted); found != spec.added_tokens.end()) return *found;
    throw data_error("{}: end-of-text token '{}' is not among its special added tokens ({})", origin, wanted, count ? specials : "none");
  }
  for (const char* name : kUsualEndOfText)
    if (const auto found = named(name); found != spec.added_tokens.end()) return *found;
  if (count == 1)
    return *std::find_if(spec.added_tokens.begin(), spec.added_tokens.end(), [](const AddedToken& token) { return token.special; });
  throw data_error(
      "{}: cannot tell its end-of-text token: none of the usual names (<|endoftext|>, <|end_of_text|>, </s>, …) is among its special added "
      "tokens ({})",
      origin, count ? specials : "none");
}

}  // namespace

BpeTokenizer::BpeTokenizer(TokenizerSpec spec, std::string json, const std::string& origin, std::string_view eos_token)
    : json_(std::move(json)),
      nfc_(spec.nfc),
      piece_end_(piece_end_of(spec.splitter)),
      bytes_(bytes_of_tokens(spec)),
      special_(bytes_.size(), false),
      model_(make_model(spec, origin)),
      raw_tokens_(make_matcher(spec, false)),
      normalized_tokens_(make_matcher(spec, true)) {
  for (const auto& token : spec.added_tokens) special_[static_cast<std::size_t>(token.id)] = token.special;
  const AddedToken& end_of_text = find_end_of_text(spec, eos_token, origin);
  eos_token_ = end_of_text.content;
  eos_id_ = end_of_text.id;
}

void BpeTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids, bool parse_special) const {
  BpeScratch scratch;
  if (raw_tokens_.idle(parse_special)) return encode_normalized(text, parse_special, scratch, ids);
  raw_tokens_.split(
      text, parse_special, [&](std::string_view part) { encode_normalized(part, parse_special, scratch, ids); },
      [&](std::int32_t id) { ids.push_back(id); });
}

void BpeTokenizer::encode_normalized(std::string_view text, bool parse_special, BpeScratch& scratch, std::vector<std::int32_t>& ids) const {
  std::string normalized;
  if (nfc_ && !is_plainly_nfc(text)) {
    normalized = to_nfc(text);
    text = normalized;
  }
  if (normalized_tokens_.idle(parse_special)) return encode_text(text, scratch, ids);
  normalized_tokens_.split(
      text, parse_special, [&](std::string_view part) { encode_text(part, scratch, ids); }, [&](std::int32_t id) { ids.push_back(id); });
}

void BpeTokenizer::encode_text(std::string_view text, BpeScratch& scratch, std::vector<std::int32_t>& ids) const {
  if (model_.is_bytewise()) {
    ids.reserve(ids.size() + text.size());
    for (const char byte : text) ids.push_back(model_.byte_id(byte));
    return;
  }
  const char* const end = text.data() + text.size();
  for (const char* begin = text.data(); begin < end;) {
    const char* next = piece_end_(begin, end);
    const std::string_view piece(begin, static_cast<std::size_t>(next - begin));
    begin = next;
    if (piece.size() > PieceCache::kLongestPiece) {
      model_.encode(piece, scratch, ids);
      continue;
    }
    const std::uint64_t hash = PieceCache::hash(piece);
    if (const auto known = cache_.find(hash, piece); known.data()) {
      ids.insert(ids.end(), known.begin(), known.end());
      continue;
    }
    const std::size_t before = ids.size();
    model_.encode(piece, scratch, ids);
    cache_.insert(hash, piece, std::span(ids).subspan(before));
  }
}

std::string BpeTokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids)
    if (id >= 0 && static_cast<std::size_t>(id) < bytes_.size()) text += bytes_[static_cast<std::size_t>(id)];
  return text;
}

std::int64_t BpeTokenizer::bytes_of(std::int32_t id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= bytes_.size() || special_[static_cast<std::size_t>(id)]) return 0;
  return static_cast<std::int64_t>(bytes_[static_cast<std::size_t>(id)].size());
}

}  // namespace sluice::data
