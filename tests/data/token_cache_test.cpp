#include "data/token_cache_builder.hpp"
#include "data/token_cache_format.hpp"
#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

using namespace sluice;
using namespace sluice::data;

namespace {

SourceText source_of(const std::string& path, InvalidUtf8 policy = InvalidUtf8::kReplace) {
  SourceText source{path, find_source_files(path), {}, {"text", policy}, {}};
  for (const SourceFile& file : source.files) source.hashes.push_back(fmt::format("{:032x}", hash64(read_file(file.path))));
  return source;
}

std::vector<std::int32_t> tokens_of(const TokenCache& cache) {
  std::vector<std::int32_t> tokens(cache.size());
  cache.copy(0, cache.size(), tokens.data());
  return tokens;
}

/// What the caches hold, straight from the text.
std::vector<std::int32_t> expected(const std::vector<std::string>& documents, const Tokenizer& tokenizer) {
  std::vector<std::int32_t> tokens;
  for (const std::string& document : documents) {
    tokenizer.encode(document, tokens);
    tokens.push_back(tokenizer.eos_id());
  }
  return tokens;
}

std::string prose(std::size_t sentences) {
  std::string text;
  for (std::size_t i = 0; i < sentences; ++i)
    text += fmt::format("Sentence {} isn't long, {} words or so.\n\n  It ends\t here. ", i, i % 7);
  return text;
}

std::size_t files_in(const std::filesystem::path& folder, std::string_view part) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += contains(entry.path().filename().string(), part);
  return count;
}

}  // namespace

TEST_CASE("a cache holds the tokens of the documents in order, whatever the number of threads") {
  const TemporaryFolder folder, cache_dir;
  const std::string long_text = prose(40000);  // several jobs
  REQUIRE(long_text.size() > 2'000'000);
  std::string lines;
  std::vector<std::string> documents = {long_text};
  for (int i = 0; i < 3000; ++i) {
    documents.push_back(fmt::format("document {} of many", i));
    lines += "{\"text\": \"" + documents.back() + "\"}\n";
  }
  folder.write("corpus/a.txt", long_text);
  folder.write("corpus/b.jsonl", lines);
  const SourceText source = source_of((folder.path() / "corpus").string());
  for (const int threads : {1, 3}) {
    const TemporaryFolder here;
    const ByteTokenizer bytes;
    const auto cache = build_token_cache(source, bytes, here.path(), threads, {});
    REQUIRE((tokens_of(*cache) == expected(documents, bytes)));
    REQUIRE(cache->statistics().documents == documents.size());
    REQUIRE(cache->statistics().files == 2);
    REQUIRE(cache->document_hashes().size() == documents.size());
    REQUIRE(cache->document_hashes()[1] == hash64(documents[1]));
    std::uint64_t size = 0, words = 0;
    for (const std::string& document : documents) size += document.size(), words += count_words(document);
    REQUIRE(cache->statistics().bytes == size);
    REQUIRE(cache->statistics().words == words);
    REQUIRE(std::filesystem::file_size(token_cache_path(here.path(), cache->key())) < 2 * cache->size() + 8 * documents.size() + 512);
  }
  // 32-bit tokens; a tokenizer that sees where the text was cut.
  for (const Splitter splitter : {Splitter::kGpt2, Splitter::kLlama3}) {
    const TemporaryFolder here;
    const PreTokenTokenizer tokenizer(splitter);
    REQUIRE((tokens_of(*build_token_cache(source, tokenizer, here.path(), 2, {})) == expected(documents, tokenizer)));
  }
}

