#include "parallel/comm/stall_watch.hpp"

#include "tests/support/catch.hpp"

using namespace sluice::parallel;

namespace {

/// What a watch said, and waiting for it.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::string what;
  double seconds = 0;
  int number = 0;
  auto listener() {
    return [this](const std::string& text, double silence) {
      std::lock_guard lock(mutex);
      what = text;
      seconds = silence;
      ++number;
      changed.notify_all();
    };
  }
  bool any() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), [this] { return number != 0; });
  }
};

}  // namespace

TEST_CASE("work that gets on no more is told with the last thing it said") {
  Heard heard;
  StallWatch watch(0.1, heard.listener());
  watch.progress("model.safetensors, tensor 'a'");
  watch.progress("model.safetensors, tensor 'b'");
  REQUIRE(heard.any());
  REQUIRE(heard.what == "model.safetensors, tensor 'b'");
  REQUIRE(heard.seconds >= 0.1);
}

TEST_CASE("work that rests, or that nobody limits, is not told") {
  Heard resting, unlimited, longest;
  {
    StallWatch a(1.0, resting.listener()), b(0, unlimited.listener()), c(1.5, longest.listener());
    a.progress("over soon");
    b.progress("takes what it takes");
    a.rest();
    c.progress("hangs");
    REQUIRE(longest.any());
  }
  REQUIRE(resting.number == 0);
  REQUIRE(unlimited.number == 0);
  REQUIRE(longest.number == 1);
}
