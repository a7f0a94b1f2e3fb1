// Communication as the rest of Sluice uses it: a named group of ranks, and non-blocking operations on memory of the host.
// Every start_...() returns a Handle, whose finish() waits for the operation; until then its buffers must stay valid and untouched. All
// ranks of a group must start the same collective operations in the same order, even with empty buffers, and must place sends and receives
// between two ranks alike in this order. If two ranks meet in different operations (another label, kind, place in the order, or size), both
// get a PeerError that names the two. No torch and no MPI type appears here.
//
// Errors: arguments that do not fit (a rank that is not in the group, a negative size, a wrong number of parts) are communication errors
// (exit 4); finish() throws a PeerError, or a communication error if the network fails.
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

/// What an operation is for. It is part of failure reports and of the header of every message. All ranks of a group must give an operation
/// the same label; a rank with another label counts as being at another operation.
struct OperationLabel {
  const char* operation = "";  // a literal, e.g. "dispatch counts"
  std::int64_t step = -1;      // step of the training; -1: outside steps
  std::string slot = {};       // path of the part of the model: "layers.3.feed_forward"; "" if the operation belongs to none
  const char* phase = "";      // a literal: "forward", "backward", "prepass", "eval", "save", ...
};

/// Thrown if another rank is at another operation (exit code 4), or has stopped with an error (the exit code of that error). The text
/// names the rank and what it did.
class PeerError : public Error {
 public:
  using Error::Error;
};

/// One operation under way; a default-constructed handle has none. finish() waits for it and throws what it failed with. If that takes
/// longer than the deadline of the group, the job ends with a report (failure_monitor.hpp) and exit code 4. Replacing an unfinished
/// handle finishes its operation, and so does the destructor; but a destructor cannot throw and only logs an error, so call finish().
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

/// A group of ranks. Ranks in arguments are ranks within the group.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual const std::string& name() const = 0;
  /// This process in the group, 0 to size() - 1.
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// The rank in the world of member `rank` of this group (for reports).
  virtual int world_rank(int rank) const = 0;

  /// Replaces `count` elements by their sum, minimum or maximum over all ranks. Elements are combined in rank order, so that all ranks get
  /// the same bits. `type` is kFloat32, kFloat64 or kInt64; usage error (exit 2) for any other.
  virtual Handle start_all_reduce(void* data, std::size_t count, DType type, ReduceOp op, OperationLabel label) = 0;
  /// The most bytes of receive buffers that an all_reduce of `bytes` bytes allocates while it is under way.
  virtual std::size_t all_reduce_buffer_bytes(std::size_t bytes) const {
    (void)bytes;
    return 0;
  }
  /// `data` has one part for each rank, contiguous in rank order: part r has counts[r] elements, which may be 0. All ranks give the same
  /// counts. Afterwards this rank's part holds the reduction, with the same bits as after start_all_reduce(); the other parts still hold
  /// what this rank contributed. Types as in start_all_reduce(). The receive buffers are bounded, however long a part is.
  virtual Handle start_reduce_scatter(void* data, std::span<const std::int64_t> counts, DType type, ReduceOp op, OperationLabel label) = 0;
  /// The most bytes of receive buffers that a reduce_scatter allocates while it is under way, if this rank's part has `part_bytes` bytes.
  virtual std::size_t reduce_scatter_buffer_bytes(std::size_t part_bytes) const {
    (void)part_bytes;
    return 0;
  }
  /// Copies `bytes` bytes from rank `root` to all others.
  virtual Handle start_broadcast(void* data, std::size_t bytes, int root, OperationLabel label) = 0;
  /// Gathers bytes_per_rank bytes of every rank: `receive` gets size() * bytes_per_rank bytes in rank order.
  virtual Handle start_all_gather(const void* send, void* receive, std::size_t bytes_per_rank, OperationLabel label) = 0;
  /// Gathers parts of different sizes: `receive` gets one part from each rank, contiguous in rank order. Part r has bytes[r] bytes, which
  /// may be 0; all ranks give the same sizes. `send` is this rank's part, either outside `receive` or at its place in it.
  virtual Handle start_all_gather_v(const void* send, void* receive, std::span<const std::int64_t> bytes, OperationLabel label) = 0;
  /// Sends count_per_rank integers to each rank and receives as many from each. Both buffers are in rank order.
  virtual Handle start_exchange_counts(const std::int64_t* send, std::int64_t* receive, std::size_t count_per_rank,
                                       OperationLabel label) = 0;
  /// Sends send_bytes[r] bytes to rank r and receives receive_bytes[r] bytes from it, for all r. Both buffers are contiguous in rank order.
  /// The sender and the receiver must give the same size.
  virtual Handle start_all_to_all_v(const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                                    std::span<const std::int64_t> receive_bytes, OperationLabel label) = 0;
  /// Sends a message to another rank, or receives one from it. Messages from one rank to another match in the order of starting; the sender
  /// and the receiver must give the same size and label.
  virtual Handle start_send(const void* data, std::size_t bytes, int to, OperationLabel label) = 0;
  virtual Handle start_receive(void* data, std::size_t bytes, int from, OperationLabel label) = 0;
  /// Complete once all ranks have started it.
  virtual Handle start_barrier(OperationLabel label) = 0;
};

using CommunicatorPtr = std::shared_ptr<Communicator>;

}  // namespace sluice::parallel
