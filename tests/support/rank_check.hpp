// For tests that run on several ranks. A rank that throws alone leaves the others in a collective, so ranks agree on each
// verdict first: REQUIRE_ALL_RANKS fails on every rank if it fails on one, and the failing ranks print why.
// Works without a launcher too: one rank, loopback.
#pragma once

#include "parallel/comm/world.hpp"
#include "tests/support/catch.hpp"

#include <functional>
#include <string>

namespace sluice::testing {

/// The world of this test program; its group "world" is free for tests to use.
parallel::World& world();

struct Verdict {
  bool passed = false;  // on every rank
  bool mine = false;    // on this one
  std::string text;     // why not
};

/// Collective: evaluates `condition` (an exception counts as false) and tells whether it holds on every rank.
/// `values` is evaluated for the text if the condition is false on this rank.
Verdict agree(const std::function<bool()>& condition, const std::function<std::string()>& values, const char* text, const char* file, int line);

/// Called before a test case is failed with a verdict: a rank whose own condition held has nothing to print.
void note_failure(const Verdict& verdict);

}  // namespace sluice::testing

#define SLUICE_FAIL_UNLESS_PASSED(verdict)    \
  if (!verdict.passed) {                      \
    ::sluice::testing::note_failure(verdict); \
    FAIL(verdict.text);                       \
  }                                           \
  SUCCEED()

/// Collective. Fails on all ranks if the condition is false, or throws, on any.
#define REQUIRE_ALL_RANKS(...)                                                                                             \
  do {                                                                                                                     \
    const auto sluice_verdict = ::sluice::testing::agree([&]() -> bool { return static_cast<bool>(__VA_ARGS__); },         \
                                                         [] { return std::string(); }, #__VA_ARGS__, __FILE__, __LINE__);  \
    SLUICE_FAIL_UNLESS_PASSED(sluice_verdict);                                                                             \
  } while (false)

/// Collective. As REQUIRE_ALL_RANKS(actual == expected), and shows the values where they differ. Both are evaluated once more then.
#define REQUIRE_EQUAL_ALL_RANKS(actual, expected)                                                                          \
  do {                                                                                                                     \
    const auto sluice_verdict = ::sluice::testing::agree(                                                                  \
        [&]() -> bool { return (actual) == (expected); },                                                                  \
        [&] { return Catch::Detail::stringify(actual) + " is not " + Catch::Detail::stringify(expected); },                \
        #actual " == " #expected, __FILE__, __LINE__);                                                                     \
    SLUICE_FAIL_UNLESS_PASSED(sluice_verdict);                                                                             \
  } while (false)
