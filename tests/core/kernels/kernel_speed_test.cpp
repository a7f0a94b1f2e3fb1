// How fast the kernels are, beside a plain copy of memory. Hidden, and asks for a wish besides, since CTest runs a file by
// its name:  SLUICE_BENCH=1 OMP_NUM_THREADS=2 plain_tests "[.bench]"
// Bytes are those that must be read and written at least once.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "core/kernels/adamw.hpp"
#include "core/kernels/cross_entropy.hpp"
#include "core/kernels/reduce.hpp"
#include "core/kernels/rms_norm.hpp"
#include "core/kernels/rope.hpp"
#include "core/kernels/router_logits.hpp"
#include "core/kernels/row_plan.hpp"
#include "core/kernels/rows.hpp"
#include "core/kernels/swiglu.hpp"
#include "core/kernels/top_k.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

// Seconds of the processor for one thread (other programs do not count), of the clock for more.
double now() {
  timespec time;
  clock_gettime(omp_get_max_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The best of many runs.
double best_seconds(const std::function<void()>& run) {
  double best = 1e9, total = 0;
  for (int i = 0; i < 200 && (i < 5 || total < 0.25); ++i) {
    const double start = now();
    run();
    const double seconds = now() - start;
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

void report(const std::string& name, double bytes, double flops, const std::function<void()>& run) {
  const double seconds = best_seconds(run);
  fmt::print("{:<44} {:9.1f} us {:7.1f} GB/s", name, seconds * 1e6, bytes / seconds * 1e-9);
  if (flops > 0) fmt::print(" {:7.1f} GFLOP/s", flops / seconds * 1e-9);
  fmt::print("\n");
}

template <class T>
void report_all(const char* type) {
  using A = AccumulateOf<T>;
  const double t = sizeof(T), a = sizeof(A);
  const auto name = [&](const char* text) { return fmt::format("{} {}", type, text); };

  for (const auto& [rows, width] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{2048, 256}, {16384, 256}, {4096, 4096}, {131072, 32}, {65536, 128}}) {
    const double n = static_cast<double>(rows * width);
    const auto x = random_values<T>(rows * width, "x"), dy = random_values<T>(rows * width, "dy");
    const auto w = random_values<A>(width, "w");
    std::vector<T> y(x.size()), sum(x.size());
    std::vector<A> inverse(rows), dw(width);
    const auto shape = [&](const char* text) { return fmt::format("{} {} {} x {}", type, text, rows, width); };
    report(shape("rms_norm forward"), 2 * t * n, 0,
           [&] { rms_norm_forward(x.data(), w.data(), rows, width, 1e-6, y.data(), inverse.data()); });
    report(shape("add_rms_norm forward"), 4 * t * n, 0,
           [&] { add_rms_norm_forward(x.data(), dy.data(), w.data(), rows, width, 1e-6, sum.data(), y.data(), inverse.data()); });
    report(shape("rms_norm backward"), 3 * t * n, 0,
           [&] { rms_norm_backward(dy.data(), x.data(), w.data(), inverse.data(), rows, width, y.data(), dw.data()); });
  }
  {
    const std::int64_t rows = 4096, F = 512;
    const double n = static_cast<double>(rows * F);
    const auto gate_up = random_values<T>(rows * 2 * F, "x"), dh = random_values<T>(rows * F, "dh");
    const auto w = random_values<A>(rows, "w");
    std::vector<T> h(dh.size()), d(gate_up.size());
    std::vector<A> dw(rows);
    report(name("swiglu forward 4096 x 512"), 3 * t * n, 0, [&] { swiglu_forward(gate_up.data(), w.data(), rows, F, h.data()); });
    report(name("swiglu backward, all outputs"), 6 * t * n, 0,
           [&] { swiglu_backward(dh.data(), gate_up.data(), w.data(), rows, F, d.data(), dw.data(), h.data()); });
  }
  {
    const std::int64_t rows = 16384, heads = 12, head = 32;
    std::vector<A> cos(2048 * head / 2), sin(cos.size());
    rope_tables(10000.0, head, 2048, cos.data(), sin.data());
    std::vector<std::int64_t> position(rows);
    for (std::int64_t i = 0; i < rows; ++i) position[i] = i % 2048;
    auto x = random_values<T>(rows * heads * head, "x");
    report(name("rope 16384 x 12 x 32"), 2 * t * static_cast<double>(x.size()), 0,
           [&] { rope_rotate(x.data(), cos.data(), sin.data(), position.data(), rows, heads, head, heads * head, false); });
  }
  {
    const std::int64_t rows = 2048, V = 8192;
    auto logits = random_values<T>(rows * V, "x");
    const std::vector<std::int64_t> targets(rows, 7);
    const std::vector<A> scale(rows, A(1e-3));
    std::vector<A> nll(rows);
    report(name("cross_entropy 2048 x 8192, no gradient"), t * static_cast<double>(rows * V), 0,
           [&] { cross_entropy<T>(logits.data(), targets.data(), rows, V, nll.data(), nullptr); });
    report(name("cross_entropy with gradient"), 2 * t * static_cast<double>(rows * V), 0,
           [&] { cross_entropy<T>(logits.data(), targets.data(), rows, V, nll.data(), scale.data()); });
  }
  {
    const std::int64_t N = 8192, D = 256;
    const auto x = random_values<T>(N * D, "x");
    for (const std::int64_t E : {8, 16, 128}) {
      const auto w = random_values<A>(E * D, "w");
      std::vector<A> out(N * E);
      report(fmt::format("{} router_logits 8192 x {} x 256", type, E), t * static_cast<double>(N * D), 2.0 * static_cast<double>(N * E * D),
             [&] { router_logits(x.data(), w.data(), N, E, D, out.data()); });
    }
  }
  {
    const std::int64_t N = 8192, K = 2, E = 16, D = 256, V = 8192;
    const auto x = random_values<T>(N * D, "x");
    std::vector<std::int64_t> experts(N * K);
    for (std::int64_t i = 0; i < N * K; ++i) experts[i] = static_cast<std::int64_t>(i * 2654435761u % E);
    std::vector<std::int64_t> counts(E), order(N * K), slot(N * K), tokens(N * K), ids(N);
    report(name("expert_slots 8192 x 2"), 20.0 * static_cast<double>(N * K), 0,
           [&] { expert_slots(experts.data(), N, K, E, counts.data(), order.data(), slot.data()); });
    for (std::int64_t i = 0; i < N * K; ++i) tokens[i] = order[i] / K;
    for (std::int64_t i = 0; i < N; ++i) ids[i] = i * 40503 % V;
    std::vector<T> sorted(N * K * D), y(N * D);
    std::vector<A> dw(V * D);
    const double n = static_cast<double>(N * D);
    report(name("gather_rows 16384 x 256"), 3 * t * n, 0, [&] { gather_rows(x.data(), tokens.data(), N * K, D, sorted.data()); });
    report(name("combine_rows 8192 x 2 x 256"), 3 * t * n, 0, [&] { combine_rows(sorted.data(), slot.data(), N, K, D, y.data()); });
    report(name("embedding_backward 8192 x 256"), (t + 2 * a) * n, 0,
           [&] { embedding_backward(x.data(), ids.data(), N, D, V, dw.data()); });
  }
}

}  // namespace

TEST_CASE("kernel speed", "[.bench]") {
  if (std::getenv("SLUICE_BENCH") == nullptr) return;
  const std::int64_t n = 1 << 24;
  auto p = random_values<float>(n, "p"), g = random_values<float>(n, "g"), m = std::vector<float>(n), v = std::vector<float>(n);
  const double bytes = 4.0 * static_cast<double>(n);
  fmt::print("{} threads, instruction set {}\n", omp_get_max_threads(), static_cast<int>(instruction_set()));
  report("memcpy 16 M floats, one thread", 2 * bytes, 0, [&] { std::memcpy(m.data(), g.data(), n * sizeof(float)); });
  m.assign(n, 0);
  const AdamwStep step{.learning_rate = 1e-3, .beta2 = 0.95, .weight_decay = 0.1, .bias_correction1 = 0.1, .bias_correction2 = 0.05};
  report("adamw float 16 M", 7 * bytes, 0, [&] { adamw_step(p.data(), g.data(), m.data(), v.data(), n, step); });
  report("sum_of_squares float 16 M", bytes, 0, [&] { sum_of_squares(g.data(), n); });
  report("all_finite float 16 M", bytes, 0, [&] { all_finite(g.data(), n); });
  std::vector<std::int32_t> experts(65536 * 8);
  report("top_k 65536 x 16, k 2", 65536 * 16 * 4, 0, [&] { top_k<float>(p.data(), nullptr, 65536, 16, 2, experts.data()); });
  report("top_k 65536 x 128, k 8", 65536 * 128 * 4, 0, [&] { top_k<float>(p.data(), nullptr, 65536, 128, 8, experts.data()); });
  report_all<float>("float");
  report_all<BFloat16>("bfloat16");
}
