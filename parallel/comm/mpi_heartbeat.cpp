#include "parallel/comm/mpi_heartbeat.hpp"

namespace sluice::parallel {
namespace {

constexpr char kBeat = 1;

/// Polled until the bytes are out: the first message to a rank needs several polls, since the connection is made by it.
class Beat final : public MpiOperation {
 public:
  explicit Beat(MpiGroupPtr world) : MpiOperation({{"heartbeat", -1, -1, "one rank"}, world->name, -1, 0, 0}, world) {}
  void post() override {
    for (int i = 1; i < size(); ++i) wire().send(&kBeat, sizeof kBeat, (rank() + i) % size(), kHeartbeatTag, requests_);
  }
};

}  // namespace

bool MpiHeartbeat::beat() {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (closed_ || world_->wire->size() == 1 || (last_ && !last_->done())) return false;
  if (last_ && std::chrono::duration<double>(now - last_time_).count() < shortest_seconds_) return false;
  last_ = std::make_shared<Beat>(world_);
  last_time_ = now;
  ++sent_;
  thread_.submit(last_);
  return true;
}

bool MpiHeartbeat::collect() {
  const int number = world_->wire->take_signals(kHeartbeatTag);
  collected_ += number;
  return number != 0;
}

std::int64_t MpiHeartbeat::close(double seconds) {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (last_) last_->wait_for(seconds);
  return sent_;
}

}  // namespace sluice::parallel
