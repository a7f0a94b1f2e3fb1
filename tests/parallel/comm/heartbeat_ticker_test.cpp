#include "parallel/comm/heartbeat_ticker.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/loopback_communicator.hpp"
#include "tests/support/catch.hpp"

#include <unistd.h>

using namespace sluice;
using namespace sluice::parallel;

namespace {

/// Notes the beats; the rest of a world is of no use to a ticker.
class Listener final : public World {
 public:
  explicit Listener(double deadline_seconds) {
    world_ = make_loopback_communicator("world");
    deadline_seconds_ = deadline_seconds;
  }
  void heartbeat(std::string_view text) override {
    std::lock_guard lock(mutex_);
    ++number_;
    last_ = text;
    changed_.notify_all();
  }
  /// Until so many beats have come, the last with this text.
  bool hears(int number, const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return number_ >= number && last_ == text; });
  }
  int number() {
    std::lock_guard lock(mutex_);
    return number_;
  }
  void open_records(const std::filesystem::path&) override {}
  int find_dead_peer() const override { return -1; }
  std::string current_operation() const override { return "nothing"; }
  void note_stop_request(std::string_view) override {}
  void shutdown() override {}

 protected:
  void note_failure(std::string_view, ExitCode, bool) override {}
  bool claim_report(std::string_view) override { return true; }
  void end_job(ExitCode code) override { throw static_cast<int>(code); }
  CommunicatorPtr make_group(const CommunicatorPtr&, int, int, const std::string&, std::optional<double>) override { return nullptr; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int number_ = 0;
  std::string last_;
};

}  // namespace

TEST_CASE("a ticker beats at once, again and again, and with the newest text") {
  Listener world(0.2);
  {
    HeartbeatTicker ticker(world, "learning merges");
    REQUIRE(world.number() >= 1);
    REQUIRE(world.hears(4, "learning merges"));
    ticker.say("tokenizing a.txt");
    REQUIRE(world.hears(world.number() + 3, "tokenizing a.txt"));
  }
  REQUIRE(world.hears(1, ""));  // over: nothing is said of it any more
  const int at_the_end = world.number();
  usleep(200000);
  REQUIRE(world.number() == at_the_end);
}

TEST_CASE("work that tells its progress beats only as it gets on, and not while it waits for others") {
  Listener world(8);
  HeartbeatTicker ticker(world, "saving");
  ticker.progress("saving model.safetensors");
  REQUIRE(world.hears(2, "saving model.safetensors"));
  const int before = world.number();
  usleep(1300000);  // longer than the time between beats
  REQUIRE(world.number() == before);
  ticker.progress("saving optimizer.safetensors");
  REQUIRE(world.hears(before + 1, "saving optimizer.safetensors"));
  ticker.rest();
  ticker.say("verifying");
  REQUIRE(world.hears(before + 4, "verifying"));
}

TEST_CASE("beats come often enough for the deadline, and not more often than is of use") {
  REQUIRE(Listener(600).heartbeat_seconds() == 1.0);
  REQUIRE(Listener(2).heartbeat_seconds() == 0.5);
  REQUIRE(Listener(0).heartbeat_seconds() == 1.0);
}
