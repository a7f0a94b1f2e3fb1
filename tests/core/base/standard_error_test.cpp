#include "core/base/standard_error.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace sluice;

TEST_CASE("what is written to standard error arrives whole") {
  REQUIRE(testing::captured(STDERR_FILENO, [] { write_standard_error("error: one line\n"); }) == "error: one line\n");
}

TEST_CASE("a standard error that takes nothing is no error of its own") {
  const std::string arrived = testing::captured(STDERR_FILENO, [] {
    const int kept = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);
    dup2(full, STDERR_FILENO);
    write_standard_error("error: lost\n");
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(full);
    write_standard_error("error: heard\n");
  });
  REQUIRE(arrived == "error: heard\n");
}
