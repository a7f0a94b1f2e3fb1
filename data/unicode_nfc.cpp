// Normalization form C.
#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "data/unicode.hpp"
#include "data/unicode_tables.hpp"

namespace sluice::data {

namespace {

// Hangul syllables are computed (The Unicode Standard, 3.12): leading consonant, vowel, optional trailing consonant.
constexpr char32_t kSyllable = 0xAC00, kLead = 0x1100, kVowel = 0x1161, kTrail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTrails = 28, kSyllables = kLeads * kVowels * kTrails;

struct NfcData {
  std::unordered_map<char32_t, std::uint8_t> combining;
  std::unordered_map<char32_t, std::uint32_t> decomposition;  // code point -> where its length stands in the flat list
  std::unordered_map<std::uint64_t, char32_t> composition;

  NfcData() {
    for (const auto& [first, last, value] : unicode_combining_ranges())
      for (std::uint32_t c = first; c <= last; ++c) combining[c] = static_cast<std::uint8_t>(value);
    const auto flat = unicode_decompositions();
    for (std::size_t i = 0; i < flat.size(); i += 2 + flat[i + 1]) decomposition[flat[i]] = static_cast<std::uint32_t>(i + 1);
    for (const auto& [first, second, composite] : unicode_compositions()) composition[std::uint64_t{first} << 32 | second] = composite;
  }
};

const NfcData& nfc_data() {
  static const NfcData data;
  return data;
}

struct Character {
  char32_t value;
  std::uint8_t combining;
};

void decompose(char32_t value, std::vector<Character>& out) {
  const auto& data = nfc_data();
  const auto put = [&](char32_t c) {
    const auto found = data.combining.find(c);
    out.push_back({c, found == data.combining.end() ? std::uint8_t{0} : found->second});
  };
  if (value - kSyllable < kSyllables) {
    const char32_t index = value - kSyllable;
    put(kLead + index / (kVowels * kTrails));
    put(kVowel + index / kTrails % kVowels);
    if (index % kTrails) put(kTrail + index % kTrails);
    return;
  }
  const auto found = data.decomposition.find(value);
  if (found == data.decomposition.end()) return put(value);
  const auto parts = unicode_decompositions().subspan(found->second + 1, unicode_decompositions()[found->second]);
  for (const char32_t part : parts) put(part);
}

/// The composite of two characters, or 0.
char32_t compose(char32_t first, char32_t second) {
  if (first - kLead < kLeads && second - kVowel < kVowels) return kSyllable + ((first - kLead) * kVowels + (second - kVowel)) * kTrails;
  if (first - kSyllable < kSyllables && (first - kSyllable) % kTrails == 0 && second > kTrail && second - kTrail < kTrails)
    return first + (second - kTrail);
  const auto found = nfc_data().composition.find(std::uint64_t{first} << 32 | second);
  return found == nfc_data().composition.end() ? 0 : found->second;
}

/// Normalizes a run of decomposed characters in place, appends it to `text` and empties it.
void compose_run(std::vector<Character>& run, std::string& text) {
  for (std::size_t i = 0; i < run.size();) {  // canonical order: marks by class between starters, equal ones as they stood
    if (run[i].combining == 0) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < run.size() && run[end].combining != 0) ++end;
    std::stable_sort(run.begin() + static_cast<std::ptrdiff_t>(i), run.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const Character& a, const Character& b) { return a.combining < b.combining; });
    i = end;
  }
  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t kept = 0, starter = kNone;
  for (const Character character : run) {
    if (starter != kNone) {
      // Blocked when something stands between that is a starter or has the same or a higher class.
      const bool adjacent = kept == starter + 1;
      if (adjacent || (run[kept - 1].combining != 0 && run[kept - 1].combining < character.combining)) {
        if (const char32_t composite = compose(run[starter].value, character.value)) {
          run[starter].value = composite;
          continue;
        }
      }
    }
    if (character.combining == 0) starter = kept;
    run[kept++] = character;
  }
  run.resize(kept);
  for (const Character character : run) append_code_point(text, character.value);
  run.clear();
}

}  // namespace

bool is_plainly_nfc(std::string_view text) {
  const std::uint8_t* classes = unicode_classes();
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const CodePoint c = code_point_at(p, end);
    if (classes[c.value] & kNfcActive) return false;
    p += c.size;
  }
  return true;
}

std::string to_nfc(std::string_view text) {
  const std::uint8_t* classes = unicode_classes();
  const char* const end = text.data() + text.size();
  std::string out;
  out.reserve(text.size());
  std::vector<Character> run;
  // A run is an inert character and the active ones behind it; inert characters alone are copied as they are.
  const char* pending = text.data();
  const char* last = nullptr;  // the inert character right before p, if any
  for (const char* p = text.data(); p < end;) {
    const CodePoint c = code_point_at(p, end);
    if (!(classes[c.value] & kNfcActive)) {
      last = p;
      p += c.size;
      continue;
    }
    out.append(pending, last ? last : p);
    if (last) decompose(code_point_at(last, end).value, run);
    while (p < end) {
      const CodePoint next = code_point_at(p, end);
      if (!(classes[next.value] & kNfcActive)) break;
      decompose(next.value, run);
      p += next.size;
    }
    compose_run(run, out);
    pending = p;
    last = nullptr;
  }
  out.append(pending, end);
  return out;
}

}  // namespace sluice::data
