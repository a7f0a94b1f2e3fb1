// all_reduce in two steps: every rank collects its segment from all others, combines it in rank order, and gives the
// result to all others. Bandwidth is optimal (2 (n-1)/n of the buffer each way), additions are in rank order, and each
// message names its peer. Long buffers go through in blocks, two at a time, so that adding (by a thread of its own) and
// sending overlap and the extra memory stays small. Short ones take one step: everyone gets everything, in the heads, and
// combines it alone.
#include "parallel/comm/adder.hpp"
#include "parallel/comm/mpi_operations.hpp"
#include "parallel/comm/reduce_in_order.hpp"
#include "parallel/plan/shards.hpp"

#include <algorithm>
#include <array>

namespace sluice::parallel {
namespace {

constexpr std::size_t kOneStepBytes = kInlineBytes;
constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kSegmentBytes = std::size_t{256} << 10;  // of one rank in a block, at least
constexpr std::size_t kHandedOverBytes = 64 << 10;             // adding less than this is done sooner than another thread is awake

std::size_t block_bytes(int ranks) {
  return std::max(kBlockBytes, kSegmentBytes * static_cast<std::size_t>(ranks));
}

class AllReduce final : public MpiOperation {
 public:
  AllReduce(OperationInfo info, MpiGroupPtr group, void* data, std::size_t count, DType type, ReduceOp op, Adder& adder)
      : MpiOperation(std::move(info), std::move(group)),
        data_(static_cast<std::byte*>(data)),
        count_(count),
        type_(type),
        op_(op),
        adder_(adder) {
    one_step_ = count_ * size_of(type_) <= kOneStepBytes;
    block_count_ = one_step_ ? count_ : block_bytes(size()) / size_of(type_);
  }

  void post() override {
    if (size() == 1 || count_ == 0 || one_step_) return;
    const std::size_t bytes = count_ * size_of(type_);
    for (int i = 1; i < size(); ++i) take_head((rank() + size() - i) % size(), bytes);
    for (int i = 1; i < size(); ++i) give_head((rank() + i) % size(), bytes);
  }

  bool proceed() override {
    if (size() == 1 || count_ == 0) return true;
    // A block that is done makes room for the next one.
    for (bool moved = true; moved;) {
      moved = false;
      for (Block& block : blocks_) moved = advance(block) || moved;
    }
    return next_ >= count_ && std::all_of(blocks_.begin(), blocks_.end(), [](const Block& block) { return block.step == Step::kIdle; });
  }

  void abandon() override {
    for (const Block& block : blocks_) block.addition.wait();
  }

  void pending_peers(std::vector<int>& peers) const override {
    for (const Block& block : blocks_) block.requests.pending_peers(peers);
  }

 private:
  enum class Step { kIdle, kCollect, kAdd, kGive };
  struct Block {
    Step step = Step::kIdle;
    std::size_t first = 0, count = 0;  // elements
    int number = 0;
    MpiRequests requests;
    std::vector<std::byte> collected;  // one segment from each other rank
    Adder::Ticket addition;
  };

  int tag_of(const Block& block, int step) const { return tag((block.number % 16) * 2 + step); }
  IndexRange segment(const Block& block, int of_rank) const {
    if (one_step_) return {static_cast<long long>(block.first), static_cast<long long>(block.count)};
    IndexRange range = shard_of(static_cast<long long>(block.count), size(), of_rank);
    range.first += static_cast<long long>(block.first);
    return range;
  }
  std::byte* address(IndexRange range) const { return data_ + static_cast<std::size_t>(range.first) * size_of(type_); }
  std::size_t bytes(IndexRange range) const { return static_cast<std::size_t>(range.count) * size_of(type_); }
  std::byte* collected_from(Block& block, int peer) const {
    const int slot = peer < rank() ? peer : peer - 1;
    return block.collected.data() + static_cast<std::size_t>(slot) * bytes(segment(block, rank()));
  }

  /// True if the block changed its step.
  bool advance(Block& block) {
    if (block.step == Step::kIdle) {
      if (next_ >= count_) return false;
      collect(block);
      return true;
    }
    if (block.step == Step::kAdd) {
      if (!block.addition.done()) return false;
      if (one_step_) {
        block.step = Step::kIdle;
      } else {
        give_out(block);
      }
      return true;
    }
    if (one_step_ ? !heads_complete() : !block.requests.test()) return false;
    if (block.step == Step::kCollect) {
      add(block);
    } else {
      block.step = Step::kIdle;
    }
    return true;
  }

  void collect(Block& block) {
    block.step = Step::kCollect;
    block.first = next_;
    block.count = std::min(block_count_, count_ - next_);
    block.number = number_++;
    next_ += block.count;
    const IndexRange own = segment(block, rank());
    block.collected.resize(bytes(own) * static_cast<std::size_t>(size() - 1));
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      if (one_step_) take(from, collected_from(block, from), bytes(own));
      else wire().receive(collected_from(block, from), bytes(own), from, tag_of(block, 0), block.requests);
    }
    for (int i = 1; i < size(); ++i) {
      const int to = (rank() + i) % size();
      const IndexRange theirs = segment(block, to);
      if (one_step_) give(to, address(theirs), bytes(theirs));
      else wire().send(address(theirs), bytes(theirs), to, tag_of(block, 0), block.requests);
    }
  }

  void add(Block& block) {
    block.step = Step::kAdd;
    if (block.collected.size() < kHandedOverBytes) {
      combine(block);
    } else {
      block.addition = adder_.submit([this, &block] { combine(block); });
    }
  }

  void combine(Block& block) {
    const IndexRange own = segment(block, rank());
    std::vector<const void*> sources;
    for (int from = 0; from < size(); ++from) sources.push_back(from == rank() ? address(own) : collected_from(block, from));
    reduce_in_order(address(own), sources, static_cast<std::size_t>(own.count), type_, op_);
  }

  void give_out(Block& block) {
    block.step = Step::kGive;
    const IndexRange own = segment(block, rank());
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      const IndexRange theirs = segment(block, from);
      wire().receive(address(theirs), bytes(theirs), from, tag_of(block, 1), block.requests);
    }
    for (int i = 1; i < size(); ++i) wire().send(address(own), bytes(own), (rank() + i) % size(), tag_of(block, 1), block.requests);
  }

  std::byte* data_;
  std::size_t count_;
  DType type_;
  ReduceOp op_;
  Adder& adder_;
  bool one_step_ = false;
  std::size_t block_count_ = 0;
  std::size_t next_ = 0;  // first element not yet in a block
  int number_ = 0;
  std::array<Block, 2> blocks_;
};

}  // namespace

OperationPtr mpi_all_reduce(OperationInfo info, MpiGroupPtr group, void* data, std::size_t count, DType type, ReduceOp op, Adder& adder) {
  check_reducible(type);
  info.kind = OperationKind::kAllReduce;
  info.detail = reduction_detail(type, op);
  return std::make_shared<AllReduce>(std::move(info), std::move(group), data, count, type, op, adder);
}

std::size_t mpi_all_reduce_buffer_bytes(std::size_t bytes, int ranks) {
  const auto others = static_cast<std::size_t>(ranks - 1);
  if (bytes <= kOneStepBytes) return bytes * others;
  // Two blocks, each with this rank's segment from all others.
  return (std::min(bytes, 2 * block_bytes(ranks)) + others) / static_cast<std::size_t>(ranks) * others;
}

}  // namespace sluice::parallel
