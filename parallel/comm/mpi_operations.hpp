// The operations of a group of ranks, as MPI messages that the communication thread sends and receives. They are made of messages between
// two ranks, so that it is known from which ranks nothing has come; only the data of a long broadcast travel in a collective of MPI.
//
// A message begins with a head: a MessageHeader, followed by the data if they are short (kInlineBytes). Longer data follow in a message of
// their own, at once, without waiting for an answer. All heads have the same tag, whatever the operation, and so arrive in the order in
// which their sender starts operations: if the sender is at another operation, its head says so, and the receiver need not wait in vain.
// An operation is complete only when all its heads have come and agree. The tag of a data message contains the low bits of the
// sequence number, so that a stray message is not taken for one of the next operations.
// A rank that expects no message from the rank at the wrong operation (the root of a broadcast, say) does not notice it: its wait ends
// with the deadline, and the failure report names both.
#pragma once

#include "parallel/comm/adder.hpp"
#include "parallel/comm/message_header.hpp"
#include "parallel/comm/mpi_wire.hpp"

#include <memory>
#include <span>

namespace sluice::parallel {

struct MpiGroup {
  std::string name;
  std::shared_ptr<MpiWire> wire;
  std::vector<int> world_ranks;  // of the members, in group order
};
using MpiGroupPtr = std::shared_ptr<const MpiGroup>;

// MPI tags. Those below kHeadTag are for data of operations with a sequence number, see MpiOperation::tag().
constexpr int kHeadTag = 256 * 64;
constexpr int kPairTag = kHeadTag + 1;  // long data of send and receive, which match in the order of starting
constexpr int kHeartbeatTag = kHeadTag + 2;

/// Data up to this size travel in the head.
constexpr std::size_t kInlineBytes = 4096;

/// An operation made of messages with heads: derived classes say which messages. It adds the name of the operation to communication errors,
/// and turns group ranks into world ranks for reports. A head that does not agree is thrown as a PeerError.
class MpiOperation : public Operation {
 public:
  MpiOperation(OperationInfo info, MpiGroupPtr group)
      : Operation(std::move(info)), group_(std::move(group)), header_(header_of(this->info(), 0)) {}
  bool start() final;
  bool poll() final;
  bool waits_for_group(std::vector<int>& world_ranks) const override;

 protected:
  /// Posts the first messages. Called once.
  virtual void post() = 0;
  /// Makes progress without blocking. Returns true once the operation is complete but for its heads; it may be called again after that.
  virtual bool proceed() { return requests_.test(); }
  /// Adds the group ranks of data messages that are not complete to `peers`.
  virtual void pending_peers(std::vector<int>& peers) const { requests_.pending_peers(peers); }

  /// Post the message of this operation to, or from, a group rank: at most one each way per rank. Data above kInlineBytes go through
  /// requests_.
  void give(int to, const void* data, std::size_t bytes);
  void take(int from, void* data, std::size_t bytes);
  /// Post only the head of such a message; the caller moves its `bytes` bytes of data in another way.
  void give_head(int to, std::size_t bytes) { post_head(to, nullptr, bytes, 0); }
  void take_head(int from, std::size_t bytes) { expect_head(from, nullptr, bytes, 0); }
  /// Whether all heads have been sent and received; the data that came in heads are then in their buffers.
  bool heads_complete() const { return heads_.empty(); }

  const MpiWire& wire() const { return *group_->wire; }
  int rank() const { return wire().rank(); }
  int size() const { return wire().size(); }
  int world_rank(int rank) const { return group_->world_ranks[static_cast<std::size_t>(rank)]; }
  /// The tag of a data message. `channel` (0 to 63) tells the data messages of one operation apart.
  int tag(int channel) const { return info().sequence < 0 ? kPairTag : static_cast<int>(info().sequence % 256) * 64 + channel; }

  MpiRequests requests_;

 private:
  struct ExpectedHead {
    int from;                           // group rank
    void* data;                         // where data that come in the head go
    std::size_t bytes, inside;          // bytes of data in all, and of those that come in the head
    std::unique_ptr<std::byte[]> head;  // receive buffer
  };
  bool proceed_with_heads();
  void post_head(int to, const void* data, std::size_t bytes, std::size_t inside);
  void expect_head(int from, void* data, std::size_t bytes, std::size_t inside);
  void accept(const MpiRequests::Received& received);
  /// Throws the PeerError for a head of `from` that does not agree; `inside` is the data behind its header.
  [[noreturn]] void refuse(int from, const MessageHeader& ours, const MessageHeader& theirs, std::span<const std::byte> inside) const;

  /// The header of a message with `bytes` bytes of data.
  MessageHeader header(std::size_t bytes) const;

  MpiGroupPtr group_;
  MessageHeader header_;  // of this operation, with 0 bytes
  MpiRequests heads_;
  std::vector<std::unique_ptr<std::byte[]>> given_;  // buffers of the heads that are sent
  std::vector<ExpectedHead> expected_;
};

using OperationPtr = std::shared_ptr<Operation>;

// The operations of Communicator (communicator.hpp), with the same arguments. They set kind and detail of `info`.
OperationPtr mpi_barrier(OperationInfo info, MpiGroupPtr group);
OperationPtr mpi_broadcast(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int root);
OperationPtr mpi_all_gather(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::size_t bytes_per_rank);
OperationPtr mpi_all_gather_v(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::span<const std::int64_t> bytes);
OperationPtr mpi_exchange_counts(OperationInfo info, MpiGroupPtr group, const std::int64_t* send, std::int64_t* receive,
                                 std::size_t count_per_rank);
OperationPtr mpi_all_to_all_v(OperationInfo info, MpiGroupPtr group, const void* send, std::span<const std::int64_t> send_bytes,
                              void* receive, std::span<const std::int64_t> receive_bytes);
OperationPtr mpi_send(OperationInfo info, MpiGroupPtr group, const void* data, std::size_t bytes, int to);
OperationPtr mpi_receive(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int from);
/// `adder` adds up long contributions; it must outlive the operation.
OperationPtr mpi_all_reduce(OperationInfo info, MpiGroupPtr group, void* data, std::size_t count, DType type, ReduceOp op, Adder& adder);
OperationPtr mpi_reduce_scatter(OperationInfo info, MpiGroupPtr group, void* data, std::span<const std::int64_t> counts, DType type,
                                ReduceOp op, Adder& adder);
/// The most bytes of receive buffers that they allocate, in a group of `ranks` ranks.
std::size_t mpi_all_reduce_buffer_bytes(std::size_t bytes, int ranks);
std::size_t mpi_reduce_scatter_buffer_bytes(std::size_t part_bytes, int ranks);

/// The operation as text: "'dispatch counts' (step 12, layers.3.feed_forward, forward) of group expert[0], sequence 41".
std::string describe(const OperationInfo& info);

}  // namespace sluice::parallel
