#include "core/base/file_lock.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

using namespace sluice;
using namespace sluice::testing;
using Attempt = FileLock::Attempt;

TEST_CASE("a lock is held by one until it ends, and the file stays") {
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "lock";
  {
    FileLock first(path);
    FileLock second(path);
    CHECK(first.try_to_take() == Attempt::kTaken);
    CHECK(second.try_to_take() == Attempt::kBusy);
    CHECK(second.try_to_take() == Attempt::kBusy);
  }
  CHECK(std::filesystem::exists(path));
  CHECK(FileLock(path).try_to_take() == Attempt::kTaken);
}

TEST_CASE("a lock on a file that was removed meanwhile is taken on the new one") {
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "lock";
  FileLock early(path);
  std::filesystem::remove(path);
  CHECK(early.try_to_take() == Attempt::kTaken);
  CHECK(FileLock(path).try_to_take() == Attempt::kBusy);
}

TEST_CASE("a file that cannot be made is a data error") {
  try {
    FileLock lock("/nowhere/at/all/lock");
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kData);
    CHECK(std::string(error.what()) == "/nowhere/at/all/lock: cannot be opened: No such file or directory");
  }
}
