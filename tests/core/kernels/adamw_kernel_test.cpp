#include "core/kernels/adamw.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

AdamwStep step_number(int t) {
  AdamwStep step;
  step.learning_rate = 1e-2;
  step.beta1 = 0.9;
  step.beta2 = 0.95;
  step.eps = 1e-8;
  step.weight_decay = 0.1;
  step.bias_correction1 = 1 - std::pow(step.beta1, t);
  step.bias_correction2 = 1 - std::pow(step.beta2, t);
  step.grad_scale = 0.5;
  return step;
}

template <class A>
void compare_with_reference(std::int64_t n) {
  INFO("n " << n << " element size " << sizeof(A));
  auto param = random_values<A>(n, "param"), m = std::vector<A>(n), v = std::vector<A>(n);
  auto param_expected = param, m_expected = m, v_expected = v;
  for (int t = 1; t <= 5; ++t) {
    const auto grad = random_values<A>(n, "grad" + std::to_string(t), std::pow(10.0, t - 3));
    adamw_step(param.data(), grad.data(), m.data(), v.data(), n, step_number(t));
    reference::adamw_step(param_expected.data(), grad.data(), m_expected.data(), v_expected.data(), n, step_number(t));
  }
  check_close(param, param_expected, kTolerance<A>, 0.1);
  check_close(m, m_expected, kTolerance<A>, 1);
  check_close(v, v_expected, kTolerance<A>, 1e-6);
}

}  // namespace

TEST_CASE("adamw equals its reference over five steps") {
  for_each_instruction_set([] {
    for (const std::int64_t n : {0, 1, 3, 17, 40001}) {
      compare_with_reference<float>(n);
      compare_with_reference<double>(n);
    }
  });
}

TEST_CASE("adamw with a count of updates for each row or column equals the reference with one for each element") {
  for_each_instruction_set([] {
    constexpr std::int64_t rows = 37, columns = 1029;
    for (const bool by_row : {true, false}) {
      INFO("by row " << by_row);
      auto param = random_values<float>(rows * columns, "param"), m = std::vector<float>(rows * columns), v = m;
      auto param_expected = param, m_expected = m, v_expected = v;
      std::vector<std::int64_t> updates(by_row ? rows : columns), of_elements(rows * columns);
      for (int t = 0; t < 3; ++t) {
        for (std::size_t i = 0; i < updates.size(); ++i) updates[i] = t + (i % 3 == 0 ? 1 : 60);
        for (std::size_t i = 0; i < of_elements.size(); ++i) of_elements[i] = updates[by_row ? i / columns : i % columns];
        const auto grad = random_values<float>(rows * columns, "grad" + std::to_string(t));
        const auto update = by_row ? adamw_step_by_row<float> : adamw_step_by_column<float>;
        update(param.data(), grad.data(), m.data(), v.data(), rows, columns, updates.data(), step_number(1));
        reference::adamw_step(param_expected.data(), grad.data(), m_expected.data(), v_expected.data(), rows * columns, of_elements.data(),
                              step_number(1));
      }
      check_close(param, param_expected, kTolerance<float>, 0.1);
      check_close(m, m_expected, kTolerance<float>, 1);
      check_close(v, v_expected, kTolerance<float>, 1e-6);
    }
  });
}

TEST_CASE("adamw makes the steps that PyTorch makes") {
  // torch.optim.AdamW([p], lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1) in float64, p = [1, -2, 0.5],
  // gradients [0.1, -0.2, 0] and then [-0.3, 0.4, 1e-3].
  std::vector<double> p = {1, -2, 0.5}, m(3), v(3);
  const std::vector<std::vector<double>> gradients = {{0.2, -0.4, 0}, {-0.6, 0.8, 2e-3}};  // grad_scale halves them
  for (int t = 1; t <= 2; ++t) adamw_step(p.data(), gradients[t - 1].data(), m.data(), v.data(), 3, step_number(t));
  check_close(p, {0.9929039584578624, -1.9896457398902383, 0.49165100260710953}, 1e-15);
  check_close(m, {-0.021, 0.022, 1e-4}, 1e-15);
  check_close(v, {0.004975, 0.0099, 5e-8}, 1e-15);
}

TEST_CASE("adamw leaves a parameter without gradient to the decay") {
  std::vector<float> p = {2}, grad = {0}, m = {0}, v = {0};
  const AdamwStep step{.learning_rate = 0.5, .beta2 = 0.99, .weight_decay = 0.1, .bias_correction1 = 0.1, .bias_correction2 = 0.01};
  adamw_step(p.data(), grad.data(), m.data(), v.data(), 1, step);
  CHECK(p[0] == Approx(1.9f));
  CHECK(m[0] == 0);
}

TEST_CASE("adamw does not depend on threads") {
  const std::int64_t n = 70000;
  const auto grad = random_values<float>(n, "grad");
  check_threads_do_not_matter([&] {
    auto all = random_values<float>(n, "param");
    std::vector<float> m(n), v(n);
    adamw_step(all.data(), grad.data(), m.data(), v.data(), n, step_number(1));
    std::vector<std::int64_t> updates(700);
    for (std::size_t i = 0; i < updates.size(); ++i) updates[i] = 1 + static_cast<std::int64_t>(i % 2);
    adamw_step_by_row(all.data(), grad.data(), m.data(), v.data(), 700, 100, updates.data(), step_number(1));
    adamw_step_by_column(all.data(), grad.data(), m.data(), v.data(), 100, 700, updates.data(), step_number(1));
    append(all, m);
    append(all, v);
    return all;
  });
}
