#include "parallel/comm/mpi_operations.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/farewell.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::parallel {

std::string describe(const OperationInfo& info) {
  std::string where;
  const auto add = [&where](std::string part) { where += (where.empty() ? "" : ", ") + part; };
  if (info.label.step >= 0) add(fmt::format("step {}", info.label.step));
  if (!info.label.slot.empty()) add(info.label.slot);
  if (*info.label.phase != '\0') add(info.label.phase);
  std::string text = fmt::format("'{}'", info.label.operation);
  if (!where.empty()) text += fmt::format(" ({})", where);
  text += fmt::format(" of group {}", info.group);
  if (info.sequence >= 0) text += fmt::format(", sequence {}", info.sequence);
  return text;
}

namespace {

/// What the call returns. An error of this rank's own gets the name of the operation; one that another rank caused is told as it is.
template <class Call>
bool guarded(const OperationInfo& info, Call&& call) {
  try {
    return call();
  } catch (const PeerError&) {
    throw;
  } catch (const Error& error) {
    throw communication_error("{}: {}", describe(info), error.what());
  }
}

}  // namespace

bool MpiOperation::start() {
  return guarded(info(), [this] {
    post();
    return proceed_with_heads();
  });
}

bool MpiOperation::poll() {
  return guarded(info(), [this] { return proceed_with_heads(); });
}

bool MpiOperation::proceed_with_heads() {
  if (!heads_.empty()) {
    heads_.test();
    // Each head is checked as it comes: a rank at another operation is reported now, not once all heads have come.
    for (const MpiRequests::Received& received : heads_.take_received()) accept(received);
  }
  const bool complete = proceed();
  return complete && heads_complete();
}

bool MpiOperation::waits_for_group(std::vector<int>& world_ranks) const {
  world_ranks.clear();
  heads_.pending_peers(world_ranks);
  pending_peers(world_ranks);
  for (int& peer : world_ranks) peer = world_rank(peer);
  std::sort(world_ranks.begin(), world_ranks.end());
  world_ranks.erase(std::unique(world_ranks.begin(), world_ranks.end()), world_ranks.end());
  return world_ranks.empty();
}

void MpiOperation::give(int to, const void* data, std::size_t bytes) {
  const bool inside = bytes <= kInlineBytes;
  post_head(to, data, bytes, inside ? bytes : 0);
  if (!inside) wire().send(data, bytes, to, tag(0), requests_);
}

void MpiOperation::take(int from, void* data, std::size_t bytes) {
  const bool inside = bytes <= kInlineBytes;
  expect_head(from, data, bytes, inside ? bytes : 0);
  if (!inside) wire().receive(data, bytes, from, tag(0), requests_);
}

MessageHeader MpiOperation::header(std::size_t bytes) const {
  MessageHeader own = header_;
  own.bytes = static_cast<std::int64_t>(bytes);
  return own;
}

void MpiOperation::post_head(int to, const void* data, std::size_t bytes, std::size_t inside) {
  const MessageHeader own = header(bytes);
  given_.emplace_back(new std::byte[sizeof own + inside]);
  std::byte* head = given_.back().get();
  std::memcpy(head, &own, sizeof own);
  if (inside != 0) std::memcpy(head + sizeof own, data, inside);
  wire().send(head, sizeof own + inside, to, kHeadTag, heads_);
}

void MpiOperation::expect_head(int from, void* data, std::size_t bytes, std::size_t inside) {
  // Room for the longest possible head, so that a head of another operation arrives whole too.
  constexpr std::size_t kRoom = sizeof(MessageHeader) + kInlineBytes;
  expected_.push_back({from, data, bytes, inside, std::unique_ptr<std::byte[]>(new std::byte[kRoom])});
  wire().receive_up_to(expected_.back().head.get(), kRoom, from, kHeadTag, heads_);
}

void MpiOperation::accept(const MpiRequests::Received& received) {
  const auto at = std::find_if(expected_.begin(), expected_.end(), [&](const ExpectedHead& each) { return each.from == received.peer; });
  MessageHeader theirs{};
  if (received.bytes < sizeof theirs)
    throw communication_error("rank {} sent {} bytes, less than a header has: do all ranks run the same program?",
                              world_rank(received.peer), received.bytes);
  std::memcpy(&theirs, at->head.get(), sizeof theirs);
  const MessageHeader ours = header(at->bytes);
  if (!agree(ours, theirs) || received.bytes != sizeof theirs + at->inside)
    refuse(received.peer, ours, theirs, {at->head.get() + sizeof theirs, received.bytes - sizeof theirs});
  if (at->inside != 0) std::memcpy(at->data, at->head.get() + sizeof theirs, at->inside);
}

