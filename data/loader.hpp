// Prepares the next steps' batches of one rank in a thread of its own, so that the step does not wait for the disk.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::data {

/// One rank's samples of one step.
struct Batch {
  std::uint64_t step = 0;
  std::int64_t rows = 0;               // local batch size
  std::int64_t width = 0;              // seq_length + 1
  std::vector<std::int32_t> tokens;    // [rows, width], row-major
  std::vector<std::uint64_t> samples;  // [rows] global sample indices

  const std::int32_t* row(std::int64_t index) const { return tokens.data() + index * width; }
};

class Loader {
 public:
  /// Makes the batch of a step; called on the loader's thread, one step after the other.
  using Make = std::function<Batch(std::uint64_t step)>;

  /// Starts at `step` and keeps up to `depth` batches ready.
  explicit Loader(Make make, std::uint64_t step, std::size_t depth = 4);
  /// Waits for the batch that is being made, then ends the thread.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next step's batch; waits if it is not ready. Rethrows what making it threw, now and on every later call.
  Batch next();

 private:
  void work();

  const Make make_;
  const std::size_t depth_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;
  std::uint64_t step_;  // the next to make
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace sluice::data
