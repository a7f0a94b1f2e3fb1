#include "data/source_files.hpp"

#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <utility>

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

TEST_CASE("names in capital letters and .ndjson are read; what is left out of a folder is told in one sentence") {
  const TemporaryFolder folder;
  for (const char* name : {"A.TXT", "b.JSONL", "c.TXT.GZ", "d.Txt.Zst", "e.ndjson", "f.NDJSON.gz"}) folder.write(name, "x");
  const std::string root = folder.path().string();
  std::vector<std::string> warnings;
  const auto files = find_source_files(root, &warnings);
  REQUIRE(names(files, folder.path()) == "A.TXT b.JSONL c.TXT.GZ d.Txt.Zst e.ndjson f.NDJSON.gz");
  REQUIRE(files[2].compression == Compression::kGzip);
  REQUIRE(files[3].compression == Compression::kZstd);
  for (const std::size_t i : {1, 4, 5}) REQUIRE(files[i].format == TextFormat::kJsonl);
  REQUIRE(warnings.empty());

  for (const char* name : {"g.json", "sub/h.jsonl.xz", "i.txt.bz2", "j.txt~", "k.txt.bak", ".l.txt.swp", ".git/m.txt"})
    folder.write(name, "x");
  std::filesystem::create_symlink("n@host.123", folder.path() / ".#n.txt");  // an editor's lock: a link to nothing
  std::filesystem::create_directory_symlink(".", folder.path() / "loop");
  REQUIRE(mkfifo((folder.path() / "j.txt").c_str(), 0600) == 0);
  REQUIRE(names(find_source_files(root, &warnings), folder.path()) == "A.TXT b.JSONL c.TXT.GZ d.Txt.Zst e.ndjson f.NDJSON.gz");
  REQUIRE(warnings.size() == 1);
  REQUIRE(warnings[0] ==
          root +
              ": 6 files are not read: g.json, i.txt.bz2, j.txt (no regular file), j.txt~, … (expected .txt or .jsonl (.ndjson), each also "
              ".gz or .zst); 3 hidden entries are left out: .#n.txt, .git, .l.txt.swp; 1 link leads to a folder that is "
              "read already: loop");
}

TEST_CASE("links to nothing are errors, in a folder too") {
  const TemporaryFolder folder;
  folder.write("a.txt", "x");
  const std::string root = folder.path().string();
  std::filesystem::create_symlink("/gone", folder.path() / "z.txt");
  REQUIRE(error_of([&] { find_source_files(root); }) == "3: " + root + "/z.txt: a link to /gone, which is not there");
  REQUIRE(contains(error_of([&] { find_source_files(root + "/z.txt"); }), "z.txt: a link to /gone, which is not there"));
  std::filesystem::remove(folder.path() / "z.txt");
  std::filesystem::create_symlink("self", folder.path() / "self");
  REQUIRE(contains(error_of([&] { find_source_files(root); }), "3: " + root + "/self: a link to self, which cannot be reached: "));
}

TEST_CASE("a file that is named more than once is told, whatever it is called") {
  const TemporaryFolder folder;
  const std::string a = folder.write("a.txt", "x"), b = folder.write("b.txt", "x"), root = folder.path().string();
  std::filesystem::create_symlink("a.txt", folder.path() / "link.txt");
  std::filesystem::create_hard_link(b, folder.path() / "hard.txt");
  const auto repeated = [](const std::vector<std::string>& specs) {
    std::vector<SourceFile> all;
    for (const std::string& spec : specs)
      for (const SourceFile& file : find_source_files(spec)) all.push_back(file);
    return describe_repeated_files(all);
  };
  REQUIRE(repeated({a, b}).empty());  // equal content is not the same file
  REQUIRE(repeated({a, a}) == "1 file is named again, so its text counts once more: " + a);
  REQUIRE(repeated({a, root + "/../" + folder.path().filename().string() + "/a.txt"}) ==
          "1 file is named again, so its text counts once more: " + root + "/../" + folder.path().filename().string() + "/a.txt (as " + a +
              ")");
  REQUIRE(repeated({root}) == "2 files are named again, so their text counts once more each: " + root + "/hard.txt (as " + b + "), " +
                                  root + "/link.txt (as " + a + ")");
  REQUIRE(contains(repeated({b, root + "/[b]*.txt"}), "1 file is named again"));
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
  for (const auto& [name, remedy] :
       {std::pair("o.json", "if it has one object a line, rename it or link to it as .jsonl"),
        std::pair("o.txt.xz", "decompress it first (xz -d)"), std::pair("o.BZ2", "decompress it first (bunzip2)")})
    REQUIRE(contains(error_of([&] { find_source_files(folder.write(name, "x")); }), remedy));
  REQUIRE(contains(error_of([&] { find_source_files(root + "/**/c.txt"); }), "** is not supported"));
  REQUIRE(contains(error_of([&] { find_source_files(root + "/z*.txt"); }), "no file matches"));
}

TEST_CASE("what is missing or unknown is named") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  REQUIRE(contains(error_of([&] { find_source_files(root + "/none.txt"); }), "3: " + root + "/none.txt: no such file or folder"));
  folder.write("only/readme.md", "x");
  REQUIRE(contains(error_of([&] { find_source_files(root + "/only"); }),
                   "/only: the folder holds no text: expected files named .txt or .jsonl (.ndjson), each also .gz or .zst (1 with"));
  REQUIRE(contains(error_of([&] { find_source_files("/dev/null"); }), "not a regular file"));
}
