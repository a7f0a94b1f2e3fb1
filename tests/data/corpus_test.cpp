#include "data/corpus.hpp"

#include "core/base/random.hpp"
#include "data/overlap.hpp"
#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <thread>

using namespace sluice;
using namespace sluice::data;

namespace {

std::string numbered_text(int lines, int salt = 0) {
  std::string text;
  for (int i = 0; i < lines; ++i) text += fmt::format("line {} of text {} says something\n", i, salt);
  return text;
}

/// Words in an order that repeats nowhere.
std::string prose(std::uint64_t seed, int words) {
  static const char* const vocabulary[] = {"the",   "river",  "of",  "stone", "went", "under", "a",
                                           "quiet", "bridge", "and", "never", "saw",  "it"};
  const std::uint64_t key = random_key(seed, "prose");
  std::string text;
  for (int i = 0; i < words; ++i) {
    text += vocabulary[static_cast<std::size_t>(random_uniform(key, static_cast<std::uint64_t>(i)) * 13)];
    text += i % 11 == 10 ? ". " : " ";
  }
  return text;
}

std::string numbered_lines(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += fmt::format("{{\"text\": \"document {} has a few words\"}}\n", i);
  return text;
}

struct Prepared {
  explicit Prepared(const DataOptions& options)
      : tokenizer(std::make_shared<ByteTokenizer>()), summary(prepare_corpus(options, *tokenizer, cache.path())) {
    corpus = std::make_unique<Corpus>(options, tokenizer, cache.path());
  }
  TemporaryFolder cache;
  TokenizerPtr tokenizer;
  CorpusSummary summary;
  std::unique_ptr<Corpus> corpus;
};

}  // namespace

TEST_CASE("every layout and every first step gives the same global batches") {
  const TemporaryFolder folder;
  for (const Order order : {Order::kShuffled, Order::kContiguous}) {
    DataOptions options;
    options.train = {{folder.write("a.txt", numbered_text(300))}, {folder.write("b.jsonl", numbered_lines(0, 200))}};
    options.validation_split = 0.1;
    options.seq_length = 32;
    options.order = order;
    options.threads = 2;
    const Prepared prepared(options);
    const Corpus& corpus = *prepared.corpus;
    REQUIRE(corpus.has_validation());

    const std::int64_t batch = 8;
    const Sampler sampler = corpus.sampler(17, batch);
    std::vector<std::vector<std::int32_t>> expected;  // by global sample
    for (std::uint64_t i = 0; i < 8 * 5; ++i) {
      expected.emplace_back(33);
      corpus.train().read(sampler(i), expected.back().data());
    }
    for (const int world : {1, 2, 4, 8}) {
      for (int rank = 0; rank < world; ++rank) {
        for (const std::uint64_t first : {0, 2}) {
          const auto loader = corpus.loader(17, batch, rank, world, first);
          for (std::uint64_t step = first; step < 5; ++step) {
            const Batch got = loader->next();
            REQUIRE(got.step == step);
            REQUIRE(got.rows == batch / world);
            REQUIRE(got.width == 33);
            REQUIRE(got.tokens.size() == static_cast<std::size_t>(got.rows * got.width));
            for (std::int64_t row = 0; row < got.rows; ++row) {
              const std::uint64_t sample = step * 8 + static_cast<std::uint64_t>(rank * got.rows + row);
              REQUIRE(got.samples[static_cast<std::size_t>(row)] == sample);
              REQUIRE(std::vector<std::int32_t>(got.row(row), got.row(row) + 33) == expected[sample]);
            }
          }
        }
      }
    }
    REQUIRE(error_of([&] { corpus.loader(17, 8, 0, 3, 0); }) == "2: global_batch_size(8) is not a multiple of 3 ranks");
  }
}

