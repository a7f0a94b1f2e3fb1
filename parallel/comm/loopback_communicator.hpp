// A group of one, without MPI: every operation is complete when it starts.
#pragma once

#include "parallel/comm/communicator.hpp"

namespace sluice::parallel {

/// Messages to itself are kept until they are received; receiving what was not sent is a communication error.
CommunicatorPtr make_loopback_communicator(std::string name);

}  // namespace sluice::parallel
