#include "parallel/comm/mpi_operations.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::parallel {

std::string describe(const OperationInfo& info) {
  std::string where;
  const auto add = [&where](std::string part) { where += (where.empty() ? "" : ", ") + part; };
  if (info.label.step >= 0) add(fmt::format("step {}", info.label.step));
  if (info.label.layer >= 0) add(fmt::format("layer {}", info.label.layer));
  if (*info.label.phase != '\0') add(info.label.phase);
  std::string text = fmt::format("'{}'", info.label.operation);
  if (!where.empty()) text += fmt::format(" ({})", where);
  text += fmt::format(" of group {}", info.group);
  if (info.sequence >= 0) text += fmt::format(", sequence {}", info.sequence);
  return text;
}

bool MpiOperation::start() {
  try {
    post();
    return proceed();
  } catch (const Error& error) {
    throw communication_error("{}: {}", describe(info()), error.what());
  }
}

bool MpiOperation::poll() {
  try {
    return proceed();
  } catch (const Error& error) {
    throw communication_error("{}: {}", describe(info()), error.what());
  }
}

bool MpiOperation::proceed() {
  while (requests_.test())
    if (advance()) return true;
  return false;
}

bool MpiOperation::waits_for_group(std::vector<int>& world_ranks) const {
  world_ranks.clear();
  pending_peers(world_ranks);
  for (int& peer : world_ranks) peer = world_rank(peer);
  std::sort(world_ranks.begin(), world_ranks.end());
  world_ranks.erase(std::unique(world_ranks.begin(), world_ranks.end()), world_ranks.end());
  return world_ranks.empty();
}

namespace {

// Point-to-point messages between two ranks match in order; they have a tag of their own, as have counts.
constexpr int kCountsTag = 256 * 64;
constexpr int kPairTag = kCountsTag + 1;

class Barrier final : public MpiOperation {
 public:
  using MpiOperation::MpiOperation;
  void post() override { wire().barrier(requests_); }
};

class Broadcast final : public MpiOperation {
 public:
  Broadcast(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int root)
      : MpiOperation(std::move(info), std::move(group)), data_(data), bytes_(bytes), root_(root) {}
  void post() override { wire().broadcast(data_, bytes_, root_, requests_); }

 private:
  void* data_;
  std::size_t bytes_;
  int root_;
};

class AllGather final : public MpiOperation {
 public:
  AllGather(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::size_t bytes)
      : MpiOperation(std::move(info), std::move(group)), send_(send), receive_(static_cast<std::byte*>(receive)), bytes_(bytes) {}
  void post() override {
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      wire().receive(receive_ + static_cast<std::size_t>(from) * bytes_, bytes_, from, tag(0), requests_);
    }
    for (int i = 1; i < size(); ++i) wire().send(send_, bytes_, (rank() + i) % size(), tag(0), requests_);
    std::byte* own = receive_ + static_cast<std::size_t>(rank()) * bytes_;
    if (bytes_ != 0 && own != send_) std::memmove(own, send_, bytes_);
  }

 private:
  const void* send_;
  std::byte* receive_;
  std::size_t bytes_;
};

/// Heads each message of a counts exchange. Text is cut to fit; the hash is of the whole.
struct MessageHeader {
  std::int64_t step, layer, sequence;
  std::uint64_t hash;
  char operation[32];
  char phase[16];
};

MessageHeader header_of(const OperationInfo& info) {
  MessageHeader header{};
  header.step = info.label.step;
  header.layer = info.label.layer;
  header.sequence = info.sequence;
  header.hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char* text : {info.label.operation, info.label.phase}) {
    for (; *text != '\0'; ++text) header.hash = (header.hash ^ static_cast<unsigned char>(*text)) * 0x100000001b3ULL;
    header.hash = (header.hash ^ 0xff) * 0x100000001b3ULL;
  }
  std::strncpy(header.operation, info.label.operation, sizeof header.operation - 1);
  std::strncpy(header.phase, info.label.phase, sizeof header.phase - 1);
  return header;
}

bool agree(const MessageHeader& a, const MessageHeader& b) {
  return a.step == b.step && a.layer == b.layer && a.sequence == b.sequence && a.hash == b.hash;
}

std::string describe(const MessageHeader& header) {
  return fmt::format("'{}' (step {}, layer {}, {}, sequence {})", header.operation, header.step, header.layer,
                     *header.phase == '\0' ? "no phase" : header.phase, header.sequence);
}

