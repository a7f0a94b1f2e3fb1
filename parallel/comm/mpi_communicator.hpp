// A group of ranks that communicates by MPI. It checks the arguments of an operation, gives it a sequence number and submits it to the
// communication thread, which executes it.
#pragma once

#include "parallel/comm/comm_thread.hpp"
#include "parallel/comm/failure_monitor.hpp"
#include "parallel/comm/mpi_operations.hpp"

#include <mutex>

namespace sluice::parallel {

/// What all groups of one process share.
struct MpiProcess {
  std::shared_ptr<RecordBoard> board;
  std::shared_ptr<FailureMonitor> monitor;
  Adder adder;  // declared before the thread, and so destroyed after it and its operations
  CommThread thread;
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(std::shared_ptr<MpiProcess> process, MpiGroupPtr group, double deadline_seconds);

  const std::string& name() const override { return group_->name; }
  int rank() const override { return group_->wire->rank(); }
  int size() const override { return group_->wire->size(); }
  int world_rank(int rank) const override { return group_->world_ranks.at(static_cast<std::size_t>(rank)); }

  Handle start_all_reduce(void* data, std::size_t count, DType type, ReduceOp op, OperationLabel label) override;
  std::size_t all_reduce_buffer_bytes(std::size_t bytes) const override { return mpi_all_reduce_buffer_bytes(bytes, size()); }
  Handle start_reduce_scatter(void* data, std::span<const std::int64_t> counts, DType type, ReduceOp op, OperationLabel label) override;
  std::size_t reduce_scatter_buffer_bytes(std::size_t part_bytes) const override {
    return mpi_reduce_scatter_buffer_bytes(part_bytes, size());
  }
  Handle start_broadcast(void* data, std::size_t bytes, int root, OperationLabel label) override;
  Handle start_all_gather(const void* send, void* receive, std::size_t bytes_per_rank, OperationLabel label) override;
  Handle start_all_gather_v(const void* send, void* receive, std::span<const std::int64_t> bytes, OperationLabel label) override;
  Handle start_exchange_counts(const std::int64_t* send, std::int64_t* receive, std::size_t count_per_rank, OperationLabel label) override;
  Handle start_all_to_all_v(const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                            std::span<const std::int64_t> receive_bytes, OperationLabel label) override;
  Handle start_send(const void* data, std::size_t bytes, int to, OperationLabel label) override;
  Handle start_receive(void* data, std::size_t bytes, int from, OperationLabel label) override;
  Handle start_barrier(OperationLabel label) override;

  double deadline_seconds() const { return deadline_seconds_; }
  const MpiGroupPtr& group() const { return group_; }

 private:
  void check_peer(int peer, OperationLabel label) const;
  /// Communication error unless there is one size for each rank and none is negative.
  void check_parts(std::span<const std::int64_t> parts, OperationLabel label) const;
  /// Numbers the operation that make(info) returns and submits it, under one lock, so that operations are sent in the order of their
  /// numbers.
  template <class Make>
  Handle submit(OperationLabel label, bool collective, std::int64_t bytes_to_send, std::int64_t bytes_to_receive, Make&& make);

  std::shared_ptr<MpiProcess> process_;
  MpiGroupPtr group_;
  double deadline_seconds_;
  int slot_;  // index of the group in the record
  std::mutex mutex_;
  std::int64_t next_sequence_ = 0;
};

}  // namespace sluice::parallel
