#include "data/source_files.hpp"

#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>

using namespace sluice;
using namespace sluice::data;

namespace {

std::string names(const std::vector<SourceFile>& files, const std::filesystem::path& root) {
  std::string text;
  for (const SourceFile& file : files) text += (text.empty() ? "" : " ") + file.path.lexically_relative(root).string();
  return text;
}

}  // namespace

TEST_CASE("a folder is read recursively, sorted byte by byte, known names only") {
  const TemporaryFolder folder;
  for (const char* name :
       {"b.txt", "B.jsonl", "a/z.txt.gz", "a/y.jsonl.zst", "a/note.md", ".hidden/c.txt", "a/.c.txt", "ä.txt", "c.txt.bz2"})
    folder.write(name, "x");
  const auto files = find_source_files(folder.path().string());
  REQUIRE(names(files, folder.path()) == "B.jsonl a/y.jsonl.zst a/z.txt.gz b.txt ä.txt");
  REQUIRE(files[0].format == TextFormat::kJsonl);
  REQUIRE(files[1].format == TextFormat::kJsonl);
  REQUIRE(files[1].compression == Compression::kZstd);
  REQUIRE(files[2].format == TextFormat::kText);
  REQUIRE(files[2].compression == Compression::kGzip);
  REQUIRE(files[3].size == 1);
}

TEST_CASE("linked folders are followed, each once") {
  const TemporaryFolder folder;
  folder.write("real/a.txt", "x");
  folder.write("corpus/b.txt", "x");
  std::filesystem::create_directory_symlink(folder.path() / "real", folder.path() / "corpus/linked");
  std::filesystem::create_directory_symlink(folder.path() / "corpus", folder.path() / "corpus/loop");
  REQUIRE(names(find_source_files((folder.path() / "corpus").string()), folder.path()) == "corpus/b.txt corpus/linked/a.txt");
}

TEST_CASE("of a folder and links to it the first by name is read, however the file system lists them") {
  for (const bool link_first : {true, false}) {
    const TemporaryFolder folder;
    const auto link = [&] {
      for (const char* name : {"q", "b", "z", "k"}) std::filesystem::create_directory_symlink("m", folder.path() / name);
    };
    if (link_first) link();
    folder.write("m/x.txt", "x");
    if (!link_first) link();
    REQUIRE(names(find_source_files(folder.path().string()), folder.path()) == "b/x.txt");
  }
}

TEST_CASE("globs, and names with glob characters that exist") {
  const TemporaryFolder folder;
  for (const char* name : {"a1.txt", "a2.txt", "b1.txt", "a3.md", "odd[1].txt", "sub/c.txt"}) folder.write(name, "x");
  const std::string root = folder.path().string();
  REQUIRE(names(find_source_files(root + "/a?.txt"), folder.path()) == "a1.txt a2.txt");
  REQUIRE(names(find_source_files(root + "/{b1,a2}.txt"), folder.path()) == "a2.txt b1.txt");
  REQUIRE(names(find_source_files(root + "/odd[1].txt"), folder.path()) == "odd[1].txt");
  REQUIRE(names(find_source_files(root + "/s*"), folder.path()) == "sub/c.txt");
  REQUIRE(
      contains(error_of([&] { find_source_files(root + "/*"); }), "3: " + root + "/a3.md: unknown kind of file; expected .txt or .jsonl"));
  REQUIRE(contains(error_of([&] { find_source_files(root + "/**/c.txt"); }), "** is not supported"));
  REQUIRE(contains(error_of([&] { find_source_files(root + "/z*.txt"); }), "no file matches"));
}

TEST_CASE("what is missing or unknown is named") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  REQUIRE(contains(error_of([&] { find_source_files(root + "/none.txt"); }), "3: " + root + "/none.txt: no such file or folder"));
  folder.write("only/readme.md", "x");
  REQUIRE(contains(error_of([&] { find_source_files(root + "/only"); }),
                   "/only: the folder holds no text: expected files named .txt or .jsonl, each also .gz or .zst (1 with"));
  REQUIRE(contains(error_of([&] { find_source_files("/dev/null"); }), "not a regular file"));
}
