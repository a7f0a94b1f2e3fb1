// What a sharded optimizer does with a flat buffer: its part of the sum, and then everybody's parts, have the bits of an all_reduce.
#include "tests/support/heap_memory.hpp"
#include "tests/support/rank_check.hpp"

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

using namespace sluice;
using namespace sluice::parallel;
using sluice::testing::world;

namespace {

OperationLabel label(const char* operation) { return {operation, 7, "", "backward"}; }

/// Of magnitudes 2^-20 to 2^20 and both signs: another order of additions gives other bits.
template <class T>
T contribution(int from, std::size_t i) {
  const T value = 1 + static_cast<T>((i * 2654435761u + static_cast<unsigned>(from) * 40503u) % 8191) / 8191;
  const T scaled = std::ldexp(value, static_cast<int>((i + static_cast<std::size_t>(from) * 5) % 41) - 20);
  return (i + static_cast<std::size_t>(from)) % 3 == 0 ? -scaled : scaled;
}

template <class T>
void check_bits(Communicator& group, DType type, const std::vector<std::int64_t>& counts) {
  const auto total = static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const auto rank = static_cast<std::size_t>(group.rank());
  const auto begin = static_cast<std::size_t>(std::accumulate(counts.begin(), counts.begin() + group.rank(), std::int64_t{0}));
  std::vector<T> reduced(total), parts;
  for (std::size_t i = 0; i < total; ++i) reduced[i] = contribution<T>(group.rank(), i);
  parts = reduced;
  group.start_all_reduce(reduced.data(), total, type, ReduceOp::kSum, label("sum")).finish();
  group.start_reduce_scatter(parts.data(), counts, type, ReduceOp::kSum, label("scatter")).finish();
  std::vector<std::int64_t> bytes;
  for (const std::int64_t count : counts) bytes.push_back(count * static_cast<std::int64_t>(sizeof(T)));
  REQUIRE_ALL_RANKS(bytes[rank] == 0 ||
                    std::memcmp(parts.data() + begin, reduced.data() + begin, static_cast<std::size_t>(bytes[rank])) == 0);
  group.start_all_gather_v(parts.data() + begin, parts.data(), bytes, label("gather")).finish();
  REQUIRE_ALL_RANKS(total == 0 || std::memcmp(parts.data(), reduced.data(), total * sizeof(T)) == 0);
}

/// All to one rank.
std::vector<std::int64_t> one_owner(int size, int owner, std::int64_t count) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size), 0);
  counts[static_cast<std::size_t>(owner)] = count;
  return counts;
}

}  // namespace

TEST_CASE("parts that are reduced and then gathered have the bits of an all_reduce") {
  Communicator& group = *world().world();
  const int size = group.size();
  // In the heads, in one block, in several; even and uneven.
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{7}, std::int64_t{900}, std::int64_t{30011}, std::int64_t{400009}}) {
    std::vector<std::int64_t> even(static_cast<std::size_t>(size), count), uneven;
    for (int each = 0; each < size; ++each) uneven.push_back(each % 3 == 1 ? 0 : count / (1 + each % 4));
    for (const auto& counts : {even, uneven, one_owner(size, size - 1, count), one_owner(size, 0, count)}) {
      check_bits<float>(group, DType::kFloat32, counts);
      check_bits<double>(group, DType::kFloat64, counts);
    }
  }
  check_bits<float>(group, DType::kFloat32, one_owner(size, size / 2, 3 * (std::int64_t{1} << 20) + 5));
}

TEST_CASE("a reduce_scatter holds no more beside the buffer than it says") {
  Communicator& group = *world().world();
  if (group.size() != 2) return;                          // the memory of two ranks is enough
  constexpr std::int64_t kCount = std::int64_t{2} << 20;  // 16 MiB
  std::vector<double> data(static_cast<std::size_t>(kCount) * 2, 1.0);
  const std::vector<std::int64_t> counts = {kCount, kCount};
  const auto told = static_cast<std::int64_t>(group.reduce_scatter_buffer_bytes(static_cast<std::size_t>(kCount) * sizeof(double)));
  const std::int64_t held = testing::peak_heap_bytes_of(
      [&] { group.start_reduce_scatter(data.data(), counts, DType::kFloat64, ReduceOp::kSum, label("scatter")).finish(); });
  INFO("held " << held << ", told " << told);
  REQUIRE_ALL_RANKS(told < kCount * 8);
  REQUIRE_ALL_RANKS(held >= told / 2);
  REQUIRE_ALL_RANKS(held <= told + (std::int64_t{1} << 20));
}