TEST_CASE("a cache is used again, keyed by content, tokenizer and reading options") {
  const TemporaryFolder folder, cache_dir;
  const std::string path = folder.write("a.txt", prose(100));
  const ByteTokenizer tokenizer;
  const auto first = build_token_cache(source_of(path), tokenizer, cache_dir.path(), 1, {});
  const auto file = token_cache_path(cache_dir.path(), first->key());
  const auto written = std::filesystem::last_write_time(file);
  REQUIRE(build_token_cache(source_of(path), tokenizer, cache_dir.path(), 1, {})->key() == first->key());
  REQUIRE(std::filesystem::last_write_time(file) == written);
  // Another name with the same content is the same.
  REQUIRE(token_cache_key(source_of(folder.write("b.txt", prose(100))), tokenizer) == first->key());
  REQUIRE(token_cache_key(source_of(folder.write("c.txt", prose(101))), tokenizer) != first->key());
  REQUIRE(token_cache_key(source_of(path), ByteTokenizer(258)) != first->key());
  REQUIRE(token_cache_key(source_of(path), ByteTokenizer(257, "{}")) != first->key());
  const std::string lines = folder.write("d.jsonl", "{\"text\": \"a\", \"body\": \"b\"}\n");
  SourceText other_key = source_of(lines);
  other_key.options.text_key = "body";
  REQUIRE(token_cache_key(other_key, tokenizer) != token_cache_key(source_of(lines), tokenizer));
}

TEST_CASE("a byte-order mark has no tokens, and its file another key than before; files without one keep theirs") {
  const TemporaryFolder folder, cache_dir;
  const ByteTokenizer tokenizer;
  const std::string plain = folder.write("a.txt", "words"), marked = folder.write("b.txt", "\xEF\xBB\xBFwords");
  REQUIRE(tokens_of(*build_token_cache(source_of(marked), tokenizer, cache_dir.path(), 1, {})) == expected({"words"}, tokenizer));
  // As keys were made when the mark was read as text.
  const auto key_before = [&](const SourceText& source) {
    Hash128 hash;
    hash.field(std::uint64_t{1});
    hash.field(tokenizer.json());
    hash.field(static_cast<std::uint64_t>(tokenizer.eos_id()));
    hash.field(static_cast<std::uint64_t>(tokenizer.vocab_size()));
    hash.field(static_cast<std::uint64_t>(source.files[0].format));
    hash.field(static_cast<std::uint64_t>(source.files[0].compression));
    hash.field(source.hashes[0]);
    return hash.hex();
  };
  for (const std::string& file : {plain, folder.write("c.txt.gz", gzip("words"))})
    REQUIRE(token_cache_key(source_of(file), tokenizer) == key_before(source_of(file)));
  for (const std::string& file : {marked, folder.write("d.txt.gz", gzip("\xEF\xBB\xBFwords"))})
    REQUIRE(token_cache_key(source_of(file), tokenizer) != key_before(source_of(file)));
}

TEST_CASE("what a source has without text, and its pages, are remembered in the cache") {
  const TemporaryFolder folder, cache_dir;
  folder.write("corpus/a.txt", "");
  folder.write("corpus/b.jsonl", "{\"text\": \"\"}\n{\"text\": \"x\"}\n");
  folder.write("corpus/c.txt", "<html>");
  const std::string path = (folder.path() / "corpus").string();
  const SourceText source = source_of(path);
  for (int again = 0; again < 2; ++again) {
    const auto sentences =
        build_token_cache(source, ByteTokenizer(), cache_dir.path(), 1, {})->statistics().notes.describe(path, source.files);
    REQUIRE(sentences.size() == 2);
    REQUIRE(sentences[0] == path + ": 2 documents without text left out: " + path + "/a.txt (the whole file), " + path + "/b.jsonl:1");
    REQUIRE(sentences[1] == path + ": 1 file begins as HTML pages do, read as text all the same (a failed download?): " + path + "/c.txt");
  }
}

TEST_CASE("a cache that was made before there were notes is used as it is") {
  const TemporaryFolder folder, cache_dir;
  const SourceText source = source_of(folder.write("a.jsonl", "{\"text\": \"\"}\n{\"text\": \"x\"}\n"));
  const ByteTokenizer tokenizer;
  const auto file = token_cache_path(cache_dir.path(), build_token_cache(source, tokenizer, cache_dir.path(), 1, {})->key());
  std::string bytes = read_file(file);
  token_cache_format::Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::size_t at = bytes.size() - header.statistics_bytes;
  auto statistics = nlohmann::json::parse(bytes.substr(at));
  REQUIRE(statistics.erase("notes") == 1);
  bytes.replace(at, std::string::npos, statistics.dump());
  header.statistics_bytes = bytes.size() - at;
  Hash128 payload;
  payload.update(bytes.data() + sizeof header, bytes.size() - sizeof header);
  std::memcpy(header.payload_hash, payload.hex().data(), sizeof header.payload_hash);
  header.header_hash = token_cache_format::hash_of(header);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  const auto cache = build_token_cache(source, tokenizer, cache_dir.path(), 1, {});
  REQUIRE(cache->statistics().notes.empty == 0);
  REQUIRE(tokens_of(*cache) == expected({"x"}, tokenizer));
  REQUIRE(read_file(file) == bytes);
}