TEST_CASE("an epoch trains every target of the training part once and none of the validation part") {
  const TemporaryFolder folder;
  DataOptions options;
  options.train = {{folder.write("a.txt", numbered_text(500))}};
  options.validation_split = 0.2;
  options.seq_length = 16;
  const Prepared prepared(options);
  const Corpus& corpus = *prepared.corpus;
  const Sampler sampler = corpus.sampler(1, 4);
  std::map<std::uint64_t, int> trained;
  for (std::uint64_t i = 0; i < sampler.samples_per_epoch(); ++i)
    for (std::uint64_t t = 1; t <= 16; ++t) ++trained[sampler(i).window * 16 + t];
  REQUIRE(trained.size() == corpus.train().total_windows() * 16);
  REQUIRE(trained.rbegin()->first < corpus.validation().sources()[0].first);
  const EvaluationSet evaluation = corpus.evaluation();
  REQUIRE(evaluation.size() == 64);
  const TargetCounts counts = evaluation.counts(0, 64);
  REQUIRE(counts.tokens == 64 * 16);
  REQUIRE(counts.bytes >= 64 * 16 - 1);
  REQUIRE(counts.words > 100);
}

TEST_CASE("the summary counts, and warnings name invalid bytes and held-out text that is trained on") {
  const TemporaryFolder folder;
  DataOptions options;
  const std::string a = folder.write("a.txt", numbered_text(100) + "caf\xE9 end"), b = folder.write("b.jsonl", numbered_lines(0, 50));
  const std::string c = folder.write("c.jsonl", numbered_lines(45, 60)), d = folder.write("d.txt", numbered_text(100, 1));
  options.train = {{a}, {b}};
  options.validation = {{c}, {d}};
  options.seq_length = 16;
  const Prepared prepared(options);
  REQUIRE(prepared.summary.train.size() == 2);
  REQUIRE(prepared.summary.train[0].name == a);
  REQUIRE(prepared.summary.train[0].statistics.documents == 1);
  REQUIRE(prepared.summary.train[0].statistics.words == 702);
  REQUIRE(prepared.summary.train[1].statistics.documents == 50);
  REQUIRE(prepared.summary.train[1].statistics.words == 300);
  REQUIRE(prepared.summary.train[1].statistics.tokens == prepared.summary.train[1].statistics.bytes + 50);
  REQUIRE(prepared.summary.warnings.size() == 2);
  REQUIRE(prepared.summary.warnings[0] ==
          fmt::format("{}: 1 invalid UTF-8 sequence replaced by U+FFFD: {} byte {} (0xE9)", a, a, numbered_text(100).size() + 3));
  REQUIRE(prepared.summary.warnings[1] == fmt::format("validation {} overlaps training {}: 5 of its 15 documents are there word for word, "
                                                      "so validation loss will look better than it is",
                                                      c, b));
  REQUIRE(prepared.corpus->summary().validation[1].statistics.documents == 1);

  DataOptions same;
  same.train = {{a}};
  same.validation = {{a}};
  same.seq_length = 16;
  const Prepared overlapping(same);
  REQUIRE(contains(overlapping.summary.warnings.back(), "1 of its 1 document is there word for word"));
}

TEST_CASE("what is not read, read twice or left over is told") {
  const TemporaryFolder folder;
  const std::string root = (folder.path() / "corpus").string();
  folder.write("corpus/a.txt", numbered_text(20));
  folder.write("corpus/b.json", "{}");
  folder.write("corpus/c.txt", "");
  DataOptions options;
  options.train = {{root}, {root + "/a.txt"}};
  options.seq_length = 16;
  const Prepared prepared(options);
  REQUIRE(prepared.summary.warnings.size() == 3);
  REQUIRE(contains(prepared.summary.warnings[0], root + ": 1 file is not read: b.json (expected .txt or .jsonl"));
  REQUIRE(prepared.summary.warnings[1] == "data.train: 1 file is named again, so its text counts once more: " + root + "/a.txt");
  REQUIRE(prepared.summary.warnings[2] == root + ": 1 document without text left out: " + root + "/c.txt (the whole file)");
  REQUIRE(prepared.summary.train[0].statistics.files == 2);
  const std::uint64_t targets = numbered_text(20).size();  // with EOS one token more
  REQUIRE(targets % 16 != 0);
  REQUIRE(prepared.corpus->unused_tokens() == 2 * (targets % 16));
  DataOptions ignored;
  ignored.train = {{root + "/a.txt"}};
  ignored.validation = {{folder.write("v.txt", prose(3, 100)), 2.0}};
  ignored.validation_split = 0.1;
  ignored.seq_length = 16;
  const auto warnings = Prepared(ignored).summary.warnings;
  REQUIRE(warnings.size() == 2);
  REQUIRE(contains(warnings[0], "data.validation: weight(2) of "));
  REQUIRE(warnings[1] == "data.validation_split(0.1) is not used: data.validation names the text");
  options.order = Order::kContiguous;
  options.global_batch_size = 7;
  const std::uint64_t windows = 2 * (targets / 16);
  REQUIRE(windows % 7 != 0);
  REQUIRE(Prepared(options).corpus->unused_tokens() == 2 * (targets % 16) + windows % 7 * 16);
}

