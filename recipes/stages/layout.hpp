// How a model is distributed: its mesh of ranks and the communicators made from it. It is passed as an argument; there is no global one.
#pragma once

#include "parallel/comm/world.hpp"
#include "parallel/plan/mesh.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

struct Layout {
  std::string model;  // the model's name; "" if the process has only one
  std::shared_ptr<const parallel::Mesh> mesh;
  parallel::CommunicatorPtr world;         // all ranks of the model's mesh, for operations that control a step
  parallel::CommunicatorPtr save;          // all ranks, for checkpoints
  parallel::CommunicatorPtr reduction;     // all ranks, for gradients of dense parameters
  parallel::CommunicatorPtr expert_group;  // ranks that share one set of experts
  parallel::CommunicatorPtr replicas;      // ranks that hold the same experts
  std::vector<int> node_of_member;         // node of each member of expert_group

  int rank() const { return world->rank(); }
  int size() const { return world->size(); }
};

/// Collective over the world. Makes the layout with `expert` ranks for each set of experts; usage error if that does not divide the ranks.
/// Call it once for each pair of `model` and `expert`: the groups are named by both. Several models in one process, told apart by their
/// names `model`, have groups of their own, and so their own order of operations and their own deadline (seconds; 0: none; by default the
/// world's). For the only model of a process (""), the group of all ranks is the world's.
Layout make_layout(parallel::World& world, int expert, const std::string& model = "", std::optional<double> deadline_seconds = {});

}  // namespace sluice::recipes
