#include "core/kernels/swiglu.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

template <class T>
void compare_with_reference(std::int64_t rows, std::int64_t F, bool weighted, bool extras) {
  using A = AccumulateOf<T>;
  INFO("rows " << rows << " F " << F << " element size " << sizeof(T) << " weighted " << weighted << " extras " << extras);
  const auto gate_up = random_values<T>(rows * 2 * F, "gate_up", 3), dh = random_values<T>(rows * F, "dh");
  const auto weights = random_values<A>(rows, "weights");
  const A* weight = weighted ? weights.data() : nullptr;
  std::vector<T> h(rows * F), h_expected(rows * F);
  swiglu_forward(gate_up.data(), weight, rows, F, h.data());
  reference::swiglu_forward(gate_up.data(), weight, rows, F, h_expected.data());
  check_close(h, h_expected, kTolerance<T>, 1e-3);

  std::vector<T> d_gate_up(gate_up.size()), d_expected(gate_up.size()), again(rows * F);
  std::vector<A> d_weight(rows), d_weight_expected(rows);
  swiglu_backward(dh.data(), gate_up.data(), weight, rows, F, d_gate_up.data(), extras ? d_weight.data() : nullptr,
                  extras ? again.data() : nullptr);
  reference::swiglu_backward<T>(dh.data(), gate_up.data(), weight, rows, F, d_expected.data(), d_weight_expected.data(), nullptr);
  check_close(d_gate_up, d_expected, kTolerance<T>, 0.1);
  if (!extras) return;
  check_close(d_weight, d_weight_expected, kTolerance<A>, 3 * std::sqrt(static_cast<double>(F)));
  check_close(again, h_expected, kTolerance<T>, 1e-3);
}

}  // namespace

TEST_CASE("swiglu equals its reference") {
  for_each_instruction_set([] {
    for (const std::int64_t rows : {0, 1, 3, 300}) {
      for (const std::int64_t F : {1, 5, 16, 33, 128, 301}) {
        for (const bool weighted : {false, true}) {
          for (const bool extras : {false, true}) {
            compare_with_reference<float>(rows, F, weighted, extras);
            compare_with_reference<double>(rows, F, weighted, extras);
            compare_with_reference<BFloat16>(rows, F, weighted, extras);
          }
        }
      }
    }
  });
}

TEST_CASE("swiglu gradients equal finite differences") {
  const std::int64_t rows = 3, F = 11;
  auto gate_up = random_values<double>(rows * 2 * F, "gate_up", 2), weight = random_values<double>(rows, "weight");
  const auto dh = random_values<double>(rows * F, "dh");
  std::vector<double> h(dh.size()), d_gate_up(gate_up.size()), d_weight(rows);
  const auto loss = [&] {
    swiglu_forward(gate_up.data(), weight.data(), rows, F, h.data());
    return dot(h, dh);
  };
  swiglu_backward<double>(dh.data(), gate_up.data(), weight.data(), rows, F, d_gate_up.data(), d_weight.data(), nullptr);
  check_close(d_gate_up, finite_differences(gate_up, loss), 1e-8);
  check_close(d_weight, finite_differences(weight, loss), 1e-8);
}

template <class T>
void check_extreme_gates() {
  using A = AccumulateOf<T>;
  const std::int64_t F = 16;
  std::vector<double> gates = {1e4, -1e4, 88.5, -88.5, 89.5, -103.9, -104.5, 700, -700, -745, 0, -0.0, 1e-30, -1e-30, 30, -30};
  std::vector<T> gate_up(2 * F), dh(F), h(F), d_gate_up(2 * F);
  for (std::int64_t i = 0; i < F; ++i) {
    narrow(gates[i], gate_up[i]);
    narrow(1, gate_up[F + i]);
    narrow(1, dh[i]);
  }
  std::vector<A> d_weight(1);
  swiglu_forward<T>(gate_up.data(), nullptr, 1, F, h.data());
  swiglu_backward<T>(dh.data(), gate_up.data(), nullptr, 1, F, d_gate_up.data(), d_weight.data(), nullptr);
  std::vector<T> h_expected(F), d_expected(2 * F);
  std::vector<A> d_weight_expected(1);
  reference::swiglu_forward<T>(gate_up.data(), nullptr, 1, F, h_expected.data());
  reference::swiglu_backward<T>(dh.data(), gate_up.data(), nullptr, 1, F, d_expected.data(), d_weight_expected.data(), nullptr);
  check_close(h, h_expected, kTolerance<T>, 1e-30);
  check_close(d_gate_up, d_expected, kTolerance<T>, 1e-30);
  check_close(d_weight, d_weight_expected, kTolerance<A>);
}

TEST_CASE("silu of extreme gates is finite and exact at the ends") {
  for_each_instruction_set([] {
    check_extreme_gates<float>();
    check_extreme_gates<double>();
    check_extreme_gates<BFloat16>();
    const float gate_up[] = {1e4f, -1e4f, 2.0f, 2.0f};
    float h[2];
    swiglu_forward<float>(gate_up, nullptr, 1, 2, h);
    CHECK(h[0] == 2e4f);
    CHECK(h[1] == 0.0f);
  });
}

TEST_CASE("swiglu backward may overwrite its inputs") {
  const std::int64_t rows = 7, F = 21;
  const auto gate_up = random_values<BFloat16>(rows * 2 * F, "gate_up"), dh = random_values<BFloat16>(rows * F, "dh");
  std::vector<BFloat16> d_gate_up(gate_up.size()), h(dh.size());
  swiglu_backward<BFloat16>(dh.data(), gate_up.data(), nullptr, rows, F, d_gate_up.data(), nullptr, h.data());
  auto gate_up_in_place = gate_up, dh_in_place = dh;
  swiglu_backward<BFloat16>(dh_in_place.data(), gate_up_in_place.data(), nullptr, rows, F, gate_up_in_place.data(), nullptr,
                            dh_in_place.data());
  CHECK(same_bits(gate_up_in_place, d_gate_up));
  CHECK(same_bits(dh_in_place, h));
}

TEST_CASE("swiglu does not depend on threads") {
  const std::int64_t rows = 999, F = 90;
  const auto gate_up = random_values<float>(rows * 2 * F, "gate_up"), dh = random_values<float>(rows * F, "dh");
  const auto weight = random_values<float>(rows, "weight");
  check_threads_do_not_matter([&] {
    std::vector<float> all(dh.size()), d_gate_up(gate_up.size()), d_weight(rows), h(dh.size());
    swiglu_forward(gate_up.data(), weight.data(), rows, F, all.data());
    swiglu_backward(dh.data(), gate_up.data(), weight.data(), rows, F, d_gate_up.data(), d_weight.data(), h.data());
    CHECK(same_bits(all, h));
    append(all, d_gate_up);
    append(all, d_weight);
    return all;
  });
}
