// The few MPI calls that Sluice makes, behind an interface without mpi.h: one MPI communicator with non-blocking messages. A failed call
// throws a communication error (exit 4) with MPI's own text. Everything here is called on the communication thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace sluice::parallel {

/// A set of MPI requests under way. A message that is longer or shorter than expected is a communication error, except that
/// receive_up_to() takes shorter ones.
class MpiRequests {
 public:
  MpiRequests();
  ~MpiRequests();
  MpiRequests(MpiRequests&&) noexcept;
  MpiRequests& operator=(MpiRequests&&) noexcept;

  /// Makes progress without blocking. Returns true once all requests are complete; the set is then empty again.
  bool test();
  bool empty() const;
  struct Received {
    int peer;  // group rank
    std::size_t bytes;
  };
  /// The messages of receive_up_to() that test() found complete since the last call.
  std::vector<Received> take_received();
  /// Adds the group ranks of incomplete point-to-point messages to `peers`.
  void pending_peers(std::vector<int>& peers) const;

 private:
  friend class MpiWire;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One MPI communicator. Ranks are ranks of this communicator.
class MpiWire {
 public:
  /// Initialises MPI for calls from one thread at a time, and returns a communicator of all ranks. Blocks. Communication error if MPI is
  /// initialised already or does not offer MPI_THREAD_SERIALIZED.
  static std::shared_ptr<MpiWire> initialise();
  static void finalise();
  /// Ends the whole job with `code`.
  static void abort(int code);
  static std::string library_version();

  ~MpiWire();
  int rank() const;
  int size() const;

  /// Ranks with the same colour get a communicator, ordered by (key, rank); a negative colour gives a null pointer. Collective and
  /// blocking: call it only when all ranks are known to call it.
  std::shared_ptr<MpiWire> split(int color, int key) const;
  /// A communicator of the ranks that share memory with this one. Collective and blocking, too.
  std::shared_ptr<MpiWire> split_by_node() const;

  /// Messages larger than `bytes` are sent in pieces, because the counts of MPI 3 have 32 bits. The same on all ranks.
  void set_max_message_bytes(std::size_t bytes) { max_message_bytes_ = bytes; }

  // These start a message and add its requests to `requests`. The buffer must stay valid until they are complete.
  /// A message of zero bytes is sent too.
  void send(const void* data, std::size_t bytes, int to, int tag, MpiRequests& requests) const;
  void receive(void* data, std::size_t bytes, int from, int tag, MpiRequests& requests) const;
  /// Receives one message of at most `bytes` bytes that is sent in one piece.
  void receive_up_to(void* data, std::size_t bytes, int from, int tag, MpiRequests& requests) const;
  /// Receives all one-byte messages with this tag that have come in, from any rank, and returns their number. Does not wait or throw.
  int take_signals(int tag) const;
  void broadcast(void* data, std::size_t bytes, int root, MpiRequests& requests) const;

 private:
  struct Impl;
  explicit MpiWire(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::size_t max_message_bytes_ = std::size_t{1} << 30;
};

}  // namespace sluice::parallel
