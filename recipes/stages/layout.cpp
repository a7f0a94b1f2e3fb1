#include "recipes/stages/layout.hpp"

#include <fmt/core.h>

namespace sluice::recipes {

Layout make_layout(parallel::World& world, int expert, const std::string& model, std::optional<double> deadline_seconds) {
  Layout layout;
  layout.model = model;
  layout.mesh = std::make_shared<const parallel::Mesh>(world.size(), expert, world.placement().node_of_rank);
  // A run may have several meshes, and reports name groups, so each group has the mesh in its name.
  const std::string prefix = fmt::format("{}{}mesh{}x{}", model, model.empty() ? "" : ".", world.size(), expert);
  const parallel::CommunicatorPtr all =
      model.empty() ? world.world() : world.split(world.world(), 0, world.rank(), prefix, deadline_seconds);
  const parallel::MeshGroups groups = world.make_groups(*layout.mesh, all, prefix, deadline_seconds);
  layout.world = groups.all;
  layout.save = groups.save;
  layout.reduction = groups.reduce_all;
  layout.expert_group = groups.expert;
  layout.replicas = groups.reduce_replica;
  for (const int rank : layout.mesh->expert_group(layout.mesh->expert_group_of(world.rank())))
    layout.node_of_member.push_back(world.placement().node_of_rank[static_cast<std::size_t>(rank)]);
  return layout;
}

}  // namespace sluice::recipes
