#include "data/bpe_merge_learner.hpp"

#include <algorithm>
#include <unordered_map>

namespace sluice::data {

namespace {

/// Places of a pair: the words it was seen in. Words that have lost it since do no harm.
using Places = std::vector<std::uint32_t>;

struct Candidate {
  std::int64_t count;
  std::uint64_t pair;
  Places places;
};

bool after(const Candidate& a, const Candidate& b) { return a.count != b.count ? a.count < b.count : a.pair > b.pair; }

class Learner {
 public:
  Learner(const std::vector<std::pair<std::string_view, std::uint64_t>>& words, const std::array<std::int32_t, 256>& byte_ids,
          const ProgressCallback& progress) {
    std::size_t total = 0;
    for (const auto& [word, count] : words) total += word.size();
    symbols_.reserve(total);
    words_.reserve(words.size());
    for (const auto& [word, count] : words) {
      words_.push_back({symbols_.size(), word.size(), static_cast<std::int64_t>(count)});
      for (const char byte : word) symbols_.push_back(byte_ids[static_cast<unsigned char>(byte)]);
    }
    ProgressPace pace;
    for (std::size_t w = 0; w < words_.size(); ++w) {
      if (progress && w % 4096 == 0 && pace.due()) progress({"counting pairs", "", w, words_.size(), "words"});
      const std::int32_t* word = symbols_.data() + words_[w].begin;
      for (std::size_t i = 0; i + 1 < words_[w].size; ++i) change(word[i], word[i + 1], words_[w].count, static_cast<std::uint32_t>(w));
    }
    queue_fresh_pairs();
  }

  /// Takes the next pair to merge with its places; false if none is frequent enough.
  bool next(std::int64_t min_frequency, Candidate& best) {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), after);
      best = std::move(heap_.back());
      heap_.pop_back();
      const std::int64_t count = pairs_.find(best.pair)->count;
      if (best.count == count) return count >= std::max<std::int64_t>(1, min_frequency);
      best.count = count;  // it has changed since it was queued
      push(std::move(best));
    }
    return false;
  }

  void merge(const Candidate& pair, std::int32_t result) {
    const std::int32_t left = pair_left(pair.pair), right = pair_right(pair.pair);
    for (const std::uint32_t w : pair.places) {
      Word& word = words_[w];
      std::int32_t* symbols = symbols_.data() + word.begin;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < word.size; ++kept) {
        if (i + 1 >= word.size || symbols[i] != left || symbols[i + 1] != right) {
          symbols[kept] = symbols[i++];
          continue;
        }
        if (kept > 0) {
          change(symbols[kept - 1], left, -word.count, w);
          change(symbols[kept - 1], result, word.count, w);
        }
        if (i + 2 < word.size) {
          change(right, symbols[i + 2], -word.count, w);
          change(result, symbols[i + 2], word.count, w);
        }
        symbols[kept] = result;
        i += 2;
      }
      word.size = kept;
    }
    queue_fresh_pairs();
  }

 private:
  struct Word {
    std::size_t begin, size;
    std::int64_t count;
  };
  struct Pair {
    std::int64_t count = 0;
    std::uint32_t fresh = 0;  // 1 + index into fresh_, or 0
  };

  void change(std::int32_t left, std::int32_t right, std::int64_t by, std::uint32_t word) {
    const std::uint64_t key = pair_key(left, right);
    Pair& pair = pairs_[key];
    pair.count += by;
    if (by < 0) return;
    if (pair.fresh == 0) {
      fresh_.push_back({0, key, {}});
      pair.fresh = static_cast<std::uint32_t>(fresh_.size());
    }
    Places& places = fresh_[pair.fresh - 1].places;
    if (places.empty() || places.back() != word) places.push_back(word);
  }

  void queue_fresh_pairs() {
    for (auto& candidate : fresh_) {
      Pair& pair = pairs_[candidate.pair];
      pair.fresh = 0;
      candidate.count = pair.count;
      if (pair.count > 0) push(std::move(candidate));
    }
    fresh_.clear();
  }

  void push(Candidate candidate) {
    heap_.push_back(std::move(candidate));
    std::push_heap(heap_.begin(), heap_.end(), after);
  }

  std::vector<std::int32_t> symbols_;
  std::vector<Word> words_;
  PairMap<Pair> pairs_{1 << 16};
  std::vector<Candidate> fresh_;  // pairs seen since the queue was last filled
  std::vector<Candidate> heap_;
};

}  // namespace

LearnedMerges learn_merges(const std::vector<std::pair<std::string_view, std::uint64_t>>& words, std::vector<std::string> tokens,
                           const std::array<std::int32_t, 256>& byte_ids, std::int64_t vocab_size, std::int64_t min_frequency,
                           const ProgressCallback& progress) {
  LearnedMerges learned{std::move(tokens), {}};
  std::unordered_map<std::string, std::int32_t> ids;
  for (std::size_t id = 0; id < learned.tokens.size(); ++id) ids.emplace(learned.tokens[id], static_cast<std::int32_t>(id));
  Learner learner(words, byte_ids, progress);
  std::vector<BpeMerge> merges;
  PairMap<std::size_t> last_rank;
  const std::size_t given = learned.tokens.size();
  const auto say = [&](std::size_t vocabulary) {
    if (progress) progress({"learning merges", "", learned.tokens.size() - given, vocabulary - given, "merges"});
  };
  const std::size_t wanted = std::max(given, static_cast<std::size_t>(std::max<std::int64_t>(0, vocab_size)));
  ProgressPace pace;
  say(wanted);
  for (Candidate best; static_cast<std::int64_t>(learned.tokens.size()) < vocab_size && learner.next(min_frequency, best);) {
    const std::int32_t left = pair_left(best.pair), right = pair_right(best.pair);
    const std::string token = learned.tokens[static_cast<std::size_t>(left)] + learned.tokens[static_cast<std::size_t>(right)];
    const auto [known, made] = ids.try_emplace(token, static_cast<std::int32_t>(learned.tokens.size()));
    if (made) learned.tokens.push_back(token);
    last_rank[best.pair] = merges.size();
    merges.push_back({left, right, known->second});
    learner.merge(best, known->second);
    if (pace.due()) say(wanted);
  }
  say(learned.tokens.size());  // the text may have no more pairs to merge
  for (std::size_t i = 0; i < merges.size(); ++i)
    if (*last_rank.find(pair_key(merges[i].left, merges[i].right)) == i) learned.merges.push_back(merges[i]);
  return learned;
}

}  // namespace sluice::data
