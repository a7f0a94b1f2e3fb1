#include "core/base/run_program.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;

TEST_CASE("a program's output and exit code are told, words are no shell's, and a program that is not there is none") {
  const auto said = run_program({"printf", "%s-%s", "a b", "$HOME"});
  REQUIRE(said.has_value());
  CHECK(said->code == 0);
  CHECK(said->output == "a b-$HOME");
  CHECK(run_program({"false"})->code == 1);
  CHECK(run_program({"sh", "-c", "kill -9 $$"})->code == 137);
  CHECK(run_program({"cat"})->output.empty());
  CHECK(run_program({"seq", "20000"})->output.size() > 100000);
  CHECK_FALSE(run_program({"there-is-no-such-program"}).has_value());
}
