// The few MPI calls that Sluice makes, without mpi.h: one MPI communicator, non-blocking messages, errors as
// communication errors with MPI's own text. Everything here is called from the communication thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace sluice::parallel {

/// Requests under way together. Sizes are exact, unless said otherwise: a message that is longer or shorter than expected is an error.
class MpiRequests {
 public:
  MpiRequests();
  ~MpiRequests();
  MpiRequests(MpiRequests&&) noexcept;
  MpiRequests& operator=(MpiRequests&&) noexcept;

  /// Makes progress; true once all are complete (then it is empty again).
  bool test();
  bool empty() const;
  struct Received {
    int peer;  // group rank
    std::size_t bytes;
  };
  /// Messages of receive_up_to() that came in since the last call, in order of arrival.
  std::vector<Received> take_received();
  /// Adds the group ranks of incomplete point-to-point messages to `peers`.
  void pending_peers(std::vector<int>& peers) const;

 private:
  friend class MpiWire;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class MpiWire {
 public:
  /// Initialises MPI for calls from one thread at a time (checked) and gives the world. Blocks.
  static std::shared_ptr<MpiWire> initialise();
  static void finalise();
  /// Ends the whole job with `code`.
  static void abort(int code);
  static std::string library_version();

  ~MpiWire();
  int rank() const;
  int size() const;

  /// Collective over this communicator and blocking: call only where every rank is known to be on its way.
  /// A negative colour gives a null pointer.
  std::shared_ptr<MpiWire> split(int color, int key) const;
  /// The ranks that share memory with this one. As split().
  std::shared_ptr<MpiWire> split_by_node() const;

  /// Messages larger than `max_message_bytes` travel in pieces: MPI 3 counts are 32-bit.
  void set_max_message_bytes(std::size_t bytes) { max_message_bytes_ = bytes; }

  /// A message with zero bytes is sent too.
  void send(const void* data, std::size_t bytes, int to, int tag, MpiRequests& requests) const;
  void receive(void* data, std::size_t bytes, int from, int tag, MpiRequests& requests) const;
  /// One message of at most `bytes` bytes, in one piece.
  void receive_up_to(void* data, std::size_t bytes, int from, int tag, MpiRequests& requests) const;
  /// Receives the one-byte messages with this tag that have come in, from anybody; their number. Does not wait.
  int take_signals(int tag) const;
  void broadcast(void* data, std::size_t bytes, int root, MpiRequests& requests) const;

 private:
  struct Impl;
  explicit MpiWire(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::size_t max_message_bytes_ = std::size_t{1} << 30;
};

}  // namespace sluice::parallel
