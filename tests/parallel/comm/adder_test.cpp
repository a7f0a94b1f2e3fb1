#include "parallel/comm/adder.hpp"

#include "tests/support/catch.hpp"

#include <thread>
#include <vector>

using namespace sluice::parallel;

TEST_CASE("additions are done on one other thread, in order") {
  Adder adder;
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  Adder::Ticket last;
  for (int i = 0; i < 100; ++i)
    last = adder.submit([&, i] {
      order.push_back(i);
      threads.push_back(std::this_thread::get_id());
    });
  last.wait();
  REQUIRE(last.done());
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(order[static_cast<std::size_t>(i)] == i);
    REQUIRE(threads[static_cast<std::size_t>(i)] == threads[0]);
  }
  REQUIRE(threads[0] != std::this_thread::get_id());
}

TEST_CASE("what was submitted is done before the adder goes") {
  int done = 0;
  Adder::Ticket ticket;
  {
    Adder adder;
    for (int i = 0; i < 10; ++i) ticket = adder.submit([&] { ++done; });
  }
  REQUIRE(done == 10);
  REQUIRE(ticket.done());
}

TEST_CASE("a ticket of nothing is done") {
  const Adder::Ticket none;
  none.wait();
  REQUIRE(none.done());
}
