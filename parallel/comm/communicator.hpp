// The wire as the rest of Sluice sees it: a named group of ranks and non-blocking operations on host memory.
// Every operation is start -> Handle -> finish. All ranks of a group start the same operations in the same order;
// each rank enters every collective, with empty buffers if need be. Ranks that meet at different operations (label, kind, place in
// the order, size) get a PeerError that names both. No torch and no MPI type appears here.
#pragma once

#include "core/base/dtype.hpp"
#include "core/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace sluice::parallel {

enum class ReduceOp { kSum, kMin, kMax };

/// What an operation is for; goes into the failure report and into the header of every message. The ranks of a group must give an
/// operation the same label: one that gives another is told as being elsewhere.
struct OperationLabel {
  const char* operation = "";  // a literal, e.g. "dispatch counts"
  std::int64_t step = -1;
  std::string slot = {};     // of the model, by its path: "layers.3.feed_forward"; "" where the operation belongs to none
  const char* phase = "";      // a literal: "forward", "backward", "prepass", "eval", "save", ...
};

/// Another rank is at another operation, or has stopped with an error; the text says it all. With exit code 4, or that of the error.
class PeerError : public Error {
 public:
  using Error::Error;
};

/// One operation under way. finish() waits at most the group's deadline, then ends the job with a report
/// (DESIGN: records in the run directory, exit code 4). Destroying or replacing an unfinished handle finishes it; a
/// destructor cannot throw, so there an error is only logged: finish what you start.
class Handle {
 public:
  class State {
   public:
    virtual ~State() = default;
    virtual void finish() = 0;
  };
  Handle() = default;
  explicit Handle(std::unique_ptr<State> state) : state_(std::move(state)) {}
  Handle(Handle&&) noexcept = default;
  Handle& operator=(Handle&& other) {
    if (this != &other) {
      finish();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~Handle() {
    if (state_) finish_quietly();
  }
  void finish() {
    if (!state_) return;
    auto state = std::move(state_);
    state->finish();
  }

 private:
  void finish_quietly() noexcept;
  std::unique_ptr<State> state_;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual const std::string& name() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Rank in the world of member `rank` of this group (for reports).
  virtual int world_rank(int rank) const = 0;

  /// In place over `count` elements; the order of additions is fixed for a given group size. kFloat32, kFloat64, kInt64.
  virtual Handle start_all_reduce(void* data, std::size_t count, DType type, ReduceOp op, OperationLabel label) = 0;
  /// What is held beside the caller's buffer while one of so many bytes is under way.
  virtual std::size_t all_reduce_buffer_bytes(std::size_t bytes) const {
    (void)bytes;
    return 0;
  }
  /// In place over one part for each rank, contiguous in rank order: part r has counts[r] elements, perhaps none; all ranks give the
  /// same counts. Afterwards this rank's part holds the reduction, the same bits as after start_all_reduce; the other parts hold what
  /// this rank contributed to them, as before. Types as there. However long a part is, the extra memory is bounded.
  virtual Handle start_reduce_scatter(void* data, std::span<const std::int64_t> counts, DType type, ReduceOp op,
                                      OperationLabel label) = 0;
  /// What is held beside the caller's buffer while one is under way in which this rank's part has so many bytes.
  virtual std::size_t reduce_scatter_buffer_bytes(std::size_t part_bytes) const {
    (void)part_bytes;
    return 0;
  }
  virtual Handle start_broadcast(void* data, std::size_t bytes, int root, OperationLabel label) = 0;
  /// `receive` holds size() * bytes_per_rank bytes in rank order.
  virtual Handle start_all_gather(const void* send, void* receive, std::size_t bytes_per_rank, OperationLabel label) = 0;
  /// `receive` holds one part for each rank, contiguous in rank order: part r has bytes[r] bytes, perhaps none; all ranks give the
  /// same sizes. `send` is this rank's part: in place, where it is in `receive`, or outside of that.
  virtual Handle start_all_gather_v(const void* send, void* receive, std::span<const std::int64_t> bytes, OperationLabel label) = 0;
  /// The same number of int64 to and from every rank (rank order).
  virtual Handle start_exchange_counts(const std::int64_t* send, std::int64_t* receive, std::size_t count_per_rank, OperationLabel label) = 0;
  /// Bytes to and from every rank, contiguous in rank order; 64-bit counts.
  virtual Handle start_all_to_all_v(const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                                    std::span<const std::int64_t> receive_bytes, OperationLabel label) = 0;
  virtual Handle start_send(const void* data, std::size_t bytes, int to, OperationLabel label) = 0;
  virtual Handle start_receive(void* data, std::size_t bytes, int from, OperationLabel label) = 0;
  virtual Handle start_barrier(OperationLabel label) = 0;
};

using CommunicatorPtr = std::shared_ptr<Communicator>;

}  // namespace sluice::parallel
