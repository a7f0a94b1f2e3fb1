// Work that rank 0 does for all ranks: data preparation, locks, decisions about files. Heartbeats keep the other ranks from running into
// their deadlines while they wait: as long as the work reports progress, or, if it reports none, as long as its process lives. If the work
// fails, all ranks throw, and only rank 0 prints the error.
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

/// Through this the work tells how far it is. Copies belong to the same work.
class Heartbeat {
 public:
  explicit Heartbeat(parallel::HeartbeatTicker& ticker) : ticker_(&ticker) {}
  /// The work is doing `text`, however long that takes.
  void operator()(std::string_view text) const { ticker_->say(text); }
  /// The work made progress and is doing `text`. It must call this again before the deadline passes, or the wait ends with an error.
  void progress(std::string_view text) const { ticker_->progress(text); }

 private:
  parallel::HeartbeatTicker* ticker_;
};

/// Collective. Runs `work` on rank 0 while the others wait; returns what it returned on every rank. Throws AgreedError on
/// every rank if it throws. `what` names the work in heartbeats and failure reports.
std::string on_rank0(parallel::World& world, const char* what, const std::function<std::string(const Heartbeat&)>& work);

/// Collective. Runs `work` on every rank. If it throws on some, every rank throws an AgreedError with the text of the lowest rank that
/// failed, which names rank and host unless all ranks failed.
void on_all_ranks(parallel::World& world, const char* what, const std::function<void()>& work);

}  // namespace sluice::recipes
