// Reductions. A buffer is cut into one part for each rank. Every rank receives its part from all others and combines it in rank order; in
// an all_reduce it then sends the result to all others. The bandwidth is optimal: each rank sends and receives (n-1)/n of the buffer, twice
// in an all_reduce. Additions are in rank order, however the buffer is cut.
// Short parts of a reduce_scatter come in the heads (mpi_operations.hpp). Longer parts are moved in blocks, each with a segment of every
// part. Two blocks are under way at a time, so that adding (on the adder's thread) and sending overlap while the receive buffers stay
// small. A short all_reduce takes one step: the part of every rank is the whole buffer.
#include "core/base/integers.hpp"
#include "parallel/comm/adder.hpp"
#include "parallel/comm/mpi_operations.hpp"
#include "parallel/comm/reduce_in_order.hpp"
#include "parallel/plan/shards.hpp"

#include <algorithm>
#include <array>

namespace sluice::parallel {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kSegmentBytes = std::size_t{256} << 10;  // the least bytes of a segment
constexpr std::size_t kHandedOverBytes = 64 << 10;             // adding less than this takes less time than waking the adder's thread

/// The bytes of a segment (what a block has of each part): a whole number of elements of any type.
std::size_t segment_bytes(int ranks) {
  const auto parts = static_cast<std::size_t>(ranks);
  return std::max(kSegmentBytes, ceil_div(kBlockBytes / sizeof(double), parts) * sizeof(double));
}

/// The part of each rank, in elements, and whether every rank sends its result to all others (all_reduce).
struct Cut {
  std::vector<IndexRange> parts;
  bool gives_out = false;
};

class Reduction final : public MpiOperation {
 public:
  Reduction(OperationInfo info, MpiGroupPtr group, void* data, DType type, ReduceOp op, Cut cut, Adder& adder)
      : MpiOperation(std::move(info), std::move(group)),
        data_(static_cast<std::byte*>(data)),
        type_(type),
        op_(op),
        cut_(std::move(cut)),
        adder_(adder),
        segment_count_(static_cast<long long>(segment_bytes(size()) / size_of(type))) {
    for (int each = 0; each < size() && size() > 1; ++each)
      if (!in_heads(each)) num_blocks_ = std::max(num_blocks_, ceil_div(part(each).count, segment_count_));
    added_ = size() == 1 || !in_heads(rank());
  }

  void post() override {
    const bool short_part = in_heads(rank());
    if (short_part) expect(in_heads_, part(rank()));
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      short_part ? take(from, in_heads_.from(from, rank()), bytes(part(rank()))) : take_head(from, told_bytes(rank()));
    }
    for (int i = 1; i < size(); ++i) {
      const int to = (rank() + i) % size();
      in_heads(to) ? give(to, address(part(to)), bytes(part(to))) : give_head(to, told_bytes(to));
    }
  }

  bool proceed() override {
    if (!added_ && heads_complete()) {
      combine(in_heads_);
      added_ = true;
    }
    // A block that is done makes room for the next one.
    for (bool moved = true; moved;) {
      moved = false;
      for (Block& block : blocks_) moved = advance(block) || moved;
    }
    return added_ && next_ >= num_blocks_ &&
           std::all_of(blocks_.begin(), blocks_.end(), [](const Block& block) { return block.step == Step::kIdle; });
  }

  void abandon() override {
    for (const Block& block : blocks_) block.addition.wait();
  }

  void pending_peers(std::vector<int>& peers) const override {
    for (const Block& block : blocks_) block.requests.pending_peers(peers);
  }

 private:
  /// What the other ranks contribute to a range of this rank's buffer.
  struct Contributions {
    IndexRange range;
    std::size_t range_bytes = 0;
    std::vector<std::byte> bytes;  // of the range, from each other rank

    std::byte* from(int peer, int self) { return bytes.data() + static_cast<std::size_t>(peer < self ? peer : peer - 1) * range_bytes; }
  };
  enum class Step { kIdle, kCollect, kAdd, kGive };
  struct Block {
    Step step = Step::kIdle;
    long long number = 0;
    MpiRequests requests;
    Contributions collected;
    Adder::Ticket addition;
  };

  IndexRange part(int of_rank) const { return cut_.parts[static_cast<std::size_t>(of_rank)]; }
  /// Whether the part of a rank is sent to it in the heads.
  bool in_heads(int of_rank) const { return !cut_.gives_out && bytes(part(of_rank)) <= kInlineBytes; }
  /// The number of bytes in the header of a message to the owner of a part: those of the part, or of the whole buffer if all ranks get all
  /// parts.
  std::size_t told_bytes(int of_rank) const {
    if (!cut_.gives_out) return bytes(part(of_rank));
    return static_cast<std::size_t>(cut_.parts.back().first + cut_.parts.back().count) * size_of(type_);
  }
  std::byte* address(IndexRange range) const { return data_ + static_cast<std::size_t>(range.first) * size_of(type_); }
  std::size_t bytes(IndexRange range) const { return static_cast<std::size_t>(range.count) * size_of(type_); }

