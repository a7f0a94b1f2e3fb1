#include "core/tensor/workspaces.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <ATen/Parallel.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

using namespace sluice;
using namespace sluice::testing;

TEST_CASE("what is given back is lent again, and what is out at once lies apart") {
  Workspaces arena;
  const void* first = nullptr;
  {
    const Workspace a = borrow(&arena, {8, 16}, at::kFloat);
    CHECK((*a).sizes() == at::IntArrayRef({8, 16}));
    CHECK((*a).scalar_type() == at::kFloat);
    CHECK(((*a).is_contiguous() && !(*a).requires_grad()));
    first = (*a).data_ptr();
    const Workspace b = borrow(&arena, {8, 16}, at::kFloat);
    (*a).fill_(1.0);
    (*b).fill_(2.0);
    CHECK((*a).eq(1.0).all().item<bool>());
  }
  CHECK(arena.bytes() == 2 * 8 * 16 * 4);
  {
    // Another type and shape, of as many bytes.
    const Workspace c = borrow(&arena, {4, 16}, at::kDouble), d = borrow(&arena, {2}, at::kBFloat16);
    CHECK(((*c).data_ptr() == first || (*d).data_ptr() == first));
  }
  CHECK(arena.bytes() == 2 * 8 * 16 * 4);
  {
    // Too large for either: one of them grows.
    const Workspace large = borrow(&arena, {1000}, at::kByte);
  }
  CHECK(arena.bytes() == 8 * 16 * 4 + 1000);
  // Room for a small one is not taken from the large.
  const Workspace small = borrow(&arena, {10}, at::kByte), large = borrow(&arena, {1000}, at::kByte);
  CHECK(arena.bytes() == 8 * 16 * 4 + 1000);
}

TEST_CASE("without an arena a workspace has memory of its own") {
  const Workspace a = borrow(nullptr, {3, 5}, at::kDouble);
  CHECK((*a).sizes() == at::IntArrayRef({3, 5}));
  CHECK((*a).scalar_type() == at::kDouble);
}

TEST_CASE("threads borrow side by side") {
  Workspaces arena;
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&arena, &bad = wrong[static_cast<std::size_t>(t)], t] {
      for (int i = 0; i < 500; ++i) {
        const Workspace a = borrow(&arena, {100 + 7 * t + i % 13}, at::kFloat);
        (*a).fill_(t);
        if (!(*a).eq(t).all().item<bool>()) ++bad;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("a step reads nothing that was left in its workspaces, and once it has them takes no more") {
  // The second step of one model, its workspaces full of NaN, beside that of another. One thread: how many experts are at work at once, and
  // so how much is lent, is chance on more.
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto trained = [](bool poison) {
    recipes::TrainModel model = tiny_model(tiny_decoder(), tiny_moe(), at::kFloat);
    recipes::StepOptions options;
    options.learning_rate = 0.0;  // the same experts, with as many rows
    options.micro_batch_size = 2;
    options.step = 1;
    step_of(model, tiny_batch(4, 8, model.config.vocab_size), options);
    Workspaces* const arena = model.parameters.trained().front()->gradient.workspaces();
    REQUIRE(arena != nullptr);
    const std::int64_t bytes = arena->bytes();
    CHECK(bytes > 0);
    if (poison) {
      // One byte each, the smallest first, until there is no buffer left; each is filled to its end.
      std::vector<std::unique_ptr<Workspace>> all;
      while (arena->bytes() == bytes && all.size() < 100) {
        all.emplace_back(new Workspace(borrow(arena, {1}, at::kByte)));
        at::empty({0}, at::kByte).set_((**all.back()).storage()).fill_(255);  // a float of such bytes is NaN
      }
      CHECK((all.size() > 1 && all.size() < 100));
    }
    const std::int64_t before = arena->bytes();
    options.step = 2;
    const recipes::StepResult result = step_of(model, tiny_batch(4, 8, model.config.vocab_size), options);
    CHECK(arena->bytes() == before);
    return std::pair{loss_of(result), result.grad_norm};
  };
  CHECK(trained(true) == trained(false));
  at::set_num_threads(threads);
}
