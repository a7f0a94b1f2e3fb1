// A group of one rank, without MPI. Every operation but a receive is complete when it starts.
#pragma once

#include "parallel/comm/communicator.hpp"

namespace sluice::parallel {

/// Messages that the rank sends to itself are kept until they are received. A receive may start before its send; if the message has not
/// been sent when the receive is finished, that is a communication error (exit 4).
CommunicatorPtr make_loopback_communicator(std::string name);

}  // namespace sluice::parallel