TEST_CASE("stages of other sequence lengths never train on what another validates on") {
  const TemporaryFolder folder;
  std::uint64_t first_held = ~std::uint64_t{0}, last_trained = 0;
  for (const std::int64_t length : {16, 17, 100, 250}) {
    DataOptions options;
    options.train = {{folder.write("a.txt", numbered_text(200))}};
    options.validation_split = 0.1;
    options.seq_length = length;
    const Prepared prepared(options);
    const TokenRange& train = prepared.corpus->train().sources()[0];
    first_held = std::min(first_held, prepared.corpus->validation().sources()[0].first);
    last_trained = std::max(last_trained, train.first + train.count - 1);
  }
  REQUIRE(last_trained < first_held);
}

TEST_CASE("an excerpt of the training text is found in validation, at any offset") {
  const TemporaryFolder folder;
  const std::string text = prose(1, 4000), own = prose(2, 400);
  const std::string train = folder.write("train.txt", text);
  const auto warnings = [&](const std::string& held_out, const std::string& trained) {
    DataOptions options;
    options.train = {{trained}};
    options.validation = {{held_out}};
    options.seq_length = 16;
    return Prepared(options).summary.warnings;
  };
  const std::size_t from = text.size() / 3 + 1;
  const std::string excerpt = folder.write("excerpt.txt", text.substr(from, 5000));
  const auto found = warnings(excerpt, train);
  REQUIRE(found.size() == 1);
  REQUIRE(contains(found[0], fmt::format("validation {} overlaps training {}: 100% of its text (4937 of 4937 pieces of 64 tokens) is there "
                                         "too, so validation loss will look better than it is; for example \"",
                                         excerpt, train)));
  REQUIRE(contains(found[0], fmt::format("validation document 1, byte 2468, training document 1, byte {}", from + 2468)));
  // Among other text, and as one document of several.
  const std::string mixed = folder.write(
      "mixed.jsonl", "{\"text\": \"" + own + "\"}\n{\"text\": \"" + own.substr(0, 9) + text.substr(from, own.size()) + "\"}\n");
  const auto half = warnings(mixed, train);
  REQUIRE(half.size() == 1);
  REQUIRE(contains(half[0], "50% of its text ("));
  REQUIRE(contains(half[0], "validation document 2, byte "));
  // Text of its own that repeats a line of the training text over and over, and lines too short to matter.
  std::string repeats;
  for (int i = 0; i < 100; ++i) repeats += own.substr(static_cast<std::size_t>(i) * 15, 150) + text.substr(0, 70) + " 1 2 3";
  REQUIRE(warnings(folder.write("own.txt", own), train).empty());
  REQUIRE(warnings(folder.write("repeats.txt", own + repeats), train).empty());
  REQUIRE(warnings(folder.write("same.txt", text), train).size() == 1);  // the document says it all
}

TEST_CASE("large validation texts are compared by a sample") {
  const TemporaryFolder folder;
  const std::string text = prose(1, 60000), own = prose(2, 60000);
  REQUIRE(text.size() > (std::size_t{1} << 18));
  DataOptions options;
  options.train = {{folder.write("train.txt", text)}};
  options.validation = {{folder.write("valid.txt", own + text.substr(1, own.size()))}};
  options.seq_length = 16;
  std::size_t pieces = 0, shared = 0;
  const Prepared prepared(options);
  const auto& caches = *prepared.corpus;
  const Overlap overlap = find_overlap(*caches.validation().sources()[0].cache, *caches.train().sources()[0].cache, 256, "", {});
  shared = overlap.shared_pieces, pieces = overlap.pieces;
  REQUIRE(pieces > 50000);
  REQUIRE(pieces < 140000);
  REQUIRE(shared > pieces * 48 / 100);
  REQUIRE(shared < pieces * 52 / 100);
}

