// A short pass over the fuzz targets, the same inputs every time: seeds with bytes changed, taken out, doubled and put in. The long one,
// with libFuzzer and sanitizers, is tests/fuzz/check.
#include "core/base/random.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

class Numbers {
 public:
  explicit Numbers(std::uint64_t key) : key_(key) {}
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_uniform(key_, next_++) * static_cast<double>(count)); }

 private:
  std::uint64_t key_, next_ = 0;
};

void change(std::string& bytes, Numbers& numbers) {
  constexpr std::string_view kLikely("\0\1\xFF\x7F\x80\"\\,\n\r\t{}[]:0-.e", 20);
  const std::size_t at = numbers.below(bytes.size() + 1);
  const char byte = numbers.below(2) == 0 ? kLikely[numbers.below(kLikely.size())] : static_cast<char>(numbers.below(256));
  switch (numbers.below(5)) {
    case 0: bytes.insert(at, 1, byte); return;
    case 1: bytes.erase(at, 1 + numbers.below(8)); return;
    case 2: bytes.insert(at, bytes.substr(numbers.below(bytes.size() + 1), numbers.below(16))); return;
    case 3: bytes.resize(at); return;
    default:
      if (at < bytes.size()) bytes[at] = byte;
  }
}

}  // namespace

TEST_CASE("parsers take any bytes, or refuse them with an error of ours") {
  constexpr int kInputs = 3000;
  for (const FuzzTarget& target : fuzz_targets()) {
    INFO(target.name);
    Numbers numbers(random_key(11, target.name));
    target.run("");
    for (const std::string& seed : target.seeds) {
      target.run(seed);
      std::string bytes = seed;
      for (int i = 0; i < kInputs; ++i) {
        if (i % 8 == 0) bytes = seed;
        change(bytes, numbers);
        target.run(bytes);
      }
    }
    CHECK(!target.seeds.empty());
  }
}