void MpiOperation::refuse(int from, const MessageHeader& ours, const MessageHeader& theirs, std::span<const std::byte> inside) const {
  Farewell farewell{};
  if (std::string_view(theirs.operation) == Farewell::kLabel.operation && inside.size() == sizeof farewell) {
    std::memcpy(&farewell, inside.data(), sizeof farewell);
    throw PeerError(static_cast<ExitCode>(farewell.code),
                    fmt::format("rank {} on {} stopped alone with an error (exit code {}): {} (rank {} was at {})", world_rank(from),
                                farewell.host, farewell.code, farewell.text, world_rank(rank()), sluice::parallel::describe(ours)));
  }
  throw PeerError(ExitCode::kCommunication,
                  fmt::format("in group {} the ranks disagree: rank {} is at {}, rank {} at {}", group_->name, world_rank(rank()),
                              sluice::parallel::describe(ours), world_rank(from), sluice::parallel::describe(theirs)));
}

namespace {

class Barrier final : public MpiOperation {
 public:
  using MpiOperation::MpiOperation;
  void post() override {
    for (int i = 1; i < size(); ++i) take_head((rank() + size() - i) % size(), 0);
    for (int i = 1; i < size(); ++i) give_head((rank() + i) % size(), 0);
  }
};

class Broadcast final : public MpiOperation {
 public:
  Broadcast(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int root)
      : MpiOperation(std::move(info), std::move(group)), data_(data), bytes_(bytes), root_(root) {}
  void post() override {
    const bool inside = bytes_ <= kInlineBytes;
    if (rank() != root_) {
      inside ? take(root_, data_, bytes_) : take_head(root_, bytes_);
    } else {
      for (int i = 1; i < size(); ++i) {
        const int to = (rank() + i) % size();
        inside ? give(to, data_, bytes_) : give_head(to, bytes_);
      }
    }
    if (!inside) wire().broadcast(data_, bytes_, root_, requests_);
  }

 private:
  void* data_;
  std::size_t bytes_;
  int root_;
};

/// The parts of a buffer, contiguous in rank order, in bytes.
class Parts {
 public:
  explicit Parts(std::span<const std::int64_t> bytes) {
    for (const std::int64_t each : bytes) begins_.push_back(begins_.back() + static_cast<std::size_t>(each));
  }
  std::size_t begin(int rank) const { return begins_[static_cast<std::size_t>(rank)]; }
  std::size_t bytes(int rank) const { return begin(rank + 1) - begin(rank); }

 private:
  std::vector<std::size_t> begins_ = {0};
};

class AllGather final : public MpiOperation {
 public:
  AllGather(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::span<const std::int64_t> bytes)
      : MpiOperation(std::move(info), std::move(group)), send_(send), receive_(static_cast<std::byte*>(receive)), parts_(bytes) {}
  void post() override {
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      take(from, receive_ + parts_.begin(from), parts_.bytes(from));
    }
    for (int i = 1; i < size(); ++i) give((rank() + i) % size(), send_, parts_.bytes(rank()));
    std::byte* own = receive_ + parts_.begin(rank());
    if (parts_.bytes(rank()) != 0 && own != send_) std::memmove(own, send_, parts_.bytes(rank()));
  }

 private:
  const void* send_;
  std::byte* receive_;
  Parts parts_;
};

/// Messages of one size to every rank; the part of this rank itself is copied.
class ExchangeCounts final : public MpiOperation {
 public:
  ExchangeCounts(OperationInfo info, MpiGroupPtr group, const std::int64_t* send, std::int64_t* receive, std::size_t count)
      : MpiOperation(std::move(info), std::move(group)), send_(send), receive_(receive), count_(count) {}
  void post() override {
    const std::size_t bytes = count_ * sizeof(std::int64_t);
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      take(from, receive_ + offset_of(from), bytes);
    }
    for (int i = 1; i < size(); ++i) {
      const int to = (rank() + i) % size();
      give(to, send_ + offset_of(to), bytes);
    }
    if (count_ != 0) std::memmove(receive_ + offset_of(rank()), send_ + offset_of(rank()), bytes);
  }

 private:
  std::size_t offset_of(int rank) const { return static_cast<std::size_t>(rank) * count_; }

  const std::int64_t* send_;
  std::int64_t* receive_;
  std::size_t count_;
};

