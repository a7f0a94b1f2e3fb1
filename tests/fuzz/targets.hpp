// Parsers of ours that read what others wrote: given any bytes, each takes them or throws sluice::Error, and does nothing else.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing {

struct FuzzTarget {
  std::string_view name;
  void (*run)(std::string_view bytes);  // lets no sluice::Error out
  std::vector<std::string> seeds;       // inputs to start from, among them good ones
};

std::span<const FuzzTarget> fuzz_targets();

}  // namespace sluice::testing
