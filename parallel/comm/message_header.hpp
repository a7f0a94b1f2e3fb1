// The header of a message, which says at which operation its sender is. Every message between two ranks of a group begins with one. So an
// operation never takes the bytes of another one, whatever their sizes, and a rank that gets a header of another operation than its own
// can name both at once. No MPI here.
//
// Two headers agree if all their bytes are equal. Names (operation, slot, phase) are cut to their first letters, with a hash of the whole
// names beside them: operations that differ only in the rest of a long name are taken for the same with probability 2^-64.
#pragma once

#include "parallel/comm/operation.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

namespace sluice::parallel {

struct MessageHeader {
  std::int64_t step, sequence;
  std::int64_t bytes;  // of data that this operation moves from the sender to the receiver; in an all_reduce, of the whole buffer
  std::uint64_t hash;  // of the whole names of operation, slot and phase
  OperationKind kind;
  std::int32_t detail;
  char operation[40];
  char slot[48];
  char phase[16];
};
static_assert(std::is_trivially_copyable_v<MessageHeader>);

/// The value of OperationInfo::detail for a reduction: element type and operator in one number.
std::int32_t reduction_detail(DType type, ReduceOp op);
/// The header of a message with `bytes` bytes of data in the operation `info`.
MessageHeader header_of(const OperationInfo& info, std::size_t bytes);
bool agree(const MessageHeader& a, const MessageHeader& b);
/// The header as text: "'dispatch counts' (step 4, layers.9.feed_forward, backward, sequence 12; counts exchange of 8 bytes)".
std::string describe(const MessageHeader& header);

}  // namespace sluice::parallel