class AllToAllV final : public MpiOperation {
 public:
  AllToAllV(OperationInfo info, MpiGroupPtr group, const void* send, std::span<const std::int64_t> send_bytes, void* receive,
            std::span<const std::int64_t> receive_bytes)
      : MpiOperation(std::move(info), std::move(group)),
        send_(static_cast<const std::byte*>(send)),
        receive_(static_cast<std::byte*>(receive)),
        sent_(send_bytes),
        received_(receive_bytes) {}
  void post() override {
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      if (received_.bytes(from) != 0) take(from, receive_ + received_.begin(from), received_.bytes(from));
    }
    for (int i = 1; i < size(); ++i) {
      const int to = (rank() + i) % size();
      if (sent_.bytes(to) != 0) give(to, send_ + sent_.begin(to), sent_.bytes(to));
    }
    if (sent_.bytes(rank()) != 0) std::memcpy(receive_ + received_.begin(rank()), send_ + sent_.begin(rank()), sent_.bytes(rank()));
  }

 private:
  const std::byte* send_;
  std::byte* receive_;
  Parts sent_, received_;
};

class Send final : public MpiOperation {
 public:
  Send(OperationInfo info, MpiGroupPtr group, const void* data, std::size_t bytes, int to)
      : MpiOperation(std::move(info), std::move(group)), data_(data), bytes_(bytes), to_(to) {}
  void post() override { give(to_, data_, bytes_); }

 private:
  const void* data_;
  std::size_t bytes_;
  int to_;
};

class Receive final : public MpiOperation {
 public:
  Receive(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int from)
      : MpiOperation(std::move(info), std::move(group)), data_(data), bytes_(bytes), from_(from) {}
  void post() override { take(from_, data_, bytes_); }

 private:
  void* data_;
  std::size_t bytes_;
  int from_;
};

OperationInfo of_kind(OperationInfo info, OperationKind kind, std::int32_t detail = 0) {
  info.kind = kind;
  info.detail = detail;
  return info;
}

}  // namespace

OperationPtr mpi_barrier(OperationInfo info, MpiGroupPtr group) {
  return std::make_shared<Barrier>(of_kind(std::move(info), OperationKind::kBarrier), std::move(group));
}

OperationPtr mpi_broadcast(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int root) {
  return std::make_shared<Broadcast>(of_kind(std::move(info), OperationKind::kBroadcast, root), std::move(group), data, bytes, root);
}

OperationPtr mpi_all_gather(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::size_t bytes_per_rank) {
  const std::vector<std::int64_t> bytes(static_cast<std::size_t>(group->wire->size()), static_cast<std::int64_t>(bytes_per_rank));
  return std::make_shared<AllGather>(of_kind(std::move(info), OperationKind::kAllGather), std::move(group), send, receive, bytes);
}

OperationPtr mpi_all_gather_v(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::span<const std::int64_t> bytes) {
  return std::make_shared<AllGather>(of_kind(std::move(info), OperationKind::kAllGatherV), std::move(group), send, receive, bytes);
}

OperationPtr mpi_exchange_counts(OperationInfo info, MpiGroupPtr group, const std::int64_t* send, std::int64_t* receive,
                                 std::size_t count_per_rank) {
  return std::make_shared<ExchangeCounts>(of_kind(std::move(info), OperationKind::kCounts), std::move(group), send, receive,
                                          count_per_rank);
}

OperationPtr mpi_all_to_all_v(OperationInfo info, MpiGroupPtr group, const void* send, std::span<const std::int64_t> send_bytes,
                              void* receive, std::span<const std::int64_t> receive_bytes) {
  return std::make_shared<AllToAllV>(of_kind(std::move(info), OperationKind::kAllToAll), std::move(group), send, send_bytes, receive,
                                     receive_bytes);
}

OperationPtr mpi_send(OperationInfo info, MpiGroupPtr group, const void* data, std::size_t bytes, int to) {
  return std::make_shared<Send>(std::move(info), std::move(group), data, bytes, to);
}

OperationPtr mpi_receive(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int from) {
  return std::make_shared<Receive>(std::move(info), std::move(group), data, bytes, from);
}

}  // namespace sluice::parallel