TEST_CASE("a damaged cache is built again") {
  const TemporaryFolder folder, cache_dir;
  const std::string path = folder.write("a.txt", prose(50));
  const ByteTokenizer tokenizer;
  const auto whole = tokens_of(*build_token_cache(source_of(path), tokenizer, cache_dir.path(), 1, {}));
  const std::string key = token_cache_key(source_of(path), tokenizer);
  const auto file = token_cache_path(cache_dir.path(), key);
  const std::string good = read_file(file);
  std::vector<std::string> damaged = {"", good.substr(0, 60), good.substr(0, good.size() - 1), good + "x",
                                      "not a cache at all, but long enough " + good};
  for (const std::size_t at : {std::size_t{0}, std::size_t{8}, std::size_t{20}, std::size_t{50}, std::size_t{127}, std::size_t{200},
                               good.size() / 2, good.size() - 2}) {
    damaged.push_back(good);
    damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 1);
  }
  for (const std::string& content : damaged) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    const std::string error = error_of([&] { TokenCache(file, key).verify("a", {}); });
    REQUIRE(contains(error, "3: " + file.string() + ": the token cache is damaged"));
    REQUIRE(tokens_of(*build_token_cache(source_of(path), tokenizer, cache_dir.path(), 1, {})) == whole);
    REQUIRE(read_file(file) == good);
  }
}

