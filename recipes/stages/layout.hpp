// Where a model lives: its mesh and the groups made from it. Passed to whoever needs it; nothing distributed is global.
#pragma once

#include "parallel/comm/world.hpp"
#include "parallel/plan/mesh.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

struct Layout {
  std::string model;                       // its name, "" for the only one of a process
  std::shared_ptr<const parallel::Mesh> mesh;
  parallel::CommunicatorPtr world;         // all ranks of the model's mesh, for what controls a step
  parallel::CommunicatorPtr save;          // all ranks, for checkpoints
  parallel::CommunicatorPtr reduction;     // all ranks, for gradients of dense parameters
  parallel::CommunicatorPtr expert_group;  // ranks that share one set of experts
  parallel::CommunicatorPtr replicas;      // ranks that hold the same experts
  std::vector<int> node_of_member;         // node of each member of expert_group

  int rank() const { return world->rank(); }
  int size() const { return world->size(); }
};

/// Collective over the world, once for each `expert` of a model: the groups are named by both. Usage error if it does not divide the ranks.
/// Of several models in one process each has groups, and so an order of operations and a deadline (in seconds, 0: none; by default the
/// world's), of its own; `model` is its name, "" for the only one, whose operations of all ranks are the world's.
Layout make_layout(parallel::World& world, int expert, const std::string& model = "", std::optional<double> deadline_seconds = {});

}  // namespace sluice::recipes
