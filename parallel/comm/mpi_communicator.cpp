#include "parallel/comm/mpi_communicator.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/reduce_in_order.hpp"

#include <numeric>

namespace sluice::parallel {
namespace {

class UnderWay final : public Handle::State {
 public:
  UnderWay(std::shared_ptr<MpiProcess> process, OperationPtr operation, double deadline_seconds, int slot)
      : process_(std::move(process)), operation_(std::move(operation)), deadline_seconds_(deadline_seconds), slot_(slot) {}
  void finish() override { process_->monitor->await(*operation_, deadline_seconds_, slot_); }

 private:
  std::shared_ptr<MpiProcess> process_;
  OperationPtr operation_;
  double deadline_seconds_;
  int slot_;
};

std::int64_t total(std::span<const std::int64_t> parts) { return std::accumulate(parts.begin(), parts.end(), std::int64_t{0}); }

}  // namespace

MpiCommunicator::MpiCommunicator(std::shared_ptr<MpiProcess> process, MpiGroupPtr group, double deadline_seconds)
    : process_(std::move(process)),
      group_(std::move(group)),
      deadline_seconds_(deadline_seconds),
      slot_(process_->board->add_group(group_->name)) {}

template <class Make>
Handle MpiCommunicator::submit(OperationLabel label, bool collective, std::int64_t bytes_to_send, std::int64_t bytes_to_receive,
                               Make&& make) {
  OperationPtr operation;
  {
    std::lock_guard lock(mutex_);
    const std::int64_t sequence = collective ? next_sequence_++ : -1;
    operation = make(OperationInfo{label, group_->name, sequence, bytes_to_send, bytes_to_receive});
    process_->board->started(slot_, operation->info());
    process_->thread.submit(operation);
  }
  return Handle(std::make_unique<UnderWay>(process_, std::move(operation), deadline_seconds_, slot_));
}

void MpiCommunicator::check_peer(int peer, OperationLabel label) const {
  if (peer < 0 || peer >= size())
    throw communication_error("'{}': rank {} is not in group {} of {} ranks", label.operation, peer, name(), size());
}

void MpiCommunicator::check_parts(std::span<const std::int64_t> parts, OperationLabel label) const {
  if (parts.size() != static_cast<std::size_t>(size()))
    throw communication_error("'{}': sizes of {} parts for group {} of {} ranks", label.operation, parts.size(), name(), size());
  for (std::size_t peer = 0; peer < parts.size(); ++peer)
    if (parts[peer] < 0) throw communication_error("'{}': a negative size for rank {} of group {}", label.operation, peer, name());
}

Handle MpiCommunicator::start_all_reduce(void* data, std::size_t count, DType type, ReduceOp op, OperationLabel label) {
  check_reducible(type);
  const auto bytes = static_cast<std::int64_t>(count * size_of(type));
  return submit(label, true, bytes, bytes,
                [&](OperationInfo info) { return mpi_all_reduce(std::move(info), group_, data, count, type, op, process_->adder); });
}

Handle MpiCommunicator::start_reduce_scatter(void* data, std::span<const std::int64_t> counts, DType type, ReduceOp op,
                                             OperationLabel label) {
  check_reducible(type);
  check_parts(counts, label);
  const auto element = static_cast<std::int64_t>(size_of(type));
  const std::int64_t own = counts[static_cast<std::size_t>(rank())] * element;
  return submit(label, true, total(counts) * element - own, own * (size() - 1),
                [&](OperationInfo info) { return mpi_reduce_scatter(std::move(info), group_, data, counts, type, op, process_->adder); });
}

Handle MpiCommunicator::start_broadcast(void* data, std::size_t bytes, int root, OperationLabel label) {
  check_peer(root, label);
  const auto size = static_cast<std::int64_t>(bytes);
  return submit(label, true, rank() == root ? size : 0, rank() == root ? 0 : size,
                [&](OperationInfo info) { return mpi_broadcast(std::move(info), group_, data, bytes, root); });
}

Handle MpiCommunicator::start_all_gather(const void* send, void* receive, std::size_t bytes_per_rank, OperationLabel label) {
  const auto bytes = static_cast<std::int64_t>(bytes_per_rank) * (size() - 1);
  return submit(label, true, bytes, bytes,
                [&](OperationInfo info) { return mpi_all_gather(std::move(info), group_, send, receive, bytes_per_rank); });
}

Handle MpiCommunicator::start_all_gather_v(const void* send, void* receive, std::span<const std::int64_t> bytes, OperationLabel label) {
  check_parts(bytes, label);
  const std::int64_t own = bytes[static_cast<std::size_t>(rank())];
  return submit(label, true, own * (size() - 1), total(bytes) - own,
                [&](OperationInfo info) { return mpi_all_gather_v(std::move(info), group_, send, receive, bytes); });
}

Handle MpiCommunicator::start_exchange_counts(const std::int64_t* send, std::int64_t* receive, std::size_t count_per_rank,
                                              OperationLabel label) {
  const auto bytes = static_cast<std::int64_t>(count_per_rank * sizeof(std::int64_t)) * (size() - 1);
  return submit(label, true, bytes, bytes,
                [&](OperationInfo info) { return mpi_exchange_counts(std::move(info), group_, send, receive, count_per_rank); });
}

Handle MpiCommunicator::start_all_to_all_v(const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                                           std::span<const std::int64_t> receive_bytes, OperationLabel label) {
  check_parts(send_bytes, label);
  check_parts(receive_bytes, label);
  const auto me = static_cast<std::size_t>(rank());
  if (send_bytes[me] != receive_bytes[me])
    throw communication_error("'{}': rank {} sends {} bytes to itself but expects {}", label.operation, rank(), send_bytes[me],
                              receive_bytes[me]);
  return submit(label, true, total(send_bytes) - send_bytes[me], total(receive_bytes) - receive_bytes[me],
                [&](OperationInfo info) { return mpi_all_to_all_v(std::move(info), group_, send, send_bytes, receive, receive_bytes); });
}

Handle MpiCommunicator::start_send(const void* data, std::size_t bytes, int to, OperationLabel label) {
  check_peer(to, label);
  return submit(label, false, static_cast<std::int64_t>(bytes), 0,
                [&](OperationInfo info) { return mpi_send(std::move(info), group_, data, bytes, to); });
}

Handle MpiCommunicator::start_receive(void* data, std::size_t bytes, int from, OperationLabel label) {
  check_peer(from, label);
  return submit(label, false, 0, static_cast<std::int64_t>(bytes),
                [&](OperationInfo info) { return mpi_receive(std::move(info), group_, data, bytes, from); });
}

Handle MpiCommunicator::start_barrier(OperationLabel label) {
  return submit(label, true, 0, 0, [&](OperationInfo info) { return mpi_barrier(std::move(info), group_); });
}

}  // namespace sluice::parallel