  int tag_of(const Block& block, int step) const { return tag(static_cast<int>(block.number % 16) * 2 + step); }
  /// The segment that a block has of the part of a rank; empty if the part is shorter than that, or comes in the heads.
  IndexRange segment(const Block& block, int of_rank) const {
    const IndexRange whole = part(of_rank);
    const long long begin = in_heads(of_rank) ? whole.count : std::min(block.number * segment_count_, whole.count);
    return {whole.first + begin, std::min(segment_count_, whole.count - begin)};
  }

  /// True if the block changed its step.
  bool advance(Block& block) {
    if (block.step == Step::kIdle) {
      if (next_ >= num_blocks_) return false;
      collect(block);
      return true;
    }
    if (block.step == Step::kAdd) {
      if (!block.addition.done()) return false;
      if (cut_.gives_out) give_out(block);
      else block.step = Step::kIdle;
      return true;
    }
    if (!block.requests.test()) return false;
    if (block.step == Step::kCollect) add(block);
    else block.step = Step::kIdle;
    return true;
  }

  void collect(Block& block) {
    block.step = Step::kCollect;
    block.number = next_++;
    const IndexRange own = segment(block, rank());
    expect(block.collected, own);
    for (int i = 1; i < size() && own.count > 0; ++i) {
      const int from = (rank() + size() - i) % size();
      wire().receive(block.collected.from(from, rank()), bytes(own), from, tag_of(block, 0), block.requests);
    }
    for (int i = 1; i < size(); ++i) send((rank() + i) % size(), segment(block, (rank() + i) % size()), block, 0);
  }

  void add(Block& block) {
    block.step = Step::kAdd;
    if (block.collected.bytes.size() < kHandedOverBytes) combine(block.collected);
    else block.addition = adder_.submit([this, &block] { combine(block.collected); });
  }

  void give_out(Block& block) {
    block.step = Step::kGive;
    for (int i = 1; i < size(); ++i) {
      const int from = (rank() + size() - i) % size();
      const IndexRange theirs = segment(block, from);
      if (theirs.count > 0) wire().receive(address(theirs), bytes(theirs), from, tag_of(block, 1), block.requests);
    }
    for (int i = 1; i < size(); ++i) send((rank() + i) % size(), segment(block, rank()), block, 1);
  }

  void send(int to, IndexRange range, Block& block, int step) {
    if (range.count > 0) wire().send(address(range), bytes(range), to, tag_of(block, step), block.requests);
  }

  void expect(Contributions& contributions, IndexRange range) {
    contributions.range = range;
    contributions.range_bytes = bytes(range);
    contributions.bytes.resize(bytes(range) * static_cast<std::size_t>(size() - 1));
  }

  void combine(Contributions& others) {
    std::vector<const void*> sources;
    for (int from = 0; from < size(); ++from) sources.push_back(from == rank() ? address(others.range) : others.from(from, rank()));
    reduce_in_order(address(others.range), sources, static_cast<std::size_t>(others.range.count), type_, op_);
  }

  std::byte* data_;
  DType type_;
  ReduceOp op_;
  Cut cut_;
  Adder& adder_;
  long long segment_count_;  // elements
  long long num_blocks_ = 0;
  long long next_ = 0;  // block
  bool added_ = false;  // whether this rank's part, if it comes in the heads, has been added up
  Contributions in_heads_;
  std::array<Block, 2> blocks_;
};

OperationPtr reduction(OperationInfo info, OperationKind kind, MpiGroupPtr group, void* data, DType type, ReduceOp op, Cut cut,
                       Adder& adder) {
  check_reducible(type);
  info.kind = kind;
  info.detail = reduction_detail(type, op);
  return std::make_shared<Reduction>(std::move(info), std::move(group), data, type, op, std::move(cut), adder);
}

}  // namespace

OperationPtr mpi_all_reduce(OperationInfo info, MpiGroupPtr group, void* data, std::size_t count, DType type, ReduceOp op, Adder& adder) {
  const int ranks = group->wire->size();
  const auto total = static_cast<long long>(count);
  Cut cut;
  cut.gives_out = count * size_of(type) > kInlineBytes;
  for (int each = 0; each < ranks; ++each) cut.parts.push_back(cut.gives_out ? shard_of(total, ranks, each) : IndexRange{0, total});
  return reduction(std::move(info), OperationKind::kAllReduce, std::move(group), data, type, op, std::move(cut), adder);
}

OperationPtr mpi_reduce_scatter(OperationInfo info, MpiGroupPtr group, void* data, std::span<const std::int64_t> counts, DType type,
                                ReduceOp op, Adder& adder) {
  Cut cut;
  long long first = 0;
  for (const std::int64_t count : counts) {
    cut.parts.push_back({first, count});
    first += count;
  }
  return reduction(std::move(info), OperationKind::kReduceScatter, std::move(group), data, type, op, std::move(cut), adder);
}

std::size_t mpi_all_reduce_buffer_bytes(std::size_t bytes, int ranks) {
  const auto parts = static_cast<std::size_t>(ranks);
  return mpi_reduce_scatter_buffer_bytes(bytes <= kInlineBytes ? bytes : ceil_div(bytes, parts), ranks);
}

std::size_t mpi_reduce_scatter_buffer_bytes(std::size_t part_bytes, int ranks) {
  // Two blocks, each with a segment of this rank's part from all others.
  return std::min(part_bytes, 2 * segment_bytes(ranks)) * static_cast<std::size_t>(ranks - 1);
}

}  // namespace sluice::parallel
