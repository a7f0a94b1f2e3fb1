#include "parallel/comm/comm_thread.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <string>

using namespace sluice;
using namespace sluice::parallel;

namespace {

/// Completes after a number of polls, or when it is let go; notes the order of starts.
class Fake final : public Operation {
 public:
  Fake(std::string& order, char name, int polls) : Operation({{"fake"}, "test", 0, 0, 0}), order_(order), name_(name), polls_(polls) {}
  bool start() override {
    order_ += name_;
    return polls_ == 0;
  }
  bool poll() override {
    if (fails) throw communication_error("the wire broke");
    return polls_ < 0 ? released.load() : --polls_ <= 0;
  }
  std::atomic<bool> released{false}, fails{false};

 private:
  std::string& order_;
  char name_;
  int polls_;
};

}  // namespace

TEST_CASE("operations start in the order of submission and complete in any") {
  std::string order;
  CommThread thread;
  const auto slow = std::make_shared<Fake>(order, 'a', -1);
  const auto quick = std::make_shared<Fake>(order, 'b', 100);
  const auto instant = std::make_shared<Fake>(order, 'c', 0);
  thread.submit(slow);
  thread.submit(quick);
  thread.submit(instant);
  REQUIRE(instant->wait_for(30));
  REQUIRE(quick->wait_for(30));
  REQUIRE_FALSE(slow->done());
  slow->released = true;
  REQUIRE(slow->wait_for(30));
  REQUIRE(order == "abc");
}

TEST_CASE("work runs between operations and its exceptions come back") {
  CommThread thread;
  std::string order;
  const auto pending = std::make_shared<Fake>(order, 'a', -1);
  thread.submit(pending);
  int value = 0;
  REQUIRE(thread.run([&] { value = 5; }, 30));
  REQUIRE(value == 5);
  REQUIRE_THROWS_AS(thread.run([] { throw usage_error("no"); }, 30), Error);
  REQUIRE_FALSE(thread.failed());
  REQUIRE_FALSE(pending->done());
  thread.stop();
  REQUIRE(pending->done());
  REQUIRE_THROWS_AS(pending->rethrow(), Error);
}

TEST_CASE("a failure ends what is under way and whatever comes later") {
  CommThread thread;
  std::string order;
  const auto broken = std::make_shared<Fake>(order, 'a', -1), other = std::make_shared<Fake>(order, 'b', -1);
  thread.submit(other);
  thread.submit(broken);
  broken->fails = true;
  REQUIRE(broken->wait_for(30));
  REQUIRE(other->wait_for(30));
  REQUIRE_THROWS_AS(other->rethrow(), Error);
  REQUIRE(thread.failed());
  const auto later = std::make_shared<Fake>(order, 'c', 0);
  thread.submit(later);
  REQUIRE(later->done());
  REQUIRE_THROWS_AS(later->rethrow(), Error);
  REQUIRE(order == "ba");
  // Ending the job must still be possible.
  bool ran = false;
  REQUIRE(thread.run([&] { ran = true; }, 30, true));
  REQUIRE(ran);
}

TEST_CASE("a wait spins for 0.2 to 1 ms whatever its size, then sleeps ever longer") {
  for (const double bytes : {0.0, 1e3, 1e6, 16e6, 1e9, 1e12}) {
    const Patience patience = patience_for(bytes);
    REQUIRE((patience.spin_seconds >= 200e-6 && patience.spin_seconds <= 1e-3));
    REQUIRE(patience.eager_seconds > patience.spin_seconds);
    REQUIRE(sleep_seconds(patience.spin_seconds, patience) == 50e-6);
    REQUIRE(sleep_seconds(patience.eager_seconds + 10, patience) == 2e-3);
  }
}

TEST_CASE("an awaited operation is observed while it is pending") {
  CommThread thread;
  std::string order;
  std::atomic<int> seen{0};
  thread.set_observer([&](const Operation& operation) { seen += operation.info().group == "test"; });
  const auto ignored = std::make_shared<Fake>(order, 'a', -1), awaited = std::make_shared<Fake>(order, 'b', -1);
  awaited->awaited = true;
  thread.submit(ignored);
  thread.submit(awaited);
  for (int i = 0; i < 300 && seen == 0; ++i) awaited->wait_for(0.1);
  REQUIRE(seen > 0);
  ignored->released = true;
  awaited->released = true;
  REQUIRE(awaited->wait_for(30));
}