TEST_CASE("concurrent builders give one good cache and leave nothing else") {
  const TemporaryFolder folder, cache_dir;
  const std::string path = folder.write("a.txt", prose(20000));
  const ByteTokenizer tokenizer;
  const SourceText source = source_of(path);
  const std::string key = token_cache_key(source, tokenizer);
  const auto file = token_cache_path(cache_dir.path(), key);
  std::ofstream(file.string() + ".building-0123456789abcdef") << "left by a builder that was killed";
  std::vector<std::thread> threads;
  std::vector<std::uint64_t> sizes(4);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    threads.emplace_back([&, i] { sizes[i] = build_token_cache(source, tokenizer, cache_dir.path(), 2, {})->size(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::uint64_t size : sizes) REQUIRE(size == prose(20000).size() + 1);
  REQUIRE(files_in(cache_dir.path(), ".building-") == 0);
  REQUIRE(files_in(cache_dir.path(), ".bin") == 2);  // the cache and its lock
}

TEST_CASE("failures while building surface and leave no cache") {
  const TemporaryFolder folder, cache_dir;
  const std::string path = folder.write("a.txt", prose(50000));
  const ByteTokenizer too_small(100);  // 'a' is id 97, 'n' is 110
  REQUIRE(contains(error_of([&] { build_token_cache(source_of(path), too_small, cache_dir.path(), 2, {}); }), "3: the tokenizer gave id"));
  SourceText changed = source_of(path);
  changed.require_unchanged = [] { throw data_error("a.txt: changed"); };
  REQUIRE(error_of([&] { build_token_cache(changed, ByteTokenizer(), cache_dir.path(), 2, {}); }) == "3: a.txt: changed");
  REQUIRE(contains(error_of([&] { build_token_cache(source_of(folder.write("e.txt", "")), ByteTokenizer(), cache_dir.path(), 1, {}); }),
                   "e.txt: holds no text (1 file, 0 bytes)"));
  REQUIRE(
      contains(error_of([&] { build_token_cache(source_of(folder.write("e.jsonl", "\n\n")), ByteTokenizer(), cache_dir.path(), 1, {}); }),
               "holds no text"));
  REQUIRE(files_in(cache_dir.path(), ".building-") == 0);
  for (const auto& entry : std::filesystem::directory_iterator(cache_dir.path())) REQUIRE(entry.path().extension() == ".lock");
}

TEST_CASE("invalid UTF-8 is counted and located in the cache, and refused on demand, cached or not") {
  const TemporaryFolder folder, cache_dir;
  folder.write("corpus/a.txt", "fine");
  folder.write("corpus/b.txt", "caf\xE9 and \xF0\x90 end");
  const std::string path = (folder.path() / "corpus").string();
  const ByteTokenizer tokenizer;
  const std::string fresh = error_of([&] { build_token_cache(source_of(path, InvalidUtf8::kError), tokenizer, cache_dir.path(), 1, {}); });
  REQUIRE(fresh == "3: " + path + "/b.txt: invalid UTF-8 at byte 3 (0xE9); convert the file to UTF-8, or set data.invalid_utf8: replace");
  const auto cache = build_token_cache(source_of(path), tokenizer, cache_dir.path(), 1, {});
  REQUIRE(cache->statistics().invalid_utf8 == 2);
  REQUIRE(cache->statistics().located.size() == 2);
  REQUIRE(cache->statistics().located[1].file == 1);
  REQUIRE(cache->statistics().located[1].offset == 9);
  REQUIRE(cache->statistics().located[1].bytes == "0xF0 0x90");
  REQUIRE(cache->statistics().bytes == 4 + std::string("caf\uFFFD and \uFFFD end").size());
  REQUIRE(error_of([&] { build_token_cache(source_of(path, InvalidUtf8::kError), tokenizer, cache_dir.path(), 1, {}); }) == fresh);
}

TEST_CASE("lone surrogates are remembered in the cache as they are written") {
  const TemporaryFolder folder, cache_dir;
  const std::string path = folder.write("a.jsonl", "{\"text\": \"cut \\ud83d\"}\n");
  const auto build = [&](InvalidUtf8 policy) {
    return build_token_cache(source_of(path, policy), ByteTokenizer(), cache_dir.path(), 1, {});
  };
  const std::string fresh = error_of([&] { build(InvalidUtf8::kError); });
  REQUIRE(contains(fresh, "a.jsonl: lone surrogate \\ud83d at byte 14"));
  const SourceStatistics statistics = build(InvalidUtf8::kReplace)->statistics();
  REQUIRE(statistics.invalid_utf8 == 1);
  REQUIRE(statistics.located[0].bytes == "\\ud83d");
  REQUIRE(error_of([&] { build(InvalidUtf8::kError); }) == fresh);
}

TEST_CASE("progress runs up to the size of the files") {
  const TemporaryFolder folder, cache_dir;
  const std::string path = folder.write("a.txt", prose(60000));
  std::uint64_t last = 0, total = 0, calls = 0;
  build_token_cache(source_of(path), ByteTokenizer(), cache_dir.path(), 1, [&](const Progress& progress) {
    REQUIRE(progress.activity == "tokenizing");
    REQUIRE(progress.source == path);
    REQUIRE(progress.done >= last);
    last = progress.done;
    total = progress.total;
    ++calls;
  });
  REQUIRE(calls >= 2);
  REQUIRE(total == std::filesystem::file_size(path));
  REQUIRE(last <= total);
}

TEST_CASE("progress goes on where there is little text in much JSON, and while the last tokens are made") {
  const TemporaryFolder folder, cache_dir;
  std::string lines;
  for (int i = 0; i < 8; ++i) lines += "{\"text\": \"short\", \"html\": \"" + std::string(std::size_t{3} << 19, 'x') + "\"}\n";
  std::uint64_t calls = 0, last = 0;
  build_token_cache(source_of(folder.write("a.jsonl", lines)), ByteTokenizer(), cache_dir.path(), 2, [&](const Progress& progress) {
    ++calls;
    last = progress.done;
  });
  REQUIRE(calls >= 6);
  REQUIRE(last == lines.size());
}
