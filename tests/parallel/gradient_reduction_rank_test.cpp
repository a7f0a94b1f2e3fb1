// Sums and norm of gradients over dense and expert replicas, in several buckets, with integers in float64: every sum is exact.
#include "parallel/gradient_reduction.hpp"

#include "tests/support/rank_check.hpp"

#include <algorithm>
#include <cmath>
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
  auto* values = parameter.accumulated_gradient().mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < parameter.grad.numel(); ++i) values[i] = contribution(rank, i);
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

}  // namespace

TEST_CASE("gradients are summed over those who hold the parameter, and the norm counts each expert once") {
  const int rank = world().rank(), size = world().size();
  for (int expert = 1; expert <= size; expert *= 2) {
    const Mesh mesh(size, expert);
    const MeshGroups groups = world().make_groups(mesh, world().world(), "reduce" + std::to_string(expert));
    Parameter dense = Parameter::make("dense", {kDense}, at::kDouble), experts = Parameter::make("experts", {kExpert}, at::kDouble);
    Parameter unused = Parameter::make("unused", {kUnused}, at::kDouble);
    experts.replication = Replication::kExpert;
    ParameterSet parameters({&dense, &experts, &unused});
    unused.grad.fill_(3.0);  // of an earlier step: nothing is written in this one, so it counts as zero
    parameters.clear_gradients();
    write_gradient(dense, rank);
    write_gradient(experts, rank);
    reduce_gradients(parameters, *groups.all, *groups.replica, 4);

    std::vector<int> everybody;
    for (int each = 0; each < size; ++each) everybody.push_back(each);
    const std::vector<double> dense_sums = sum_over(everybody, kDense);
    REQUIRE_ALL_RANKS(holds(dense.grad, dense_sums));
    double expected = squares(dense_sums);
    bool experts_hold = false;
    for (int member = 0; member < expert; ++member) {
      const std::vector<double> sums = sum_over(mesh.replica_group(member), kExpert);
      if (member == mesh.expert_member_of(rank)) experts_hold = holds(experts.grad, sums);
      expected += squares(sums);
    }
    REQUIRE_ALL_RANKS(experts_hold);
    REQUIRE_ALL_RANKS(holds(unused.grad, std::vector<double>(kUnused, 0.0)));
    const double norm = gradient_norm(parameters, *groups.expert, 4);
    REQUIRE_EQUAL_ALL_RANKS(norm, std::sqrt(expected));
  }
}