TEST_CASE("a contiguous order with too little text is refused before any training") {
  const TemporaryFolder folder, cache;
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  DataOptions options;
  options.train = {{folder.write("a.txt", std::string(100, 'a'))}};
  options.seq_length = 10;
  options.order = Order::kContiguous;
  const auto prepare = [&] { return error_of([&] { prepare_corpus(options, *tokenizer, cache.path()); }); };
  const auto open = [&] { return error_of([&] { Corpus(options, tokenizer, cache.path()); }); };
  REQUIRE(prepare().empty());  // no batch is known: one lane
  options.global_batch_size = 10;
  REQUIRE(prepare().empty());
  options.global_batch_size = 11;
  const std::string expected =
      "3: order: contiguous needs a window for each of global_batch_size(11) lanes, the training text has 10; use more text, a shorter "
      "seq_length or a smaller batch";
  REQUIRE(prepare() == expected);
  REQUIRE(open() == expected);
  options.order = Order::kShuffled;
  REQUIRE(prepare().empty());
  REQUIRE(open().empty());
  options.order = Order::kContiguous;
  options.global_batch_size = 1;
  options.train[0].weight = 2.0;
  REQUIRE(contains(prepare(), "2: data.train[0].weight(2): order: contiguous reads each source once"));
}

TEST_CASE("tokenizers that differ in their end-of-text token alone have corpora of their own") {
  class OtherEnd : public ByteTokenizer {
   public:
    OtherEnd() : ByteTokenizer(258) {}
    std::int32_t eos_id() const override { return 257; }
  };
  const TemporaryFolder folder, cache;
  const auto one = std::make_shared<ByteTokenizer>(258);
  const auto other = std::make_shared<OtherEnd>();
  DataOptions options;
  options.train = {{folder.write("a.txt", numbered_text(10))}};
  options.seq_length = 16;
  prepare_corpus(options, *one, cache.path());
  prepare_corpus(options, *other, cache.path());
  const Corpus a(options, one, cache.path()), b(options, other, cache.path());
  REQUIRE(a.fingerprint().hex() != b.fingerprint().hex());
}

TEST_CASE("a changed corpus has another fingerprint, and a checkpoint refuses it by name") {
  const TemporaryFolder folder, cache;
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  const std::string path = folder.write("a.txt", numbered_text(100));
  DataOptions options;
  options.train = {{path}};
  options.seq_length = 16;
  prepare_corpus(options, *tokenizer, cache.path());
  const CorpusFingerprint before = Corpus(options, tokenizer, cache.path()).fingerprint();
  const std::string stored = before.to_json();
  REQUIRE(CorpusFingerprint::from_json(stored, "x").hex() == before.hex());
  REQUIRE_NOTHROW(require_same_corpus(CorpusFingerprint::from_json(stored, "x"), before));

  // The same text elsewhere is the same corpus; the weights and the sequence length are no part of it.
  DataOptions moved = options;
  moved.train = {{folder.write("moved/b.txt", numbered_text(100)), 2.0}};
  moved.seq_length = 32;
  prepare_corpus(moved, *tokenizer, cache.path());
  REQUIRE_NOTHROW(require_same_corpus(before, Corpus(moved, tokenizer, cache.path()).fingerprint()));

  // One byte differs, size and name do not (nor, perhaps, the time stamp).
  std::string changed = numbered_text(100);
  changed[50] = '#';
  folder.write("a.txt", changed);
  prepare_corpus(options, *tokenizer, cache.path());
  const CorpusFingerprint after = Corpus(options, tokenizer, cache.path()).fingerprint();
  const std::string error = error_of([&] { require_same_corpus(before, after); });
  REQUIRE(
      contains(error, fmt::format("3: the corpus has changed since the checkpoint: fingerprint {} there, {} here (train source 1 was {} (",
                                  before.hex(), after.hex(), path)));
  CorpusFingerprint more = before;
  more.validation = before.train;
  REQUIRE(contains(error_of([&] { require_same_corpus(before, more); }), "0 validation sources there, 1 here"));
  REQUIRE(contains(error_of([&] { CorpusFingerprint::from_json("{", "step-1/corpus.json"); }),
                   "3: step-1/corpus.json: the corpus fingerprint cannot be read"));
  std::string forged = stored;
  forged.replace(forged.find("\"key\":\"") + 7, 1, forged[forged.find("\"key\":\"") + 7] == '0' ? "1" : "0");
  REQUIRE(contains(error_of([&] { CorpusFingerprint::from_json(forged, "x"); }), "the corpus fingerprint is damaged"));
}

