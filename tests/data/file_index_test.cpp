#include "data/file_index.hpp"

#include "core/base/files.hpp"
#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

using namespace sluice;
using namespace sluice::data;

namespace {

/// Writes a file as copying tools that keep times leave it: modified long ago.
std::string write_old(const TemporaryFolder& folder, const std::string& name, const std::string& content) {
  const std::string path = folder.write(name, content);
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  return path;
}

/// An index that says of `file` what the file system says, a little off, and the hash "remembered".
void write_index(const TemporaryFolder& cache, const std::string& file, std::int64_t ctime_off = 0, std::uint64_t inode_off = 0) {
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec; };
  cache.write("files.json", fmt::format("{{\"{}\": [{}, {}, {}, {}, \"remembered\"]}}", file, info.st_size, nanoseconds(info.st_mtim),
                                        nanoseconds(info.st_ctim) + ctime_off, info.st_ino + inode_off));
}

std::string hash_of(const TemporaryFolder& cache, const std::string& file) {
  FileIndex index(cache.path());
  const std::string hash = index.content_hash(file, file, {});
  index.save();
  return hash;
}

}  // namespace

TEST_CASE("a remembered hash is taken only for the file it was made of") {
  const TemporaryFolder folder, cache;
  const std::string file = write_old(folder, "a.txt", "some text");
  const std::string content = hash_of(cache, file);
  write_index(cache, file);
  REQUIRE(hash_of(cache, file) == "remembered");
  write_index(cache, file, -1);
  REQUIRE(hash_of(cache, file) == content);
  write_index(cache, file, 0, 1);
  REQUIRE(hash_of(cache, file) == content);
  // Entries of another layout, and damage, are read again.
  for (const std::string& entry : {std::string("[9, 1000000000000000000, \"remembered\"]"), std::string("7"), std::string("[")}) {
    cache.write("files.json", "{\"" + file + "\": " + entry + "}");
    REQUIRE(hash_of(cache, file) == content);
  }
}

TEST_CASE("a file replaced by one of equal size and equal old time is noticed") {
  const TemporaryFolder folder, cache;
  const std::string file = write_old(folder, "a.txt", "some text");
  const std::string before = hash_of(cache, file);
  const std::string other = write_old(folder, "b.txt", "SOME TEXT");
  FileIndex index(cache.path());
  REQUIRE(index.content_hash(file, file, {}) == before);
  REQUIRE_NOTHROW(index.require_unchanged(file));
  std::filesystem::rename(other, file);
  REQUIRE(hash_of(cache, file) != before);
  REQUIRE(contains(error_of([&] { index.require_unchanged(file); }), "a.txt: changed while it was being read (9 bytes now)"));
}
