#include "data/corpus.hpp"

#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

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

TEST_CASE("every layout and every seek gives the same global batches") {
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
        const auto loader = corpus.loader(17, batch, rank, world);
        for (const std::uint64_t step : {0, 1, 2, 3, 4, 2}) {
          if (step == 2) loader->seek(2);
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
    REQUIRE(error_of([&] { corpus.loader(17, 8, 0, 3); }) == "2: global_batch_size(8) is not a multiple of 3 ranks");
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
}
