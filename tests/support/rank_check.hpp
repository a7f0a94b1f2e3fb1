// For tests that run on several ranks. A rank that throws alone would leave the others waiting in a collective operation, so ranks first
// agree on each verdict: REQUIRE_ALL_RANKS fails on every rank if it fails on one, and the ranks on which it failed print why.
// Without a launcher there is one rank (loopback).
#pragma once

#include "parallel/comm/world.hpp"
#include "tests/support/catch.hpp"

#include <functional>
#include <string>

namespace sluice::testing {

/// The world of this test program; its group "world" is free for tests to use.
parallel::World& world();

/// The result of a check.
struct Verdict {
  bool passed = false;  // on every rank
  bool mine = false;    // on this one
  std::string text;     // why it failed
};

/// Collective. Evaluates `condition` (an exception counts as false) and returns whether it holds on every rank. If it is false on this
/// rank, values() is called for the text. `text`, `file` and `line` name the check.
Verdict agree(const std::function<bool()>& condition, const std::function<std::string()>& values, const char* text, const char* file,
              int line);

/// Call it before a test case fails with a verdict: then a rank whose own condition held prints nothing.
void note_failure(const Verdict& verdict);

}  // namespace sluice::testing

#define SLUICE_FAIL_UNLESS_PASSED(verdict)    \
  if (!verdict.passed) {                      \
    ::sluice::testing::note_failure(verdict); \
    FAIL(verdict.text);                       \
  }                                           \
  SUCCEED()

/// Collective. Fails on all ranks if the condition is false, or throws, on any.
#define REQUIRE_ALL_RANKS(...)                                                                                            \
  do {                                                                                                                    \
    const auto sluice_verdict = ::sluice::testing::agree([&]() -> bool { return static_cast<bool>(__VA_ARGS__); },        \
                                                         [] { return std::string(); }, #__VA_ARGS__, __FILE__, __LINE__); \
    SLUICE_FAIL_UNLESS_PASSED(sluice_verdict);                                                                            \
  } while (false)

/// Collective. As REQUIRE_ALL_RANKS(actual == expected); if they differ, both are evaluated a second time and shown.
#define REQUIRE_EQUAL_ALL_RANKS(actual, expected)                                                                                    \
  do {                                                                                                                               \
    const auto sluice_verdict =                                                                                                      \
        ::sluice::testing::agree([&]() -> bool { return (actual) == (expected); },                                                   \
                                 [&] { return Catch::Detail::stringify(actual) + " is not " + Catch::Detail::stringify(expected); }, \
                                 #actual " == " #expected, __FILE__, __LINE__);                                                      \
    SLUICE_FAIL_UNLESS_PASSED(sluice_verdict);                                                                                       \
  } while (false)
