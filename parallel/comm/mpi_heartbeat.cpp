#include "parallel/comm/mpi_heartbeat.hpp"

namespace sluice::parallel {
namespace {

constexpr char kBeat = 1;

/// The operation that sends one heartbeat. It is polled until the bytes are out: the first message to a rank makes the connection, which
/// takes several polls.
class Beat final : public MpiOperation {
 public:
  explicit Beat(MpiGroupPtr world) : MpiOperation({{"heartbeat", -1, "", "one rank"}, world->name, -1, 0, 0}, world) {}
  void post() override {
    for (const int to : beats_to(rank(), size())) wire().send(&kBeat, sizeof kBeat, to, kHeartbeatTag, requests_);
  }
};

}  // namespace

std::vector<int> beats_to(int rank, int size) {
  if (rank != 0) return {0};
  std::vector<int> all;
  for (int to = 1; to < size; ++to) all.push_back(to);
  return all;
}

std::int64_t MpiHeartbeat::expected(int rank, const std::vector<std::int64_t>& sent_by_rank) {
  std::int64_t number = 0;
  const int size = static_cast<int>(sent_by_rank.size());
  for (int from = 0; from < size; ++from)
    for (const int to : beats_to(from, size))
      if (to == rank) number += sent_by_rank[static_cast<std::size_t>(from)];
  return number;
}

bool MpiHeartbeat::beat() {
  std::lock_guard lock(mutex_);
  return beat_now();
}

bool MpiHeartbeat::beat_now() {
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
  if (number != 0 && world_->wire->rank() == 0 && world_->wire->size() > 2) {
    // If another thread holds the lock, it is sending a heartbeat itself, or it is closing and waits for this thread: do not wait for it.
    if (std::unique_lock lock(mutex_, std::try_to_lock); lock) beat_now();
  }
  return number != 0;
}

std::int64_t MpiHeartbeat::close(double seconds) {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (last_) last_->wait_for(seconds);
  return sent_;
}

}  // namespace sluice::parallel
