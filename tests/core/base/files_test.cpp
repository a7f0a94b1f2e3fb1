#include "core/base/files.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

#include <cerrno>
#include <thread>

using namespace sluice;
using namespace sluice::testing;

TEST_CASE("all bytes are written, also where the system takes them in pieces") {
  // A pipe holds 64 KiB: one that is read while it is written takes a longer text in pieces.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const std::string text(1 << 20, 'x');
  std::string read_back;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) read_back.append(buffer, static_cast<std::size_t>(got));
  });
  const std::size_t written = write_all(ends[1], text);
  close(ends[1]);
  reader.join();
  close(ends[0]);
  CHECK(written == text.size());
  CHECK(read_back == text);
}

TEST_CASE("what cannot be written is counted, and the reason is kept") {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  errno = 0;
  const std::size_t written = write_all(full, "text");
  const int reason = errno;
  close(full);
  CHECK(written == 0);
  CHECK(reason == ENOSPC);
  CHECK(write_all(-1, "") == 0);
}

TEST_CASE("a file is replaced as a whole, and nothing is left beside it") {
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "file";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new");
  CHECK(read_file(path) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()) == 1);
}
