// The emulation itself: what runs on it, and what it stops at.
#include "tests/support/catch.hpp"

#include <device_code.hpp>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace sluice::testing;

namespace {

constexpr int kThreads = 64;

__global__ void reverse(const int* in, int* out) {
  __shared__ int all[kThreads];
  all[threadIdx.x] = in[blockIdx.x * kThreads + threadIdx.x];
  __syncthreads();
  out[blockIdx.x * kThreads + threadIdx.x] = all[kThreads - 1 - threadIdx.x];
}

__global__ void reverse_without_waiting(const int* in, int* out) {
  __shared__ int all[kThreads];
  all[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = all[kThreads - 1 - threadIdx.x];
}

__global__ void sum_of_warp(const double* in, double* out) {
  double value = in[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(~0u, value, distance);
  out[threadIdx.x] = value;
}

__global__ void leave_early(int* out) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}

// Whether the work ends the process by abort().
template <class Work>
bool aborts(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

std::vector<int> numbers(int count) {
  std::vector<int> result;
  for (int i = 0; i < count; ++i) result.push_back(i + 1);
  return result;
}

}  // namespace

TEST_CASE("emulated threads wait for each other, in both orders") {
  const std::vector<int> in = numbers(2 * kThreads);
  for (const EmulatedOrder order : {EmulatedOrder::kAscending, EmulatedOrder::kDescending}) {
    set_emulated_order(order);
    std::vector<int> out(in.size());
    sluice::kernels::cuda::launch(reverse, 2, kThreads, nullptr, in.data(), out.data());
    for (int i = 0; i < 2 * kThreads; ++i) CHECK(out[i] == in[i / kThreads * kThreads + kThreads - 1 - i % kThreads]);
    const std::vector<double> values(in.begin(), in.begin() + kThreads);
    std::vector<double> sums(kThreads);
    sluice::kernels::cuda::launch(sum_of_warp, 1, kThreads, nullptr, values.data(), sums.data());
    for (int i = 0; i < kThreads; ++i) CHECK(sums[i] == (i < 32 ? 32 * 33 / 2 : 64 * 65 / 2 - 32 * 33 / 2));
  }
}

TEST_CASE("a missing wait gives other results in another order") {
  const std::vector<int> in = numbers(kThreads);
  std::vector<std::vector<int>> results;
  for (const EmulatedOrder order : {EmulatedOrder::kAscending, EmulatedOrder::kDescending}) {
    set_emulated_order(order);
    results.emplace_back(kThreads);
    sluice::kernels::cuda::launch(reverse_without_waiting, 1, kThreads, nullptr, in.data(), results.back().data());
  }
  CHECK(results[0] != results[1]);
}

TEST_CASE("threads that wait for one that ended or waits elsewhere stop the process") {
  std::vector<int> out(kThreads);
  CHECK(aborts([&] { sluice::kernels::cuda::launch(leave_early, 1, kThreads, nullptr, out.data()); }));
  CHECK(aborts([&] { sluice::kernels::cuda::launch(leave_early, 1, 48, nullptr, out.data()); }));
}
