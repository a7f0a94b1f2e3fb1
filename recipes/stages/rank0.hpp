// Work that one rank does for all: data preparation, locks, decisions about files. It is outside the deadlines as long as it gets
// on, where it tells that, else as long as its process lives (heartbeats say so); its failure is everybody's: all ranks throw, rank 0
// alone has something to print.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/heartbeat_ticker.hpp"
#include "parallel/comm/world.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace sluice::recipes {

/// An error that every rank throws; only rank 0 prints it.
class AgreedError : public Error {
 public:
  using Error::Error;
};

/// What the work says of itself; copies speak for the same work.
class Heartbeat {
 public:
  explicit Heartbeat(parallel::HeartbeatTicker& ticker) : ticker_(&ticker) {}
  /// It is at `text`, for as long as that takes.
  void operator()(std::string_view text) const { ticker_->say(text); }
  /// It got on and is at `text`, of which more will be heard: none for as long as the deadlines are is an error.
  void progress(std::string_view text) const { ticker_->progress(text); }

 private:
  parallel::HeartbeatTicker* ticker_;
};

/// Collective. Runs `work` on rank 0 while the others wait; returns what it returned on every rank. Throws AgreedError on
/// every rank if it throws. `what` names the work in heartbeats and failure reports.
std::string on_rank0(parallel::World& world, const char* what, const std::function<std::string(const Heartbeat&)>& work);

/// Collective: runs `work` on every rank; if any throws, all throw an AgreedError with the lowest such rank's text, which names rank
/// and host unless all ranks failed.
void on_all_ranks(parallel::World& world, const char* what, const std::function<void()>& work);

}  // namespace sluice::recipes