TEST_CASE("what cannot be used is refused before any token") {
  const TemporaryFolder folder, cache;
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  DataOptions options;
  const auto error = [&] { return error_of([&] { prepare_corpus(options, *tokenizer, cache.path()); }); };
  REQUIRE(error() == "2: data.train names no text");
  options.train = {{folder.write("a.txt", "a few words")}};
  REQUIRE(contains(error(), "12 tokens are less than one sequence: seq_length(256) + 1 = 257 are needed"));
  options.seq_length = 0;
  REQUIRE(contains(error(), "2: data.seq_length(0)"));
  options.seq_length = 4;
  options.validation_split = 1.0;
  REQUIRE(contains(error(), "2: data.validation_split(1)"));
  options.validation_split = 0.0;
  REQUIRE(contains(error_of([&] { Corpus(options, tokenizer, folder.path()); }), "has not been prepared in this cache folder"));
  options.train.push_back({folder.path().string() + "/gone.txt"});
  REQUIRE(contains(error(), "gone.txt: no such file or folder"));
  // Validation text alone is enough to evaluate.
  DataOptions only;
  only.validation = {options.train[0]};
  only.seq_length = 4;
  prepare_corpus(only, *tokenizer, cache.path());
  const Corpus corpus(only, tokenizer, cache.path());
  REQUIRE(corpus.train().total_windows() == 0);
  REQUIRE(corpus.evaluation().size() == 2);
}

TEST_CASE("processes may prepare the same corpus at once") {
  const TemporaryFolder folder, cache;
  const auto tokenizer = std::make_shared<ByteTokenizer>();
  DataOptions options;
  options.train = {{folder.write("a.txt", numbered_text(3000))}, {folder.write("b.txt", numbered_text(2000, 1))}};
  options.validation_split = 0.1;
  options.seq_length = 64;
  std::vector<std::thread> threads;
  std::vector<std::string> errors(4);
  for (std::size_t i = 0; i < errors.size(); ++i)
    threads.emplace_back([&, i] { errors[i] = error_of([&] { prepare_corpus(options, *tokenizer, cache.path()); }); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& error : errors) REQUIRE(error.empty());
  REQUIRE(Corpus(options, tokenizer, cache.path()).train().total_windows() > 100);
}

TEST_CASE("the training text streams through once, in documents") {
  const TemporaryFolder folder;
  DataOptions options;
  options.train = {{folder.write("a.txt", numbered_text(60000))}, {folder.write("b.jsonl", numbered_lines(0, 3))}};
  std::vector<std::string> documents(1);
  std::size_t pieces = 0, calls = 0;
  for_each_text_chunk(
      options,
      [&](std::string_view text, bool ends) {
        ++pieces;
        documents.back() += text;
        if (ends) documents.emplace_back();
      },
      [&](const Progress& progress) {
        ++calls;
        REQUIRE(progress.done <= progress.total);
      });
  REQUIRE(documents.size() == 5);
  REQUIRE((documents[0] == numbered_text(60000)));
  REQUIRE(documents[3] == "document 2 has a few words");
  REQUIRE(pieces > 4);
  REQUIRE(calls > 0);
  // A megabyte on disk may hold a hundred of text.
  calls = 0;
  std::string same;
  while (same.size() < std::size_t{8} << 20) same += "the same line again and again\n";
  options.train = {{folder.write("a.txt.gz", gzip(same))}};
  for_each_text_chunk(options, [](std::string_view, bool) {}, [&](const Progress&) { ++calls; });
  REQUIRE(calls >= 5);
}
