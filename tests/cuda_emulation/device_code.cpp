#include "tests/cuda_emulation/device_code.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <ucontext.h>
#include <vector>

namespace sluice::testing {
namespace {

constexpr int kWarp = 32;
constexpr std::size_t kStackBytes = 64 << 10;

enum class Wait { kNothing, kWarp, kBlock, kEnded };

struct Fiber {
  std::unique_ptr<char[]> stack;
  ucontext_t start;
  jmp_buf at;
  bool started = false;
  Wait wait = Wait::kNothing;
};

EmulatedOrder order_in_use = EmulatedOrder::kAscending;

// One block at a time, whichever thread of the host runs it.
struct Block {
  std::vector<Fiber> fibers;
  std::vector<std::uint64_t> lanes;
  const std::function<void()>* body = nullptr;
  jmp_buf scheduler;
  ucontext_t home;
  int current = 0, threads = 0;
};
Block block;

[[noreturn]] void stop(const char* what) {
  std::fprintf(stderr, "CUDA emulation: block %u, thread %d: %s\n", blockIdx.x, block.current, what);
  std::abort();
}

// A fiber lives on from block to block, since to start one takes system calls.
void run_fiber() {
  for (;;) {
    (*block.body)();
    Fiber& fiber = block.fibers[static_cast<std::size_t>(block.current)];
    fiber.wait = Wait::kEnded;
    if (_setjmp(fiber.at) == 0) _longjmp(block.scheduler, 1);
  }
}

void resume(int thread) {
  Fiber& fiber = block.fibers[static_cast<std::size_t>(thread)];
  block.current = thread;
  threadIdx.x = static_cast<unsigned>(thread);
  if (_setjmp(block.scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.at, 1);
  fiber.started = true;
  getcontext(&fiber.start);
  // Stacks that begin at different distances from a page's begin share no lines of the processor's cache.
  fiber.start.uc_stack.ss_sp = fiber.stack.get() + thread % 64 * 256;
  fiber.start.uc_stack.ss_size = kStackBytes;
  fiber.start.uc_link = nullptr;
  makecontext(&fiber.start, run_fiber, 0);
  setcontext(&fiber.start);
}

void wait_for(Wait what) {
  Fiber& fiber = block.fibers[static_cast<std::size_t>(block.current)];
  fiber.wait = what;
  if (_setjmp(fiber.at) == 0) _longjmp(block.scheduler, 1);
}

// Whether all fibers of [begin, end) wait for the same; they are then let go.
bool release(int begin, int end, Wait what) {
  for (int t = begin; t < end; ++t)
    if (block.fibers[static_cast<std::size_t>(t)].wait != what) return false;
  for (int t = begin; t < end; ++t) block.fibers[static_cast<std::size_t>(t)].wait = Wait::kNothing;
  return true;
}

bool all_ended() {
  for (int t = 0; t < block.threads; ++t)
    if (block.fibers[static_cast<std::size_t>(t)].wait != Wait::kEnded) return false;
  return true;
}

void run_block() {
  for (int t = 0; t < block.threads; ++t) block.fibers[static_cast<std::size_t>(t)].wait = Wait::kNothing;
  while (!all_ended()) {
    bool progress = false;
    for (int i = 0; i < block.threads; ++i) {
      const int t = order_in_use == EmulatedOrder::kAscending ? i : block.threads - 1 - i;
      if (block.fibers[static_cast<std::size_t>(t)].wait != Wait::kNothing) continue;
      resume(t);
      progress = true;
    }
    for (int begin = 0; begin < block.threads; begin += kWarp) progress = release(begin, begin + kWarp, Wait::kWarp) || progress;
    progress = release(0, block.threads, Wait::kBlock) || progress;
    if (!progress) stop("threads wait for others that ended or wait elsewhere");
  }
}

}  // namespace

void set_emulated_order(EmulatedOrder order) { order_in_use = order; }

void emulate_kernel(std::int64_t blocks, int threads, const std::function<void()>& body) {
  if (threads <= 0 || threads % kWarp != 0 || threads > 1024 || blocks < 0 || blocks > 0x7fffffff) {
    std::fprintf(stderr, "CUDA emulation: %lld blocks of %d threads are impossible\n", static_cast<long long>(blocks), threads);
    std::abort();
  }
  static std::mutex one_at_a_time;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  while (block.fibers.size() < static_cast<std::size_t>(threads)) {
    block.fibers.emplace_back();
    block.fibers.back().stack.reset(new char[kStackBytes + 64 * 256]);
  }
  block.lanes.assign(static_cast<std::size_t>(threads), 0);
  block.body = &body;
  block.threads = threads;
  blockDim.x = static_cast<unsigned>(threads);
  gridDim.x = static_cast<unsigned>(blocks);
  for (std::int64_t b = 0; b < blocks; ++b) {
    blockIdx.x = static_cast<unsigned>(order_in_use == EmulatedOrder::kAscending ? b : blocks - 1 - b);
    run_block();
  }
}

void emulated_block_barrier() { wait_for(Wait::kBlock); }

void emulated_warp_barrier() { wait_for(Wait::kWarp); }

std::uint64_t& emulated_lane_value(int lane) { return block.lanes[static_cast<std::size_t>(block.current / kWarp * kWarp + lane)]; }

int emulated_lane() { return block.current % kWarp; }

}  // namespace sluice::testing
