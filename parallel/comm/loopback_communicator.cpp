#include "parallel/comm/loopback_communicator.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/message_header.hpp"
#include "parallel/comm/reduce_in_order.hpp"

#include <cstring>
#include <deque>
#include <mutex>
#include <vector>

namespace sluice::parallel {
namespace {

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes != 0 && to != from) std::memmove(to, from, bytes);
}

/// Messages from the rank to itself. A receive may start before its send, but not finish before it.
struct Mailbox {
  struct PendingReceive {
    MessageHeader header;
    void* data;
    bool done = false;
  };
  struct Sent {
    MessageHeader header;
    std::vector<std::byte> data;
  };
  std::mutex mutex;
  std::deque<Sent> sent;
  std::deque<std::shared_ptr<PendingReceive>> receives;

  /// Pairs messages with receives, in order. The caller holds the lock.
  void match() {
    while (!sent.empty() && !receives.empty()) {
      const auto receive = receives.front();
      if (!agree(sent.front().header, receive->header))
        throw PeerError(ExitCode::kCommunication, fmt::format("the one rank disagrees with itself: it sends {} and expects {}",
                                                              describe(sent.front().header), describe(receive->header)));
      copy(receive->data, sent.front().data.data(), sent.front().data.size());
      receive->done = true;
      sent.pop_front();
      receives.pop_front();
    }
  }
};

class ReceiveState final : public Handle::State {
 public:
  ReceiveState(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<Mailbox::PendingReceive> receive, OperationLabel label)
      : mailbox_(std::move(mailbox)), receive_(std::move(receive)), label_(label) {}
  void finish() override {
    std::lock_guard lock(mailbox_->mutex);
    if (!receive_->done)
      throw communication_error("'{}': a single rank waits for a message from itself that it never sent", label_.operation);
  }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<Mailbox::PendingReceive> receive_;
  OperationLabel label_;
};

class LoopbackCommunicator final : public Communicator {
 public:
  explicit LoopbackCommunicator(std::string name) : name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int world_rank(int) const override { return 0; }

  Handle start_all_reduce(void*, std::size_t, DType type, ReduceOp, OperationLabel) override {
    check_reducible(type);
    return {};
  }
  Handle start_reduce_scatter(void*, std::span<const std::int64_t> counts, DType type, ReduceOp, OperationLabel label) override {
    check_reducible(type);
    check_part(counts, label);
    return {};
  }
  Handle start_broadcast(void*, std::size_t, int root, OperationLabel label) override {
    check_peer(root, label);
    return {};
  }
  Handle start_all_gather(const void* send, void* receive, std::size_t bytes_per_rank, OperationLabel) override {
    copy(receive, send, bytes_per_rank);
    return {};
  }
  Handle start_all_gather_v(const void* send, void* receive, std::span<const std::int64_t> bytes, OperationLabel label) override {
    check_part(bytes, label);
    copy(receive, send, static_cast<std::size_t>(bytes[0]));
    return {};
  }
  Handle start_exchange_counts(const std::int64_t* send, std::int64_t* receive, std::size_t count_per_rank, OperationLabel) override {
    copy(receive, send, count_per_rank * sizeof(std::int64_t));
    return {};
  }
  Handle start_all_to_all_v(const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                            std::span<const std::int64_t> receive_bytes, OperationLabel label) override {
    if (send_bytes.size() != 1 || receive_bytes.size() != 1 || send_bytes[0] != receive_bytes[0] || send_bytes[0] < 0)
      throw communication_error("'{}': one rank sends to itself what it receives, but the plan says otherwise", label.operation);
    copy(receive, send, static_cast<std::size_t>(send_bytes[0]));
    return {};
  }
  Handle start_send(const void* data, std::size_t bytes, int to, OperationLabel label) override {
    check_peer(to, label);
    const auto* begin = static_cast<const std::byte*>(data);
    std::lock_guard lock(mailbox_->mutex);
    mailbox_->sent.push_back({header_of({label, name_}, bytes), {begin, begin + bytes}});
    mailbox_->match();
    return {};
  }
  Handle start_receive(void* data, std::size_t bytes, int from, OperationLabel label) override {
    check_peer(from, label);
    auto receive = std::make_shared<Mailbox::PendingReceive>(Mailbox::PendingReceive{header_of({label, name_}, bytes), data});
    std::lock_guard lock(mailbox_->mutex);
    mailbox_->receives.push_back(receive);
    mailbox_->match();
    return Handle(std::make_unique<ReceiveState>(mailbox_, std::move(receive), label));
  }
  Handle start_barrier(OperationLabel) override { return {}; }

 private:
  void check_peer(int peer, OperationLabel label) const {
    if (peer != 0) throw communication_error("'{}': rank {} is not in group {} of 1 rank", label.operation, peer, name_);
  }
  void check_part(std::span<const std::int64_t> parts, OperationLabel label) const {
    if (parts.size() != 1)
      throw communication_error("'{}': sizes of {} parts for group {} of 1 rank", label.operation, parts.size(), name_);
    if (parts[0] < 0) throw communication_error("'{}': a negative size for rank 0 of group {}", label.operation, name_);
  }

  std::string name_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
};

}  // namespace

CommunicatorPtr make_loopback_communicator(std::string name) { return std::make_shared<LoopbackCommunicator>(std::move(name)); }

}  // namespace sluice::parallel
