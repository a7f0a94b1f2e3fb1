#include "data/loader.hpp"

#include "tests/data/data_support.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <chrono>
#include <thread>

using namespace sluice;
using namespace sluice::data;

namespace {

Batch numbered(std::uint64_t step) {
  Batch batch;
  batch.step = step;
  batch.samples = {step * 10, step * 10 + 1};
  return batch;
}

}  // namespace

TEST_CASE("batches come in order from the first step on") {
  Loader loader(numbered, 5, 2);
  for (std::uint64_t step = 5; step < 200; ++step) {
    const Batch batch = loader.next();
    REQUIRE(batch.step == step);
    REQUIRE(batch.samples[1] == step * 10 + 1);
  }
}

TEST_CASE("no more than the wanted number of batches is made ahead") {
  std::atomic<std::uint64_t> made = 0;
  Loader loader(
      [&](std::uint64_t step) {
        ++made;
        return numbered(step);
      },
      0, 3);
  loader.next();
  for (int i = 0; i < 1000 && made < 4; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(made == 4);
}

TEST_CASE("what fails in the thread surfaces in next(), after the good batches, on every call") {
  Loader loader(
      [](std::uint64_t step) {
        if (step == 3) throw data_error("batch {} cannot be read", step);
        return numbered(step);
      },
      0, 8);
  for (std::uint64_t step = 0; step < 3; ++step) REQUIRE(loader.next().step == step);
  for (int i = 0; i < 2; ++i) REQUIRE(error_of([&] { loader.next(); }) == "3: batch 3 cannot be read");
}

TEST_CASE("a loader ends cleanly whatever it is doing") {
  for (int round = 0; round < 50; ++round) {
    Loader loader(numbered, 0, 1 + static_cast<std::size_t>(round % 4));
    for (int i = 0; i < round % 5; ++i) loader.next();
  }
  SUCCEED();
}
