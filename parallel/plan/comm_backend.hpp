// What carries the messages between ranks, by name.
#pragma once

#include "core/base/enum_names.hpp"

namespace sluice::parallel {

enum class CommBackend { kAuto, kLoopback, kMpi };  // auto: MPI under a launcher, loopback alone
inline constexpr EnumName<CommBackend> kCommBackendNames[] = {
    {CommBackend::kAuto, "auto"}, {CommBackend::kLoopback, "loopback"}, {CommBackend::kMpi, "mpi"}};
constexpr std::span<const EnumName<CommBackend>> names_of(CommBackend) { return kCommBackendNames; }

}  // namespace sluice::parallel
