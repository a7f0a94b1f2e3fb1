// What a group of ranks does on the wire, as operations of the communication thread, made of messages between two ranks, so
// that a rank from whom nothing came is known by number; only the data of a long broadcast travel in a collective of MPI.
//
// Each message begins with a head: a MessageHeader, and behind it the data if they are short. Longer data follow by themselves,
// at once, without waiting for an answer. Heads have one tag, whatever the operation, and come in the order in which a rank starts
// operations: a rank that is at another operation is met, and named, instead of waited for. An operation is complete only when all
// its heads have come and agree. Data have the low bits of the sequence in their tag: a stray message never meets a later operation.
// What exchanges no message with the rank that strays (the root of a broadcast, say) ends with the deadline, and both are in its report.
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

/// Tags beside those of the data of numbered operations.
constexpr int kHeadTag = 256 * 64;
constexpr int kPairTag = kHeadTag + 1;  // long data between two ranks, which match in order
constexpr int kHeartbeatTag = kHeadTag + 2;

/// Data up to this size travel in the head.
constexpr std::size_t kInlineBytes = 4096;

/// Adds what and where to errors, and maps group ranks to world ranks.
class MpiOperation : public Operation {
 public:
  MpiOperation(OperationInfo info, MpiGroupPtr group)
      : Operation(std::move(info)), group_(std::move(group)), header_(header_of(this->info(), 0)) {}
  bool start() final;
  bool poll() final;
  bool waits_for_group(std::vector<int>& world_ranks) const override;

 protected:
  /// Posts the first messages.
  virtual void post() = 0;
  /// Makes progress; true once complete, then also when it is called again.
  virtual bool proceed() { return requests_.test(); }
  virtual void pending_peers(std::vector<int>& peers) const { requests_.pending_peers(peers); }

  /// The one message of this operation to, or from, a group rank. Data above kInlineBytes go through requests_.
  void give(int to, const void* data, std::size_t bytes);
  void take(int from, void* data, std::size_t bytes);
  /// Heads alone, to and from a rank, for data that travel otherwise.
  void give_head(int to, std::size_t bytes) { post_head(to, nullptr, bytes, 0); }
  void take_head(int from, std::size_t bytes) { expect_head(from, nullptr, bytes, 0); }
  /// All heads are in and out: what came with them is where it belongs.
  bool heads_complete() const { return heads_.empty(); }

  const MpiWire& wire() const { return *group_->wire; }
  int rank() const { return wire().rank(); }
  int size() const { return wire().size(); }
  int world_rank(int rank) const { return group_->world_ranks[static_cast<std::size_t>(rank)]; }
  /// `channel` < 64 separates the data messages of one operation.
  int tag(int channel) const { return info().sequence < 0 ? kPairTag : static_cast<int>(info().sequence % 256) * 64 + channel; }

  MpiRequests requests_;

 private:
  struct ExpectedHead {
    int from;
    void* data;
    std::size_t bytes, inside;
    std::unique_ptr<std::byte[]> head;
  };
  bool proceed_with_heads();
  void post_head(int to, const void* data, std::size_t bytes, std::size_t inside);
  void expect_head(int from, void* data, std::size_t bytes, std::size_t inside);
  void accept(const MpiRequests::Received& received);
  /// The head of `from`, with what it holds behind its header, is not of this operation.
  [[noreturn]] void refuse(int from, const MessageHeader& ours, const MessageHeader& theirs, std::span<const std::byte> inside) const;

  /// The header of a message with so many bytes of data.
  MessageHeader header(std::size_t bytes) const;

  MpiGroupPtr group_;
  MessageHeader header_;  // but for the bytes
  MpiRequests heads_;
  std::vector<std::unique_ptr<std::byte[]>> given_;  // heads on their way out
  std::vector<ExpectedHead> expected_;
};

using OperationPtr = std::shared_ptr<Operation>;

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
/// `adder` adds up what is long; it outlives the operation.
OperationPtr mpi_all_reduce(OperationInfo info, MpiGroupPtr group, void* data, std::size_t count, DType type, ReduceOp op, Adder& adder);
OperationPtr mpi_reduce_scatter(OperationInfo info, MpiGroupPtr group, void* data, std::span<const std::int64_t> counts, DType type,
                                ReduceOp op, Adder& adder);
/// Bytes that they receive into before they add, at most.
std::size_t mpi_all_reduce_buffer_bytes(std::size_t bytes, int ranks);
std::size_t mpi_reduce_scatter_buffer_bytes(std::size_t part_bytes, int ranks);

/// "'dispatch counts' (step 12, layers.3.feed_forward, forward) of group expert[0], sequence 41"
std::string describe(const OperationInfo& info);

}  // namespace sluice::parallel