class ExchangeCounts final : public MpiOperation {
 public:
  ExchangeCounts(OperationInfo info, MpiGroupPtr group, const std::int64_t* send, std::int64_t* receive, std::size_t count)
      : MpiOperation(std::move(info), std::move(group)), receive_(receive), count_(count), header_(header_of(this->info())) {
    outgoing_.resize(static_cast<std::size_t>(size()) * message_bytes());
    incoming_.resize(outgoing_.size());
    for (int to = 0; to < size(); ++to) {
      std::byte* message = message_of(outgoing_, to);
      std::memcpy(message, &header_, sizeof header_);
      if (count_ != 0) std::memcpy(message + sizeof header_, send + static_cast<std::size_t>(to) * count_, count_ * sizeof(std::int64_t));
    }
  }
  void post() override {
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      wire().receive(message_of(incoming_, from), message_bytes(), from, kCountsTag, requests_);
    }
    for (int i = 1; i < size(); ++i) {
      const int to = (rank() + i) % size();
      wire().send(message_of(outgoing_, to), message_bytes(), to, kCountsTag, requests_);
    }
  }
  bool proceed() override {
    const bool complete = requests_.test();
    // Each message is looked at as it comes: a rank at another operation is to be told now, not once all have come.
    for (const int from : requests_.take_received()) accept(from);
    if (!complete) return false;
    if (count_ != 0) std::memcpy(receive_ + offset_of(rank()), message_of(outgoing_, rank()) + sizeof(MessageHeader), count_ * sizeof(std::int64_t));
    return true;
  }

 private:
  void accept(int from) {
    const std::byte* message = message_of(incoming_, from);
    MessageHeader theirs;
    std::memcpy(&theirs, message, sizeof theirs);
    if (!agree(header_, theirs))
      throw communication_error("the ranks disagree: rank {} is at {}, rank {} at {}", world_rank(rank()), describe(header_), world_rank(from),
                                describe(theirs));
    if (count_ != 0) std::memcpy(receive_ + offset_of(from), message + sizeof theirs, count_ * sizeof(std::int64_t));
  }
  std::size_t message_bytes() const { return sizeof(MessageHeader) + count_ * sizeof(std::int64_t); }
  std::size_t offset_of(int rank) const { return static_cast<std::size_t>(rank) * count_; }
  std::byte* message_of(std::vector<std::byte>& messages, int rank) { return messages.data() + static_cast<std::size_t>(rank) * message_bytes(); }

  std::int64_t* receive_;
  std::size_t count_;
  MessageHeader header_;
  std::vector<std::byte> outgoing_, incoming_;
};

class AllToAllV final : public MpiOperation {
 public:
  AllToAllV(OperationInfo info, MpiGroupPtr group, const void* send, std::span<const std::int64_t> send_bytes, void* receive,
            std::span<const std::int64_t> receive_bytes)
      : MpiOperation(std::move(info), std::move(group)),
        send_(static_cast<const std::byte*>(send)),
        receive_(static_cast<std::byte*>(receive)),
        send_offsets_(offsets(send_bytes)),
        receive_offsets_(offsets(receive_bytes)) {}
  void post() override {
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      if (bytes(receive_offsets_, from) != 0)
        wire().receive(receive_ + at(receive_offsets_, from), bytes(receive_offsets_, from), from, tag(0), requests_);
    }
    for (int i = 1; i < size(); ++i) {
      const int to = (rank() + i) % size();
      if (bytes(send_offsets_, to) != 0) wire().send(send_ + at(send_offsets_, to), bytes(send_offsets_, to), to, tag(0), requests_);
    }
    if (bytes(send_offsets_, rank()) != 0)
      std::memcpy(receive_ + at(receive_offsets_, rank()), send_ + at(send_offsets_, rank()), bytes(send_offsets_, rank()));
  }

 private:
  static std::vector<std::size_t> offsets(std::span<const std::int64_t> bytes) {
    std::vector<std::size_t> sums = {0};
    for (const std::int64_t each : bytes) sums.push_back(sums.back() + static_cast<std::size_t>(each));
    return sums;
  }
  static std::size_t at(const std::vector<std::size_t>& offsets, int rank) { return offsets[static_cast<std::size_t>(rank)]; }
  static std::size_t bytes(const std::vector<std::size_t>& offsets, int rank) { return at(offsets, rank + 1) - at(offsets, rank); }

  const std::byte* send_;
  std::byte* receive_;
  std::vector<std::size_t> send_offsets_, receive_offsets_;
};

class Send final : public MpiOperation {
 public:
  Send(OperationInfo info, MpiGroupPtr group, const void* data, std::size_t bytes, int to)
      : MpiOperation(std::move(info), std::move(group)), data_(data), bytes_(bytes), to_(to) {}
  void post() override { wire().send(data_, bytes_, to_, kPairTag, requests_); }

 private:
  const void* data_;
  std::size_t bytes_;
  int to_;
};

class Receive final : public MpiOperation {
 public:
  Receive(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int from)
      : MpiOperation(std::move(info), std::move(group)), data_(data), bytes_(bytes), from_(from) {}
  void post() override { wire().receive(data_, bytes_, from_, kPairTag, requests_); }

 private:
  void* data_;
  std::size_t bytes_;
  int from_;
};

}  // namespace

OperationPtr mpi_barrier(OperationInfo info, MpiGroupPtr group) { return std::make_shared<Barrier>(std::move(info), std::move(group)); }

OperationPtr mpi_broadcast(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int root) {
  return std::make_shared<Broadcast>(std::move(info), std::move(group), data, bytes, root);
}

OperationPtr mpi_all_gather(OperationInfo info, MpiGroupPtr group, const void* send, void* receive, std::size_t bytes_per_rank) {
  return std::make_shared<AllGather>(std::move(info), std::move(group), send, receive, bytes_per_rank);
}

OperationPtr mpi_exchange_counts(OperationInfo info, MpiGroupPtr group, const std::int64_t* send, std::int64_t* receive,
                                 std::size_t count_per_rank) {
  return std::make_shared<ExchangeCounts>(std::move(info), std::move(group), send, receive, count_per_rank);
}

OperationPtr mpi_all_to_all_v(OperationInfo info, MpiGroupPtr group, const void* send, std::span<const std::int64_t> send_bytes, void* receive,
                              std::span<const std::int64_t> receive_bytes) {
  return std::make_shared<AllToAllV>(std::move(info), std::move(group), send, send_bytes, receive, receive_bytes);
}

OperationPtr mpi_send(OperationInfo info, MpiGroupPtr group, const void* data, std::size_t bytes, int to) {
  return std::make_shared<Send>(std::move(info), std::move(group), data, bytes, to);
}

OperationPtr mpi_receive(OperationInfo info, MpiGroupPtr group, void* data, std::size_t bytes, int from) {
  return std::make_shared<Receive>(std::move(info), std::move(group), data, bytes, from);
}

}  // namespace sluice::parallel
