// Sums and norm of gradients over dense and expert replicas, in several buckets, with integers in float64: every sum is exact.
#include "parallel/gradient_reduction.hpp"

#include "tests/support/heap_memory.hpp"
#include "tests/support/rank_check.hpp"
#include "tests/support/staged_memory.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::parallel;
using sluice::testing::world;

namespace {

// A bucket holds 2^21 of them: each class fills one and begins another.
constexpr std::int64_t kDense = (std::int64_t{1} << 21) + 1000, kExpert = (std::int64_t{1} << 21) + 7, kUnused = 5;

double contribution(int rank, std::int64_t i) {
  return static_cast<double>((static_cast<std::uint64_t>(i) * 2654435761u / 128 + static_cast<std::uint64_t>(rank) * 13) % 31) - 15.0;
}

void write_gradient(Parameter& parameter, int rank) {
  GradientWriter(parameter.gradient).accumulate([&](at::Tensor& sum) {
    auto* values = sum.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < sum.numel(); ++i) values[i] = contribution(rank, i);
  });
}

std::vector<double> sum_over(const std::vector<int>& ranks, std::int64_t count) {
  std::vector<double> sums(static_cast<std::size_t>(count));
  for (const int rank : ranks)
    for (std::int64_t i = 0; i < count; ++i) sums[static_cast<std::size_t>(i)] += contribution(rank, i);
  return sums;
}

double squares(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return sum;
}

bool holds(const at::Tensor& gradient, const std::vector<double>& expected) {
  return gradient.numel() == static_cast<std::int64_t>(expected.size()) &&
         std::equal(expected.begin(), expected.end(), gradient.const_data_ptr<double>());
}

bool has_thread(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string text;
    if (std::getline(file, text) && text == name) return true;
  }
  return false;
}

void check_sums(const std::string& label) {
  const int rank = world().rank(), size = world().size();
  for (int expert = 1; expert <= size; expert *= 2) {
    const Mesh mesh(size, expert);
    const MeshGroups groups = world().make_groups(mesh, world().world(), label + std::to_string(expert));
    Parameter dense = Parameter::make("dense", {kDense}, at::kDouble), experts = Parameter::make("experts", {kExpert}, at::kDouble);
    Parameter unused = Parameter::make("unused", {kUnused}, at::kDouble);
    experts.replication = Replication::kExpert;
    ParameterSet parameters({&dense, &experts, &unused});
    unused.gradient.sum().fill_(3.0);  // of an earlier step: nothing is written in this one, so it counts as zero
    parameters.clear_gradients();
    write_gradient(dense, rank);
    write_gradient(experts, rank);
    reduce_gradients(parameters, *groups.reduce_all, *groups.reduce_replica, 4);

    std::vector<int> everybody;
    for (int each = 0; each < size; ++each) everybody.push_back(each);
    const std::vector<double> dense_sums = sum_over(everybody, kDense);
    REQUIRE_ALL_RANKS(holds(dense.gradient.sum(), dense_sums));
    double expected = squares(dense_sums);
    bool experts_hold = false;
    for (int member = 0; member < expert; ++member) {
      const std::vector<double> sums = sum_over(mesh.replica_group(member), kExpert);
      if (member == mesh.expert_member_of(rank)) experts_hold = holds(experts.gradient.sum(), sums);
      expected += squares(sums);
    }
    REQUIRE_ALL_RANKS(experts_hold);
    REQUIRE_ALL_RANKS(holds(unused.gradient.sum(), std::vector<double>(kUnused, 0.0)));
    const double norm = gradient_norm(parameters, *groups.expert, 4).item<double>();
    REQUIRE_EQUAL_ALL_RANKS(norm, std::sqrt(expected));
  }
}

}  // namespace

TEST_CASE("gradients are summed over those who hold the parameter, and the norm counts each expert once") { check_sums("reduce"); }

TEST_CASE("gradients are summed likewise in memory that they are copied to and from") {
  const testing::StagedMemory staged;
  check_sums("staged");
}

TEST_CASE("few buckets are under way at a time, and another thread than the one that polls adds them up") {
  const int rank = world().rank(), size = world().size();
  if (size != 2) return;  // the memory of two ranks is enough
  constexpr std::int64_t kBucket = std::int64_t{16} << 20, kBuckets = 10, kCount = kBuckets * kBucket / 8;
  Parameter dense = Parameter::make("dense", {kCount}, at::kDouble);
  ParameterSet parameters({&dense});
  parameters.clear_gradients();
  write_gradient(dense, rank);
  const std::int64_t received = testing::peak_heap_bytes_of([&] { reduce_gradients(parameters, *world().world(), *world().world(), 1); });
  INFO("receive buffers " << received);
  // Of each of four buckets half: two blocks of which a rank adds up its half.
  const std::int64_t told = reduction_buffer_bytes(kCount * 8, *world().world(), 0, *world().world());
  REQUIRE_EQUAL_ALL_RANKS(told, 4 * (kBucket / 4));
  REQUIRE_ALL_RANKS(received >= kBucket / 4);
  REQUIRE_ALL_RANKS(received <= told + (std::int64_t{1} << 20));
  REQUIRE_ALL_RANKS(holds(dense.gradient.sum(), sum_over({0, 1}, kCount)));
  REQUIRE_ALL_RANKS(has_thread("sluice-add"));
}
