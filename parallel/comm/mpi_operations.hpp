// What a group of ranks does on the wire, as operations of the communication thread. All but broadcast and barrier are
// made of point-to-point messages, so that a rank from whom nothing came is known by number.
//
// Counts exchange: every message is a header (MessageHeader) followed by `count` int64; the tag is the same for all, so
// that a rank that is at another operation is met, and named, instead of waited for.
// All other messages carry the low bits of the sequence in their tag: a stray one never meets a later operation.
#pragma once

#include "parallel/comm/mpi_wire.hpp"
#include "parallel/comm/operation.hpp"

#include <span>

namespace sluice::parallel {

struct MpiGroup {
  std::string name;
  std::shared_ptr<MpiWire> wire;
  std::vector<int> world_ranks;  // of the members, in group order
};
using MpiGroupPtr = std::shared_ptr<const MpiGroup>;

/// Tag of heartbeats, beside those of the operations.
constexpr int kHeartbeatTag = 256 * 64 + 2;

/// Adds what and where to errors, and maps group ranks to world ranks.
class MpiOperation : public Operation {
 public:
  MpiOperation(OperationInfo info, MpiGroupPtr group) : Operation(std::move(info)), group_(std::move(group)) {}
  bool start() final;
  bool poll() final;
  bool waits_for_group(std::vector<int>& world_ranks) const override;

 protected:
  /// Posts the first messages into requests_.
  virtual void post() = 0;
  /// Called whenever all of requests_ are complete; posts more (and returns false) or is done.
  virtual bool advance() { return true; }
  /// Makes progress; true once complete. For operations with requests of their own.
  virtual bool proceed();
  virtual void pending_peers(std::vector<int>& peers) const { requests_.pending_peers(peers); }

  const MpiWire& wire() const { return *group_->wire; }
  int rank() const { return wire().rank(); }
  int size() const { return wire().size(); }
  int world_rank(int rank) const { return group_->world_ranks[static_cast<std::size_t>(rank)]; }
  /// `channel` < 64 separates the messages of one operation.
  int tag(int channel) const { return static_cast<int>(info().sequence % 256) * 64 + channel; }

  MpiRequests requests_;

 private:
  MpiGroupPtr group_;
};

using OperationPtr = std::shared_ptr<Operation>;

OperationPtr mpi_barrier(OperationInfo info, MpiGroupPtr group);
OperationPtr mpi_broadcast(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int root);
OperationPtr mpi_all_gather(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::size_t bytes_per_rank);
OperationPtr mpi_exchange_counts(OperationInfo info, MpiGroupPtr group, const std::int64_t* send, std::int64_t* receive,
                                 std::size_t count_per_rank);
OperationPtr mpi_all_to_all_v(OperationInfo info, MpiGroupPtr group, const void* send, std::span<const std::int64_t> send_bytes,
                              void* receive, std::span<const std::int64_t> receive_bytes);
OperationPtr mpi_send(OperationInfo info, MpiGroupPtr group, const void* data, std::size_t bytes, int to);
OperationPtr mpi_receive(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int from);
OperationPtr mpi_all_reduce(OperationInfo info, MpiGroupPtr group, void* data, std::size_t count, DType type, ReduceOp op);

/// "'dispatch counts' (step 12, layer 3, forward) of group expert[0], sequence 41"
std::string describe(const OperationInfo& info);

}  // namespace sluice::parallel
