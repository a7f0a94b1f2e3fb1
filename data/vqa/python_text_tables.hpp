// Generated character data; data/vqa/generate_python_text_tables.py says from where and how to renew it. Used through
// data/vqa/python_text.hpp.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::data {

/// Each code point from `first` to `last` by steps of `step` has a small form, `delta` away.
struct LowerCaseRun {
  std::uint32_t first, last;
  std::int32_t step, delta;
};

struct CodePointRange {
  std::uint32_t first, last;
};

// All ascending.
std::span<const LowerCaseRun> lower_case_runs();
/// Letters with a case, on which the form of a Greek sigma depends, and characters that are passed over when that is decided.
std::span<const CodePointRange> cased_ranges();
std::span<const CodePointRange> case_ignorable_ranges();
std::span<const CodePointRange> decimal_digit_ranges();

}  // namespace sluice::data
