// What a message says about itself: at which operation its sender is. Every message between two ranks of a group is headed by
// one, so that two operations never take each other's bytes, whatever their sizes: a rank that meets another operation than its
// own says so at once, with both names. No MPI here.
//
// Step, sequence, bytes, kind and detail are compared as they are; of operation, slot and phase, the first letters and a hash
// of the whole. Two operations that differ in nothing but the rest of a long name pass for one with probability 2^-64.
#pragma once

#include "parallel/comm/operation.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

namespace sluice::parallel {

struct MessageHeader {
  std::int64_t step, sequence;
  std::int64_t bytes;  // of data that this operation moves from the sender to the receiver (all_reduce: of the whole buffer)
  std::uint64_t hash;  // of operation, slot and phase
  OperationKind kind;
  std::int32_t detail;
  char operation[40];
  char slot[48];
  char phase[16];
};
static_assert(std::is_trivially_copyable_v<MessageHeader>);

/// OperationInfo::detail of a reduction.
std::int32_t reduction_detail(DType type, ReduceOp op);
MessageHeader header_of(const OperationInfo& info, std::size_t bytes);
bool agree(const MessageHeader& a, const MessageHeader& b);
/// "'dispatch counts' (step 4, layers.9.feed_forward, backward, sequence 12; counts exchange of 8 bytes)"
std::string describe(const MessageHeader& header);

}  // namespace sluice::parallel
