#include "parallel/comm/message_header.hpp"

#include "core/base/fnv1a.hpp"
#include "parallel/comm/rank_record.hpp"

#include <fmt/core.h>

#include <cstring>

namespace sluice::parallel {
namespace {

const char* name_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::kBarrier: return "barrier";
    case OperationKind::kBroadcast: return "broadcast";
    case OperationKind::kAllGather: return "all-gather";
    case OperationKind::kAllGatherV: return "all-gather-v";
    case OperationKind::kCounts: return "counts exchange";
    case OperationKind::kAllToAll: return "all-to-all";
    case OperationKind::kAllReduce: return "all-reduce";
    case OperationKind::kReduceScatter: return "reduce-scatter";
    case OperationKind::kPair: return "message";
  }
  return "unknown operation";
}

const char* name_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum: return "sum";
    case ReduceOp::kMin: return "minimum";
    case ReduceOp::kMax: return "maximum";
  }
  return "unknown operator";
}

}  // namespace

std::int32_t reduction_detail(DType type, ReduceOp op) { return static_cast<std::int32_t>(type) * 4 + static_cast<std::int32_t>(op); }

MessageHeader header_of(const OperationInfo& info, std::size_t bytes) {
  MessageHeader header{};
  header.step = info.label.step;
  header.sequence = info.sequence;
  header.bytes = static_cast<std::int64_t>(bytes);
  header.hash = kFnv1aStart;
  for (const char* text : {info.label.operation, info.label.slot.c_str(), info.label.phase})
    header.hash = fnv1a("\xff", fnv1a(text, header.hash));
  header.kind = info.kind;
  header.detail = info.detail;
  set_text(header.operation, info.label.operation);
  set_text(header.slot, info.label.slot);
  set_text(header.phase, info.label.phase);
  return header;
}

bool agree(const MessageHeader& a, const MessageHeader& b) {
  static_assert(std::has_unique_object_representations_v<MessageHeader>, "padding would be compared");
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::string describe(const MessageHeader& header) {
  std::string where;
  if (header.step >= 0) where += fmt::format("step {}, ", header.step);
  if (*header.slot != '\0') where += fmt::format("{}, ", header.slot);
  if (*header.phase != '\0') where += fmt::format("{}, ", header.phase);
  where += header.sequence >= 0 ? fmt::format("sequence {}; ", header.sequence) : std::string();
  std::string what = fmt::format("{} of {} bytes", name_of(header.kind), header.bytes);
  if (header.kind == OperationKind::kBroadcast) what += fmt::format(" from group rank {}", header.detail);
  if (header.kind == OperationKind::kAllReduce || header.kind == OperationKind::kReduceScatter)
    what += fmt::format(", {} of {}", name_of(static_cast<ReduceOp>(header.detail % 4)),
                        sluice::name_of(static_cast<DType>(header.detail / 4)));
  return fmt::format("'{}' ({}{})", header.operation, where, what);
}

}  // namespace sluice::parallel
